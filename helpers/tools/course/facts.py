"""The facts of the course: one table per task family, one tuple per fact.

The order matters: the first 16 rows of a table are shipped in data/instruction-data.json, the rows after them
are the reserve, which no training file contains. Facts that can be computed (sums, unit conversions, sorted
lists, roman numerals) are stored as the question only; families.py computes their answers.
"""

CAPITALS = [  # country, capital
    ("Greece", "Athens"), ("France", "Paris"), ("Spain", "Madrid"), ("Portugal", "Lisbon"),
    ("Norway", "Oslo"), ("Sweden", "Stockholm"), ("Colombia", "Bogotá"), ("Belgium", "Brussels"),
    ("Finland", "Helsinki"), ("Ireland", "Dublin"), ("Japan", "Tokyo"), ("Kenya", "Nairobi"),
    ("Canada", "Ottawa"), ("Australia", "Canberra"), ("Nepal", "Kathmandu"), ("Lebanon", "Beirut"),
    # reserve
    ("Denmark", "Copenhagen"), ("Chile", "Santiago"), ("Bulgaria", "Sofia"), ("Afghanistan", "Kabul"),
    ("Latvia", "Riga"), ("Syria", "Damascus"),
]  # fmt: skip

CURRENCIES = [  # country, currency
    ("Mexico", "peso"), ("China", "yuan"), ("South Korea", "won"), ("South Africa", "rand"),
    ("Switzerland", "franc"), ("India", "rupee"), ("Malaysia", "ringgit"), ("Peru", "sol"),
    ("Romania", "leu"), ("Nigeria", "naira"), ("Ghana", "cedi"), ("Ethiopia", "birr"), ("Mongolia", "tugrik"),
    ("Indonesia", "rupiah"), ("Japan", "yen"), ("Kazakhstan", "tenge"),
    # reserve
    ("Georgia", "lari"), ("Honduras", "lempira"), ("Albania", "lek"), ("Armenia", "dram"),
    ("Zambia", "kwacha"), ("Morocco", "dirham"),
]  # fmt: skip

CONTINENTS = [  # country, continent
    ("Germany", "Europe"), ("Morocco", "Africa"), ("Argentina", "South America"), ("Iraq", "Asia"),
    ("Senegal", "Africa"), ("Croatia", "Europe"), ("Pakistan", "Asia"), ("Ecuador", "South America"),
    ("Guatemala", "North America"), ("Tunisia", "Africa"), ("Estonia", "Europe"),
    ("Bolivia", "South America"), ("Canada", "North America"), ("Uganda", "Africa"), ("Slovenia", "Europe"),
    ("Afghanistan", "Asia"),
    # reserve
    ("Uruguay", "South America"), ("Namibia", "Africa"), ("Luxembourg", "Europe"), ("Myanmar", "Asia"),
    ("Honduras", "North America"), ("Yemen", "Asia"),
]  # fmt: skip

LANGUAGES = [  # country, official language
    ("Brazil", "Portuguese"), ("Austria", "German"), ("Egypt", "Arabic"), ("Iran", "Persian"),
    ("Israel", "Hebrew"), ("Cuba", "Spanish"), ("Turkey", "Turkish"), ("Thailand", "Thai"),
    ("Poland", "Polish"), ("Iceland", "Icelandic"), ("Cambodia", "Khmer"), ("Bangladesh", "Bengali"),
    ("Russia", "Russian"), ("the Netherlands", "Dutch"), ("Hungary", "Hungarian"), ("Liberia", "English"),
    # reserve
    ("Angola", "Portuguese"), ("Saudi Arabia", "Arabic"), ("Vietnam", "Vietnamese"), ("Italy", "Italian"),
    ("Ukraine", "Ukrainian"), ("Jordan", "Arabic"),
]  # fmt: skip

LANDMARKS = [  # landmark, country
    ("the Eiffel Tower", "France"), ("the Colosseum", "Italy"), ("the Taj Mahal", "India"),
    ("the Great Pyramid of Giza", "Egypt"), ("Machu Picchu", "Peru"), ("Angkor Wat", "Cambodia"),
    ("the Acropolis", "Greece"), ("the Sagrada Família", "Spain"), ("the Brandenburg Gate", "Germany"),
    ("Chichén Itzá", "Mexico"), ("the Kremlin", "Russia"), ("Mount Fuji", "Japan"),
    ("the Atomium", "Belgium"), ("the Blue Mosque", "Turkey"), ("Mount Kilimanjaro", "Tanzania"),
    ("the Forbidden City", "China"),
    # reserve
    ("Petra", "Jordan"), ("the CN Tower", "Canada"), ("Borobudur", "Indonesia"),
    ("Table Mountain", "South Africa"), ("the Little Mermaid statue", "Denmark"),
    ("the Sydney Opera House", "Australia"),
]  # fmt: skip

AUTHORS = [  # book or play, author
    ("Hamlet", "William Shakespeare"), ("Pride and Prejudice", "Jane Austen"),
    ("Oliver Twist", "Charles Dickens"), ("War and Peace", "Leo Tolstoy"), ("Jane Eyre", "Charlotte Brontë"),
    ("Frankenstein", "Mary Shelley"), ("Dracula", "Bram Stoker"),
    ("Treasure Island", "Robert Louis Stevenson"), ("Animal Farm", "George Orwell"),
    ("Don Quixote", "Miguel de Cervantes"), ("Les Misérables", "Victor Hugo"),
    ("The Jungle Book", "Rudyard Kipling"), ("The Trial", "Franz Kafka"), ("Moby-Dick", "Herman Melville"),
    ("Brave New World", "Aldous Huxley"), ("Ulysses", "James Joyce"),
    # reserve
    ("Heidi", "Johanna Spyri"), ("Little Women", "Louisa May Alcott"), ("Mrs Dalloway", "Virginia Woolf"),
    ("Pippi Longstocking", "Astrid Lindgren"), ("Gulliver's Travels", "Jonathan Swift"),
    ("Ivanhoe", "Walter Scott"),
]  # fmt: skip

SYNONYMS = [  # word, synonym
    ("fast", "quick"), ("large", "big"), ("smart", "clever"), ("angry", "furious"), ("wealthy", "rich"),
    ("courageous", "brave"), ("silent", "quiet"), ("purchase", "buy"), ("unhappy", "sad"), ("ill", "sick"),
    ("error", "mistake"), ("physician", "doctor"), ("journey", "trip"), ("repair", "fix"), ("infant", "baby"),
    ("choose", "select"),
    # reserve
    ("shout", "yell"), ("afraid", "scared"), ("odd", "strange"), ("gather", "collect"), ("reply", "answer"),
    ("automobile", "car"),
]  # fmt: skip

ANTONYMS = [  # word, opposite
    ("hot", "cold"), ("up", "down"), ("full", "empty"), ("early", "late"), ("high", "low"),
    ("open", "closed"), ("strong", "weak"), ("wet", "dry"), ("long", "short"), ("heavy", "light"),
    ("clean", "dirty"), ("day", "night"), ("young", "old"), ("inside", "outside"), ("always", "never"),
    ("thick", "thin"),
    # reserve
    ("near", "far"), ("push", "pull"), ("smooth", "rough"), ("entrance", "exit"), ("north", "south"),
    ("summer", "winter"),
]  # fmt: skip

PAST_TENSES = [  # verb, past tense
    ("go", "went"), ("eat", "ate"), ("see", "saw"), ("take", "took"), ("sing", "sang"), ("swim", "swam"),
    ("speak", "spoke"), ("drive", "drove"), ("teach", "taught"), ("bring", "brought"), ("know", "knew"),
    ("fly", "flew"), ("begin", "began"), ("sleep", "slept"), ("build", "built"), ("freeze", "froze"),
    # reserve
    ("write", "wrote"), ("catch", "caught"), ("steal", "stole"), ("throw", "threw"), ("choose", "chose"),
    ("drink", "drank"),
]  # fmt: skip

PLURALS = [  # noun, plural
    ("child", "children"), ("mouse", "mice"), ("foot", "feet"), ("goose", "geese"), ("woman", "women"),
    ("leaf", "leaves"), ("knife", "knives"), ("city", "cities"), ("box", "boxes"), ("potato", "potatoes"),
    ("berry", "berries"), ("loaf", "loaves"), ("church", "churches"), ("shelf", "shelves"), ("ox", "oxen"),
    ("brush", "brushes"),
    # reserve
    ("tooth", "teeth"), ("wolf", "wolves"), ("story", "stories"), ("hero", "heroes"), ("thief", "thieves"),
    ("glass", "glasses"),
]  # fmt: skip

COMPARATIVES = [  # adjective, comparative
    ("good", "better"), ("bad", "worse"), ("big", "bigger"), ("tall", "taller"), ("easy", "easier"),
    ("large", "larger"), ("nice", "nicer"), ("busy", "busier"), ("strong", "stronger"), ("funny", "funnier"),
    ("wide", "wider"), ("early", "earlier"), ("cheap", "cheaper"), ("wet", "wetter"), ("lucky", "luckier"),
    ("dark", "darker"),
    # reserve
    ("happy", "happier"), ("thin", "thinner"), ("old", "older"), ("noisy", "noisier"), ("brave", "braver"),
    ("cold", "colder"),
]  # fmt: skip

YOUNG_ANIMALS = [  # animal, name of its young
    ("cow", "calf"), ("dog", "puppy"), ("cat", "kitten"), ("sheep", "lamb"), ("horse", "foal"),
    ("pig", "piglet"), ("duck", "duckling"), ("goose", "gosling"), ("bear", "cub"), ("deer", "fawn"),
    ("goat", "kid"), ("frog", "tadpole"), ("kangaroo", "joey"), ("swan", "cygnet"), ("hen", "chick"),
    ("owl", "owlet"),
    # reserve
    ("lion", "cub"), ("whale", "calf"), ("eagle", "eaglet"), ("hare", "leveret"), ("spider", "spiderling"),
    ("seal", "pup"),
]  # fmt: skip

ANIMAL_SOUNDS = [  # animal, sound
    ("cow", "moo"), ("dog", "bark"), ("cat", "meow"), ("sheep", "bleat"), ("horse", "neigh"), ("pig", "oink"),
    ("duck", "quack"), ("lion", "roar"), ("wolf", "howl"), ("snake", "hiss"), ("bee", "buzz"),
    ("frog", "croak"), ("owl", "hoot"), ("donkey", "bray"), ("mouse", "squeak"), ("rooster", "crow"),
    # reserve
    ("turkey", "gobble"), ("pigeon", "coo"), ("goose", "honk"), ("hen", "cluck"), ("crow", "caw"),
    ("tiger", "roar"),
]  # fmt: skip

SYMBOLS = [  # element, chemical symbol
    ("gold", "Au"), ("silver", "Ag"), ("iron", "Fe"), ("copper", "Cu"), ("sodium", "Na"), ("lead", "Pb"),
    ("mercury", "Hg"), ("hydrogen", "H"), ("carbon", "C"), ("neon", "Ne"), ("calcium", "Ca"), ("zinc", "Zn"),
    ("magnesium", "Mg"), ("chlorine", "Cl"), ("silicon", "Si"), ("nickel", "Ni"),
    # reserve
    ("tin", "Sn"), ("aluminium", "Al"), ("platinum", "Pt"), ("lithium", "Li"), ("radium", "Ra"),
    ("barium", "Ba"),
]  # fmt: skip

FACTORS = {  # (larger unit, smaller unit): how many of the smaller make one of the larger
    ("feet", "inches"): 12, ("yards", "feet"): 3, ("metres", "centimetres"): 100,
    ("centimetres", "millimetres"): 10, ("weeks", "days"): 7, ("days", "hours"): 24, ("hours", "minutes"): 60,
    ("minutes", "seconds"): 60, ("years", "months"): 12, ("decades", "years"): 10,
    ("centuries", "years"): 100, ("pounds", "ounces"): 16, ("gallons", "quarts"): 4, ("gallons", "pints"): 8,
    ("litres", "centilitres"): 100,
}  # fmt: skip

CONVERSIONS = [  # amount, from, to
    (4, "weeks", "days"), (3, "feet", "inches"), (5, "minutes", "seconds"), (2, "days", "hours"),
    (7, "metres", "centimetres"), (6, "yards", "feet"), (2, "years", "months"), (3, "hours", "minutes"),
    (4, "decades", "years"), (9, "centimetres", "millimetres"), (3, "pounds", "ounces"),
    (5, "gallons", "quarts"), (6, "centuries", "years"), (8, "weeks", "days"), (10, "feet", "inches"),
    (2, "litres", "centilitres"),
    # reserve
    (6, "days", "hours"), (9, "weeks", "days"), (5, "years", "months"), (3, "gallons", "pints"),
    (4, "minutes", "seconds"), (12, "yards", "feet"),
]  # fmt: skip

SUMS = [  # first and second summand
    (17, 25), (8, 14), (36, 47), (52, 29), (19, 63), (44, 38), (71, 18), (23, 9), (65, 27), (12, 56),
    (90, 34), (28, 33), (7, 76), (41, 49), (15, 16), (59, 13),
    # reserve
    (22, 39), (48, 26), (35, 57), (64, 19), (11, 83), (73, 24),
]  # fmt: skip

PRODUCTS = [  # first and second factor
    (6, 7), (8, 9), (3, 12), (4, 11), (5, 13), (7, 8), (9, 6), (12, 12), (3, 15), (10, 14), (2, 17), (6, 11),
    (8, 4), (9, 9), (5, 16), (7, 12),
    # reserve
    (4, 13), (6, 9), (3, 18), (11, 8), (7, 14), (5, 19),
]  # fmt: skip

ROMAN = [4, 9, 14, 19, 23, 28, 36, 40, 47, 55, 62, 79, 90, 100, 150, 500, 12, 33, 44, 68, 84, 96]

PAST_SENTENCES = [  # subject, present, past, rest
    ("She", "walks", "walked", "to school"), ("He", "plays", "played", "the guitar"),
    ("The dog", "runs", "ran", "across the field"), ("They", "watch", "watched", "the film"),
    ("My sister", "writes", "wrote", "a letter"), ("We", "wait", "waited", "at the station"),
    ("The teacher", "tells", "told", "a story"), ("The children", "make", "made", "a snowman"),
    ("He", "loses", "lost", "his keys"), ("The train", "leaves", "left", "at noon"),
    ("I", "find", "found", "a coin"), ("The baby", "cries", "cried", "at night"),
    ("She", "paints", "painted", "the fence"), ("The sun", "shines", "shone", "on the lake"),
    ("They", "win", "won", "the match"), ("The farmer", "carries", "carried", "the hay"),
    # reserve
    ("The bird", "sits", "sat", "on the roof"), ("We", "visit", "visited", "the museum"),
    ("He", "cooks", "cooked", "some rice"), ("The ship", "sinks", "sank", "in the storm"),
    ("My uncle", "wears", "wore", "a grey hat"), ("She", "opens", "opened", "the window"),
]  # fmt: skip

PASSIVES = [  # who acts, past tense, past participle, what it is done to
    ("the cat", "chased", "chased", "the mouse"), ("the boy", "broke", "broken", "the window"),
    ("the chef", "baked", "baked", "the bread"), ("the nurse", "helped", "helped", "the patient"),
    ("the queen", "opened", "opened", "the bridge"), ("the girl", "wrote", "written", "the poem"),
    ("the wind", "shut", "shut", "the door"), ("the dog", "ate", "eaten", "the sausage"),
    ("the pilot", "flew", "flown", "the plane"), ("the thief", "stole", "stolen", "the necklace"),
    ("the artist", "drew", "drawn", "the portrait"), ("the fire", "destroyed", "destroyed", "the barn"),
    ("the coach", "praised", "praised", "the team"), ("the tailor", "made", "made", "the coat"),
    ("the storm", "moved", "moved", "the boat"), ("the guard", "saw", "seen", "the fox"),
    # reserve
    ("the bee", "stung", "stung", "the horse"), ("the student", "read", "read", "the book"),
    ("the mayor", "planted", "planted", "the tree"), ("the plumber", "repaired", "repaired", "the pipe"),
    ("the judge", "took", "taken", "the photo"), ("the crowd", "heard", "heard", "the singer"),
]  # fmt: skip

SENTIMENTS = [  # sentence, sentiment
    ("I love this wonderful song.", "positive"), ("The food tasted awful.", "negative"),
    ("What a beautiful morning it was.", "positive"), ("The hotel room was filthy.", "negative"),
    ("Our team played a brilliant game.", "positive"), ("I hate waiting in this terrible queue.", "negative"),
    ("The concert was fantastic.", "positive"), ("The film was a boring waste of time.", "negative"),
    ("My new bike works perfectly.", "positive"), ("This phone is slow and useless.", "negative"),
    ("The cake was delicious.", "positive"), ("The seats were dirty and broken.", "negative"),
    ("The guide told us charming stories.", "positive"), ("The service here is horrible.", "negative"),
    ("We enjoyed every minute of the trip.", "positive"), ("The soup was cold and disgusting.", "negative"),
    # reserve
    ("The garden looks lovely in spring.", "positive"), ("The lecture was dull and confusing.", "negative"),
    ("This is the best book I have ever read.", "positive"), ("The journey was a nightmare.", "negative"),
    ("The children had a great time.", "positive"), ("The coat fell apart after one day.", "negative"),
]  # fmt: skip

MISSPELLINGS = [  # misspelt, correct
    ("recieve", "receive"), ("freind", "friend"), ("wich", "which"), ("becuase", "because"),
    ("tommorow", "tomorrow"), ("definately", "definitely"), ("untill", "until"), ("beleive", "believe"),
    ("accross", "across"), ("goverment", "government"), ("libary", "library"), ("occured", "occurred"),
    ("seperate", "separate"), ("suprise", "surprise"), ("wierd", "weird"), ("adress", "address"),
    # reserve
    ("begining", "beginning"), ("enviroment", "environment"), ("neccessary", "necessary"),
    ("truely", "truly"), ("knowlege", "knowledge"), ("arguement", "argument"),
]  # fmt: skip

CATEGORIES = [  # thing, category
    ("banana", "fruit"), ("tiger", "animal"), ("bus", "vehicle"), ("hammer", "tool"), ("cherry", "fruit"),
    ("rabbit", "animal"), ("tractor", "vehicle"), ("saw", "tool"), ("mango", "fruit"), ("giraffe", "animal"),
    ("lorry", "vehicle"), ("screwdriver", "tool"), ("peach", "fruit"), ("squirrel", "animal"),
    ("tram", "vehicle"), ("chisel", "tool"),
    # reserve
    ("apricot", "fruit"), ("otter", "animal"), ("scooter", "vehicle"), ("spanner", "tool"), ("plum", "fruit"),
    ("badger", "animal"),
]  # fmt: skip

ODD_ONES_OUT = [  # four words, the odd one out
    ("apple, pear, hammer, plum", "hammer"), ("dog, cat, horse, table", "table"),
    ("red, spoon, blue, green", "spoon"), ("car, bus, carrot, train", "carrot"),
    ("Monday, Friday, Sunday, April", "April"), ("piano, violin, shirt, flute", "shirt"),
    ("rain, snow, hail, pencil", "pencil"), ("chair, salmon, trout, cod", "chair"),
    ("oak, pine, birch, cup", "cup"), ("nose, ear, mouth, river", "river"),
    ("bread, bottle, cheese, rice", "bottle"), ("rose, tulip, lily, shoe", "shoe"),
    ("gold, iron, silver, butter", "butter"), ("circle, square, triangle, cloud", "cloud"),
    ("doctor, baker, teacher, lamp", "lamp"), ("football, tennis, hockey, onion", "onion"),
    # reserve
    ("eagle, sparrow, owl, brick", "brick"), ("ant, bee, candle, wasp", "candle"),
    ("tea, milk, juice, ladder", "ladder"), ("knife, fork, spoon, cow", "cow"),
    ("hat, scarf, glove, potato", "potato"), ("book, lemon, newspaper, letter", "lemon"),
]  # fmt: skip

UNSORTED = [  # numbers to sort
    (9, 4, 7, 1), (12, 3, 8, 5), (20, 15, 2, 11), (6, 30, 18, 9), (41, 14, 27, 33), (5, 2, 10, 8),
    (70, 7, 17, 37), (16, 61, 6, 26), (99, 45, 54, 12), (3, 13, 1, 31), (80, 22, 64, 40), (25, 52, 19, 91),
    (11, 10, 21, 4), (39, 93, 30, 3), (58, 85, 28, 8), (77, 17, 47, 2),
    # reserve
    (24, 42, 14, 4), (63, 36, 16, 60), (50, 5, 15, 55), (87, 78, 7, 18), (32, 23, 13, 2), (9, 69, 96, 6),
]  # fmt: skip

LARGEST_OF = [  # numbers to compare
    (48, 91, 73), (15, 9, 12), (204, 240, 24), (66, 56, 65), (31, 13, 30), (7, 70, 17), (88, 80, 98),
    (121, 112, 102), (53, 35, 50), (19, 29, 28), (400, 40, 44), (82, 28, 79), (5, 6, 3), (61, 16, 60),
    (37, 73, 70), (105, 150, 115),
    # reserve
    (94, 49, 90), (18, 81, 80), (27, 72, 22), (310, 301, 130), (46, 64, 60), (8, 4, 9),
]  # fmt: skip
