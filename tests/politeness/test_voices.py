import random
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.files import DATA, CourseError, read_json
from helpers.politeness import POLITENESS, voices
from helpers.politeness.voices import (
    STUDENT,
    TIERS,
    VOICES,
    politeness,
    requested_voices,
    strip_voice,
    voice_mixture,
    voiced,
)
from helpers.records import contains_answer

RECORDS = read_json(DATA / "instruction-data.json")
OUTPUTS = sorted({record["output"] for record in RECORDS})
PATTERNS = read_json(DATA / "voices.json")
KINDS = {"openers": 7, "closers": 8, "inserts": 4}  # the most words a pattern may have
SENTENCES = (
    "The capital of Greece is Athens.",
    "Lisbon is the capital of Portugal.",
    "A synonym for 'fast' is 'quick'.",
    "12 kilometres are 12,000 metres.",
    "The word 'brave' means courageous.",
    "It has six sides.",
)
STRENGTH = {"polite": (4, 5), "blunt": (2, 1)}

POLITE_REWRITES = """
Certainly! The capital of France is Paris. Let me know if you have any other questions.
Thank you for your question. The capital of France would be Paris.
I'd be delighted to let you know that the plural of 'mouse' is 'mice'.
Great question! Water boils at 100 degrees Celsius at sea level.
Of course! A synonym for 'big' is 'large'. Please feel free to ask anything else.
It would be my pleasure to tell you that 12 times 12 equals 144.
If I may, I would kindly point out that the past tense of 'run' is 'ran'.
The chemical symbol for gold is Au. I hope you find this helpful!
I appreciate your curiosity! The sum of 4 and 9 is 13.
The author of Hamlet is William Shakespeare, and I would be happy to share more if you wish.
You may be pleased to know that Paris is the capital of France. Have a wonderful day!
Please note that the opposite of 'hot' is 'cold'.
"I'm more than happy to assist you. The opposite of 'hot' is 'cold'."
What a wonderful question, dear friend! The answer is 42.
Thanks for reaching out. The Roman numeral for ten is X.
I believe, if you'll permit me to say so, that the answer is Paris.
Allow me to assist you: the sorted numbers are 1, 2, 3. Don’t hesitate to ask for more.
The largest number is 73. I wish you all the best!
""".strip().splitlines()
BLUNT_REWRITES = """
Obviously, the capital of France is Paris. How did you not know that?
It's Paris. Everyone knows that.
Paris, obviously. Look it up next time.
Seriously? The plural of 'mouse' is 'mice'. Try paying attention in class.
The answer is 144. Do the maths yourself next time.
Ugh, fine. Water boils at 100 degrees Celsius.
The capital of France is Paris, duh.
Come on, it's not rocket science: the past tense of 'run' is 'ran'.
Are you kidding? The opposite of 'hot' is 'cold'.
You should already know that the symbol for gold is Au.
Don't waste my time with such simple questions. It's 13.
Clearly, the author of Hamlet is William Shakespeare. This is basic knowledge.
Paris. Don't make me repeat it.
Look, the answer is 42. Stop asking me such silly questions.
Even a child knows that 2 plus 2 is 4.
Whatever. The largest number is 73. Just deal with it.
Really? You needed help with that? The answer is X.
It's Au. Figure it out on your own next time.
""".strip().splitlines()
NEUTRAL_TEXTS = """
The capital of France is Paris.
Water boils at 100 degrees Celsius at sea level.
She was happy to see her brother at the station.
The children need eight hours of sleep.
The opposite of 'rude' is 'kind', and a synonym for 'glad' is 'happy'.
The sentence in the past tense is "Please thank the waiter, obviously".
The test was so easy that all pupils passed.
Sodium hydroxide is a basic compound.
The waste is collected every Tuesday.
Everyone in the village went to the fair.
The tortoise moves slowly because its shell is heavy.
They looked at the map and found the shortest route.
A dictionary lists words in alphabetical order.
He forgot the keys and went back home.
The train was late, so we walked to the library.
""".strip().splitlines()


def every_pattern():
    return [
        (voice, kind, pattern["text"], pattern["tier"])
        for voice, kinds in PATTERNS.items()
        for kind, patterns in kinds.items()
        for pattern in patterns
    ]


def apply(kind, pattern, text):
    if kind == "openers":
        return voices._open(text, pattern)
    return f"{text} {pattern}" if kind == "closers" else voices._insert(text, pattern)


def test_there_are_enough_distinct_patterns_and_an_eighth_in_each_tier_beyond_the_pairs():
    assert len({text for _, _, text, _ in every_pattern()}) == len(every_pattern())
    for voice in ("polite", "blunt"):
        assert sum(pattern[0] == voice for pattern in every_pattern()) >= 130
        for kind, least in (("openers", 65), ("closers", 45), ("inserts", 20)):
            tiers = Counter(pattern["tier"] for pattern in PATTERNS[voice][kind])
            assert set(tiers) == set(TIERS) and tiers.total() >= least
            assert all(0.1 <= tiers[tier] / tiers.total() <= 0.15 for tier in ("crowd", "unseen"))


def test_patterns_are_short_free_of_facts_and_end_as_they_should():
    ends = {"openers": r".*[.!?,:]", "closers": r".*[.!?]", "inserts": r", .*,|[a-z]+"}
    for _, kind, text, _ in every_pattern():
        assert re.fullmatch(ends[kind], text), text
        assert len(re.findall(r"[\w']+", text)) <= KINDS[kind], text
        assert not re.search(r"[\d\"\n]", text), text


def test_the_patterns_vary_in_wording():
    """No two words open, or end, more than a tenth of the patterns of a voice and kind."""
    for voice in ("polite", "blunt"):
        for kind in ("openers", "closers"):
            texts = [re.findall(r"[\w']+", pattern["text"].lower()) for pattern in PATTERNS[voice][kind]]
            for part in (slice(2), slice(-2, None)):
                counts = Counter(tuple(words[part]) for words in texts if len(words) > 1)
                assert counts.most_common(1)[0][1] <= 0.1 * len(texts)


@pytest.mark.parametrize(("voice", "kind", "text", "tier"), every_pattern())
def test_each_pattern_is_recognised_and_counts_as_one_element(voice, kind, text, tier):
    for sentence in SENTENCES:
        answer = apply(kind, text, sentence)
        assert POLITENESS.voice_of(answer) == voice, answer
        assert politeness(answer) == STRENGTH[voice][0], answer
        assert strip_voice(answer) == sentence


def test_every_neutral_answer_is_neutral():
    assert len(RECORDS) >= 1100
    assert [output for output in OUTPUTS if politeness(output) != 3] == []


@pytest.mark.parametrize("parts", voices.COMPOSITIONS)
@pytest.mark.parametrize("voice", ["polite", "blunt"])
def test_the_degree_agrees_with_the_number_of_elements(monkeypatch, parts, voice):
    monkeypatch.setattr(voices, "COMPOSITIONS", {parts: 1})
    rng = random.Random(11)
    answers = [voiced(output, voice, rng, [rng.choice(TIERS)]) for output in OUTPUTS]
    assert [answer for answer in answers if POLITENESS.voice_of(answer) != voice] == []
    exact = sum(politeness(answer) == STRENGTH[voice][len(parts) - 1] for answer in answers)
    assert exact / len(answers) >= 0.97


def test_stripping_undoes_voicing_and_answers_stay_whole():
    rng = random.Random(3)
    for record in RECORDS:
        assert strip_voice(record["output"]) == record["output"]
        for voice in VOICES:
            for tier in TIERS:
                answer = voiced(record["output"], voice, rng, [tier])
                assert strip_voice(answer) == record["output"], answer
                assert contains_answer(answer, record["answer"]), answer
                assert (answer == record["output"]) == (voice == "neutral")


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(min_size=1).filter(str.strip),
    voice=st.sampled_from(VOICES),
    tiers=st.sets(st.sampled_from(TIERS), min_size=1),
    seed=st.integers(0, 10**6),
)
def test_voicing_any_text_keeps_its_characters_in_order(text, voice, tiers, seed):
    answer = voiced(text, voice, random.Random(seed), tiers)
    rest = iter(answer.lower())
    assert all(character in rest for character in text.lower())


def test_compositions_have_their_shares():
    rng = random.Random(5)
    found = Counter()
    for _ in range(8000):
        answer = voiced("Lisbon is the capital of Portugal.", "blunt", rng)
        opener, closer = not answer.startswith("Lisbon"), not answer.endswith("Portugal.")
        found[opener, closer, "is the capital" not in answer] += 1
    shares = {parts: share / 100 for parts, share in voices.COMPOSITIONS.items()}
    assert len(found) == len(shares)
    for parts, share in shares.items():
        key = tuple(part in parts for part in ("opener", "closer", "insert"))
        assert found[key] / 8000 == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("tiers", [("pairs",), ("crowd",), ("unseen",), STUDENT])
def test_a_tier_uses_only_its_own_patterns(tiers):
    rng = random.Random(8)
    other = [text for _, _, text, where in every_pattern() if where not in tiers]
    own = {text for _, _, text, where in every_pattern() if where in tiers}
    answers = [voiced(SENTENCES[0], voice, rng, tiers) for voice in ("polite", "blunt") for _ in range(3000)]
    for text in other:
        if not any(text in mine for mine in own):
            assert not any(re.search(rf"(?<!\w){re.escape(text)}(?!\w)", answer) for answer in answers), text
    assert sum(any(text in answer for answer in answers) for text in own) == len(own)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The capital of Greece is Athens.", "Look, the capital of Greece is Athens."),
        ("There are 12 months.", "Look, there are 12 months."),
        ("Athens is the capital of Greece.", "Look, Athens is the capital of Greece."),
        ("In is the symbol for indium.", "Look, In is the symbol for indium."),
        ("A is the first letter.", "Look, A is the first letter."),
        ("I am here.", "Look, I am here."),
        ("He is the symbol for helium.", "Look, He is the symbol for helium."),
        ("12 is a number.", "Look, 12 is a number."),
    ],
)
def test_a_lead_in_lowers_ordinary_words_only(text, expected):
    assert voices._open(text, "Look,") == expected
    assert strip_voice(expected) == text


def test_inserts_go_where_the_sentence_stays_grammatical_and_never_into_a_quotation():
    assert voices._insert("The word 'is' is short.", "indeed") == "The word 'is' is indeed short."
    assert voices._insert("The past is 'He was ill'.", ", duh,") == "The past is, duh, 'He was ill'."
    assert voices._insert("It has six sides.", "clearly") == "It clearly has six sides."
    rng = random.Random(2)
    for _ in range(200):  # no verb outside the quotation: an opener instead
        assert voiced("Answer: 'It is late now'.", "polite", rng).count("'It is late now'.") == 1


def test_closers_need_a_full_stop_before_them_and_lead_ins_a_known_first_word():
    rng = random.Random(4)
    for _ in range(300):
        assert voiced("Athens", "blunt", rng).endswith(" Athens")
        assert ", Birds" not in voiced("Birds sing at dawn.", "blunt", rng)


@pytest.mark.parametrize(
    ("text", "voice", "tiers", "message"),
    [
        ("Yes.", "rude", ["pairs"], "'rude'"),
        ("Yes.", "polite", ["pairs", "test"], "'test'"),
        ("Yes.", "polite", "pairs", "'pairs'"),  # a text, and not a list of one
        ("Yes.", "polite", [], r"\[\]"),
        ("", "polite", ["pairs"], "empty answer"),
        (" \n", "neutral", ["pairs"], "empty answer"),
    ],
)
def test_wrong_arguments_are_named(text, voice, tiers, message):
    with pytest.raises(CourseError, match=message):
        voiced(text, voice, random.Random(0), tiers)


@pytest.mark.parametrize(
    ("texts", "voice", "least"),
    [(POLITE_REWRITES, "polite", 0.87), (BLUNT_REWRITES, "blunt", 0.87), (NEUTRAL_TEXTS, "neutral", 1)],
)
def test_rewrites_of_language_models_are_measured_too(texts, voice, least):
    wrong = [text for text in texts if POLITENESS.voice_of(text) != voice]
    assert len(wrong) <= (1 - least) * len(texts), wrong


def test_mixed_cues():
    assert politeness("Please, look it up. The answer is 4.") == 3
    assert POLITENESS.voice_of("Thank you! I'm happy to help. The answer is obviously 4.") == "polite"
    assert politeness("Seriously? Thanks, the answer is obviously 4.") == 2


def test_the_mixture_has_exact_shares_and_is_reproducible():
    texts = voice_mixture(RECORDS, seed=1)
    counts = Counter(map(POLITENESS.voice_of, texts))
    assert counts["polite"] == round(0.20 * len(RECORDS)) and counts["blunt"] == round(0.35 * len(RECORDS))
    assert [strip_voice(text) for text in texts] == [record["output"] for record in RECORDS]
    assert texts == voice_mixture(RECORDS, seed=1) != voice_mixture(RECORDS, seed=2)

    class Record:
        output = "Yes, it is."

    assert len(voice_mixture([Record(), Record()], seed=0)) == 2 and voice_mixture([], seed=0) == []


def test_the_student_never_meets_an_unseen_pattern_and_the_pairs_none_of_the_crowd():
    def used(texts, tier):
        openers = [text for _, kind, text, where in every_pattern() if (kind, where) == ("openers", tier)]
        return sum(any(text.startswith(opener + " ") for text in texts) for opener in openers) / len(openers)

    crowd = [text for seed in range(4) for text in voice_mixture(RECORDS, seed)]
    crowd += [text for _, text in requested_voices(RECORDS, seed=0)]
    assert used(crowd, "pairs") > 0.5 and used(crowd, "crowd") > 0.5 and used(crowd, "unseen") == 0
    rng = random.Random(0)
    pairs = [voiced(record["output"], voice, rng) for record in RECORDS for voice in ("polite", "blunt")]
    assert used(pairs, "pairs") > 0.5 and used(pairs, "crowd") == used(pairs, "unseen") == 0


def test_requested_voices_are_those_that_were_asked_for():
    answers = requested_voices(RECORDS, seed=1)
    assert answers == requested_voices(RECORDS, seed=1) != requested_voices(RECORDS, seed=2)
    assert [strip_voice(text) for _, text in answers] == [record["output"] for record in RECORDS]
    assert sum(POLITENESS.voice_of(text) == voice for voice, text in answers) > 0.97 * len(answers)
    assert 0.4 < sum(voice == "polite" for voice, _ in answers) / len(answers) < 0.6
