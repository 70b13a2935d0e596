import json
import random
import re
from collections import Counter

import pytest

from helpers.files import DATA, CourseError, read_json
from helpers.politeness.voices import politeness
from helpers.records import contains_answer, one_line_question
from helpers.tools.course.corpus import Corpus
from helpers.tools.course.directions import DIRECTIONS, agrees, measure
from helpers.tools.course.faults import FAULTS
from helpers.tools.course.manners import facts_kept, level_of
from helpers.tools.course.parts import PARTS, of_part
from helpers.tools.course.tasks import (
    CORRECTNESS,
    WORDINGS,
    changed,
    filled_in,
    judge,
    rate,
    requests,
    revise,
    rewrite,
    right_and_wrong,
    versions,
)

GREECE = ("What is the capital of Greece?", "The capital of Greece is Athens.", ("Athens", "Greece"))
FRANCE = ("Name the capital of France.", "Paris is the capital of France.", ("Paris", "France"))
TASKS = {"rewrite": rewrite, "judge": judge, "score": rate, "revise": revise}


def pairs_of_facts():
    """(source, another of its family) for every fact of the course."""
    families = {}
    for r in {r["output"]: r for r in read_json(DATA / "instruction-data.json")}.values():
        source = (one_line_question(r["instruction"], r["input"]), r["output"], tuple(r["answer"]))
        families.setdefault(r["task"], []).append(source)
    for sources in families.values():
        for source, other in zip(sources, sources[1:] + sources[:1], strict=True):
            if source[2][0].lower() != other[2][0].lower():
                yield source, other


PAIRS = list(pairs_of_facts())


def stream(name, part, count, seed=0):
    rng = random.Random(f"{name} {part} {seed}")
    for number in range(count):
        source, wrong = PAIRS[number % len(PAIRS)]
        more = {} if name == "rewrite" else {"wrong": wrong}
        yield source, TASKS[name](source, rng, part, **more)


@pytest.fixture(scope="module")
def examples():
    return {(name, part): list(stream(name, part, 1200)) for name in TASKS for part in PARTS}


def strings(value):
    """All texts of nested lists and tables."""
    if isinstance(value, str):
        return [value]
    return [text for item in (value.values() if isinstance(value, dict) else value) for text in strings(item)]


def wording_lists(value):
    if isinstance(value, dict):
        return [found for item in value.values() for found in wording_lists(item)]
    return [value] if isinstance(value, list) else []


def test_there_are_as_many_wordings_as_promised():
    assert all(len(requests(d, "train")) + len(requests(d, "held out")) >= 24 for d in DIRECTIONS)
    assert len(WORDINGS["judge"]["any"]) >= 16 and len(WORDINGS["score"]["any"]) >= 10
    assert all(len(remarks) >= 10 for remarks in WORDINGS["revise"]["remarks"].values())
    assert set(WORDINGS["revise"]["remarks"]) == set(FAULTS)
    for wordings in wording_lists(WORDINGS):
        given = [str(wording) for wording in wordings if wording]
        assert len(set(given)) == len(given)


@pytest.mark.parametrize("name", TASKS)
def test_the_same_seed_gives_the_same_examples(name):
    one, two, other = (list(stream(name, "train", 60, seed)) for seed in (1, 1, 2))
    assert one == two != other


def test_texts_are_whole(examples):
    for (name, _), rows in examples.items():
        for _, (prompt, response) in rows:
            for text in (prompt, response):
                assert not re.search(r"\{(?!\"winner\": )|  | \n|\\n|\.\.(?!\.)|[.?!] [.?!]| [.,;]", text), (name, text)
                assert text == text.strip() and text
            assert "\n" not in response


def held_out_only():
    """Wordings of the held-out part that a prompt shows word for word and that no training wording contains."""
    lists = [wordings for key in ("rewrite", "judge", "score", "revise") for wordings in wording_lists(WORDINGS[key])]
    lists = [wordings for wordings in lists if isinstance(wordings[0], str) or len(wordings) != 5]  # one for each level
    trained = "\n".join(text for wordings in lists for text in strings(of_part(wordings, "train")))
    held_out = {text for wordings in lists if len(wordings) > 4 for text in strings(of_part(wordings, "held out"))}
    pieces = {max(re.split(r"\{\w+\}", text), key=len).strip(" .,:?") for text in held_out}
    return {piece for piece in pieces if len(piece.split()) > 3 and piece.lower() not in trained.lower()}


def test_no_training_example_has_a_held_out_wording(examples):
    pieces = held_out_only()
    assert len(pieces) > 30
    for name in TASKS:
        for _, texts in examples[name, "train"]:
            assert not [piece for piece in pieces if piece in "\n".join(texts)]
    shown = {
        piece
        for name in TASKS
        for _, texts in examples[name, "held out"]
        for piece in pieces
        if piece in "".join(texts)
    }
    assert len(shown) > 0.9 * len(pieces)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_requests_of_both_parts_differ_and_all_are_used(direction):
    trained, held_out = (set(requests(direction, part)) for part in PARTS)
    assert not trained & held_out and len(trained) > 3 * len(held_out) > 0
    for part, wanted in zip(PARTS, (trained, held_out), strict=True):
        rng = random.Random(3)
        prompts = "\n".join(rewrite(GREECE, rng, part, direction)[0] for _ in range(700))
        assert [wording for wording in wanted if wording not in prompts] == []


def test_every_wording_of_a_contest_and_of_a_score_can_come(examples):
    for name in ("judge", "score"):
        prompts = "\n".join(texts[0] for part in PARTS for _, texts in examples[name, part]).lower()
        for wording in WORDINGS[name]["any"]:
            assert re.search(re.sub(r"\\\{\w+\\\}", ".+", re.escape(wording.lower())), prompts), wording
    words = "\n".join(judge(*args)[0] for args in all_contests())
    assert [text for text in strings(WORDINGS["better"]) if text not in words] == []


def all_contests():
    rng = random.Random(8)
    for direction in (*DIRECTIONS, *CORRECTNESS):
        yield from ((GREECE, rng, part, FRANCE, direction) for part in PARTS for _ in range(80))


@pytest.mark.parametrize("kind", FAULTS)
def test_every_remark_can_come(kind):
    rng = random.Random(5)
    prompts = "\n".join(revise(GREECE, rng, part, FRANCE, kind)[0] for part in PARTS for _ in range(250))
    for remark in WORDINGS["revise"]["remarks"][kind]:
        piece = max(re.split(r"\{\w+\}", remark), key=len)
        assert piece in prompts, remark


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_rewrites_go_where_they_were_asked_to_and_keep_the_facts(direction):
    rng, right, trials = random.Random(4), 0, 0
    for source, _ in PAIRS:
        for part in PARTS:
            question, before, after = changed(source, direction, rng, part)
            right += agrees(direction, before, after)
            trials += 1
            assert not question or contains_answer(after, list(source[2])), after
            assert not question or direction == "shorter" or facts_kept(source[1], after), after
    assert right / trials >= 0.99


def winner(prompt, response):
    """Whether the first (True) or the second answer was named, in whatever form."""
    verdict = json.loads(response)["winner"] if response[0] == "{" else response
    label = re.match(r"(?:The |Number )?(A|B|1|2|first|second)\b", verdict, re.IGNORECASE)[1]
    return label in ("A", "1", "first")


def sides(prompt):
    """The two answers of a contest, as the prompt shows them."""
    first = r"(?:Response A|Answer A|A said|A|\(A\)|1\)|1\.|Answer 1|Option 1|First answer|first|The first answer is)"
    second = (
        r"(?:Response B|Answer B|B said|B|\(B\)|2\)|2\.|Answer 2|Option 2|Second answer|second|The second answer is)"
    )
    found = re.search(rf"^{first}:? (?P<a>.+)\n{second}:? (?P<b>.+)$", prompt, re.MULTILINE)
    return found["a"], found["b"]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_verdicts_follow_the_rule_and_both_orders_are_as_frequent(direction):
    rng, firsts = random.Random(6), 0
    for source, _ in PAIRS:
        prompt, response = judge(source, rng, "train", None, direction)
        a, b = sides(prompt)
        assert winner(prompt, response) == (measure(a, direction) > measure(b, direction))
        firsts += winner(prompt, response)
    assert 0.4 < firsts / len(PAIRS) < 0.6


@pytest.mark.parametrize("direction", CORRECTNESS)
def test_verdicts_on_correctness_follow_the_answer_key(direction):
    rng, firsts = random.Random(7), 0
    for source, wrong in PAIRS:
        prompt, response = judge(source, rng, "held out", wrong, direction)
        a, b = (contains_answer(side, list(source[2])) for side in sides(prompt))
        assert a or b
        if a != b:
            assert winner(prompt, response) == (a if direction == CORRECTNESS[0] else b), prompt
        firsts += winner(prompt, response)
    assert 0.4 < firsts / len(PAIRS) < 0.6


def test_all_scores_come(examples):
    levels = Counter()
    for part in PARTS:
        for _, (_, response) in examples["score", part]:
            levels[int(re.match(r"(?:I give it a )?([1-5])", response)[1])] += 1
    assert set(levels) == {1, 2, 3, 4, 5} and min(levels.values()) > 100


def test_a_score_is_the_level_of_the_text_it_shows():
    rng = random.Random(9)
    for source, _ in PAIRS:
        prompt, response = rate(source, rng)
        level = int(response[0]) if response[0].isdigit() else int(response[len("I give it a ")])
        request = next(line for line in prompt.split("\n") if re.search(r"\b1(?:,| \(| =) ?[a-z]", line))
        scale = next(s for s in ("polite", "formal", "simpl") if s in request)
        rest = [line for line in prompt.split("\n") if line and line != request and source[0] not in line]
        text = re.sub(
            r"^(?:Answer|A|I was told|Text|Here is an answer): ", "", (rest or re.findall('"(.+)"$', request))[0]
        )
        full = {"polite": "politeness", "formal": "formality", "simpl": "simplicity"}[scale]
        assert level == (politeness(text) if scale == "polite" else level_of(text, full)), prompt


def test_criteria_of_corpus_prompts_stay():
    corpus = Corpus([r for r in read_json(DATA / "instruction-data.json") if r["split"] == "train"][:40], seed=1)
    prompts = {corpus.judge()[0].rsplit("\n\n", 1)[1] for _ in range(60)}
    assert prompts == {
        "Which response is more polite? Reply with A or B only.",
        'Which response is more polite? Reply as JSON with the key "winner".',
    }


def test_disguised_answers_stay_right_and_wrong():
    rng = random.Random(1)
    for _ in range(300):
        _, right, wrong = right_and_wrong(GREECE, FRANCE, rng, "train")
        assert "Athens" in right and "Paris" in wrong and "Athens" not in wrong


def test_versions_differ_by_the_rule():
    rng = random.Random(1)
    for direction in DIRECTIONS:
        for source, _ in PAIRS[::9]:
            _, better, worse = versions(source, direction, rng, "train")
            assert measure(better, direction) > measure(worse, direction)


def test_revised_answers_hold_the_answer_again():
    rng, kinds = random.Random(2), Counter()
    for source, wrong in PAIRS:
        for kind in FAULTS:
            try:
                prompt, response = revise(source, rng, "train", wrong, kind)
            except CourseError:
                continue
            kinds[kind] += 1
            assert kind == "hard_word" or contains_answer(response, list(source[2])), (kind, response)
            assert response not in prompt.split("\n"), (kind, prompt)
    assert set(kinds) == set(FAULTS) and min(kinds.values()) > 50


def test_what_a_source_does_not_allow():
    with pytest.raises(CourseError, match="has no 'wrong'"):
        revise(GREECE, random.Random(0), kind="wrong")
    with pytest.raises(KeyError):
        filled_in("{no} slot", some="x")
    assert filled_in('{"winner": "{z}"}', z="A") == '{"winner": "A"}'


def test_a_source_without_a_question_is_not_asked_one():
    rng = random.Random(0)
    for name, task in TASKS.items():
        for _ in range(60):
            prompt, response = task(("", GREECE[1], GREECE[2]), rng)
            assert prompt and response and not re.search(r"(?:Question|Q|asked):\s*(?:\n|$)", prompt), (name, prompt)
