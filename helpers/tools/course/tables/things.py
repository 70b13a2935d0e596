"""What can be counted: elements, units of measure and numbers. From periodictable, pint and num2words."""

from collections.abc import Iterator
from fractions import Fraction

from helpers.tools.course.tables.corrections import corrections
from helpers.tools.course.tables.words import form

ROMAN = {1000: "M", 900: "CM", 500: "D", 400: "CD", 100: "C", 90: "XC", 50: "L", 40: "XL", 10: "X", 9: "IX", 5: "V",
         4: "IV", 1: "I"}  # fmt: skip
LARGEST_ROMAN = 3999  # the largest that Roman numerals write without a bar


def elements() -> Iterator[tuple[str, str, int]]:
    """(element, symbol, number), in the order of the numbers, with the names of the IUPAC."""
    import periodictable

    for element in periodictable.elements:
        if element.number > 0:  # 0 is the neutron
            yield corrections()["elements"].get(element.name, element.name), element.symbol, element.number


def units() -> Iterator[tuple[str, str, str, str, int]]:
    """(unit, plural, smaller unit, its plural, how many of them). Raises ValueError for a factor that is not whole."""
    import pint

    registry = pint.UnitRegistry(non_int_type=Fraction)
    for definition in corrections()["units"]["defined"]:
        registry.define(definition)
    for line in corrections()["units"]["pairs"]:
        unit, smaller = line.split(" > ")
        names = corrections()["units"]["pint"]
        factor = registry.Quantity(Fraction(1), names.get(unit, unit)).to(names.get(smaller, smaller)).magnitude
        if Fraction(factor).denominator != 1 or factor < 2:
            raise ValueError(f"1 {unit} is {factor} {smaller}: not a whole number.")
        yield unit, plural(unit), smaller, plural(smaller), int(factor)


def plural(unit: str) -> str:
    """feet, square feet, metres, centuries."""
    *first, last = unit.split()
    return " ".join([*first, form(last, "NNS") or last + "s"])


def numerals() -> Iterator[tuple[int, str, str, str]]:
    """(number, in words, as an ordinal, as a Roman numeral)."""
    from num2words import num2words

    for number in range(LARGEST_ROMAN + 1):
        words, ordinal = num2words(number).replace(",", ""), num2words(number, to="ordinal").replace(",", "")
        yield number, words, ordinal, roman(number)


def roman(number: int) -> str:
    """The Roman numeral; empty for 0, which has none."""
    text = ""
    for value, sign in ROMAN.items():
        text += sign * (number // value)
        number %= value
    return text
