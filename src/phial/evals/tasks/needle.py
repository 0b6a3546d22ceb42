"""Long context in the manner of RULER: needles by key, chains of variables, and common words (own generator)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, product
from random import Random

from phial.engine.request import Sampling
from phial.evals.generated import characters, identity, require, stated_list, stream
from phial.evals.items import protocol_of
from phial.evals.prose import nouns, qualities, sentences
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

VERSION = 1  # of what is generated from a seed; a golden test asks for the next when that changes
KINDS = ("single", "multi-key", "multi-value", "multi-query", "variables", "common-words")
LENGTHS = (1000, 2000, 4000, 8000)
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
LOOKED_AT = 100_000  # characters at the end of a reply
_LINE = 40  # characters of prose that have as many tokens as a line of the list of words

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot; the answers must be named and no others", Sampling(max_tokens=512)),
    "ruler": Protocol(
        "ruler", "zero-shot; share of the answers that occur in the reply", Sampling(), extractor="compat:ruler"
    ),
}

_NEEDLES = """{text}

The text above mentions locker codes. {question}
End with a line "Answer: " and {what}."""
_VARIABLES = """{text}

Hidden in the text above are assignments of variables. Which variables have the value {value}, directly or through \
others?
End with a line "Answer: " and their names, separated by commas."""
_COMMON = """{text}

Which 10 words are the most frequent in the list above?
End with a line "Answer: " and the 10 words, separated by commas."""


@dataclass(frozen=True)
class Question:
    """A prompt and everything that a right answer names."""

    prompt: str
    answers: tuple[str, ...]


def make(
    seed: int = 0,
    items: int = 120,
    protocol: str = "phial",
    lengths: Sequence[int] = LENGTHS,
    kinds: Sequence[str] = KINDS,
    depths: Sequence[float] = DEPTHS,
) -> Task:
    """Generate questions about long texts.

    Every length and kind is asked at all depths before any is asked again.

    Args:
        seed: other seeds, other texts.
        items: in all; 120 are one of each kind at each length and depth.
        protocol: its name.
        lengths: of the texts, in tokens, as `generated.characters` reckons them.
        kinds: one needle; one of five needles; four values of one key; four keys; a chain of five variables beside
            another one; ten words that stand three times as often as all others.
        depths: where a needle lies, from 0, the beginning, to 1; where there are several, where the first one lies.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    require(not unknown, f"no kind {', '.join(unknown)}", "needle", f"choose of {', '.join(KINDS)}")
    require(all(200 <= n <= 2_000_000 for n in lengths), "a length out of range", "needle", "use 200 to 2,000,000")
    require(all(0 <= depth <= 1 for depth in depths), "a depth out of range", "needle", "use 0 to 1")
    axes = list(product(lengths, depths, kinds))
    cells = islice(((number, *cell) for number in range(items) for cell in axes), items)
    made = []
    for index, (number, length, depth, kind) in enumerate(cells):
        source = stream("needle", VERSION, seed, kind, number, length, f"{depth:g}")
        question = _MAKERS[kind](characters(length), depth, source)
        tags = {"kind": kind, "length": str(length), "depth": f"{depth:g}"}
        made.append(Item(f"{index:05}", (("user", question.prompt),), list(question.answers), tags))
    key = identity("needle", VERSION, seed=seed, items=items, axes=[list(lengths), list(kinds), list(depths)])
    extractors = {"phial": extract, "compat:ruler": extract_as_ruler}
    return Task("needle", protocol_of(PROTOCOLS, protocol, "needle"), tuple(made), extractors, grade, key, blank=blank)


def _needles(keys: int, values: int, asked: int) -> Callable[[int, float, Random], Question]:
    def make_one(size: int, depth: float, source: Random) -> Question:
        names = [
            f"{a} {b}" for a, b in zip(source.sample(qualities(), keys), source.sample(nouns(), keys), strict=True)
        ]
        codes = source.sample(range(1_000_000, 10_000_000), keys * values)
        hidden = [
            f"The code of the {name} locker is {codes[index * values + value]}."
            for index, name in enumerate(names)
            for value in range(values)
        ]
        wanted = tuple(str(code) for code in codes[: asked * values])
        lockers = _listed([f"the {name} locker" for name in names[:asked]])
        question = f"What {'is the code' if len(wanted) == 1 else 'are all the codes'} of {lockers}?"
        what = "the code" if len(wanted) == 1 else f"the {len(wanted)} codes, separated by commas"
        text = _among(hidden, size, depth, source)
        return Question(_NEEDLES.format(text=text, question=question, what=what), wanted)

    return make_one


def _variables(size: int, depth: float, source: Random) -> Question:
    names: list[str] = []
    while len(names) < 10:
        name = "".join(source.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(5))
        if name not in names:
            names.append(name)
    values = source.sample(range(10_000, 100_000), 2)
    chains = [
        [f"VAR {chain[0]} = {value}."] + [f"VAR {new} = VAR {old}." for old, new in pairwise(chain)]
        for chain, value in ((names[:5], values[0]), (names[5:], values[1]))
    ]
    # Chains are mixed, each in its own order, so that a variable never stands before the one that it is set to.
    order = [0] * 5 + [1] * 5
    source.shuffle(order)
    waiting = [iter(chain) for chain in chains]
    text = _among([next(waiting[chain]) for chain in order], size, depth, source, in_order=True)
    return Question(_VARIABLES.format(text=text, value=values[0]), tuple(names[:5]))


def _common_words(size: int, depth: float, source: Random) -> Question:
    words = [f"{quality}-{noun}" for quality in qualities() for noun in nouns()]
    source.shuffle(words)
    common, others = words[:10], words[10:]
    # A common word stands three times as often as a rare one; how often that is grows until the vocabulary suffices.
    count = size // _LINE
    rare_times = max(1, min(3, count // 100), count // len(words) + 1)
    places = max(rare_times, count - 10 * 3 * rare_times)
    listed = common * (3 * rare_times) + [others[index // rare_times] for index in range(places)]
    source.shuffle(listed)
    text = "\n".join(f"{number}. {word}" for number, word in enumerate(listed, 1))
    return Question(_COMMON.format(text=text), tuple(common))


_MAKERS: dict[str, Callable[[int, float, Random], Question]] = {
    "single": _needles(keys=1, values=1, asked=1),
    "multi-key": _needles(keys=5, values=1, asked=1),
    "multi-value": _needles(keys=1, values=4, asked=1),
    "multi-query": _needles(keys=4, values=1, asked=4),
    "variables": _variables,
    "common-words": _common_words,
}


def _among(needles: Sequence[str], size: int, depth: float, source: Random, in_order: bool = False) -> str:
    """Needles between sentences: the first at its depth, the others anywhere; or all behind each other at random."""
    left = size - sum(map(len, needles)) - len(needles)
    text: list[str] = []
    for sentence in sentences(source):
        left -= len(sentence) + 1
        if left < 0:
            break
        text.append(sentence)
    first = round(depth * len(text))
    places = [first, *(source.randint(0, len(text)) for _ in needles[1:])]
    if in_order:
        places.sort()
    pairs = sorted(zip(places, range(len(needles)), strict=True), reverse=True)
    for place, index in pairs:
        text.insert(place, needles[index])
    return " ".join(text)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


_CODE = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)|\d+", re.ASCII)
_VARIABLE = re.compile(r"\b[A-Z]{5}\b")
_WORD = re.compile(r"\b[a-z]+-[a-z]+\b")


def extract(reply: str, item: Item) -> Extraction:
    """The answers on the last "Answer:" line, in a list that follows it, or else on the last line.

    Only what looks like the wanted answers counts: codes of 7 digits, names of 5 capitals, words with a hyphen.
    """
    reply = reply[-LOOKED_AT:]
    lines = [line for line in reply.splitlines() if line.strip()]
    for text, rule in (stated_list(reply) or ("", ""), (lines[-1] if lines else "", "last-line")):
        if found := _named(text, item):
            return Extraction(", ".join(found), rule)
    return Extraction(None)


def _named(text: str, item: Item) -> list[str]:
    kind = item.tags["kind"]
    if kind == "variables":
        found = _VARIABLE.findall(text)
    elif kind == "common-words":
        found = _WORD.findall(text.lower())
    else:
        found = [code for code in (match.replace(",", "") for match in _CODE.findall(text)) if len(code) == 7]
    return list(dict.fromkeys(found))


def extract_as_ruler(reply: str, item: Item) -> Extraction:
    """The answers that occur anywhere in the reply in any case, as RULER counts them; others cost nothing."""
    reply = reply[-LOOKED_AT:].lower()
    found = [answer for answer in item.gold if answer.lower() in reply]
    return Extraction(", ".join(found), "substring") if found else Extraction(None)


def grade(answer: str, item: Item) -> Grade:
    """The share of right answers among all that were wanted or named, so that naming everything does not pay."""
    named, wanted = set(answer.split(", ")), set(item.gold)
    hits = len(named & wanted)
    return Grade(
        hits / len(named | wanted),
        f"{hits} of {len(wanted)}, {len(named - wanted)} wrong",
        {
            "all and no others": (float(named == wanted), 1.0),
            "recall": (hits, len(wanted)),
            "precision": (hits, len(named)),
        },
    )


def blank(item: Item) -> Grade:
    """Nothing found; of nothing named no share is right or wrong."""
    return Grade(0.0, parts={"all and no others": (0.0, 1.0), "recall": (0.0, len(item.gold))})
