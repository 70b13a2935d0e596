"""Tokenizers: byte-pair encodings with GPT-2's split pattern, as real `tiktoken.Encoding`s.

The course's file has tiktoken's own format: one line a token, its bytes in base64 and its rank. The two files of a
published GPT-2 and the tokens of a GGUF file are read as well. A tokenizer's `name` is what `load_tokenizer` takes to
load it again.
"""

import base64
import math
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import tiktoken

from helpers.files import DATA, CourseError, display_path, read_json, read_text, write_text

# GPT-2's way of cutting text into words before merging (Radford et al. 2019), in tiktoken's faster spelling
PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
EOT = "<|endoftext|>"
COURSE_FOLDER = DATA / "tokenizer"
COURSE_FILE = "course.tiktoken"
UNSAVED = "not saved yet"  # the name of a tokenizer that was just trained
VOCAB, MERGES = "vocab.json", "merges.txt"  # the tokenizer of a published GPT-2
# GPT-2's files write a byte as one printable character: itself, or one from 256 upwards (openai/gpt-2, encoder.py).
_PRINTABLE = [b for b in range(256) if chr(b).isprintable() and chr(b) != " "]
_UNPRINTABLE = [b for b in range(256) if b not in _PRINTABLE]
BYTE_OF = {chr(b): b for b in _PRINTABLE} | {chr(256 + n): b for n, b in enumerate(_UNPRINTABLE)}
CHARACTER_OF = {byte: character for character, byte in BYTE_OF.items()}


def train_tokenizer(texts, vocab_size) -> tiktoken.Encoding:
    """Learn a byte-level BPE of `vocab_size` tokens, end-of-text included, from an iterable of texts."""
    import rustbpe  # needed for training only

    trainer = rustbpe.Tokenizer()
    trainer.train_from_iterator(iter(texts), vocab_size=vocab_size - 1, pattern=PATTERN)
    return encoding({bytes(token): rank for token, rank in trainer.get_mergeable_ranks()}, UNSAVED)


def encoding(ranks: dict[bytes, int], name: str) -> tiktoken.Encoding:
    """The tiktoken encoding with these ranks; end-of-text is the last id."""
    return tiktoken.Encoding(
        name,
        pat_str=PATTERN,
        mergeable_ranks=ranks,
        special_tokens={EOT: len(ranks)},
        explicit_n_vocab=len(ranks) + 1,
    )


def token_ranks(tok: tiktoken.Encoding) -> dict[bytes, int]:
    """Token -> id, in the order of the ids, without end-of-text."""
    return {tok.decode_single_token_bytes(rank): rank for rank in range(tok.eot_token)}


def cut_in_two(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """The two parts of a token: what the merges before it make of its bytes. ValueError if these are not two."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        pair_ranks = [ranks.get(left + right, math.inf) for left, right in pairwise(parts)]
        first = pair_ranks.index(min(pair_ranks))
        if pair_ranks[first] >= ranks[token]:
            raise ValueError(f"its token {ranks[token]}, {token!r}, is not the merge of two tokens before it")
        parts[first : first + 2] = [parts[first] + parts[first + 1]]
    return tuple(parts)


def rebuild_merges(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The merges of a BPE, in their order, from its ranks (token -> id), which is all that tiktoken keeps.

    Raises ValueError for a token that `cut_in_two` does not cut: tiktoken takes it where it is a whole word, other
    programs never do.
    """
    return [cut_in_two(token, ranks) for token in sorted(ranks, key=ranks.get) if len(token) > 1]


def in_characters(token: bytes) -> str:
    """A token as GPT-2's files write it: one printable character a byte."""
    return "".join(CHARACTER_OF[byte] for byte in token)


def check_tokens(tokens: list[str]):
    """Raises ValueError if a GGUF file with these tokens would cut a text otherwise, or not at all."""
    repeated = [token for token, times in Counter(tokens).items() if times > 1]
    if repeated:
        raise ValueError(f"its vocabulary has the token {repeated[0]!r} twice")
    missing = set(BYTE_OF) - set(tokens)
    if missing:
        raise ValueError(f"its vocabulary has no token for the byte {min(BYTE_OF[character] for character in missing)}")


def from_gguf(tokens: list[str], end: int) -> tiktoken.Encoding:
    """The tokenizer of a GGUF file that the course wrote, from its tokens and the id of end-of-text.

    It is called "course" if it is the course's. Raises ValueError for tokens that are no byte-level BPE's.
    """
    if tokens[end : end + 1] != [EOT]:
        raise ValueError(f"its end-of-text is not {EOT}")
    check_tokens(tokens)
    if not set().union(*tokens[:end]) <= set(BYTE_OF):
        raise ValueError("its tokens are not written in GPT-2's characters for bytes")
    ranks = {bytes(BYTE_OF[character] for character in token): rank for rank, token in enumerate(tokens[:end])}
    return encoding(ranks, "course" if ranks == token_ranks(load_tokenizer("course")) else UNSAVED)


def save_tokenizer(tok: tiktoken.Encoding, folder=COURSE_FOLDER):
    """Write the ranks to `folder`/course.tiktoken."""
    lines = [f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in token_ranks(tok).items()]
    write_text(Path(folder) / COURSE_FILE, "".join(lines))


@cache
def load_tokenizer(name: str = "course") -> tiktoken.Encoding:
    """A tokenizer by name: "course" (in the repository, offline), "gpt2" (tiktoken downloads it once), or a folder.

    The folder holds a course.tiktoken, or the vocab.json and merges.txt of a published GPT-2.
    Raises CourseError if a file is missing or damaged, or if the download of "gpt2" fails.
    """
    if name == "gpt2":
        return _downloaded_gpt2()
    folder = COURSE_FOLDER if name == "course" else Path(name)
    return encoding(_gpt2_ranks(folder) if (folder / VOCAB).exists() else _course_ranks(folder), name)


def _course_ranks(folder: Path) -> dict[bytes, int]:
    path = folder / COURSE_FILE
    known = f'Known tokenizers: "course", "gpt2", a folder with {COURSE_FILE} or with {VOCAB} and {MERGES}.'
    lines = read_text(path, known).splitlines()
    try:
        ranks = {base64.b64decode(token): int(rank) for token, rank in map(str.split, lines)}
        if sorted(ranks.values()) != list(range(len(ranks))) or len(ranks) < 256:
            raise ValueError("its ranks are not 0..n-1")
    except ValueError as error:
        advice = "Restore it with `git checkout -- data`."
        raise CourseError(f"{display_path(path)} is damaged: {error}. {advice}") from error
    return ranks


def _gpt2_ranks(folder: Path) -> dict[bytes, int]:
    """Token -> id from GPT-2's files.

    tiktoken merges by id. That is right if ids follow the order of the merges, as GPT-2's do; it is checked.
    """
    ids, vocab = read_json(folder / VOCAB), display_path(folder / VOCAB)
    merges = read_text(folder / MERGES, f"It belongs beside {VOCAB}.").rstrip("\n").split("\n")[1:]
    if [ids.get(merge.replace(" ", "")) for merge in merges] != list(range(256, len(ids) - 1)):
        raise CourseError(f"{vocab} and {MERGES} beside it differ. Get both files of one model again.")
    if ids.pop(EOT, None) != len(ids):
        raise CourseError(f"{vocab}: the last id must be {EOT}, as in GPT-2. Choose a GPT-2 tokenizer.")
    return {bytes(BYTE_OF[char] for char in token): rank for token, rank in ids.items()}


def _downloaded_gpt2() -> tiktoken.Encoding:
    try:
        return tiktoken.get_encoding("gpt2")
    except OSError as error:  # requests' errors are OSErrors
        raise CourseError(
            'The tokenizer "gpt2" has to be downloaded once and the download failed. Connect to the internet, '
            'or use load_tokenizer("course"), which is in the repository.'
        ) from error
