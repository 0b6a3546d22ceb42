"""Travelling salesman: the shortest round trip through a few cities (own generator, exact optimum)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from random import Random

from phial.engine.request import Sampling
from phial.evals.extract import boxed, stated
from phial.evals.generated import identity, require, stream, tagged
from phial.evals.items import protocol_of
from phial.evals.presets import PHI_4_REASONING
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

VERSION = 1  # of what is generated from a seed; a golden test asks for the next when that changes
CITIES = (5, 6, 7, 8, 9)
LOOKED_AT = 100_000  # characters at the end of a reply

_RATIO = "shortest by own length"

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot, the tour must be a shortest one", Sampling(max_tokens=4096)),
    "phi-4-reasoning": Protocol(
        "phi-4-reasoning",
        "Eureka's answer format, shortest tour, sampled",
        PHI_4_REASONING,
        extractor="compat:eureka",
    ),
}

_OWN = """These are the distances between {count} cities, numbered 0 to {last}, the same both ways:

{distances}

Find a shortest round trip that starts in city 0, visits every other city exactly once and returns to city 0. Reason \
as you like, then end with a line such as
Answer: 0 -> 3 -> ... -> 0"""
# Eureka's tag and dictionary; the words around it are ours.
_TAGGED = """{distances}

These are the distances between {count} cities (0 to {last}), the same both ways. Find the shortest round trip that \
visits every city exactly once and ends where it began. Reason step by step, and end with the path and its length, \
like <final_answer>{{'Path': '0->1->2->...->0', 'TotalDistance': 'INT_TOTAL_DISTANCE'}}</final_answer>."""


def make(seed: int = 0, items: int = 100, protocol: str = "phial", cities: Sequence[int] = CITIES) -> Task:
    """Generate cities at random places of a map.

    Args:
        seed: other seeds, other maps.
        items: in all.
        protocol: its name.
        cities: their numbers, taken in turn.
    """
    require(all(4 <= count <= 13 for count in cities), "cities out of range", "tsp", "use 4 to 13 cities")
    made = []
    for index in range(items):
        count = cities[index % len(cities)]
        distances = _map(count, stream("tsp", VERSION, seed, index))
        lines = "\n".join(f"{a} to {b}: {distances[a][b]}" for a, b in combinations(range(count), 2))
        template = _OWN if protocol == "phial" else _TAGGED
        prompt = template.format(count=count, last=count - 1, distances=lines)
        tags = {"cities": str(count)}
        made.append(Item(f"{index:05}", (("user", prompt),), shortest(distances), tags, data={"distances": distances}))
    key = identity("tsp", VERSION, seed=seed, items=items, protocol=protocol, cities=list(cities))
    extractors = {"phial": extract, "compat:eureka": extract_as_eureka}
    return Task("tsp", protocol_of(PROTOCOLS, protocol, "tsp"), tuple(made), extractors, grade, key, blank=blank)


def _map(count: int, source: Random) -> list[list[int]]:
    """Distances of places in a square of 100 by 100, by streets that run along its sides."""
    places: dict[tuple[int, int], None] = {}
    while len(places) < count:
        places[source.randrange(100), source.randrange(100)] = None
    return [[abs(a - c) + abs(b - d) for c, d in places] for a, b in places]


def shortest(distances: Sequence[Sequence[int]]) -> int:
    """The length of a shortest round trip, by Held and Karp's recursion over sets of cities."""
    count = len(distances)
    # The shortest ways from city 0 through a set of others (a bit each) to one of them.
    best = {(1 << city, city): distances[0][city] for city in range(1, count)}
    for size in range(2, count):
        for cities in combinations(range(1, count), size):
            visited = sum(1 << city for city in cities)
            for last in cities:
                best[visited, last] = min(
                    best[visited & ~(1 << last), other] + distances[other][last] for other in cities if other != last
                )
    everywhere = (1 << count) - 2
    return min(best[everywhere, last] + distances[last][0] for last in range(1, count))


_TOUR = re.compile(r"\d{1,3}(?:\s{0,3}(?:->|=>|\u2192|\\to|\\rightarrow|,|-)\s{0,3}\d{1,3})+", re.ASCII)


def extract(reply: str, item: Item) -> Extraction:
    """The tour in the last box, on the last "Answer:" line, in a tag, or else the last row of arrows."""
    reply = reply[-LOOKED_AT:]
    statement = stated(reply)
    for rule, text in (
        ("boxed", boxed(reply) or ""),
        (statement[1] if statement else "", statement[0] if statement else ""),
        ("tagged", tagged(reply) or ""),
        ("last-tour", "\n".join(line for line in reply.splitlines() if "->" in line or "\u2192" in line)),
    ):
        if found := _TOUR.findall(text):
            return Extraction(_path(found[-1]), rule)
    return Extraction(None)


def _path(tour: str) -> str:
    return ",".join(str(int(city)) for city in re.findall(r"\d+", tour, re.ASCII))


def extract_as_eureka(reply: str, item: Item) -> Extraction:
    """Only the path in the last tag, of which all but digits and "->" is dropped, so that "1, 2" is city 12.

    Apostrophes become quotation marks so that the dictionary is JSON; of what is none, the words "Path" and what is
    quoted behind it count.
    """
    head, closed, _ = reply[-LOOKED_AT:].rpartition("</final_answer>")
    while closed and "<final_answer>" not in head:
        head, closed, _ = head.rpartition("</final_answer>")
    content = head.rpartition("<final_answer>")[2].strip() if closed else ""
    path: object = None
    try:
        fields = json.loads(content.replace("'", '"'))
        path = fields.get("Path") if isinstance(fields, dict) else None
    except (ValueError, RecursionError):
        if match := re.search(r'"Path":\s*"([^"]+)"', content):
            path = match[1]
    cities = "".join(re.findall(r"\d+|->", path, re.ASCII)).split("->") if isinstance(path, str) else [""]
    if not all(0 < len(city) < 1000 for city in cities):
        return Extraction(None)
    return Extraction(",".join(str(int(city)) for city in cities), "tagged")


def grade(answer: str, item: Item) -> Grade:
    """Right if the tour visits every city once and is as short as can be.

    It may begin anywhere and run either way, and the return to its beginning may be left out. The figure "shortest by
    own length" says how near it was: 1 for a shortest one, 0 for no tour.
    """
    distances: Sequence[Sequence[int]] = item.data["distances"]
    cities = [int(city) for city in answer.split(",")]
    if len(cities) > 1 and cities[0] == cities[-1]:
        cities.pop()
    if sorted(cities) != list(range(len(distances))):
        return replace(blank(item), detail="no round trip through every city once")
    length = sum(distances[a][b] for a, b in zip(cities, [*cities[1:], cities[0]], strict=True))
    right = length == item.gold
    detail = "" if right else f"{length} long, the shortest is {item.gold}"
    return Grade(float(right), detail, {"is a tour": (1, 1), _RATIO: (item.gold / length, 1)})


def blank(item: Item) -> Grade:
    """No tour."""
    return Grade(0.0, parts={"is a tour": (0.0, 1.0), _RATIO: (0.0, 1.0)})
