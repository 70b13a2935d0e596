"""How chat models talk about the rewriting that they were asked for: before the answer, after it, and in its place.

Phrases in English, with straight apostrophes (`plain_marks`). No word of a criterion stands here: those are arguments.
"""

import re

# The work, what comes of it, and the text that it is done to.
DO = (
    r"(?:(?:re-?|para)?phras|re-?(?:writ|word|vis(?=e|i)|stat(?=e|ing))|reformulat|adjust|modif|tweak|soften|polish)\w*"
)
DONE = (
    r"(?:re-?(?:written|wrote|worded|phrased|vised|done|stated|made)|reformulated|paraphrased|improved|edited|updated|"
    r"modified|adjusted|polished)"
)
VERSION = r"(?:version|rewrite|rewording|rephrasing|paraphrase|revision|variation|variant)s?"
TEXT = r"(?:answer|response|reply|sentence|statement|text|output|result|message)s?"
TRY = r"(?:take|attempt|try|shot|stab|crack|spin|way|suggestion|one)s?"
COMPARED = r"(?:more |less |\w+er )[\w'-]*"  # "more courteous", "ruder"
HERE_IS = r"(?:so |and |now |then )*here(?:'s| is| are|,)"
I_WILL = r"i(?:'ve|'d|'ll)?(?: (?:have|would|can|could|will|be|happy|glad|delighted|to|gladly|try|tried|just))*"
MAY = r"(?: would|'d| could| can| might| may)"
UNDERSTOOD = (
    r"(?:hmm|well|fine|sure(?: thing)?|certainly|of course|absolutely|definitely|ok(?:ay)?|alright|all right|got it|"
    r"no problem|yes|great|understood|gladly|with pleasure|my pleasure|as requested)"
)
PROMISE = (
    r"(?:(?:i(?:'d| would) be )?(?:happy|glad|delighted|pleased) to(?: help| do that| assist)?|i can (?:help|"
    r"do that)|let me help)"
)


def any_of(*patterns: str) -> re.Pattern:
    """One pattern of several, without regard to case."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


def plain_marks(text: str) -> str:
    """Curly apostrophes made straight, place for place."""
    return text.translate({ord(mark): "'" for mark in "’‘ʼ`´"})


# --- Before the answer ------------------------------------------------------------------------------------------

AGREED = re.compile(
    rf"(?:(?:{UNDERSTOOD}\b|{PROMISE}(?: with (?:that|this|you))?(?: (?:for )?you)?(?=[!,.;–—-]|"
    rf"$))\s*[!,.;–—-]*\s*){{1,3}}",
    re.I,
)
WORK = any_of(
    rf"\b(?:{DONE}|{VERSION}|{DO} (?:it|this|that|the|your|as))\b",
    r"\bma[dk]e (?:it|this|that|the \w+) (?:more|less|\w+er)\b",
)
ABOUT_WORDS = any_of(r"(?:an?|the|one|some)? ?(?:synonym|antonym|plural|past|meaning|definition|opposite)s?\b")
ANNOUNCED = any_of(HERE_IS, "here (?:it|you) ", "this is", "below", "the following", rf"{I_WILL} {DO}",
                   rf"(?:let me|let's|allow me to|i'?m going to|i'll) (?:{DO}|make)", "as (?:requested|you)",
                   "how about|what about|something like|maybe|perhaps", f"{COMPARED}:?$",
                   rf"{I_WILL} ma[dk]e (?:it|this|that|the)")  # fmt: skip
ANNOUNCEMENT = any_of(
    r"(?:so |and |now )?here (?:you (?:go|are)|it is|we go|goes)", rf"{HERE_IS}.*\b(?:more|less) \w+",
    r"(?:this|that|it)(?:'d| would| could| might| will|'s| is| sounds)(?: be| sound)? (?:more|less) \w+",
    rf"{HERE_IS} (?:the |my |your |an? |one |some )?(?:few |couple of |"
    rf"[\w'-]+ ){{0,4}}(?<!here's )(?<!is )(?<!are ){TRY}(?: (?:to|for|of|at|as|in|on|with|that)\b.*)?",
    rf"{HERE_IS} (?:the |an? |my |your )?(?:\w+ )?{COMPARED} ?(?:{TEXT})?\b.*",
    rf"{HERE_IS} (?:the |my |your |an? )?(?:few |final |requested |desired |new |possible |\d |two |three |"
    rf"\w+ different )*(?:{TEXT}|options?)(?: (?:to|for|of|you|"
    rf"as|in|with|that)\b.*)?",
    rf"(?:this is |here's )?(?:how|what) (?:i|you|one){MAY} (?:say|put|write|answer).*",
    rf"(?:perhaps |maybe |then )?(?:i|you|we|one){MAY} (?:also )?(?:say|put|try|write|answer|respond|reply|express|"
    rf"{DO})\b.*",
    r"(?:how|what) about(?: this(?: one)?| something like(?: this)?)?|try this(?: one)?|(?:something|maybe|"
    r"perhaps) like(?: this)?",
    rf"(?:let me|let's|i(?:'ll| will)|to) (?:try|{DO})\b.*|to (?:make|say|put|sound)\b.*|as requested.*",
    rf"(?:the|an?|one|my|your) (?:\w+ )?{COMPARED} ?(?:way|manner|form|{TEXT})\b.*",
    r"(?:in )?(?:a )?(?:more|less) \w+(?:ly)? (?:tone|voice|way|style|manner|words).*|(?:slightly |even |"
    r"much )?(?:more|less) \w+",
    rf"(?:my |your |the |final |new |model )*(?:answer|response|reply|output|result)s?|(?:ai|assistant|model|bot|a)|"
    rf"{DO}|after|new|final|draft|as you (?:wished|asked|wanted|requested)|here's what you (?:asked|wanted|"
    rf"requested)(?: for)?",
    "sure(?: thing)?|certainly|of course|absolutely|ok(?:ay)?|yes|understood|got it",
)  # fmt: skip


def announces(head: str, mark: str, labels: tuple[str, ...] = ()) -> bool:
    """True if these words, up to this mark (":", a newline, a full stop, a dash), speak of the answer to come.

    labels: words that announce it alone, before a colon.
    """
    plain = re.sub(r"\"[^\"]*\"|“[^”]*”", "", plain_marks(head)).strip("*_#>~ \t\n\r.!?…([")
    agreed = AGREED.match(plain)
    talk = plain[agreed.end() :] if agreed else plain
    if ABOUT_WORDS.match(talk):
        return False
    about, announced = bool(WORK.search(plain)), bool(ANNOUNCED.match(talk))
    whole = bool(ANNOUNCEMENT.fullmatch(re.sub(r" ?\([^)]*\)$", "", talk or plain)))
    compared = re.search(r"\b(?:more|less) \w+", talk) or talk.casefold().startswith(labels or ("\n",))
    named = any(word.startswith(labels or ("\n",)) for word in talk.casefold().split())
    if mark == ":":
        return about or whole or bool(compared) and len(talk.split()) <= 12 or named and len(talk.split()) <= 5
    if mark in "\n":
        return announced and (about or whole) or about and len(plain.split()) <= 3
    return announced and about


# --- After the answer -------------------------------------------------------------------------------------------

HEADED = (
    r"(?:please )?(?:note(?: that)?|n\.?b\.?|disclaimer|edit|explanation|rationale|reasoning|(?:key |the )?changes(?: "
    r"made)?|why this works|(?:what (?:i |has )?)?changed|tone|word count|style)"
)
CHANGED = (
    rf"(?:{DO}|changed|changing|made|make|added|adding|kept|keep|keeping|replaced|used|removed|maintained|preserved|"
    rf"retained|"
    r"included|avoided|toned|swapped|opted|chose|inserted|tried|aimed)"
)
OF_A_TEXT = "fact|meaning|tone|word|phras|sentence|beginning|version|rest|original|more|answer|it|them|all"
NOTE = any_of(
    rf"how does (?:this|that) (?:sound|look)\b|(?:this|that)(?:'s| is) (?:a |the )?(?:{COMPARED}) (?:way|{VERSION}|"
    rf"{TEXT})\b",
    r"(?:all )?facts? (?:are |were )?(?:kept|preserved)\b",
    rf"{HEADED}\b\W*[:–—]", r"(?:please )?note (?:that )?(?:i|this|the (?:tone|word|fact|mean|rewr))\b",
    rf"(?:i|we)(?:'ve| have|'m| am)? (?:also |just |only |simply |slightly |tried to |aimed to )*{CHANGED}\b"
    rf"(?=[^.!?]*\b(?:{OF_A_TEXT})\w*)",
    rf"i hope (?:this|that|it|the|my)\b.*\b(?:{DONE}|{VERSION}|meets?|works?|fits?|matches|captures|what you)\b",
    rf"(?:this|the|that|my|it)(?: \w+)? (?:{VERSION}|{DONE}|tone|wording|phrasing)\b",
    rf"(?:this|that) (?:\w+ )?(?:{TEXT} )?(?:keeps?|maintains?|preserves?|retains?|conveys?|sounds?|adds|makes it|uses|"
    r"softens|is (?:now |intentionally |deliberately )?(?:a (?:bit |little )?|slightly |much )?(?:more|less|meant))\b",
    r"(?:this|that|the) (?:new |above )?(?:response|reply|answer|rewrite) is (?:now |intentionally |deliberately )",
    rf"in this (?:version|re\w+)|(?:all |the )+(?:original )?(?:facts?|meaning|information|content) (?:{CHANGED}|is|"
    rf"are|was|were|"
    r"remains?|stays?|ha(?:s|ve))\b",
    rf"(?:even )?(?:more|less) \w+(?: (?:tone|{VERSION}))?\W*$",
    rf"(?:{CHANGED}|no) (?:the |all |every |a |an |any )*(?:\w+ )?(?:facts?|meaning|tone|wording|changes?)\b",
    r"by (?:adding|using|replacing|removing|keeping|softening)\b",
    rf"(?:{DONE}|same (?:facts?|meaning)|\d+ (?:words|characters))\b",
)  # fmt: skip
OFFER = any_of(
    r"(?:please )?(?:let me know|tell me|say)\b", r"(?:would|do|did) you (?:like|want|prefer|need)\b",
    "(?:please |just )?feel free",
    r"(?:please )?(?:don't|do not) hesitate", r"if you(?:'d| would)? (?:like|need|want|prefer)\b",
    r"(?:is|does|do|how(?:'s| is| does| about)) (?:this|that|these)\b", r"i (?:can|could) also\b",
    r"(?:i(?:'m|'d be) )?(?:always )?(?:happy|glad) to\b",
    r"want (?:me to|another|a different)\b|shall i\b|should i\b|i hope\b",
    r"(?:is there|need) anything\b|anything else\b",
    r"which (?:one|of|version|do)\b",
)  # fmt: skip
OF_WORK = any_of(
    rf"\b(?:{VERSION}|{DO}|changes?|changed|tone|wording|different(?:ly)?|alternatives?|(?:other|more) options?)\b",
    r"\banother (?:one|option|way|try|attempt)\b|\btry again\b|\bwhich (?:one|of)\b|\b(?:make|made) (?:it|this|"
    r"that)\b|\beven \w+er\b",
    r"\b(?:softer|stronger|shorter|longer|gentler|harsher|warmer|milder|stricter|sharper|blander)\b",
    r"\bwhat you (?:had in mind|were looking for|wanted|needed)\b|\bmeets? your\b|\bworks? for you\b|\b(?:more|"
    r"less) \w+ (?:one|tone)\b|\b\w+ enough\b|\b(?:it|this|that) (?!further|later|over|together|other)\w+er\b",
)  # fmt: skip


def is_note(sentence: str) -> bool:
    """True for a sentence about the rewriting, or an offer to do it again; an offer of help is none."""
    sentence = re.sub(r"^[\W_]+", "", plain_marks(sentence))
    return bool(NOTE.match(sentence) or OFFER.match(sentence) and OF_WORK.search(sentence))


def is_offer(sentence: str) -> bool:
    """True for an offer of any kind, and for a note."""
    return is_note(sentence) or bool(OFFER.match(re.sub(r"^[\W_]+", "", plain_marks(sentence))))


# --- In place of the answer -------------------------------------------------------------------------------------

CANNOT = (
    r"(?:can(?:'t|not| not)|won't|will not|am (?:not able|unable)|'m (?:not able|unable)|couldn't|could not|"
    r"must decline|refuse)"
)
DECLINED_ACT = (
    rf"(?:help(?! (?:but|my))|assist|comply|do (?:that|this|so)|write|{DO}|make (?:it|this|that)|provide|fulfil+|"
    rf"generate|create|produce|"
    r"support|continue|engage|insult|be (?!sure|certain|more|any|the|late|there)\w+|respond|participate|offer (?:that|"
    r"this|any|you that)|complete|say something|agree to)"
)
REFUSAL = any_of(
    r"\bas an ai\b|\bas a (?:large )?language model\b", rf"\bi(?: simply| really)? ?{CANNOT} (?:to )?{DECLINED_ACT}",
    r"\bi(?:'m| am) (?:not comfortable|not (?:going|willing|allowed|permitted) to|uncomfortable|afraid (?:that's|"
    r"this is|that is) (?:not )?(?:some|any)thing)",
    r"\bi(?:'d| would) (?:rather|prefer) not\b|\bi(?:'d| would) (?:like|prefer|rather|want) (?:to )?(?:keep|stay|"
    r"remain)\b[^.!?]{0,100}\b(?:kind|respectful\w*|civil|friendly|conversation|original|as it is)\b",
    r"\b(?:not |in)appropriate (?:for me|to (?:be|write|say|use|respond|speak))\b|\bno can do\b|\b(?:isn't|is not|"
    r"not) something i\b|\bagainst my\b|\bi must decline\b|\bi (?:have to|need to|respectfully|must) (?:decline|"
    r"refuse|pass)\b|\bi decline\b|\bi (?:don't|do not) (?:feel comfortable|write|think (?:it|that) would be|"
    r"engage)\b|\bi'm (?:just )?an ai\b|\bmy (?:guidelines|programming|policy)\b",
    rf"\b(?:sorry|unfortunately|apologi[sz]e)\b[^.!?]{{0,25}}\bi (?:can't|cannot|won't|am unable|"
    rf"'m unable) {DECLINED_ACT}",
    r"\b(?:always )?strive to\b.{0,100}\b(?:respect|kind|courte)",
)  # fmt: skip
TASK_TALK = any_of(
    rf"\b(?:your (?:answer|original)|(?:this|that) (?:answer|response|request)|the (?:original|given|"
    rf"rewritten) {TEXT}|what an? \w+ (?:answer|response)) (?:is|was|has|seems|doesn't|does not|should|already|"
    r"overlooks|lacks|misses|could)", r"\bthe answer (?:is already|overlooks|lacks|misses|should|doesn't|"
                                      r"could be)\b|\bwhat an? \w+ answer\b",
    r"\bthe user (?:asks|asked|wants|gave|said|is asking|requested|needs me)\b|\bno changes? (?:is|are|was|were)? "
    r"?(?:needed|necessary|required)\b|\bdef \w+\(|\bthe (?:rewritten|original) (?:answer|text|sentence|version)\b",
    rf"\b(?:would|do|did|should) (?:you|i) (?:like|want|prefer|need|make|keep)\b(?: me)?(?: to)?(?: {DO}| it |"
    rf" the answer| the tone)",
    rf"\bwhat (?:would you like|do you want) me to (?:{DO}|do|say|change)\b|\bplease (?:provide|share|give|send|"
    rf"paste)(?: me)? (?:with )?(?:the|your|an?) (?:\w+ )?(?:answer|sentence|text|original|question)\b",
    r"\b(?:let me know|tell me)\b[^.?!]{0,40}\b(?:get started|what tone|i'll (?:start|begin|rewrite|do)|rewr\w+)\b",
    r"^(?:question|q|instruction) ?:",
)  # fmt: skip


# --- Quotation marks --------------------------------------------------------------------------------------------

# An opening mark -> the marks that can close it.
CLOSING_QUOTES = dict(zip("\"'“”‘’«»„`「", ('"', "'", "”", "”", "’", "’", "»", "«", "“”‟", "`", "」"), strict=True))


def plain_quotes(text: str) -> str:
    """The text with straight apostrophes, its quotation marks as they are."""
    return re.sub(r"(?<=\w)[’‘ʼ](?=\w)", "'", text)


def is_quoted(text: str) -> bool:
    """True if the first and the last character are one pair of quotation marks around all of the text."""
    if len(text) < 3 or text[-1] not in CLOSING_QUOTES.get(text[0], ""):
        return False
    opening, depth = text[0], 0
    for place, mark in enumerate(text):
        before, after = text[place - 1 : place] if place else "", text[place + 1 : place + 2]
        if mark not in (opening, text[-1]) or before.isalnum() and after.isalnum():  # an apostrophe
            continue
        opens = mark == opening and (mark != text[-1] or not (before.isalnum() or before and before in ".,!?…)"))
        depth += 1 if opens and after.strip() else -1
        if depth <= 0 and after:
            return False
    return depth == 0
