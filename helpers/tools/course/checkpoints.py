"""Make data/sft and data/dpo with notebooks 06 and 07: `python3 -m helpers data checkpoints`."""

from pathlib import Path

import torch

from helpers.files import DATA
from helpers.gpt.checkpoints import load_model, save_checkpoint
from helpers.tools.course.notebook_artefacts import empty_build, execute


def main(argv=None):
    """Train both models from data/ and keep them in half precision."""
    with empty_build() as build:
        execute(["06", "07"], Path(build))
        for name in ("sft", "dpo"):
            model, tok, meta = load_model(Path(build) / name)
            save_checkpoint(DATA / name, model, tok, dtype=torch.float16, **meta)
    print("data/sft and data/dpo written.")


if __name__ == "__main__":
    main()
