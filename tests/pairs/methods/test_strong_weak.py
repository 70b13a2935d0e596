"""The stronger author should win, and a judge has to say so in both orders. Against a real HTTP server."""

import json
import re

import pytest

from helpers.pairs.method import BuildSettings
from helpers.pairs.methods.strong_weak import strong_weak_method
from helpers.pairs.run import build_preferences, finished_rows
from helpers.records import InstructionRecord

RECORDS = [
    InstructionRecord(instruction=f"What is {n} plus 1?", input="", output=f"It is {n + 1}.", answer=[str(n + 1)])
    for n in range(10, 30)
]
SETTINGS = BuildSettings(workers=4, max_retries=1)


class World:
    """Two authors and a judge. Settings are functions, so that each test changes one of them."""

    def __init__(self, polite="Gladly: ", blunt="Look, ", weak_is_right=True, judged=None):
        self.openers = {"Answer politely. ": polite, "Answer bluntly. ": blunt}
        self.weak_is_right, self.judged = weak_is_right, judged or self.politer
        self.contests = []

    def __call__(self, body):
        if found := re.search(r"Response A: (.*)\nResponse B: (.*)\n", body["prompt"]):
            self.contests.append(found.groups())
            return json.dumps({"winner": self.judged(*found.groups())})
        style = next((style for style in self.openers if body["prompt"].startswith(style)), None)
        number = int(re.search(r"\d+", body["prompt"])[0]) + 1
        wrong = body["model"] == "weak" and not self.weak_is_right
        return f"{self.openers.get(style, '')}It is {number + wrong}."

    @staticmethod
    def politer(a, b):
        order = ["Look", "It is", "Gladly"]
        rank = [next(i for i, opener in enumerate(order) if text.startswith(opener)) for text in (a, b)]
        return "A" if rank[0] > rank[1] else "B"


def built(fake_ollama, llm_of, tmp_path, world, settings=SETTINGS, **options):
    models = {name: ["completion"] for name in ("strong", "weak", "judge")}
    server = fake_ollama(models=models, answer=world)
    strong, weak, judge = (llm_of(server, model=name, digest=f"digest of {name}") for name in models)
    method = strong_weak_method(settings, weak=weak, judge_llm=judge, **options)
    summary = build_preferences(RECORDS, strong, tmp_path / "rows.jsonl", settings, method)
    return summary, list(finished_rows(RECORDS, strong, tmp_path / "rows.jsonl", settings, method)), server


def test_the_coin_decides_how_both_are_asked_and_the_strong_side_is_chosen(fake_ollama, llm_of, tmp_path):
    summary, rows, _ = built(fake_ollama, llm_of, tmp_path, World())
    assert summary.made == len(RECORDS)
    assert {tuple(row["voices"]) for row in rows} == {("polite", "neutral"), ("neutral", "blunt")}
    for row in rows:
        number = row["output"]
        expected = {"polite": f"Gladly: {number}", "neutral": number, "blunt": f"Look, {number}"}
        assert (row["chosen"], row["rejected"]) == tuple(expected[voice] for voice in row["voices"])


def test_a_row_says_who_wrote_and_who_judged(fake_ollama, llm_of, tmp_path):
    _, rows, _ = built(fake_ollama, llm_of, tmp_path, World())
    for row in rows:
        assert row["models"] == {"strong": "strong", "weak": "weak"} and row["judge"] == "judge"
        assert row["verdicts"] == ["A", "B"] and row["calls"] == 4
        assert [request["model"] for request in row["requests"]] == ["strong", "weak", "judge", "judge"]


def test_the_judge_sees_both_orders(fake_ollama, llm_of, tmp_path):
    world = World()
    built(fake_ollama, llm_of, tmp_path, world)
    assert len(world.contests) == 2 * len(RECORDS)
    assert {tuple(reversed(contest)) for contest in world.contests} == set(world.contests)


def test_a_judge_that_follows_the_place_confirms_nothing(fake_ollama, llm_of, tmp_path):
    summary, rows, _ = built(fake_ollama, llm_of, tmp_path, World(judged=lambda a, b: "A"))
    assert summary.made == 0 and summary.ties == len(RECORDS) and summary.retried == 0
    assert all(row["chosen"] is None for row in rows)


def test_a_weak_side_that_wins_is_never_kept(fake_ollama, llm_of, tmp_path):
    world = World(judged=lambda a, b: "B" if World.politer(a, b) == "A" else "A")
    summary, rows, _ = built(fake_ollama, llm_of, tmp_path, world)
    assert summary.made == 0 and summary.reasons == {"other side won": len(RECORDS)}
    assert all(row["verdicts"] == ["B", "A"] for row in rows)


def test_wrong_answers_are_no_part_of_a_pair_about_voice(fake_ollama, llm_of, tmp_path):
    summary, rows, server = built(fake_ollama, llm_of, tmp_path, World(weak_is_right=False))
    assert summary.made == 0 and summary.reasons == {"wrong": len(RECORDS)}
    assert all(row["reason"][0].startswith("wrong: weak:") for row in rows)
    assert not any("Response A" in body["prompt"] for body in server.bodies)  # the judge was not troubled


def test_equal_answers_are_a_tie_without_a_judge(fake_ollama, llm_of, tmp_path):
    summary, _, server = built(fake_ollama, llm_of, tmp_path, World(), voices=("neutral", "neutral"))
    assert summary.ties == len(RECORDS) and len(server.bodies) == 2 * len(RECORDS)


def test_one_model_with_a_flawed_prompt_draws_both_sides_with_different_seeds(fake_ollama, llm_of, tmp_path):
    llm = llm_of(fake_ollama(answer=World()))
    method = strong_weak_method(SETTINGS, voices=("polite", "blunt"))
    build_preferences(RECORDS, llm, tmp_path / "rows.jsonl", SETTINGS, method)
    for row in finished_rows(RECORDS, llm, tmp_path / "rows.jsonl", SETTINGS, method):
        assert row["chosen"].startswith("Gladly") and row["rejected"].startswith("Look")
        assert row["models"] == {"strong": "test-model", "weak": "test-model"}
        assert len({request["options"]["seed"] for request in row["requests"][:2]}) == 2


@pytest.mark.parametrize("change", [{"voices": ("polite", "blunt")}, {"weak": "other"}, {"judge_llm": "other"}])
def test_another_author_voice_or_judge_makes_other_rows(fake_ollama, llm_of, change):
    server = fake_ollama()
    llm = {"one": llm_of(server, model="one", digest="1"), "other": llm_of(server, model="other", digest="2")}
    options = {"weak": "one", "judge_llm": "one", "voices": None}
    keys = [
        strong_weak_method(SETTINGS, **{name: llm.get(value, value) if name != "voices" else value
                                        for name, value in chosen.items()}).key
        for chosen in (options, options | change)
    ]  # fmt: skip
    assert keys[0] != keys[1]
