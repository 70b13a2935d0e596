"""The course's tokenizer: a byte-pair encoding with GPT-2's split pattern, as a real `tiktoken.Encoding`.

The file format is tiktoken's own: one line a token, its bytes in base64 and its rank.
"""

import base64
import binascii
from functools import cache
from pathlib import Path

import tiktoken

from helpers.files import DATA, CourseError, read_text, shown, write_text

# GPT-2's way of cutting text into words before merging (Radford et al. 2019), in tiktoken's faster spelling
PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
EOT = "<|endoftext|>"
COURSE_FOLDER = DATA / "tokenizer"
FILE = "course.tiktoken"


def train_tokenizer(texts, vocab_size) -> tiktoken.Encoding:
    """Learn a byte-level BPE of `vocab_size` tokens, end-of-text included, from an iterable of texts."""
    import rustbpe  # needed for training only

    trainer = rustbpe.Tokenizer()
    trainer.train_from_iterator(iter(texts), vocab_size=vocab_size - 1, pattern=PATTERN)
    return encoding({bytes(token): rank for token, rank in trainer.get_mergeable_ranks()})


def encoding(ranks: dict[bytes, int]) -> tiktoken.Encoding:
    """The tiktoken encoding with these ranks; end-of-text is the last id."""
    return tiktoken.Encoding(
        "course",
        pat_str=PATTERN,
        mergeable_ranks=ranks,
        special_tokens={EOT: len(ranks)},
        explicit_n_vocab=len(ranks) + 1,
    )


def save_tokenizer(tok: tiktoken.Encoding, folder=COURSE_FOLDER):
    """Write the ranks to `folder`/course.tiktoken."""
    tokens = [tok.decode_single_token_bytes(rank) for rank in range(tok.eot_token)]
    lines = [f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens)]
    write_text(Path(folder) / FILE, "".join(lines))


@cache
def load_tokenizer(name: str = "course") -> tiktoken.Encoding:
    """ "course" (in the repository, offline), "gpt2" (tiktoken downloads it once), or a folder with a course.tiktoken.

    Raises CourseError if the file is missing or damaged, or if the download of "gpt2" fails.
    """
    if name == "gpt2":
        return _gpt2()
    path = (COURSE_FOLDER if name == "course" else Path(name)) / FILE
    text = read_text(path, 'Known tokenizers are "course", "gpt2" and folders that hold a course.tiktoken.')
    try:
        ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in text.splitlines())}
    except (ValueError, binascii.Error) as error:
        raise CourseError(f"{shown(path)} is damaged: {error}. Restore it with `git checkout -- data`.") from error
    if sorted(ranks.values()) != list(range(len(ranks))) or len(ranks) < 256:
        raise CourseError(
            f"{shown(path)} is damaged: its ranks are not 0..n-1. Restore it with `git checkout -- data`."
        )
    return encoding(ranks)


def _gpt2() -> tiktoken.Encoding:
    try:
        return tiktoken.get_encoding("gpt2")
    except OSError as error:  # requests' errors are OSErrors
        raise CourseError(
            'The tokenizer "gpt2" has to be downloaded once and the download failed. Connect to the internet, '
            'or use load_tokenizer("course"), which is in the repository.'
        ) from error
