"""Make data/tokenizer/course.tiktoken: `python3 -m helpers data tokenizer`."""

from helpers.files import DATA, read_json
from helpers.gpt.tokenizer import COURSE_FOLDER, save_tokenizer, train_tokenizer
from helpers.tools.course.corpus import tokenizer_texts

VOCAB_SIZE = 4096


def main(argv=None):
    """Train the course tokenizer on the training records and made-up content, and write it."""
    records = [r for r in read_json(DATA / "instruction-data.json") if r["split"] == "train"]
    tok = train_tokenizer(tokenizer_texts(records), VOCAB_SIZE)
    save_tokenizer(tok)
    print(f"{tok.n_vocab} tokens written to {COURSE_FOLDER.name}/.")


if __name__ == "__main__":
    main()
