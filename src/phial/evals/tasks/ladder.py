"""An arithmetic ladder of our own: a floor that moves while a model is still too small for any published benchmark.

Ten rungs, from sums of two digits to three steps with brackets. Answers are integers of at most six digits, and no
rung can be passed by a constant: no answer takes more than a tenth of a rung's items, as far as its range allows.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping

from phial.evals import extract
from phial.evals.answers import maths_grade
from phial.evals.items import protocol_of
from phial.evals.presets import GREEDY
from phial.evals.task import Item, Protocol, Task

VERSION = 1

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot chat, 'Answer: NUMBER' asked for, exact number compared", GREEDY),
    "plain": Protocol("plain", "zero-shot chat, the bare question, exact number compared", GREEDY),
    "continued": Protocol(
        "continued", "four examples, continued text, exact number compared", GREEDY, stop=("\n",)
    ),
}  # fmt: skip
_EXAMPLES = "3 + 4 = 7\n12 - 5 = 7\n6 * 3 = 18\n(2 + 3) * 4 = 20\n"


def make(seed: int = 0, items: int = 200, protocol: str = "phial") -> Task:
    """Items in turn from all rungs, split by rung; the same for the same seed, and a longer task begins like a shorter.

    Args:
        seed: of the numbers.
        items: how many; 200 are 20 a rung.
        protocol: one of `PROTOCOLS`.
    """
    draw = random.Random(f"ladder {VERSION} {seed}")
    made: list[Item] = []
    seen: set[str] = set()
    answers: dict[str, list[int]] = {rung: [] for rung in RUNGS}
    while len(made) < items:
        rung, compose = list(RUNGS.items())[len(made) % len(RUNGS)]
        text, value = _fresh(compose, draw, seen, answers[rung])
        answers[rung].append(value)
        made.append(Item(f"ladder-{len(made)}", _prompt(text, protocol), str(value), {"rung": rung}))
    sha256 = hashlib.sha256(f"ladder {VERSION} {seed}".encode()).hexdigest()
    chosen = protocol_of(PROTOCOLS, protocol, "ladder")
    return Task("ladder", chosen, tuple(made), {"phial": read}, maths_grade, sha256)


def read(reply: str, item: Item) -> extract.Extraction:
    """A number; where text is continued, the first one."""
    if isinstance(item.prompt, str):
        found = extract.numbers(reply)
        return extract.Extraction(found[0], "first-number") if found else extract.Extraction(None)
    return extract.number(reply)


def _fresh(
    compose: Callable[[random.Random], tuple[str, int]], draw: random.Random, seen: set[str], answers: list[int]
) -> tuple[str, int]:
    """An expression that is new, whose answer is not yet too common, as long as such are found."""
    text, value = compose(draw)
    for _ in range(200):
        if text not in seen and answers.count(value) * 10 <= len(answers):
            break
        text, value = compose(draw)
    seen.add(text)
    return text, value


def _prompt(text: str, protocol: str) -> tuple[tuple[str, str], ...] | str:
    if protocol == "continued":
        return f"{_EXAMPLES}{text} ="
    if protocol == "plain":
        return (("user", f"What is {text}?"),)
    return (("user", f"What is {text}?\n\nEnd with a line of the form 'Answer: NUMBER'."),)


def _sum(low: int, high: int) -> Callable[[random.Random], tuple[str, int]]:
    def compose(draw: random.Random) -> tuple[str, int]:
        one, other = draw.randint(low, high), draw.randint(low, high)
        return f"{one} + {other}", one + other

    return compose


def _difference(low: int, high: int) -> Callable[[random.Random], tuple[str, int]]:
    def compose(draw: random.Random) -> tuple[str, int]:
        one, other = draw.randint(low, high), draw.randint(low, high)
        return f"{one} - {other}", one - other

    return compose


def _product(first: tuple[int, int], second: tuple[int, int]) -> Callable[[random.Random], tuple[str, int]]:
    def compose(draw: random.Random) -> tuple[str, int]:
        one, other = draw.randint(*first), draw.randint(*second)
        return f"{one} * {other}", one * other

    return compose


def _quotient(draw: random.Random) -> tuple[str, int]:
    quotient, divisor = draw.randint(11, 99), draw.randint(3, 12)
    return f"{quotient * divisor} / {divisor}", quotient


def _two_steps(draw: random.Random) -> tuple[str, int]:
    one, two, three = draw.randint(2, 40), draw.randint(2, 12), draw.randint(2, 12)
    return f"{one} + {two} * {three}", one + two * three


def _three_steps(draw: random.Random) -> tuple[str, int]:
    one, two, three, four = (draw.randint(2, 30) for _ in range(4))
    return f"({one} + {two}) * {three} - {four}", (one + two) * three - four


RUNGS: Mapping[str, Callable[[random.Random], tuple[str, int]]] = {
    "01 sums to 18": _sum(1, 9),
    "02 differences of one digit": _difference(1, 9),
    "03 sums of two digits": _sum(10, 99),
    "04 differences of two digits": _difference(10, 99),
    "05 small products": _product((2, 9), (2, 9)),
    "06 sums of four digits": _sum(1000, 9999),
    "07 products by one digit": _product((11, 99), (3, 9)),
    "08 quotients": _quotient,
    "09 two steps": _two_steps,
    "10 three steps with brackets": _three_steps,
}
