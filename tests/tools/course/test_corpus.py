import json
import random
import re
from itertools import islice

import pytest

from helpers.files import DATA, read_json
from helpers.politeness import POLITENESS
from helpers.politeness.voices import politeness, strip_voice
from helpers.tools.course.corpus import Corpus, held_out_fact, tokenizer_texts
from helpers.tools.course.instruction_data import fact_id
from helpers.tools.course.made_up import invented_word, made_up

RECORDS = [r for r in read_json(DATA / "instruction-data.json") if r["split"] == "train"]


@pytest.fixture(scope="module")
def examples():
    corpus = Corpus(RECORDS, seed=5)
    return {name: [getattr(corpus, name)() for _ in range(400)] for name in ("rewrite", "judge", "score", "answer")}


def test_the_same_seed_gives_the_same_stream():
    one, two, other = (
        [c.example() for _ in range(50)] for c in (Corpus(RECORDS, 1), Corpus(RECORDS, 1), Corpus(RECORDS, 2))
    )
    assert one == two != other


def test_a_tenth_of_the_facts_is_held_out_whole():
    facts = {fact_id(r): held_out_fact(r) for r in RECORDS}
    assert 0.05 < sum(facts.values()) / len(facts) < 0.15
    assert all(held_out_fact(r) == facts[fact_id(r)] for r in RECORDS)


def test_held_out_facts_are_never_rewritten_or_judged(examples):
    outputs = {r["output"] for r in RECORDS if held_out_fact(r)} - {
        r["output"] for r in RECORDS if not held_out_fact(r)
    }
    assert len(outputs) > 20
    for name in ("rewrite", "judge", "score"):
        for prompt, _ in examples[name]:
            told = {strip_voice(text) for text in re.findall(r"^(?:Answer|Response [AB]): (.*)$", prompt, re.M)}
            assert told and not told & outputs


def test_rewrites_keep_the_answer_and_take_the_asked_voice(examples):
    for prompt, response in examples["rewrite"]:
        assert POLITENESS.voice_of(response) == ("polite" if "more polite" in prompt else "blunt")
        source = re.search(r"^Answer: (.*)$", prompt, re.M)[1]
        assert strip_voice(response) == strip_voice(source)


def test_verdicts_and_scores_are_right(examples):
    winners = {"A": 0, "B": 0}
    for prompt, response in examples["judge"]:
        verdict = json.loads(response)["winner"] if "JSON" in prompt else response
        a, b = (re.search(rf"^Response {side}: (.*)$", prompt, re.M)[1] for side in "AB")
        assert verdict == ("A" if politeness(a) > politeness(b) else "B")
        winners[verdict] += 1
    assert min(winners.values()) > 150  # no side is favoured
    for prompt, response in examples["score"]:
        score = json.loads(response)["score"] if "JSON" in prompt else int(response)
        assert score == politeness(re.search(r"^Answer: (.*)$", prompt, re.M)[1])


def test_answers_are_neutral_unless_a_style_is_asked_for(examples):
    for prompt, response in examples["answer"]:
        style = re.match(r"Answer (politely|bluntly)\. ", prompt)
        assert POLITENESS.voice_of(response) == (
            {"politely": "polite", "bluntly": "blunt"}[style[1]] if style else "neutral"
        )


def test_made_up_answers_are_neutral_and_varied():
    rng = random.Random(0)
    pairs = [made_up(rng) for _ in range(500)]
    assert len(set(pairs)) > 495
    assert all(POLITENESS.voice_of(answer) == "neutral" for _, answer in pairs)
    assert all("{" not in ask + answer for ask, answer in pairs)


def test_invented_words_are_new():
    rng = random.Random(0)
    words = [invented_word(rng) for _ in range(1000)]
    assert len(set(words)) > 900 and all(w.isascii() and w.isalpha() and len(w) > 2 for w in words)


def test_tokenizer_is_trained_on_the_prompt_format():
    texts = list(islice(tokenizer_texts(RECORDS, examples=20), 20))
    assert all(t.startswith("### Instruction:\n") and "### Response:\n" in t for t in texts)
