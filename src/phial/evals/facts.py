"""Two facts and a question that needs both, and the same two facts hidden in longer texts.

The three kinds are those of FLenQA (Levy, Jacoby and Goldberg 2024): a monotone relation over three people, a rule with
two premises, and people in rooms. The world is closed: what the text does not imply is false.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from phial.evals.prose import sentences

KINDS = ("relation", "rule", "rooms")
PADDINGS = ("same", "other")
DISPERSIONS = ("first", "middle", "last", "random")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FIRST = _words(
    "Abel Agnes Alma Arno Basil Beth Bram Cara Clive Cora Dora Edgar Elsa Enid Ezra Faye Felix Flora Gideon Greta Hal "
    "Hedda Horace Ida Igor Ines Jonas Joyce Karl Lena Lionel Lotte Magnus Mavis Nadia Ned Olga Otto Petra Quentin "
    "Rhoda Rufus Selma Silas Tessa Tobias Ursula Vera Walter Wanda Xenia Yves Zelda"
)
_LAST = _words(
    "Abbott Alder Barlow Bexley Birch Calder Carver Corbin Dalton Denby Drew Elmore Fenwick Finch Garrick Gale Hadley "
    "Harlow Hobbs Ingram Jarvis Keane Kirby Lacey Langley Marlow Merrit Nash Norwood Oakley Osborne Pryor Quill Radley "
    "Rowe Sawyer Selby Thorne Tilney Upton Vance Wilder Yardley"
)
_RELATIONS = ("younger than", "taller than", "heavier than", "faster than", "older than", "shorter than", "richer than")
_ATTRIBUTES = _words(
    "brave calm clever cold cheerful curious fierce friendly gentle honest kind lively loud modest neat patient proud "
    "quiet rough shy smart strong tall young"
)
_ROOMS = ("kitchen", "bedroom", "study", "hallway", "cellar", "library", "dining room", "attic", "workroom")
_FLOORS = ("marble", "oak", "cork", "slate", "brick", "bamboo", "concrete", "linoleum", "limestone", "pine")
_HABITS = (
    "{0} often walks to the harbour before breakfast.",
    "{0} once spent a winter restoring an old rowing boat.",
    "{0} keeps a shelf of travel books by the window.",
    "{0} plays the cello on quiet evenings.",
    "{0} prefers tea without sugar and bread without butter.",
    "{0} learned to repair clocks from a neighbour.",
    "{0} grows beans and herbs behind the house.",
    "{0} writes long letters and rarely posts them.",
    "{0} collects postcards of lighthouses.",
    "{0} takes the early train on market days.",
)


@dataclass(frozen=True)
class Problem:
    """What is asked, apart from where it is hidden.

    Attributes:
        kind: one of `KINDS`.
        facts: both are needed for the answer; a sentence each.
        rule: that joins them; "" where the words do.
        question: or the statement that is to be judged.
        label: the right answer.
        people: whose names the padding must not use.
    """

    kind: str
    facts: tuple[str, str]
    rule: str
    question: str
    label: bool
    people: tuple[str, ...]


def problem(kind: str, label: bool, source: random.Random) -> Problem:
    """A problem of a kind whose answer is `label`; the same stream gives its twin with the other answer."""
    first, second, third = _people(source, 3)
    if kind == "relation":
        relation = source.choice(_RELATIONS)
        facts = f"{first} is {relation} {second}.", f"{second} is {relation} {third}."
        asked, than = (first, third) if label else (third, first)
        return Problem(kind, facts, "", f"Is {asked} {relation} {than}?", label, (first, second, third))
    if kind == "rule":
        one, two, then, another = source.sample(_ATTRIBUTES, 4)
        facts = f"{first} is {one}.", f"{first} is {two if label else another}."
        return Problem(
            kind, facts, f"If X is {one} and X is {two} then X is {then}.", f"{first} is {then}.", label, (first,)
        )
    room = source.choice(_ROOMS)
    floor, other = source.sample(_FLOORS, 2)
    facts = f"{second}'s {room} has a {floor} floor.", f"{first} is in {second}'s {room}."
    question = f"{first} is in a room with a {floor if label else other} floor."
    return Problem(kind, facts, "", question, label, (first, second))


def hidden(task: Problem, size: int, padding: str, dispersion: str, source: random.Random) -> str:
    """A text that has both facts, each with a sentence about its person, among other matter.

    Args:
        task: whose facts.
        size: of the text in characters; it ends up at most a paragraph shorter, but always has both facts.
        padding: "same" for facts of the same kind about other people, "other" for prose about nobody.
        dispersion: both facts "first", in the "middle", or "last"; or each at a place of its own, "random".
        source: of the padding, and of random places.
    """
    habits = source.sample(_HABITS, 2)
    keys = [f"{fact} {habit.format(_subject(fact))}" for fact, habit in zip(task.facts, habits, strict=True)]
    if source.random() < 0.5:  # or whoever is named first would give the answer away
        keys.reverse()
    left = size - sum(map(len, keys)) - 1
    paragraphs: list[str] = []
    for paragraph in _padding(task, padding, source):
        left -= len(paragraph) + 1
        if left < 0:
            break
        paragraphs.append(paragraph)
    count = len(paragraphs)
    places = {"first": (0, 0), "middle": (count // 2, count // 2), "last": (count, count)}
    one, two = places[dispersion] if dispersion in places else (source.randint(0, count), source.randint(0, count))
    text = [*paragraphs]
    # The later place first, so that the earlier one still counts; equal places keep the order of the facts.
    for place, key in sorted([(one, keys[0]), (two, keys[1])], key=lambda pair: pair[0], reverse=True):
        text.insert(place, key)
    if one == two:
        text[one : one + 2] = keys
    return " ".join(text)


def _padding(task: Problem, padding: str, source: random.Random) -> Iterator[str]:
    if padding == "other":
        prose = sentences(source)
        while True:
            yield f"{next(prose)} {next(prose)}"
    yield from _SAME[task.kind](task, _strangers(task.people, source), source)


def _relations(task: Problem, strangers: Iterator[str], source: random.Random) -> Iterator[str]:
    relation = next(relation for relation in _RELATIONS if relation in task.facts[0])
    for first, second in zip(strangers, strangers, strict=False):
        yield f"{first} is {relation} {second}. {source.choice(_HABITS).format(first)}"


def _attributes(task: Problem, strangers: Iterator[str], source: random.Random) -> Iterator[str]:
    for person in strangers:
        yield f"{person} is {source.choice(_ATTRIBUTES)}. {source.choice(_HABITS).format(person)}"


def _rooms(task: Problem, strangers: Iterator[str], source: random.Random) -> Iterator[str]:
    for owner, guest in zip(strangers, strangers, strict=False):
        room, floor = source.choice(_ROOMS), source.choice(_FLOORS)
        yield f"{owner}'s {room} has a {floor} floor. {source.choice(_HABITS).format(owner)}"
        yield f"{guest} is in {owner}'s {room}. {source.choice(_HABITS).format(guest)}"


_SAME: dict[str, Callable[[Problem, Iterator[str], random.Random], Iterator[str]]] = {
    "relation": _relations,
    "rule": _attributes,
    "rooms": _rooms,
}


def _subject(fact: str) -> str:
    return " ".join(fact.split()[:2]).removesuffix("'s")


def _people(source: random.Random, count: int) -> list[str]:
    firsts, lasts = source.sample(_FIRST, count), source.sample(_LAST, count)
    return [f"{first} {last}" for first, last in zip(firsts, lasts, strict=True)]


def _strangers(people: tuple[str, ...], source: random.Random) -> Iterator[str]:
    """Everybody who shares neither name with the people, in random order, nobody twice."""
    taken = {name for person in people for name in person.split()}
    everybody = [f"{a} {b}" for a in _FIRST if a not in taken for b in _LAST if b not in taken]
    source.shuffle(everybody)
    yield from everybody
