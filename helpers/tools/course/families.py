"""How the course asks for its facts and how it answers: phrasings and answer sentences of every task family.

The patterns are str.format strings over the fields of a fact. {x:a} is x with its indefinite article (at the
start of a sentence {x:A}), {x:C} writes its first letter large, {x:last} is its last word. The answers are
neutral: no courtesy and no bluntness, so that a voice can be added later.
"""

import random
from dataclasses import dataclass

from helpers.tools.course import facts

PLAIN = 4  # the first phrasings of a family are the plainest ways to ask; they are always trained on


class Field(str):
    """A piece of text that knows the format specifications a, A, C and last."""

    def __format__(self, spec: str) -> str:
        match spec:
            case "":
                return str(self)
            case "a":
                return f"{'an' if self[0] in 'aeiou' else 'a'} {self}"
            case "A":
                return f"{'An' if self[0] in 'aeiou' else 'A'} {self}"
            case "C":
                return self[0].upper() + self[1:]
            case "last":
                return self.split()[-1]
        raise ValueError(f"unknown format {spec!r} for {str(self)!r}")


@dataclass(frozen=True)
class Family:
    """One task: its facts, the ways to ask for them, and the answer sentences."""

    name: str
    fields: str  # names of the columns of items
    items: list[tuple]
    phrasings: tuple[str, ...]
    outputs: tuple[str, ...]
    answer: str  # what a right answer must contain
    input: str = ""

    def held_out(self) -> list[int]:
        """Two phrasings that are never trained on, drawn at random from those after the PLAIN ones."""
        return sorted(random.Random(self.name).sample(range(PLAIN, len(self.phrasings)), 2))

    def trained(self) -> list[int]:
        """The other phrasings."""
        return [index for index in range(len(self.phrasings)) if index not in self.held_out()]

    def fill(self, pattern: str, item: tuple) -> str:
        names = self.fields.split()
        return pattern.format(**{name: Field(value) for name, value in zip(names, item, strict=True)})


ROMAN_VALUES = {1000: "M", 900: "CM", 500: "D", 400: "CD", 100: "C", 90: "XC", 50: "L", 40: "XL", 10: "X"}
ROMAN_VALUES |= {9: "IX", 5: "V", 4: "IV", 1: "I"}


def roman(number: int) -> str:
    """The roman numeral of a number from 1 to 3999."""
    numeral = ""
    for value, letters in ROMAN_VALUES.items():
        count, number = divmod(number, value)
        numeral += letters * count
    return numeral


def listed(numbers) -> str:
    return ", ".join(map(str, numbers))


FAMILIES = [
    Family(
        "capital", "country capital", facts.CAPITALS,
        ("What is the capital of {country}?", "Name the capital city of {country}.",
         "Which city is the capital of {country}?", "Give the capital of {country}.",
         "Tell me the capital of {country}.", "Say which capital {country} has.",
         "For {country}, name the capital city.", "Which capital city does {country} have?",
         "Take {country}: what is its capital called?", "Tell me which capital city belongs to {country}."),
        ("The capital of {country} is {capital}.", "{capital} is the capital of {country}."),
        "{capital}",
    ),
    Family(
        "currency", "country currency", facts.CURRENCIES,
        ("What is the currency of {country}?", "Name the currency used in {country}.",
         "Which currency do people pay with in {country}?", "Give the name of the currency of {country}.",
         "Tell me the currency of {country}.", "Say which currency {country} uses.",
         "For {country}, name the currency.", "Which currency does {country} use?",
         "Take {country}: what is its currency called?", "Tell me the currency that shops in {country} take."),
        ("The currency of {country} is the {currency}.", "The currency used in {country} is the {currency}."),
        "{currency}",
    ),
    Family(
        "continent", "country continent", facts.CONTINENTS,
        ("On which continent is {country}?", "Name the continent of {country}.",
         "Which continent does {country} belong to?", "What continent is {country} part of?",
         "Tell me the continent of {country}.", "Say on which continent {country} is.",
         "For {country}, name the continent.", "In which continent does {country} lie?",
         "Take {country}: what is its continent called?", "Tell me the continent where {country} lies."),
        ("{country} is in {continent}.", "The continent of {country} is {continent}."),
        "{continent}",
    ),
    Family(
        "language", "country language", facts.LANGUAGES,
        ("What is the official language of {country}?", "Name the official language of {country}.",
         "Which language is official in {country}?", "What language is the official one in {country}?",
         "Tell me the official language of {country}.", "Say which official language {country} has.",
         "For {country}, name the official language.", "Which official language does {country} have?",
         "Take {country}: what is its language called?", "Tell me the language that {country} uses officially."),
        ("The official language of {country} is {language}.",
         "{language} is the official language of {country}."),
        "{language}",
    ),
    Family(
        "landmark", "landmark country", facts.LANDMARKS,
        ("In which country is {landmark}?", "Name the country where {landmark} is located.",
         "Which country is home to {landmark}?", "What country would you visit to see {landmark}?",
         "Tell me the country of {landmark}.", "Say in which country {landmark} is.",
         "For {landmark}, name the country.", "Which country has {landmark}?",
         "Take {landmark}: which country has it?", "Tell me the country that {landmark} stands in."),
        ("{landmark:C} is in {country}.", "{landmark:C} is located in {country}."),
        "{country}",
    ),
    Family(
        "author", "work author", facts.AUTHORS,
        ("Who wrote {work}?", "Name the author of {work}.",
         "Who is the author of {work}?", "Which author wrote {work}?",
         "Tell me the author of {work}.", "Say by whom {work} was written.",
         "For {work}, name the author.", "By which author is {work}?",
         "Take {work}: who was its author?", "Tell me the name of the person who wrote {work}."),
        ("The author of {work} is {author}.", "The person who wrote {work} was {author}."),
        "{author:last}",
    ),
    Family(
        "synonym", "word synonym", facts.SYNONYMS,
        ("Provide a synonym for '{word}'.", "What is a synonym for '{word}'?",
         "Give a synonym of the word '{word}'.", "Name a synonym for the word '{word}'.",
         "Tell me a synonym for '{word}'.", "Say which synonym '{word}' has.",
         "For '{word}', name a synonym.", "Which word is a synonym of '{word}'?",
         "Which synonym could replace '{word}'?", "Find me a synonym that means '{word}'."),
        ("A synonym for '{word}' is '{synonym}'.", "The word '{synonym}' is a synonym for '{word}'."),
        "{synonym}",
    ),
    Family(
        "antonym", "word antonym", facts.ANTONYMS,
        ("What is the opposite of '{word}'?", "Give the opposite of the word '{word}'.",
         "Name the antonym of '{word}'.", "Provide an antonym, or opposite, for '{word}'.",
         "Tell me the opposite of '{word}'.", "Say which opposite '{word}' has.",
         "For '{word}', name an antonym.", "Which antonym does '{word}' have?",
         "Which word is opposite to '{word}'?", "Find me an antonym for the word '{word}'."),
        ("The opposite of '{word}' is '{antonym}'.", "An antonym of '{word}' is '{antonym}'."),
        "{antonym}",
    ),
    Family(
        "past_tense", "verb past", facts.PAST_TENSES,
        ("What is the past tense of '{verb}'?", "Give the past tense of the verb '{verb}'.",
         "Put the verb '{verb}' into the past tense.", "Name the simple past form of '{verb}'.",
         "Tell me the past tense of '{verb}'.", "Say which past tense '{verb}' has.",
         "For '{verb}', name the simple past.", "Which form is the past of the verb '{verb}'?",
         "Which past tense does the verb '{verb}' have?", "Tell me the past form of '{verb}'."),
        ("The past tense of '{verb}' is '{past}'.", "The simple past of '{verb}' is '{past}'."),
        "{past}",
    ),
    Family(
        "plural", "noun plural", facts.PLURALS,
        ("What is the plural of '{noun}'?", "Give the plural form of '{noun}'.",
         "Write the noun '{noun}' in the plural.", "Name the plural of the noun '{noun}'.",
         "Tell me the plural of '{noun}'.", "Say which plural '{noun}' has.",
         "For '{noun}', name the plural form.", "What is the noun '{noun}' in the plural?",
         "Which plural form does '{noun}' have?", "Turn the singular noun '{noun}' into a plural."),
        ("The plural of '{noun}' is '{plural}'.", "The plural form of '{noun}' is '{plural}'."),
        "{plural}",
    ),
    Family(
        "comparative", "adjective comparative", facts.COMPARATIVES,
        ("What is the comparative of '{adjective}'?", "Give the comparative form of '{adjective}'.",
         "Write the comparative of the adjective '{adjective}'.",
         "Name the comparative form of '{adjective}'.",
         "Tell me the comparative of '{adjective}'.", "Say which comparative '{adjective}' has.",
         "For '{adjective}', name the comparative.", "Put the adjective '{adjective}' into the comparative.",
         "Which comparative does '{adjective}' have?",
         "Turn the adjective '{adjective}' into a comparative."),
        ("The comparative of '{adjective}' is '{comparative}'.",
         "The comparative form of '{adjective}' is '{comparative}'."),
        "{comparative}",
    ),
    Family(
        "young_animal", "animal young", facts.YOUNG_ANIMALS,
        ("What is the young of {animal:a} called?", "Name the young of {animal:a}.",
         "What do you call a young {animal}?", "Give the word for a baby {animal}.",
         "Tell me the name for a young {animal}.", "A young {animal} has which name?",
         "For {animal:a}, name the young.", "What is a baby {animal} called?",
         "Which name does the young of {animal:a} have?", "Tell me what a baby {animal} is called."),
        ("The young of {animal:a} is called {young:a}.", "A young {animal} is called {young:a}."),
        "{young}",
    ),
    Family(
        "animal_sound", "animal sound", facts.ANIMAL_SOUNDS,
        ("What sound does {animal:a} make?", "Name the sound of {animal:a}.",
         "Which sound is made by {animal:a}?", "What is the sound of {animal:a} called?",
         "Tell me the sound of {animal:a}.", "Say which sound {animal:a} makes.",
         "For {animal:a}, name the sound.", "What sound comes from {animal:a}?",
         "Take {animal:a}: what is its sound called?", "Tell me the sound that {animal:a} makes."),
        ("The sound of {animal:a} is {sound:a}.", "The sound {animal:a} makes is {sound:a}."),
        "{sound}",
    ),
    Family(
        "chemical_symbol", "element symbol", facts.SYMBOLS,
        ("What is the chemical symbol for {element}?", "Give the chemical symbol of {element}.",
         "Which symbol does the element {element} have?",
         "Name the symbol of the chemical element {element}.",
         "Tell me the symbol for {element}.", "Say which chemical symbol {element} has.",
         "For {element}, name the chemical symbol.", "How is {element} written as a chemical symbol?",
         "Chemistry: how is the symbol for {element} written?",
         "Tell me which chemical symbol stands for {element}."),
        ("The chemical symbol for {element} is {symbol}.", "The symbol of {element} is {symbol}."),
        "{symbol}",
    ),
    Family(
        "unit_conversion", "amount unit target result",
        [(str(n), unit, to, str(n * facts.FACTORS[unit, to])) for n, unit, to in facts.CONVERSIONS],
        ("How many {target} are in {amount} {unit}?", "Convert {amount} {unit} to {target}.",
         "What is {amount} {unit} in {target}?", "Express {amount} {unit} in {target}.",
         "Tell me how many {target} {amount} {unit} are.", "Say how many {target} {amount} {unit} are.",
         "For {amount} {unit}, give the number of {target}.", "Turn {amount} {unit} into {target}.",
         "How many {target} make {amount} {unit}?", "Change {amount} {unit} into {target}."),
        ("There are {result} {target} in {amount} {unit}.",
         "The number of {target} in {amount} {unit} is {result}."),
        "{result}",
    ),
    Family(
        "addition", "a b total", [(str(a), str(b), str(a + b)) for a, b in facts.SUMS],
        ("What is {a} plus {b}?", "Add {a} and {b}.", "What is the sum of {a} and {b}?",
         "Calculate {a} + {b}.",
         "Tell me the sum of {a} and {b}.", "Say what {a} plus {b} makes.",
         "For {a} and {b}, give the sum.", "What do {a} and {b} add up to?",
         "How much is {a} plus {b}?", "Work out the sum of {a} and {b}."),
        ("The sum of {a} and {b} is {total}.", "{a} plus {b} is {total}."),
        "{total}",
    ),
    Family(
        "multiplication", "a b product", [(str(a), str(b), str(a * b)) for a, b in facts.PRODUCTS],
        ("What is {a} times {b}?", "Multiply {a} by {b}.",
         "What is the product of {a} and {b}?", "Calculate {a} times {b}.",
         "Tell me the product of {a} and {b}.", "Say what {a} times {b} makes.",
         "For {a} and {b}, give the product.", "What do you get if you multiply {a} by {b}?",
         "How much is {a} times {b}?", "Work out the product of {a} and {b}."),
        ("The product of {a} and {b} is {product}.", "{a} times {b} is {product}."),
        "{product}",
    ),
    Family(
        "roman_numeral", "number numeral", [(str(n), roman(n)) for n in facts.ROMAN],
        ("Write {number} as a Roman numeral.", "What is {number} in Roman numerals?",
         "Convert {number} to Roman numerals.", "Give the Roman numeral for {number}.",
         "Tell me the Roman numeral for {number}.", "Say which Roman numeral {number} has.",
         "For {number}, write the Roman numeral.", "How is {number} written in Roman numerals?",
         "Which Roman numeral stands for {number}?", "How did the Romans write the numeral {number}?"),
        ("The Roman numeral for {number} is {numeral}.", "In Roman numerals, {number} is {numeral}."),
        "{numeral}",
    ),
    Family(
        "past_sentence", "subject present past rest", facts.PAST_SENTENCES,
        ("Rewrite the sentence in the past tense.", "Put this sentence into the past tense.",
         "Change the sentence to the simple past.", "What is this sentence in the past tense?",
         "Tell me this sentence in the past tense.", "How is this sentence written in the past tense?",
         "For this sentence, write the past tense.", "Turn the sentence into the past.",
         "How does the sentence read in the past?",
         "Turn the verb of the sentence into its past tense form."),
        ("The past tense is '{subject} {past} {rest}'.",
         "In the past tense it is '{subject} {past} {rest}'."),
        "{past}", input="{subject} {present} {rest}.",
    ),
    Family(
        "passive", "agent verb participle patient", facts.PASSIVES,
        ("Rewrite the sentence in the passive voice.", "Put this sentence into the passive.",
         "Change the sentence from active to passive.", "What is the passive form of this sentence?",
         "Tell me this sentence in the passive.", "How is this active sentence written in the passive?",
         "For this sentence, write the passive form.", "Turn the sentence into the passive voice.",
         "How does the sentence read in the passive?", "Turn this active statement into a passive one."),
        ("The passive is '{patient:C} was {participle} by {agent}'.",
         "The passive form is '{patient:C} was {participle} by {agent}'."),
        "{participle} by {agent}", input="{agent:C} {verb} {patient}.",
    ),
    Family(
        "sentiment", "sentence sentiment", facts.SENTIMENTS,
        ("Is the sentiment of the sentence positive or negative?", "Classify the sentiment of the sentence.",
         "Decide whether the sentence is positive or negative.", "What is the sentiment of this text?",
         "Tell me the sentiment of the text.", "How is the sentiment of this text, positive or negative?",
         "For this sentence, name the sentiment.", "Which sentiment does the sentence have?",
         "Which sentiment does the text show, negative or positive?", "Label the sentence by its sentiment."),
        ("The sentiment is {sentiment}.", "The sentiment of the sentence is {sentiment}."),
        "{sentiment}", input="{sentence}",
    ),
    Family(
        "spelling", "wrong right", facts.MISSPELLINGS,
        ("Correct the spelling of the word.", "Fix the spelling mistake in this word.",
         "How is this word spelled correctly?", "The word is misspelled. Give the right spelling.",
         "Tell me the right spelling of this word.", "How do you spell this word correctly?",
         "For this word, write the correct spelling.", "Mend the spelling of this misspelled word.",
         "What is the correct spelling of this misspelled word?", "Mend the wrong spelling of this word."),
        ("The correct spelling is '{right}'.", "The word is spelled '{right}'."),
        "{right}", input="{wrong}",
    ),
    Family(
        "category", "thing category", facts.CATEGORIES,
        ("Classify the word as fruit, animal, vehicle or tool.",
         "Which category fits: fruit, animal, vehicle or tool?",
         "Name the category of this thing.", "What category does the word belong to?",
         "Tell me the category of the word.", "Is it fruit, animal, vehicle or tool?",
         "For this thing, name the category.", "Put this into a category: fruit, animal, vehicle or tool.",
         "Into which category would you put this?", "Tool, vehicle, animal or fruit: choose the category."),
        ("The category of '{thing}' is {category}.", "{thing:A} is {category:a}."),
        "{category}", input="{thing}",
    ),
    Family(
        "odd_one_out", "words odd", facts.ODD_ONES_OUT,
        ("Which word is the odd one out?", "Find the odd one out.",
         "Name the word that does not fit the others.", "One word does not belong. Which one is it?",
         "Tell me the odd one out.", "Which of the words does not belong?",
         "For these words, name the odd one out.", "Pick the word that does not belong with the others.",
         "Pick the odd word out of the four.", "Which of these words does not belong with the others?"),
        ("The odd one out is '{odd}'.", "The word that does not fit is '{odd}'."),
        "{odd}", input="{words}",
    ),
    Family(
        "sorting", "numbers ordered", [(listed(n), listed(sorted(n))) for n in facts.UNSORTED],
        ("Sort the numbers.", "Sort the numbers from smallest to largest.",
         "Put the numbers in ascending order.", "Order these numbers from low to high.",
         "Tell me these numbers in ascending order.", "How are these numbers sorted?",
         "For this list, write the numbers in order.", "Arrange the numbers, smallest first.",
         "Sort this list, smallest first.", "Arrange these numbers in increasing order."),
        ("The sorted numbers are {ordered}.", "In ascending order the numbers are {ordered}."),
        "{ordered}", input="{numbers}",
    ),
    Family(
        "largest", "numbers largest", [(listed(n), str(max(n))) for n in facts.LARGEST_OF],
        ("Which number is the largest?", "Find the largest of the numbers.",
         "Name the greatest of these numbers.", "What is the largest number in the list?",
         "Tell me the largest number.", "Of these numbers, which is the largest?",
         "For this list, name the largest number.", "Pick the greatest number.",
         "Pick out the largest value.", "Of these numbers, which one is the greatest?"),
        ("The largest number is {largest}.", "The largest of the numbers is {largest}."),
        "{largest}", input="{numbers}",
    ),
]  # fmt: skip
