import random
import re
from collections import Counter, defaultdict

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from helpers.files import DATA, CourseError, read_json
from helpers.politeness import POLITENESS
from helpers.politeness.voices import TIERS, voiced
from helpers.records import contains_answer, question
from helpers.tools.course.families import FAMILIES, PLAINEST, Family
from helpers.tools.course.instruction_data import (
    TRAIN_PHRASINGS,
    fact_id,
    reserve_records,
    shipped_records,
    write_instruction_data,
)

ROWS = shipped_records()
RESERVE = reserve_records()
SHIPPED = 16  # facts of each family
KEYS = ["instruction", "input", "output", "task", "phrasing", "answer", "split"]
OPTIONS_IN_THE_QUESTION = {"sentiment", "category", "odd_one_out", "largest"}


def of(task):
    return [row for row in ROWS + RESERVE if row["task"] == task]


def numbers(text):
    return [int(n) for n in re.findall(r"\d+", text)]


def by_fact(rows):
    groups = defaultdict(list)
    for row in rows:
        groups[fact_id(row)].append(row)
    return groups


# The file


def test_shipped_file_is_what_the_generator_writes_byte_for_byte(tmp_path):
    assert write_instruction_data(tmp_path / "made.json").read_bytes() == (DATA / "instruction-data.json").read_bytes()


def test_shipped_file_reads_back_as_the_records():
    assert read_json(DATA / "instruction-data.json") == ROWS


def test_seed_changes_the_order_and_nothing_else():
    other = shipped_records(seed=1)
    assert other != ROWS
    assert sorted(map(str, other)) == sorted(map(str, ROWS))
    assert shipped_records(seed=1) == other


def test_reserve_seed_changes_the_phrasing_but_not_the_facts():
    other = reserve_records(seed=1)
    assert other != RESERVE and list(by_fact(other)) == list(by_fact(RESERVE))


def test_sizes():
    splits = Counter(row["split"] for row in ROWS)
    assert splits["train"] >= 1100 and splits["test"] * TRAIN_PHRASINGS == splits["train"]
    assert splits["validation"] == splits["test"]
    assert len({row["task"] for row in ROWS}) == len(FAMILIES) >= 24
    assert 0.25 <= sum(row["input"] != "" for row in ROWS) / len(ROWS) <= 0.35


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_has_enough_facts_phrasings_and_reserve(family):
    assert len(family.facts) == SHIPPED and len(family.reserve) >= 4
    assert len(set(family.phrasings)) == len(family.phrasings) == 10
    assert len(family.held_out()) == 2 and min(family.held_out()) >= PLAINEST
    assert sorted(family.trained() + family.held_out()) == list(range(10))
    asked = [
        tuple(item[:2]) if family.name in ("addition", "multiplication") else item[0]
        for item in family.facts + family.reserve
    ]
    if family.name in ("unit_conversion", "past_sentence", "passive"):
        asked = [
            family.fill(family.input or "{amount} {unit} {target}", item) for item in family.facts + family.reserve
        ]
    assert len(set(asked)) == len(asked), "one question has two answers"


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"facts": [["Greece"]]}, r"\['Greece'\] has 1 columns"),
        ({"reserve": [["Greece", "Athens", "Europe"]]}, "has 3 columns"),
        ({"phrasings": ["What is the capital of {country}?"]}, "6 phrasings"),
        ({"outputs": []}, "an output"),
    ],
)
def test_a_wrong_family_is_refused(change, sentence):
    with pytest.raises(CourseError, match=rf"families.toml, \[capital\].*{sentence}"):
        Family(**vars(FAMILIES[0]) | change)


# The records


@pytest.mark.parametrize("rows", [ROWS, RESERVE], ids=["shipped", "reserve"])
def test_records_have_the_form_of_the_course(rows):
    for row in rows:
        assert list(row) == KEYS + ["sentences"] * (row["split"] in ("validation", "test"))
        assert row["split"] in ("train", "validation", "test") or rows is RESERVE and row["split"] == "reserve"
        assert len(row["instruction"].split()) <= 20
        assert 4 <= len(row["output"].split()) <= 14, row["output"]
        assert row["output"].endswith(".") and "\n" not in row["output"] and row["output"].count(". ") == 0
        assert row["output"][0].isupper() or row["output"][0].isdigit()
        assert re.search(r" (is|are|was|has|means) ", row["output"]), row["output"]
        for text in (row["instruction"], row["input"], row["output"]):
            assert text == " ".join(text.split()) and "{" not in text


@pytest.mark.parametrize("rows", [ROWS, RESERVE], ids=["shipped", "reserve"])
def test_answer_key_is_in_the_output_and_not_given_away_by_the_question(rows):
    for row in rows:
        assert row["answer"] and contains_answer(row["output"], row["answer"]), row
        if row["task"] not in OPTIONS_IN_THE_QUESTION:
            assert not contains_answer(question(row["instruction"], row["input"]), row["answer"]), row


def test_sentences_are_all_that_the_family_says_about_the_fact():
    for row in ROWS:
        if row["split"] == "train":
            continue
        name, *fact = fact_id(row).split("/")
        family = next(family for family in FAMILIES if family.name == name)
        said = [family.fill(pattern, fact) for pattern in family.outputs]
        assert row["sentences"] == sorted(set(said), key=said.index) and row["output"] in row["sentences"]
        assert all(contains_answer(sentence, row["answer"]) for sentence in row["sentences"])
        assert all(POLITENESS.voice_of(sentence) == "neutral" for sentence in row["sentences"])


def test_prompts_are_unique_and_facts_do_not_contradict_each_other():
    prompts = Counter((row["instruction"], row["input"]) for row in ROWS + RESERVE)
    assert prompts.most_common(1)[0][1] == 1
    for rows in by_fact(ROWS + RESERVE).values():
        assert len({(row["output"], *row["answer"]) for row in rows}) == 1


def test_outputs_are_neutral():
    for row in ROWS + RESERVE:
        assert (POLITENESS.voice_of(row["output"]), POLITENESS.level(row["output"])) == ("neutral", 3), row["output"]


def test_only_a_few_facts_need_letters_beyond_ascii():
    odd = by_fact(row for row in ROWS + RESERVE if not (row["instruction"] + row["output"]).isascii())
    assert set(odd) == {
        "capital/Colombia/Bogotá",
        "landmark/the Sagrada Família/Spain",
        "landmark/Chichén Itzá/Mexico",
        "author/Jane Eyre/Charlotte Brontë",
        "author/Les Misérables/Victor Hugo",
    }


@pytest.mark.parametrize("tier", TIERS)
def test_voices_leave_the_answers_whole(tier):

    for seed, row in enumerate(ROWS + RESERVE):
        for voice in ("polite", "blunt"):
            text = voiced(row["output"], voice, random.Random(seed), [tier])
            assert contains_answer(text, row["answer"]), text
            assert POLITENESS.voice_of(text) == voice, text


# The splits


def test_every_fact_is_trained_in_four_phrasings_and_held_out_in_two_others():
    for fact, rows in by_fact(ROWS).items():
        parts = Counter(row["split"] for row in rows)
        assert parts == {"train": TRAIN_PHRASINGS, "validation": 1, "test": 1}, fact
        assert len({row["phrasing"] for row in rows}) == len(rows) == 6, fact


def test_the_three_parts_share_no_phrasing():
    def asked(*parts):
        return {(row["task"], row["phrasing"]) for row in ROWS + RESERVE if row["split"] in parts}

    validation, test = asked("validation"), asked("test")
    assert len(validation) == len(test) == len(FAMILIES) and not validation & test
    assert validation | test == {(family.name, phrasing) for family in FAMILIES for phrasing in family.held_out()}
    assert not asked("train", "reserve") & (validation | test)


def test_reserve_facts_are_not_in_the_file():
    assert len(RESERVE) == len(by_fact(RESERVE)) >= 4 * len(FAMILIES)
    assert not set(by_fact(RESERVE)) & set(by_fact(ROWS))


@pytest.mark.parametrize("held_out", ["validation", "test"])
def test_no_near_duplicates_across_the_split(held_out):
    prompts = [question(row["instruction"], row["input"]) for row in ROWS]
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(3, 5)).fit_transform(prompts)
    plain = [re.sub(r"\W+", " ", prompt).casefold().strip() for prompt in prompts]
    train, test = ([i for i, row in enumerate(ROWS) if row["split"] == split] for split in ("train", held_out))
    assert not {plain[i] for i in train} & {plain[i] for i in test}
    similarity = vectors[test] @ vectors[train].T  # rows have length 1: cosines
    assert 0.5 < similarity.max() < 0.9


def test_fact_id_names_the_fact_in_every_phrasing_and_refuses_strangers():
    assert fact_id({"instruction": "What is the capital of Greece?", "input": ""}) == "capital/Greece/Athens"
    assert fact_id({"instruction": "Take Greece: what is its capital called?", "input": ""}) == "capital/Greece/Athens"
    with pytest.raises(CourseError, match="Who are you"):
        fact_id({"instruction": "Who are you?", "input": ""})


# The answers, computed again from the text of the question


@pytest.mark.parametrize("task, compute", [("addition", lambda a, b: a + b), ("multiplication", lambda a, b: a * b)])
def test_arithmetic(task, compute):
    rows = of(task)
    for row in rows:
        operands = numbers(row["instruction"])
        assert row["answer"] == [str(compute(*operands))]
        assert sorted(numbers(row["output"])) == sorted([*operands, compute(*operands)])
    assert len(rows) == (TRAIN_PHRASINGS + 2) * SHIPPED + 6


def test_unit_conversions():
    base = {
        "millimetres": 1,
        "centimetres": 10,
        "metres": 1000,
        "inches": 25.4,
        "feet": 304.8,
        "yards": 914.4,
    }
    base |= {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
    base |= {
        "months": 1,
        "years": 12,
        "decades": 120,
        "centuries": 1200,
        "ounces": 28.349523125,
        "pounds": 453.59237,
    }
    base |= {"centilitres": 1, "litres": 100, "pints": 1, "quarts": 2, "gallons": 8}
    for row in of("unit_conversion"):
        amount, unit = re.search(r"(\d+) (\w+)", row["instruction"]).groups()
        (target,) = {word for word in re.findall(r"\w+", row["instruction"]) if word in base} - {unit}
        assert int(row["answer"][0]) == pytest.approx(int(amount) * base[unit] / base[target])
        assert f"{amount} {unit}" in row["output"] and target in row["output"]


def test_roman_numerals_decode_to_the_number_asked():
    value = dict(zip("IVXLCDM", (1, 5, 10, 50, 100, 500, 1000), strict=True))
    for row in of("roman_numeral"):
        (numeral,), (number,) = row["answer"], numbers(row["instruction"])
        digits = [value[letter] for letter in numeral]
        following = digits[1:] + [0]
        assert sum(-d if d < n else d for d, n in zip(digits, following, strict=True)) == number
        assert not re.search(r"IIII|XXXX|CCCC|VV|LL|DD|I[LCDM]|X[DM]", numeral)


def test_sorting_and_largest():
    for row in of("sorting"):
        ordered = numbers(row["answer"][0])
        assert Counter(ordered) == Counter(numbers(row["input"])) and len(set(ordered)) == 4
        assert all(a < b for a, b in zip(ordered, ordered[1:], strict=False))
        assert row["answer"][0] != row["input"]
    for row in of("largest"):
        values = numbers(row["input"])
        assert sum(int(row["answer"][0]) > v for v in values) == len(values) - 1
    places = Counter(numbers(row["input"]).index(int(row["answer"][0])) for row in of("largest"))
    assert len(places) == 3, "the place gives the answer away"


def test_rewritten_sentences_keep_their_words():
    for row in of("passive"):
        agent, patient = re.fullmatch(r"(The \w+) \w+ (the \w+)\.", row["input"]).groups()
        assert re.search(rf"'T{patient[1:]} was \w+ by t{agent[1:]}'\.$", row["output"])
    for row in of("past_sentence"):
        given = row["input"].rstrip(".").split()
        rewritten = re.search(r"'(.+)'\.$", row["output"])[1].split()
        changed = [new for old, new in zip(given, rewritten, strict=True) if old != new]
        assert changed == row["answer"]


def test_choices_are_among_those_offered_and_balanced():
    for row in of("odd_one_out"):
        assert row["answer"][0] in row["input"].split(", ") and len(set(row["input"].split(", "))) == 4
    for task, kinds in (("sentiment", 2), ("category", 4)):
        counts = Counter(row["answer"][0] for row in of(task) if row["split"] == "test")
        assert len(counts) == kinds and set(counts.values()) == {SHIPPED // kinds}
