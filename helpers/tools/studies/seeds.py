"""The study "seeds": the recipe of notebooks 06 and 07 from other seeds, on the test questions. It chooses nothing."""

from helpers.dpo.train import DPOSettings, interpolate
from helpers.files import DATA
from helpers.gpt.checkpoints import load_model
from helpers.gpt.sampling import UNTRUNCATED, Sampling
from helpers.tools.studies.student import SHARE, fine_tuned, measured, tuned

DRAWS = 4  # answers to each question


def seed_points(seed):
    """One seed: the student before and after preference tuning, uncut and at top-p 0.9."""
    tok = load_model(DATA / "sft")[1]
    sft = fine_tuned(seed, tok)
    [(policy, _)] = tuned(sft, tok, DPOSettings(seed=seed), "dpo-kl")
    for name, model in (("sft", sft), ("dpo", interpolate(sft, policy, SHARE))):
        for sampling_name, sampling in (("uncut", UNTRUNCATED), ("top-p 0.9", Sampling(top_p=0.9))):
            reference = sft if name == "dpo" and sampling is UNTRUNCATED else None  # a KL takes uncut answers
            drawn = [measured(model, tok, "test", reference, sampling, seed=10 * seed + draw) for draw in range(DRAWS)]
            means = {measure: sum(draw[measure] for draw in drawn) / DRAWS for measure in drawn[0]}
            yield {"model": name, "sampling": sampling_name} | means
