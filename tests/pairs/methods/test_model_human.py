"""People's answers against a model's."""

from helpers.files import DATA
from helpers.pairs.method import BuildSettings
from helpers.pairs.methods.model_human import annotator, model_human_method
from helpers.pairs.run import build_preferences, finished_rows
from helpers.politeness import POLITENESS
from helpers.records import load_instructions

RECORDS = load_instructions(DATA / "instruction-data.json")[:30]
SETTINGS = BuildSettings(workers=4, max_retries=0, max_in_vain=999)
PERSON = annotator(POLITENESS)
BY_QUESTION = {record.instruction + record.input: record for record in RECORDS}


def plain_or_blunt(body):
    """A model that is right: plain, or blunt if it is asked to be."""
    asked = body["prompt"].removeprefix("Answer bluntly. ").replace("\n\n### Input:\n", "")
    opener = (
        "Come on, everybody knows this. " if body["prompt"] != body["prompt"].removeprefix("Answer bluntly. ") else ""
    )
    return opener + BY_QUESTION[asked].output


def built(fake_ollama, llm_of, tmp_path, answer=plain_or_blunt, **options):
    llm, path = llm_of(fake_ollama(answer=answer)), tmp_path / "rows.jsonl"
    method = model_human_method(SETTINGS, **options)
    summary = build_preferences(RECORDS, llm, path, SETTINGS, method)
    return summary, list(finished_rows(RECORDS, llm, path, SETTINGS, method))


def test_the_annotator_keeps_the_facts_and_writes_the_same_text_every_time():
    for record in RECORDS:
        assert PERSON(record, "neutral") == record.output
        polite = PERSON(record, "polite")
        assert POLITENESS.voice_of(polite) == "polite" and PERSON(record, "polite") == polite
    assert len({PERSON(record, "polite").removesuffix(record.output) for record in RECORDS}) > 15  # not one phrase


def test_people_are_chosen_and_the_contrast_follows_the_coin(fake_ollama, llm_of, tmp_path):
    summary, rows = built(fake_ollama, llm_of, tmp_path)
    assert summary.made == len(RECORDS)
    assert {tuple(row["voices"]) for row in rows} == {("polite", "neutral"), ("neutral", "blunt")}
    for row, record in zip(rows, RECORDS, strict=True):
        assert row["chosen"] == PERSON(record, row["voices"][0])
        assert [POLITENESS.voice_of(row[side]) for side in ("chosen", "rejected")] == row["voices"]


def test_the_row_says_that_the_person_is_synthetic_unless_there_is_one(fake_ollama, llm_of, tmp_path):
    _, rows = built(fake_ollama, llm_of, tmp_path)
    assert all(row["authors"] == {"chosen": "person (synthetic)", "rejected": "test-model"} for row in rows)
    _, rows = built(fake_ollama, llm_of, tmp_path, human=lambda record, voice: "Dear reader! " + record.output)
    assert all(row["authors"]["chosen"] == "person" and row["chosen"].startswith("Dear") for row in rows)


def test_what_people_wrote_changes_the_row(fake_ollama, llm_of, tmp_path):
    first, _ = built(fake_ollama, llm_of, tmp_path)
    again, _ = built(fake_ollama, llm_of, tmp_path)
    other, _ = built(fake_ollama, llm_of, tmp_path, human=lambda record, voice: "Dear reader! " + record.output)
    assert (first.made, again.made, other.made) == (len(RECORDS), 0, len(RECORDS))
    assert again.reused == len(RECORDS)


def test_a_model_that_is_wrong_or_says_what_the_person_says_makes_no_pair(fake_ollama, llm_of, tmp_path):
    summary, _ = built(fake_ollama, llm_of, tmp_path, answer=lambda body: "No idea.")
    assert summary.reasons == {"wrong": len(RECORDS)}
    summary, _ = built(fake_ollama, llm_of, tmp_path, voices=("neutral", "neutral"))
    assert summary.made == 0 and summary.reasons == {"no pair": len(RECORDS)}
