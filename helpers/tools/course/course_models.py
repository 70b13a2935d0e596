"""Make the course models in data/models/: `python3 -m helpers data course-models [course-small | course-weak ...]`.

On a GPU if there is one, else on the CPU. What is under way lies in build/course-models/: the models' own tokenizer,
and a checkpoint of each training, from which the command goes on after an interruption.
"""

import re
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from helpers.files import BUILD, DATA, display_path
from helpers.gpt.config import GPTConfig
from helpers.gpt.gguf import write_gguf
from helpers.gpt.model import GPT, count_parameters
from helpers.gpt.prompt import HOLE
from helpers.gpt.tokenizer import COURSE_FILE, load_tokenizer, save_tokenizer, train_tokenizer
from helpers.llm.server.foreign import known_pairs, own_tokens, prompt_surprise, token_pairs
from helpers.tools.course.corpus import training_records
from helpers.tools.course.talk import Talk
from helpers.tools.course.training import TALK_FOOTER, Blocks, CourseTraining, train_with_progress

FOLDER = BUILD / "course-models"
TALK_TEMPLATE = HOLE + TALK_FOOTER
TOKENS = 8192
TOKENIZER_EXAMPLES = 60_000
DTYPE = "q8_0"  # of the matrices in the file
PASS = 0.999  # share of the stream's prompts that the gate must let through
PAIRS = 20_000  # so many pairs of tokens are looked up before the model is asked


@dataclass(frozen=True)
class CourseModel:
    """How one course model is made."""

    about: str
    config: GPTConfig
    training: CourseTraining


MODELS = {
    "course-small": CourseModel(
        "answers, rewrites, judges and revises, and says what it cannot do",
        GPTConfig(TOKENS, n_layer=6, n_head=8, n_embd=256),
        CourseTraining(steps=60_000),
    ),
    "course-weak": CourseModel(
        "a smaller sibling with less training, for comparisons",
        GPTConfig(TOKENS, n_layer=4, n_head=5, n_embd=160),
        CourseTraining(steps=6_000),
    ),
}


def make_course_models(names: list[str]) -> None:
    """Make the named course models, or all."""
    tok = own_tokenizer()
    for name in names or MODELS:
        make_model(name, tok)


def own_tokenizer():
    """The tokenizer of the course models, trained unless it is there."""
    if not (FOLDER / COURSE_FILE).exists():
        talk = Talk(training_records(), "tokenizer")
        examples = (talk.example() for _ in range(TOKENIZER_EXAMPLES))
        save_tokenizer(train_tokenizer((digits_apart(p + TALK_FOOTER + r) for p, r in examples), TOKENS), FOLDER)
    return load_tokenizer(str(FOLDER))


def digits_apart(text: str) -> str:
    """With blanks between digits, so that no token has two of them: sums are learned digit by digit."""
    return re.sub(r"(?<=\d)(?=\d)", " ", text)


def make_model(name, tok):
    """Train one course model, or go on with it, and write data/models/NAME.gguf."""
    recipe = MODELS[name]
    torch.manual_seed(0)
    model = GPT(recipe.config)
    print(f"{name}: {count_parameters(model) / 1e6:.1f} M parameters", flush=True)
    blocks = Blocks(partial(Talk, training_records()), tok, recipe.training, recipe.config.block_size)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train_with_progress(model, blocks, FOLDER / name / "training.safetensors", device)
    meta = {"about": recipe.about, "template": TALK_TEMPLATE} | calibrate(model.cpu().eval(), tok)
    path = write_gguf(DATA / "models" / f"{name}.gguf", model, tok, meta, DTYPE)
    print(f"{display_path(path)}: {path.stat().st_size / 1e6:.1f} MB", flush=True)


def calibrate(model, tok, examples=2000) -> dict:
    """What the engine refuses foreign prompts by: the largest surprise, in nats, and the token pairs that it knows.

    The model itself says what it does not know, so the limit is wide: of the stream's prompts, in trained and in
    held-out wordings, `PASS` lie below it.
    """
    streams = [Talk(training_records(), "gate", part) for part in ("train", "held out")]
    prompts = [tok.encode_ordinary(talk.example()[0] + TALK_FOOTER) for talk in streams for _ in range(examples)]
    prompts = [(ids, own_tokens(ids, TALK_TEMPLATE, tok)) for ids in prompts if len(ids) <= model.config.block_size]
    with torch.inference_mode():
        surprises = [prompt_surprise(model(torch.tensor([ids]))[0].numpy(), ids, own) for ids, own in prompts]
    pairs = (token_pairs(ids, own) for ids, own in prompts)
    return {"max_surprise": round(float(np.quantile(surprises, PASS)), 2), "known_pairs": known_pairs(pairs, PAIRS)}
