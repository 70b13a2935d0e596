import pytest

from helpers.tools.course.world import known_words, read_world

# A small copy of the wide world: the columns of data/course/world/*.csv, a few rows each.
TABLES = {
    "countries": """country,capital,currency,continent,language,demonym,domain
Greece,Athens,euro,Europe,Greek,Greek,.gr
Netherlands,Amsterdam,euro,Europe,Dutch,Dutch,.nl
United States,"Washington, D.C.",US dollar,North America,English,American,.us
Japan,Tokyo,yen,Asia,Japanese,Japanese,.jp
""",
    "cities": "city,country\nMunich,Germany\nNew York,United States\nOsaka,Japan\n",
    "elements": "element,symbol,number\ngold,Au,79\nhelium,He,2\niron,Fe,26\n",
    "nouns": "noun,plural\nchild,children\napple,apples\nhouse,houses\nknife,knives\nsheep,sheep\n",
    "verbs": "verb,past,participle,ing,third\ngo,went,gone,going,goes\neat,ate,eaten,eating,eats\n"
    "write,wrote,written,writing,writes\n",
    "adjectives": "adjective,comparative,superlative\ngood,better,best\nhappy,happier,happiest\nlarge,larger,largest\n",
    "synonyms": "word,kind,synonyms\nfast,adjective,quick|rapid\nbig,adjective,large|huge\nfast,adverb,quickly\n",
    "antonyms": "word,kind,antonyms\nhot,adjective,cold|cool\nbig,adjective,small\nempty,adjective,full\n",
    "meanings": "word,category,definition\ntiger,animal,a large wild cat with dark stripes\n"
    "hammer,tool,a tool for driving nails\numbrella,object,a cover that keeps off the rain\n",
    "units": "unit,plural,smaller,smaller_plural,factor\nkilometre,kilometres,metre,metres,1000\n"
    "hour,hours,minute,minutes,60\ninch,inches,centimetre,centimetres,2.54\n",
    "numbers": "number,words,ordinal,roman\n0,zero,zeroth,\n4,four,fourth,IV\n42,forty-two,forty-second,XLII\n"
    "8,eight,eighth,VIII\n",
}


@pytest.fixture(scope="session")
def world_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    for name, text in TABLES.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def world(world_folder):
    return read_world(world_folder)


@pytest.fixture(scope="session")
def known(world):
    return known_words(world)
