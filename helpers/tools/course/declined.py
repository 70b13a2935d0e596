"""Requests that the course models cannot serve, and questions about themselves; each with kind and true responses."""

import random
import re
from functools import cache

from helpers.files import read_toml
from helpers.tools.course import people
from helpers.tools.course.families import fill_pattern
from helpers.tools.course.made_up import invented_word
from helpers.tools.course.parts import of_part, toml_key
from helpers.tools.course.people import FRAMES, Request
from helpers.tools.course.sentences import with_right_articles
from helpers.tools.course.world import WORLD, Question, tidy

DECLINED = read_toml(WORLD / "declined.toml")
IDENTITY = read_toml(WORLD / "identity.toml")
DECLINED_KINDS, SLOTS, UNKNOWN = (DECLINED[key] for key in ("kinds", "slots", "unknown"))
SLOT = re.compile(r"{(\w+?)(2?)}")
UNKNOWN_SHARE = 0.15  # how often the request is one of the model's own families, about what does not exist
FRAMED_SHARE = 0.5  # how often a topic stands in a frame
THING_SHARE = 0.7  # how often the answer names what does not exist
TOPIC_SHARE = 0.5  # how often the answer names the topic where it can
# What is to be made (a poem, a picture) is asked for, and not asked about.
FOR_THINGS = {"command", "need", "could", "courteous", "gruff", "terse", "chat", "spoken"}
ABOUT = re.compile(
    r"what|\bis\b|know|learn|name {|state|report|look up|find|say {|tell|looking|search|=|help|\bI ask\b", re.I
)
# A topic can be copied if it needs no other pronoun in the answer and is a thing.
COPIED = re.compile(r"(the|a|an|today's) (?!.*\b(my|me|your|you|I|our|this|that|last|same|names?|list|answer)\b)")


def kinds(part: str) -> list[str]:
    """The kinds of foreign requests of a part: "train" has all but those that are held out whole."""
    return [name for name, kind in DECLINED_KINDS.items() if bool(kind.get("held_out")) == (part == "held out")]


def filled(pattern: str, rng: random.Random, slots: dict = SLOTS) -> str:
    """The pattern with its slots filled; {x} and {x2} differ, and the same slot is the same word."""
    values: dict[str, str] = {}
    for name, _ in SLOT.findall(pattern):
        if name == "invented":
            values |= {"invented": invented_word(rng), "invented2": invented_word(rng)}
        elif name not in values:
            values[name], values[name + "2"] = rng.sample(slots[name], 2)
    return with_right_articles(fill_pattern(pattern, values))


@cache
def making_frames(part: str) -> tuple[str, ...]:
    """Frames that ask for a thing to be made."""
    lists = (FRAMES[kind].get(toml_key(part), ()) for kind in FRAMES if kind in FOR_THINGS)
    return tuple(frame for frames in lists for frame in frames if not ABOUT.search(frame))


def asked_for(kind: dict, topic: str, rng: random.Random, part: str) -> str:
    """The topic of a kind in a frame that fits: what is to be made is asked for, and not about."""
    if kind.get("made"):
        return people.wrap(rng.choice(making_frames(part)), topic)
    return people.framed(topic, rng, part)[1]


def of_kind(name: str, rng: random.Random, part: str) -> tuple[str, str]:
    """(request, topic) of a kind; the topic is "" if the request has none that can be copied."""
    kind = DECLINED_KINDS[name]
    topics = kind.get("topics", [])
    if topics and rng.random() < FRAMED_SHARE:
        topic = filled(rng.choice(topics), rng)
        return asked_for(kind, topic, rng, part), topic
    requests = kind["requests"] if kind.get("held_out") else of_part(kind["requests"], part)
    marked = filled(rng.choice(requests), rng)
    topic = re.search(r"\[(.*)\]", marked)
    return marked.replace("[", "").replace("]", ""), topic[1] if topic else ""


def of_unknown(world: dict[str, Question], rng: random.Random, part: str) -> tuple[str, str, str]:
    """(request, topic, field): a question of a known family about something that does not exist.

    The topic is only the country, city, element or word.
    """
    name = rng.choice([name for name in UNKNOWN if name in world])
    question = world[name]
    ((field, slot),) = UNKNOWN[name].items()
    thing = filled("{" + slot + "}", rng)
    while any(fact[field] == thing for fact in question.facts):  # an invented word can be a real one
        thing = filled("{" + slot + "}", rng)
    return people.phrase(question, {field: thing, question.fields[-1]: "?"}, rng, part)[1], thing, field


def decline(topic: str, rng: random.Random, part: str, wordings: str = "declines") -> str:
    """A kind refusal that says what the model can do; it names the topic if there is one."""
    key = toml_key(part)
    slot = "{thing}" if wordings == "strange" else "{topic}"
    patterns = [pattern for pattern in DECLINED[wordings][key] if (slot in pattern) == bool(topic)]
    able = rng.choice(DECLINED["able"][key])
    return tidy(rng.choice(patterns).format(topic=topic, thing=topic, able=able))


def typed_and_declined(
    kind: dict, plain: str, topic: str, rng: random.Random, part: str, wordings: str
) -> tuple[str, str]:
    """(the request as it is typed, a refusal): it names the topic at times, if there is one that can be copied."""
    typed = people.typed(plain, rng, part, keep=topic.split())
    copied = topic if topic in typed and COPIED.match(topic) and rng.random() < TOPIC_SHARE else ""
    return typed, decline(copied, rng, wordings, kind.get("declines", "declines"))


def request_declined(world, rng: random.Random, part: str = "train", *, kind=None, wordings="train") -> Request:
    """A request to decline, of the kind or of any of the part; `wordings` is the part that the response is taken from.

    In the held-out part, kinds that are trained stand beside the held-out ones, in frames that never were.
    """
    if kind == "unknown" or (kind is None and rng.random() < UNKNOWN_SHARE):
        return request_unknown(world, rng, part, wordings=wordings)
    everything = kinds("train") + (kinds("held out") * 3 if part == "held out" else [])
    name = kind or rng.choice(everything)
    plain, topic = of_kind(name, rng, part)
    typed, response = typed_and_declined(DECLINED_KINDS[name], plain, topic, rng, part, wordings)
    return Request(typed, plain, "declined", name, (), (response,))


def request_unknown(world, rng: random.Random, part: str = "train", *, wordings="train") -> Request:
    """A question like the model's own about a country, city, element or word that does not exist, and a refusal."""
    plain, thing, field = of_unknown(world, rng, part)
    typed = people.typed(plain, rng, part, keep=thing.split())
    if thing in typed and rng.random() < THING_SHARE:
        response = decline(DECLINED["things"][field].format(thing), rng, wordings, "strange")
    else:
        response = decline("", rng, wordings)
    return Request(typed, plain, "declined", "unknown", (), (response,))


def request_identity(rng: random.Random, part: str = "train", *, kind=None, wordings="train") -> Request:
    """A question about the model itself, with all answers of the part `wordings` that are true."""
    name = kind or rng.choice(list(IDENTITY))
    plain = rng.choice(IDENTITY[name][toml_key(part)])
    answers = IDENTITY[name]["answers" if wordings == "train" else "answers_held_out"]
    return Request(people.typed(plain, rng, part), plain, "identity", name, (), tuple(answers))
