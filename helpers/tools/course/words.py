"""Words for made-up content, so that the course models learn to copy what they read and not what they know.

A third of the made-up content uses invented words (`invented_word`): no list could hold what learners will type.
"""

import random

NOUNS = """
time year day night week month hour minute morning evening people man woman child boy girl friend family mother father
sister brother teacher student doctor nurse farmer baker driver pilot sailor singer painter writer king queen captain
house home room door window wall floor roof kitchen garden street road bridge city town village school office market
shop station park river lake sea ocean island beach forest mountain hill valley field farm desert cave rock stone sand
tree leaf flower grass root seed fruit apple banana orange lemon grape cherry peach pear plum melon bread butter cheese
milk egg meat fish rice soup salad sugar salt pepper tea coffee water juice wine cup glass plate bowl knife fork spoon
bottle box bag basket table chair bed lamp clock mirror picture book letter page word story song poem paper pen pencil
key lock coin ring hat coat shirt shoe sock glove scarf dress button needle thread rope chain wheel car bus train plane
boat ship bicycle truck engine machine tool hammer nail saw screw ladder bucket brush broom soap towel candle fire smoke
light shadow sun moon star planet sky cloud rain snow wind storm ice heat dog cat horse cow pig sheep goat chicken duck
bird eagle owl crow mouse rat rabbit fox wolf bear lion tiger elephant monkey snake frog turtle spider bee ant butterfly
whale shark dolphin body head face eye ear nose mouth tooth tongue neck arm hand finger leg foot knee heart bone blood
skin hair name number answer question idea plan problem reason result rule game ball toy team race prize gift party
holiday journey map ticket price money bank job work task group club class lesson test science history music art dance
film camera radio phone screen computer keyboard battery wire metal gold silver iron copper wood glass cloth leather
capital language country continent currency symbol element opposite synonym plural sentence verb noun adjective colour
shape circle square triangle line point corner edge side top bottom middle front back left right length weight height
""".split()

ADJECTIVES = """
big small large little long short tall high low wide narrow thick thin deep shallow heavy light strong weak hard soft
fast slow quick early late new old young fresh ripe raw hot cold warm cool dry wet clean dirty clear dark bright pale
red blue green yellow black white brown grey pink purple golden round flat straight curved sharp blunt smooth rough
loud quiet calm busy empty full open closed rich poor cheap free happy sad angry afraid brave proud shy kind gentle
honest clever wise strange common rare simple complex easy difficult safe dangerous healthy sick tired hungry thirsty
sweet sour bitter salty spicy tasty pretty plain famous modern ancient local foreign public private real false true
right wrong same different equal whole broken lost hidden distant near northern southern eastern western central
""".split()

VERBS = """
opened closed found lost made broke bought sold gave took brought carried lifted dropped moved pushed pulled threw
caught held kept left reached followed watched saw heard smelled tasted touched painted drew wrote read sang played
built cleaned washed cooked baked ate drank fed grew planted cut mixed filled emptied counted measured weighed chose
showed hid sent received answered asked called met helped taught learned forgot remembered crossed climbed visited
""".split()

NAMES = """
Anna Ben Clara David Emma Felix Greta Hugo Ida Jonas Karin Leo Maria Nina Oscar Paula Rosa Simon Tara Umar Vera Will
Yara Zoe Amir Bela Chen Dina Elif Farid Hana Ivan Jorge Kofi Lina Mei Noah Omar Priya Ravi Sofia Tomas Wanda Alice
Boston Berlin Cairo Delhi Geneva Havana Jakarta Kyoto Lagos Lima Lyon Madrid Milan Mumbai Naples Odessa Oxford Quito
Riga Seville Sydney Tunis Turin Vienna Warsaw Zurich Bristol Dresden Porto Malaga Bergen Gdansk Tampere Aarhus
""".split()

ONSETS = "b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sc sh sk sl sm sn sp st str t th tr v w y z".split()
VOWELS = "a a a e e e i i o o o u u ai ea ee ie oo ou".split()
CODAS = ["", "", "", "", *"b ck d f g k l ll m n nd ng nt p r rd rk rn s sh ss st t th x z".split()]
ENDINGS = [
    "",
    "",
    "",
    "",
    *"a an ar en er ia in ing is o on or us y ville land ton berg grad stan ium ine ette ova ette".split(),
]


def invented_word(rng: random.Random) -> str:
    """A pronounceable word that most likely nobody has written before, mostly 3 to 12 letters."""
    syllables = [
        rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.choice((1, 1, 2, 2, 3)))
    ]
    word = "".join(syllables) + rng.choice(ENDINGS)
    return word if len(word) > 2 else word + rng.choice("lmnrst")
