"""What models write around an answer comes off, an answer's own marks stay, and rows keep what was removed."""

import pytest

from helpers.files import DATA, read_jsonl
from helpers.pairs.cleaning import clean_reply
from helpers.pairs.method import BuildSettings
from helpers.pairs.run import build_preferences, finished_rows
from helpers.pairs.task_talk import is_quoted
from helpers.records import load_instructions, load_preferences

ANSWER = "I'd gladly tell you that water boils at 100 °C."


def kinds(reply):
    return [what.partition(":")[0] for what in clean_reply(reply).removed]


@pytest.mark.parametrize(
    "before",
    [
        "<think>Hm.</think>\n\n",
        "Hm, boiling.\n</think>\n",
        "Sure! Here's a more polite version:\n\n",
        "Certainly, here you go: ",
        "Here is my rewrite of the answer you gave me:\n\n",
        "Here's how I would phrase it: ",
        "Okay, here's a ruder take:\n\n",
        "I've made it more polite:\n\n",
        "To sound more polite, you might say:\n\n",
        "Sure, here it is!\n\n",
        "I'd be happy to rewrite that for you.\n\n",
        "Here is the revised answer. ",
        "Answer: ",
        "**Rewritten answer:** ",
        "**Rewritten answer**: ",
        "Polite version:\n",
        "Polite: ",
        "### Response:\n",
        "[More polite] ",
        "Original: Water boils at 100 °C.\nRewritten: ",
        "Question: When does water boil?\nAnswer: ",
        "1. ",
        "- ",
        "> ",
    ],
)
def test_what_stands_before_the_answer_comes_off(before):
    cleaned = clean_reply(before + ANSWER)
    assert cleaned.text == ANSWER and cleaned.removed


@pytest.mark.parametrize(
    "after",
    [
        " (Note: I kept the fact.)",
        "\n\nNote: I kept the fact. The number is as it was.",
        "\n\n---\nI made it softer.",
        "\n\nLet me know if you'd like another version!",
        "\n\nWould you like me to make it even ruder?",
        "\n\nIs this polite enough?",
        "\n\nThe tone is now more polite while the fact is unchanged.",
        "\n\n**Explanation:** Courtesy was added.\n- one word",
        " [More polite]",
        " **(Note: the fact (100) is kept.)**",
        "<|im_end|>",
        "</s>",
        "\n\nOr:\n\nWater kindly boils at 100 °C.",
        "\n\nAlternatively: Water boils at 100 °C, dear friend.",
    ],
)
def test_what_stands_after_the_answer_comes_off(after):
    cleaned = clean_reply(ANSWER + after)
    assert cleaned.text == ANSWER and cleaned.removed


@pytest.mark.parametrize("around", ['"{}"', "“{}”", "'{}'", "‘{}’", "«{}»", "„{}“", "`{}`", "**{}**", "_{}_",
                                    "```\n{}\n```", "```text\n{}\n```", "<answer>{}</answer>", '**"{}"**',
                                    "# {}"])  # fmt: skip
def test_what_stands_around_the_answer_comes_off(around):
    cleaned = clean_reply(around.format(ANSWER))
    assert cleaned.text == ANSWER and set(kinds(around.format(ANSWER))) == {"wrapping"}


@pytest.mark.parametrize(
    "reply",
    [
        f"1. {ANSWER}\n2. May I say that water boils at 100 °C?",
        f"Here are two options:\n\n- {ANSWER}\n- Water kindly boils at 100 °C.",
        f"**Option A:** {ANSWER}\n\n**Option B:** It boils.",
        f"Version 1:\n{ANSWER}\n\nVersion 2 (short):\nAt 100 °C.\n\nWhich one do you prefer?",
    ],
)
def test_the_first_of_several_versions_is_kept(reply):
    assert clean_reply(reply).text == ANSWER and "other versions" in kinds(reply)


def test_layers_come_off_one_by_one_and_are_named():
    reply = f'<think>Hm.</think>Sure! Here\'s a version:\n\n"{ANSWER}"\n\n(Note: it is **polite**.)'
    assert clean_reply(reply) == (
        ANSWER,
        ("thinking: <think>Hm.</think>", "preface: Sure! Here's a version:", "note: (Note: it is **polite**.)",
         'wrapping: ""'),
    )  # fmt: skip


def test_emphasis_within_the_answer_comes_off_and_its_words_stay():
    assert clean_reply("A dozen is **12**, *of course*.").text == "A dozen is 12, of course."
    assert clean_reply("2 * 3 * 4 is 24, and my_list_name stays.").removed == ()


@pytest.mark.parametrize(
    "text",
    [
        "1. Apple\n2. Banana\n3. Cherry",
        "- a blanket\n- some sandwiches\n- a bottle of water",
        "Even numbers: 2, 18\nOdd numbers: 5, 21",
        "Here are your classifications:\n\nEven: 2. Easy.\nOdd: 5.",
        "Here's your sorted list, genius: a, b",
        "Here is my humble answer: Athens.",
        "With pleasure: the capital is Athens.",
        "'fast' and 'quick'",
        '"Go" becomes "went"',
        "The past tense is 'She walked'",
        "'Tis the season, as they say in 'Deck the Halls'",
        "Sure! The capital is Athens.",
        "Water boils (at sea level) at 100 °C.",
        "It is Athens (the largest city).",
        ")",
        "It is Athens) (or not.)",
        "[1, 2, 3]",
        "(x + 1)",
        "Use __init__ for that.",
        "She left. I kept the letter.",
        "The tea was bitter. I added milk.",
        "We added sugar to the tea. We changed trains.",
        "The command is `ls`. Don't hesitate to ask about its options!",
        "Athens. Let me know if you need more!",
        "Athens. Would you like to know more?",
        "Dear Sir:\nI am here.",
        "The synonyms of 'version' are: variant, form.",
        "You can use either tea or coffee. I hope this helps!",
    ],
)
def test_an_answer_with_marks_of_its_own_is_not_touched(text):
    assert clean_reply(text) == (text, ())


def test_the_course_models_replies_come_through_unchanged():
    pairs = load_preferences(DATA / "instruction-data-with-preference.json")
    texts = {text for pair in pairs for text in (pair.chosen, pair.rejected)}
    assert len(texts) > 1000 and [text for text in texts if clean_reply(text) != (text, ())] == []


def test_line_ends_stay_as_they_are():
    assert clean_reply("Sure! Here's the rewrite:\r\n\r\nSoft rain,\r\na roof.").text == "Soft rain,\r\na roof."


def test_a_reply_without_an_answer_leaves_nothing():
    for reply in ("", "<think>\nHm", "Sure! Here's a more polite version:", "**Rewritten answer:**"):
        assert clean_reply(reply).text == ""


@pytest.mark.parametrize(("text", "expected"), [('"a" and "b"', False), ('"say "a" now"', True), ("'it's so'", True)])
def test_only_one_pair_around_all_is_a_quotation(text, expected):
    assert is_quoted(text) is expected


def test_a_build_keeps_what_was_removed_and_the_raw_reply(fake_ollama, llm_of, tmp_path):
    records = load_instructions(DATA / "instruction-data.json")[:2]
    answers = {record.output: f"I am glad to help. {record.output}" for record in records}

    def chatty(body):
        return next(f"Sure! Here you go:\n\n“{text}”" for output, text in answers.items() if output in body["prompt"])

    llm, settings = llm_of(fake_ollama(answer=chatty)), BuildSettings()
    summary = build_preferences(records, llm, tmp_path / "rows.jsonl", settings)
    assert summary.made == 2
    for row in finished_rows(records, llm, tmp_path / "rows.jsonl", settings):
        assert answers[row["output"]] in (row["chosen"], row["rejected"])
        assert row["raw_reply"].startswith("Sure!")
        assert row["cleaned"] == row["requests"][0]["cleaned"] == ["preface: Sure! Here you go:", "wrapping: “”"]


def test_a_row_that_was_set_aside_keeps_what_was_removed_with_each_attempt(fake_ollama, llm_of, tmp_path):
    records, settings = load_instructions(DATA / "instruction-data.json")[:1], BuildSettings(max_retries=1)
    llm = llm_of(fake_ollama(answer=lambda body: "<think>No.</think>I cannot rewrite this."))
    build_preferences(records, llm, tmp_path / "rows.jsonl", settings)
    (row,) = read_jsonl(tmp_path / "rows.jsonl")
    assert row["status"] == "set aside" and row["cleaned"] == []
    for attempt in row["failed_attempts"]:
        assert attempt["reply"].startswith("<think>")
        assert [request["cleaned"] for request in attempt["requests"]] == [["thinking: <think>No.</think>"]]
    assert len(row["failed_attempts"]) == 2
