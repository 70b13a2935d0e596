"""Measure the course models on what they were not trained on: `python3 -m helpers evaluate-course-models [MODEL ...]`.

A model is asked as a learner asks it: through the embedded engine, a few requests at a time. Answers and rewrites are
sampled with Ollama's defaults and fixed seeds, verdicts are greedy. trials.py says what is asked.
"""

import os
import time
from pathlib import Path

from helpers.files import BUILD, CourseError, write_json
from helpers.gpt.config import CONFIG
from helpers.llm.client import LLM, LLMError
from helpers.llm.connect import COURSE_MODELS, connect
from helpers.llm.parallel import in_order
from helpers.tools.course.corpus import training_records
from helpers.tools.course.evaluation import amounting, section_lines, write_readme
from helpers.tools.course.talk import Talk
from helpers.tools.course.trials import SAMPLED, Trial, trials
from helpers.tools.course.verdicts import CUT

AT_ONCE = 4  # requests
REPLY_TOKENS = 120  # tokens of a reply
PATIENCE = 600.0  # seconds for a reply: the machine may be busy with training
QUICK = 8  # of so many trials one


def measure_course_models(options) -> None:
    """The command: `options` has `models` and `quick`. CourseError for what is no model."""
    named = os.environ.get("COURSE_MODEL", "").strip()
    talk = Talk(training_records(), "evaluation", "held out")
    sections = trials(talk)
    if options.quick:
        sections = {name: some[::QUICK] for name, some in sections.items()}
    for name in options.models or ([named] if named else COURSE_MODELS):
        results = evaluated(
            model_called(name), sections, {key: len(family.facts) for key, family in talk.world.items()}
        )
        write_json(result_file(name, options.quick), results)
    if not options.quick:
        write_readme({name: result_file(name) for name in COURSE_MODELS})


def result_file(name: str, quick=False) -> Path:
    """Where all replies of a model are kept with their verdicts."""
    return BUILD / "course-models" / f"evaluation-{Path(name).stem}{'-quick' if quick else ''}.json"


def model_called(name: str) -> LLM:
    """A course model by name, a GGUF file, or a checkpoint's folder, on the embedded engine."""
    if (Path(name) / CONFIG).is_file():
        from helpers.llm.server.serve import start

        path = Path(name).resolve()
        return connect(path.name, start({path.name: path}).url, timeout=PATIENCE)
    if name not in COURSE_MODELS and not name.endswith(".gguf"):
        raise CourseError(f"{name!r} is no course model, GGUF file or checkpoint. The course models: {COURSE_MODELS}.")
    return connect(name, timeout=PATIENCE)


def evaluated(llm: LLM, sections: dict[str, list[Trial]], sizes: dict[str, int]) -> dict:
    """All replies with their verdicts, and what they amount to; sizes: facts of each family."""
    began, replies = time.monotonic(), []
    for name, some in sections.items():
        done = in_order(lambda pair: tried(llm, *pair), enumerate(some), workers=AT_ONCE, label=f"{llm.model}, {name}")
        print("\n".join(section_lines(done)), flush=True)
        replies += done
    results = amounting(replies, sizes)
    for one in replies:
        if one["row"] == "by hand: identity":  # its keys are wide: it is read, too
            print(f"  {one['prompts'][0]} -> {one['replies'][0]}")
    print(f"{results['known']}\n{len(replies):,} trials in {(time.monotonic() - began) / 60:.1f} min.", flush=True)
    return {"model": llm.model, "digest": llm.digest, "engine": llm.engine} | results | {"replies": replies}


def tried(llm: LLM, seed: int, trial: Trial) -> dict:
    """What the model replied to a trial's prompts, with the verdicts. A measure holds if it does for all replies."""
    settings = {"num_predict": REPLY_TOKENS, "seed": seed} | (trial.settings or SAMPLED)
    replies = [reply_of(llm, prompt, settings) for prompt, _ in trial.asks]
    found = [rule(reply) for (_, rule), reply in zip(trial.asks, replies, strict=True)]
    verdict = {measure: all(one[measure] for one in found) for measure in found[0]}
    asked = [prompt for prompt, _ in trial.asks]
    one = {"row": trial.row, "group": trial.group, "prompts": asked, "replies": replies}
    return one | {"expected": trial.expected, "verdict": verdict}


def reply_of(llm: LLM, prompt: str, settings: dict) -> str | None:
    """The reply, marked if it was cut off; None if the engine refused the prompt."""
    try:
        reply = llm.ask(prompt, **settings)
    except LLMError as error:
        if error.refused:
            return None
        raise
    return reply.text + CUT * (reply.done_reason == "length")
