"""The cues of politeness and bluntness in English: what `voices.politeness` looks for.

Each regular expression is matched, without regard to case, against one piece of a sentence (a piece ends at
punctuation). None is a pattern of data/voices.json, yet every pattern is recognised, because a test demands it;
data/README.md measures how much the cues owe to that. Extend them when a text is misjudged.
"""

import re

ADJECTIVE = r"(?:good|great|lovely|nice|fine|wonderful|excellent|thoughtful|interesting|sweet|generous)"
GLAD = r"(?:happy|glad|pleased|delighted|honou?red|grateful|thankful)"
PEOPLE = r"(?:every(?:one|body)|any(?:one|body)|nobody|no one|child(?:ren)?|kids|beginner|toddler)"
HARD = r"(?:hard|difficult|complicated|easy|simple|obvious|slow)"

POLITE_CUES = (
    # gladness
    rf"\b(?:I|we)(?:'m| am|'re| are|'d be| would be| was)(?: \w+){{0,2}} {GLAD}\b",
    rf"^(?:(?:always|only|too|more|than|very|so|most) )*{GLAD} (?:to|I|you)\b",
    r"\bglad you\b|\bplease me\b|\bgladly\b|\bhappily(?= \w)",
    r"\b(?:my|with|great|always a|such a|be a|is a|it's a|was a|^a) (?:\w+ )?(?:pleasure|privilege|joy)\b",
    r"^a pleasure|\b(?:an hono?ur|a delight) to\b|\b(?:I|we)(?:'d| would) (?:really )?(?:love|like)\b",
    r"\bI(?: \w+)? enjoy(?:ed)? (?:your|answering|helping)",
    # thanks, please, kindness, respect
    r"\bthank(?:s\b| you)|\bappreciat|\bgrateful\b|\bplease\b|(?:\b(?:I'm|I am|so|very) |^)sorry\b",
    r"\bapologi[sz]e\b|\bpardon me\b|\bexcuse me\b|\bkindly\b",
    r"\bkind (?:of you|regards|wishes|words|question|request)\b|\byou(?:'re| are)? (?:\w+ )?kind\b",
    r"\brespectfully\b|\bwith (?:\w+ ){0,2}respect\b|\bhumbl[ey]\b|\bmy (?:dear )?friend\b",
    r"\bdear (?:friend|reader|sir|madam)\b|\bindeed\b|^(?:of course|certainly|absolutely)!",
    # compliments
    rf"\b{ADJECTIVE} (?:question|point|choice|thing to ask|of you|to (?:hear|meet|see))|\bhow {ADJECTIVE}\b",
    r"\bask(?:ed)? (?:so|very) nicely\b|\bkeep asking\b",
    # offers and permission
    r"\bif I may\b|\b(?:may|could|shall) I\b|\b(?:allow|permit) me\b",
    r"\bif you(?:'ll| will| would|'d)? (?:allow|like)\b",
    r"\b(?:I can|could I|let me|here to|to be of)(?: \w+)? (?:help|assist|explain)|\blet me know\b",
    r"\bfeel free\b|\b(?:don't|do not) hesitate\b|\b(?:do|just) ask\b|\bof (?:service|help|assistance)\b",
    r"\bat your service\b|\bhere (?:for you|if you|whenever)\b|\banything else I\b",
    r"\bwould you (?:like|care)\b|\bwhenever you like\b|\bany ?time!?$|\ba (?:small )?favou?r\b",
    r"\bmy (?:full )?attention\b|\bhelp you\b",
    # wishes
    r"\b(?:I|we)(?: \w+)? hope\b|\bhop(?:e|ing) (?:this|that|it|you)\b|\bhopefully\b",
    r"\bif (?:it|that|this) helps\b|\bwelcome\b|\bwish(?:ing)? you\b|\b(?:best|warm) wishes\b|\bregards\b",
    r"\ball the best\b|^(?:do )?take care\b|\bgood luck\b|\blook(?:ing)? forward\b",
    rf"\bhave a (?:\w+ )?{ADJECTIVE} \w+|^{ADJECTIVE} day\b",
    r"^enjoy\b",
)
BLUNT_CUES = (
    # impatience
    r"\b(?:obviously|duh|ugh|seriously|good grief|come on|whatever)\b|\b(?:clearly|plainly)(?= \w)",
    r"^(?:clearly|plainly)|\bfor (?:\w+'s|goodness'?) sake\b|^(?:look|listen|honestly|fine|wow|sigh)[.!]?$",
    r"\blike it or not\b|\bneedless to\b|\bwast(?:e|ed|ing) (?:of )?(?:\w+ )?time\b|\btime wasted\b",
    r"\bbother(?:ing)? (?:me|some|to|ask)|\bwhy bother\b|\bkidding\b|\ba joke\b|\bme a break\b|^enough\b",
    r"\bpatience is\b|\btired of\b|\bI'm busy\b|\bbetter things\b|\bover with\b|\bleave me\b",
    r"\bdon't have (?:all day|time)\b|\bnot this again\b|^again with\b|\b(?:last|next|this|more) time$",
    r"\b(?:last|next|this|more) time[.,!?]|\bonce and for all\b|\bfor once\b",
    r"\b(?:only|have to) (?:say|spell|explain|repeat)|\brepeat myself\b|\bkeep (?:saying|telling|up\b)",
    r"\bit slowly\b|\bsay (?:it|this) (?:once|twice)\b|\bthat's all you\b|\bend of (?:story|discussion)\b",
    r"\bcase closed\b",
    # everyone knows, you should have known
    rf"\b{PEOPLE} (?:else )?(?:\w+ )?(?:kn[eo]w|could tell|needs to ask)",
    r"\bwho doesn't\b|\bcommon knowledge\b|\beven (?:you|a (?:child|beginner|toddler|baby)|kids)\b",
    r"\bif you must\b|\bsurely you\b|\bas you should\b|\byou (?:should|ought to) (?:kn|be able)",
    r"\byou(?: really)? (?:should|ought to|can't|don't|didn't|couldn't|had to)(?: \w+)? (?:kn|look|work|ask)",
    r"\byou (?:should|could) have\b|\bdid you (?:not|skip|even|really)\b|\bhave you never\b",
    r"\bare you even\b|\bmissed (?:school|class)\b|\bbelieve it or not\b|\bcan't believe\b",
    r"\b(?:no|what a|big) surprise\b|\b(?:do|must) I (?:have|look|need|really|do)\b|\bhave to explain\b",
    r"\bdo your own\b|\bmake me (?:say|repeat)\b",
    # it is easy
    r"\bhow hard (?:is|was|can|could)\b",
    rf"\b(?:is|was|were) (?:that|it|this) (?:really )?(?:so |that )?{HARD}|\bisn't (?:it|that) {HARD}",
    r"\bas if that\b",
    rf"\bnot (?:that|exactly|so) {HARD}|\b(?:far too|painfully) {HARD}",
    rf"\b(?:this|that|it)(?:'s| is) (?:so|painfully|just|really) (?:{HARD}|basic)",
    r"\bwhy is this so\b|\bbasic stuff\b|\brocket science\b|\bbe (?:simpler|easier|(?:any )?slower)\b",
    r"\bmake it simple\b|\b(?:easy|silly|stupid|dumb|ridiculous|these|no more) questions?\b",
    r"\b(?:call that|kind of) a? ?question\b",
    # orders
    r"\b(?:don't|stop|why|before you|worth) ask|\blook(?:ed)? (?:it|that|this|them) up\b|^really\?",
    r"\b(?:look|do|find|google|figure|work|check)\b.*\byourself\b",
    r"\byour (?:own )?(?:head|brain|homework|books?)\b|\bread (?:a book|my lips)\b",
    r"\b(?:try|like|buy|open) a dictionary\b",
    r"\b(?:pay|paying) attention\b|\bwake up\b|\bkeep up\b|\bdo better\b|^(?:now )?move (?:on|along)\b",
    r"\bdeal with it\b|^(?:get|got) (?:it|this|that)\b|\bwrite (?:it|this|that) down\b",
    r"\bforget (?:it|this|that)\b|^(?:now )?go and\b|\band go$|\band go:|\bhappy now\b|\bsatisfied now\b",
    r"\bwe done\b|\b(?:try|trying|care) to (?:remember|keep|learn)\b|\btry (?:thinking|reading)\b",
    r"\bwould it kill you\b|\bthink(?:ing)? (?:harder|before|first|for|would)\b",
    r"\bjust (?:learn|remember)\b|\bfigure (?:it|that) out\b|\bwhat did you expect\b|\byou can remember\b",
    r"\bcan't (?:you )?(?:work|figure)\b|\bwhat else can't\b|\byou can't (?:work|figure)\b",
    r"\bfigure out the rest\b",
)
POLITE, BLUNT = (re.compile("|".join(cues), re.IGNORECASE) for cues in (POLITE_CUES, BLUNT_CUES))
