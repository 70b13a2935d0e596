"""The tables of the world as they ship: they are read, and what can be computed is computed again with other code."""

import csv
import re

import pytest

from helpers.files import CourseError
from helpers.tools.course import tables
from helpers.tools.course.families import FAMILIES
from helpers.tools.course.tables.corrections import WORLD, stop_list

COUNTS = {
    "countries": 190, "cities": 500, "elements": 118, "nouns": 2400, "verbs": 950, "adjectives": 240, "synonyms": 1500,
    "antonyms": 900, "meanings": 900, "units": 55, "numbers": 4000,
}  # fmt: skip
KEYS = {"synonyms": 2, "antonyms": 2, "units": 3}  # of how many columns the key is made, where not of one
LETTERS = r"A-Za-zÀ-ÖØ-öø-ÿŁłŃńŚśŽžĞğŞşİı"
WORDS = rf"[{LETTERS}]+(?:['-][{LETTERS}]+)*"
SPEAKABLE = {
    "countries": rf"{WORDS}(?: {WORDS})*|(?:St\. )?{WORDS}|\.[a-z]{{2}}",
    "cities": rf"(?:St\. )?{WORDS}(?: {WORDS})*",
    "elements": r"[a-z]+|[A-Z][a-z]?|\d+",
    "numbers": r"[a-z]+(?:[- ][a-z]+)*|\d+|[MDCLXVI]*",
    "units": r"[a-z]+(?: [a-z]+)?|[1-9]\d*",
    "synonyms": r"[a-z]+(?:\|[a-z]+)*",
    "antonyms": r"[a-z]+(?:\|[a-z]+)*",
    "meanings": r"[A-Za-z]+(?:['-][a-z]+)*'?(?:,? [A-Za-z]+(?:['-][a-z]+)*'?)*",
}
PLURALS = """man men|woman women|child children|person people|foot feet|tooth teeth|goose geese|mouse mice|
louse lice|ox oxen|die dice|sheep sheep|fish fish|deer deer|salmon salmon|series series|
species species|aircraft aircraft|leaf leaves|knife knives|wife wives|wolf wolves|thief thieves|
loaf loaves|half halves|calf calves|shelf shelves|scarf scarves|roof roofs|cliff cliffs|chief chiefs|
belief beliefs|potato potatoes|tomato tomatoes|hero heroes|echo echoes|piano pianos|photo photos|
video videos|box boxes|church churches|glass glasses|brush brushes|bus buses|quiz quizzes|
city cities|baby babies|lady ladies|story stories|country countries|berry berries|donkey donkeys|
monkey monkeys|key keys|toy toys|crisis crises|analysis analyses|thesis theses|hypothesis hypotheses|
oasis oases|criterion criteria|phenomenon phenomena|bacterium bacteria|stimulus stimuli|
nucleus nuclei|axis axes|businessman businessmen"""
VERBS = """be was been|have had had|do did done|go went gone|say said said|get got got|make made made|
know knew known|think thought thought|take took taken|see saw seen|come came come|give gave given|
find found found|tell told told|feel felt felt|leave left left|keep kept kept|let let let|
begin began begun|show showed shown|hear heard heard|run ran run|hold held held|
bring brought brought|write wrote written|sit sat sat|stand stood stood|lose lost lost|pay paid paid|
meet met met|set set set|lead led led|understand understood understood|speak spoke spoken|
spend spent spent|grow grew grown|win won won|buy bought bought|send sent sent|build built built|
fall fell fallen|cut cut cut|sell sold sold|draw drew drawn|break broke broken|eat ate eaten|
catch caught caught|choose chose chosen|drive drove driven|throw threw thrown|wear wore worn|
rise rose risen|teach taught taught|sing sang sung|swim swam swum|drink drank drunk|ring rang rung|
sink sank sunk|fly flew flown|freeze froze frozen|steal stole stolen|forget forgot forgotten|
lie lay lain|lay laid laid|bear bore borne|sleep slept slept|bite bit bitten|hide hid hidden|
shake shook shaken|spring sprang sprung|shrink shrank shrunk|weave wove woven|swell swelled swollen|
forbid forbade forbidden|travel travelled travelled|stop stopped stopped|prefer preferred preferred|
panic panicked panicked|try tried tried"""
DEGREES = """good better best|bad worse worst|far further furthest|little less least|big bigger biggest|
hot hotter hottest|wet wetter wettest|thin thinner thinnest|happy happier happiest|
easy easier easiest|dry drier driest|shy shyer shyest|large larger largest|nice nicer nicest|
wise wiser wisest|narrow narrower narrowest|clever cleverer cleverest|simple simpler simplest|
gentle gentler gentlest|old older oldest|tall taller tallest|angry angrier angriest"""


def rows_of(table):
    with open(WORLD / f"{table}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ROWS = {name: rows_of(name) for name in tables.TABLES}
WITH_TABLES = pytest.mark.parametrize("name", ROWS)


def column(table, key, value):
    return {row[key]: row[value] for row in ROWS[table]}


def facts(family):
    return next(f.facts + f.reserve for f in FAMILIES if f.name == family)


def lines(text, width):
    rows = [row.split() for row in text.replace("\n", " ").split("|")]
    assert all(len(row) == width for row in rows)
    return rows


@WITH_TABLES
def test_columns_counts_and_cells(name):
    columns = tables.TABLES[name][0].split()
    assert list(ROWS[name][0]) == columns and len(ROWS[name]) >= COUNTS[name]
    empty = [row for row in ROWS[name] if not all(row.values())]
    assert empty == ([ROWS[name][0]] if name == "numbers" else [])  # nothing is written for 0 in Rome


@WITH_TABLES
def test_no_key_stands_twice(name):
    wide = 3 if name == "units" else KEYS.get(name, 1)
    keys = [tuple(row.values())[:wide] for row in ROWS[name]]
    assert len(set(keys)) == len(keys)


@WITH_TABLES
def test_no_word_of_the_stop_list(name):
    spoken = {word for row in ROWS[name] for cell in row.values() for word in re.findall("[a-z]+", cell.lower())}
    places = {"nice"} if name == "cities" else set()
    assert not (spoken - places) & stop_list()


@WITH_TABLES
def test_every_cell_can_be_spoken(name):
    pattern = SPEAKABLE.get(name, "[a-z]+(?:-[a-z]+)?")
    assert [cell for row in ROWS[name] for cell in row.values() if not re.fullmatch(pattern, cell)] == []


def test_all_tables_together_stay_small():
    assert sum((WORLD / f"{name}.csv").stat().st_size for name in ROWS) < 1_000_000


@pytest.mark.parametrize(
    "family, table, key, value",
    [
        ("capital", "countries", "country", "capital"),
        ("continent", "countries", "country", "continent"),
        ("language", "countries", "country", "language"),
        ("chemical_symbol", "elements", "element", "symbol"),
        ("plural", "nouns", "noun", "plural"),
        ("past_tense", "verbs", "verb", "past"),
        ("comparative", "adjectives", "adjective", "comparative"),
    ],
)
def test_the_facts_of_the_families_are_the_same(family, table, key, value):
    known = column(table, key, value)
    asked = {left.removeprefix("the "): right for left, right in facts(family)}
    shared = asked.keys() & known.keys()
    assert len(shared) >= len(asked) - 2
    assert {left: known[left] for left in shared} == {left: asked[left] for left in shared}


def test_currencies_are_those_of_the_families_with_an_adjective_where_it_helps():
    known = column("countries", "country", "currency")
    assert [(c, m) for c, m in facts("currency") if known[c].split()[-1] != m] == []


@pytest.mark.parametrize("family, table", [("synonym", "synonyms"), ("antonym", "antonyms")])
def test_synonyms_and_antonyms_of_the_families_are_among_those_of_the_tables(family, table):
    cells = {}
    for row in ROWS[table]:
        cells.setdefault(row["word"], set()).update(row[table].split("|"))
    shared = [(word, other) for word, other in facts(family) if word in cells]
    assert len(shared) >= 12
    assert [(word, other) for word, other in shared if other not in cells[word]] == []


def test_units_convert_as_the_families_do():
    factors = {(row["plural"], row["smaller_plural"]): int(row["factor"]) for row in ROWS["units"]}
    shared = [f for f in facts("unit_conversion") if (f[1], f[2]) in factors]
    assert len(shared) >= 15
    assert [f for f in shared if int(f[0]) * factors[f[1], f[2]] != int(f[3])] == []


def test_units_that_lead_to_the_same_unit_agree():
    factor = {(row["unit"], row["smaller"]): int(row["factor"]) for row in ROWS["units"]}
    chains = [(a, b, c) for a, b in factor for b2, c in factor if b == b2 and (a, c) in factor]
    assert len(chains) >= 10
    assert [chain for chain in chains if factor[chain[::2]] != factor[chain[:2]] * factor[chain[1:]]] == []


SMALL = "zero one two three four five six seven eight nine ten eleven twelve".split()
SMALL += "thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
            "twelve": "twelfth"}  # fmt: skip


def in_words(n):
    if n < 20:
        return SMALL[n]
    if n < 100:
        return TENS[n // 10 - 2] + (f"-{SMALL[n % 10]}" if n % 10 else "")
    size, name = (1000, "thousand") if n >= 1000 else (100, "hundred")
    rest = n % size
    joint = " and " if 0 < rest < 100 else " "
    return f"{in_words(n // size)} {name}" + (joint + in_words(rest) if rest else "")


def as_ordinal(words):
    head, last = re.fullmatch(r"(.*?)([a-z]+)", words).groups()
    return head + (ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th"))


def from_roman(text):
    values = [dict(I=1, V=5, X=10, L=50, C=100, D=500, M=1000)[sign] for sign in text]
    return sum(-v if v < max(values[at:]) else v for at, v in enumerate(values))


def test_numbers_are_computed_again():
    for n, row in enumerate(ROWS["numbers"]):
        assert int(row["number"]) == n and row["words"] == in_words(n) and row["ordinal"] == as_ordinal(row["words"])
        assert from_roman(row["roman"]) == n and not re.search("IIII|XXXX|CCCC|VV|LL|DD", row["roman"])


def test_irregular_forms():
    nouns, verbs = column("nouns", "noun", "plural"), {r["verb"]: [r["past"], r["participle"]] for r in ROWS["verbs"]}
    degrees = {r["adjective"]: [r["comparative"], r["superlative"]] for r in ROWS["adjectives"]}
    assert [(s, p, nouns[s]) for s, p in lines(PLURALS, 2) if s in nouns and nouns[s] != p] == []
    assert [(v, forms, verbs[v]) for v, *forms in lines(VERBS, 3) if v in verbs and verbs[v] != forms] == []
    assert [(a, forms, degrees[a]) for a, *forms in lines(DEGREES, 3) if a in degrees and degrees[a] != forms] == []
    checked = [(PLURALS, 2, nouns), (VERBS, 3, verbs), (DEGREES, 3, degrees)]
    assert sum(row[0] in table for text, width, table in checked for row in lines(text, width)) >= 130


def test_no_word_is_its_own_synonym_or_antonym_and_definitions_are_short():
    for table in ("synonyms", "antonyms"):
        assert [row for row in ROWS[table] if row["word"] in row[table].split("|")] == []
    assert [r for r in ROWS["meanings"] if not 2 <= len(r["definition"].split()) <= 12] == []
    assert [r for r in ROWS["meanings"] if r["word"] in r["definition"].split()] == []


def test_cities_are_no_capitals_and_lie_in_countries_of_the_table():
    capitals = column("countries", "country", "capital")
    assert [row for row in ROWS["cities"] if capitals[row["country"]] == row["city"]] == []


def test_a_missing_package_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setattr(tables, "SOURCES_OF_TABLES", ("csv", "a_package_that_nobody_has"))
    with pytest.raises(CourseError, match=r"a_package_that_nobody_has not found.*pip install -e '\.\[world\]'"):
        tables.make_world([])


def test_a_table_that_does_not_exist_is_refused():
    with pytest.raises(CourseError, match="no table 'planets'"):
        tables.make_world(["planets"])
