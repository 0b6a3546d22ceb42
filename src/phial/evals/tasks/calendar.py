"""Calendar scheduling: a time that suits everybody under constraints, if there is one (own generator and checker)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from phial.engine.request import Sampling
from phial.evals.extract import boxed, stated
from phial.evals.generated import identity, require, stream
from phial.evals.items import protocol_of
from phial.evals.presets import PHI_4_REASONING
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

VERSION = 1  # of what is generated from a seed; a golden test asks for the next when that changes
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
KINDS = ("any", "any", "earliest", "impossible")  # in turn
OPEN, CLOSE, GRID = 9 * 60, 17 * 60, 15  # minutes; everything that is generated lies on the grid
LOOKED_AT = 100_000  # characters at the end of a reply
NONE = "none"

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot, any time that meets all constraints", Sampling(max_tokens=4096)),
    "phi-4-reasoning": Protocol(
        "phi-4-reasoning", "Eureka's answer format, sampled", PHI_4_REASONING, extractor="compat:eureka"
    ),
}

_QUESTION = """Find a time for a meeting of {length} minutes with {people}, between 09:00 and 17:00 on {days}. These \
are their other appointments:

{appointments}

The meeting must meet these conditions:
- Nobody has another appointment at that time.
{conditions}

"""
_OWN = """Reason as you like, then end with the day, the start and the end, such as
Answer: Monday 09:30-10:15
or, if there is no such time,
Answer: none"""
# The answer's form is that of Eureka's BA-Calendar; the words around it are ours.
_FINAL = """Reason step by step, and end with "Final Answer: Monday 09:30-10:15", with the right day and times, or \
with "No common time slot available"."""

_PEOPLE = ("Agnes", "Basil", "Cora", "Dora", "Edgar", "Flora", "Gideon", "Hedda", "Igor", "Lotte", "Otto", "Petra")


def make(
    seed: int = 0, items: int = 100, protocol: str = "phial", people: Sequence[int] = (2, 3, 4), days: int = 3
) -> Task:
    """Generate weeks: of four any fitting time is right in two, only the earliest in one, and one has no such time.

    Args:
        seed: other seeds, other weeks.
        items: in all.
        protocol: its name.
        people: how many take part, taken in turn.
        days: of the week that have appointments.
    """
    require(all(1 <= count <= 6 for count in people), "people out of range", "calendar", "use 1 to 6")
    require(1 <= days <= 5, f"{days} days", "calendar", "use 1 to 5")
    made = []
    for index in range(items):
        kind = KINDS[index % len(KINDS)]
        week = _week(kind, people[index // len(KINDS) % len(people)], days, stream("calendar", VERSION, seed, index))
        slots = [_written(day, start, week["length"]) for day, start in free(week)]
        gold = [NONE] if kind == "impossible" else slots[:1] if kind == "earliest" else slots
        prompt = _asked(week) + (_OWN if protocol == "phial" else _FINAL)
        tags = {"kind": kind, "people": str(len(week["busy"]))}
        made.append(Item(f"{index:05}", (("user", prompt),), gold, tags, data=week))
    key = identity("calendar", VERSION, seed=seed, items=items, protocol=protocol, people=list(people), days=days)
    extractors = {"phial": extract, "compat:eureka": extract_as_eureka}
    return Task(
        "calendar", protocol_of(PROTOCOLS, protocol, "calendar"), tuple(made), extractors, grade, key, blank=blank
    )


def _week(kind: str, people: int, days: int, source: Random) -> dict[str, Any]:
    """Appointments and conditions, drawn until the number of fitting times is as its kind wants it."""
    while True:
        on = sorted(source.sample(range(5), days))
        week = {
            "days": [DAYS[day] for day in on],
            "length": source.choice((30, 45, 60, 90)),
            "buffer": source.choice((0, 0, 15, 30)),
            "after": source.choice((OPEN, OPEN, 10 * 60, 13 * 60)),
            "before": source.choice((CLOSE, CLOSE, 16 * 60, 12 * 60)),
            "not_on": DAYS[source.choice(on)] if days > 1 and source.random() < 0.3 else "",
            "earliest": kind == "earliest",
            "busy": {name: {DAYS[day]: _appointments(source) for day in on} for name in source.sample(_PEOPLE, people)},
        }
        possible = len(free(week))
        if week["after"] < week["before"] and (possible == 0 if kind == "impossible" else 1 <= possible <= 8):
            return week


def _appointments(source: Random) -> list[list[int]]:
    """Intervals that do not touch, in order."""
    found: list[list[int]] = []
    start = OPEN + GRID * source.randrange(5)
    while start < CLOSE:
        end = min(CLOSE, start + GRID * source.randint(2, 8))
        found.append([start, end])
        start = end + GRID * source.randint(1, 9)
    return found


def free(week: Mapping[str, Any]) -> list[tuple[str, int]]:
    """All days and starts on the grid that meet every condition but earliness, in order of time.

    Every bound lies on the grid, so there is a fitting time off it only if there is one on it.
    """
    return [
        (day, start)
        for day in week["days"]
        for start in range(OPEN, CLOSE, GRID)
        if not fault(week, day, start, start + week["length"])
    ]


def fault(week: Mapping[str, Any], day: str, start: int, end: int) -> str:
    """Which condition a time breaks, earliness apart; "" for none. Times are minutes of the day."""
    if end - start != week["length"]:
        return f"{end - start} minutes long"
    if day not in week["days"] or day == week["not_on"]:
        return f"not on {day}"
    if start < week["after"] or end > week["before"]:
        return "outside the hours"
    for name, appointments in week["busy"].items():
        if any(start - week["buffer"] < until and since < end + week["buffer"] for since, until in appointments[day]):
            return f"{name} has an appointment"
    return ""


def _asked(week: Mapping[str, Any]) -> str:
    conditions = []
    if week["not_on"]:
        conditions.append(f"It is not on {week['not_on']}.")
    if week["after"] > OPEN:
        conditions.append(f"It does not start before {_clock(week['after'])}.")
    if week["before"] < CLOSE:
        conditions.append(f"It ends by {_clock(week['before'])}.")
    if week["buffer"]:
        conditions.append(f"Everybody has {week['buffer']} minutes without other appointments before and after it.")
    if week["earliest"]:
        conditions.append("No earlier time meets all the other conditions.")
    return _QUESTION.format(
        length=week["length"],
        people=", ".join(week["busy"]),
        days=" or ".join(week["days"]),
        conditions="\n".join(f"- {condition}" for condition in conditions),
        appointments="\n".join(
            f"{name}, {day}: " + (", ".join(f"{_clock(a)}-{_clock(b)}" for a, b in appointments[day]) or "none")
            for name, appointments in week["busy"].items()
            for day in week["days"]
        ),
    ).replace("time.\n\n\n", "time.\n\n")


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _written(day: str, start: int, length: int) -> str:
    return f"{day} {_clock(start)}-{_clock(start + length)}"


_TIME = re.compile(
    r"\b(monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b[^\d\n]{0,30}(\d{1,2})[:.h](\d\d)"
    r"[^\d\n]{1,20}(\d{1,2})[:.h](\d\d)",
    re.IGNORECASE | re.ASCII,
)
_NO_TIME = re.compile(r"\bnone\b|\bno (?:common |such |suitable |possible |valid )?(?:time|slot)", re.IGNORECASE)


def extract(reply: str, item: Item) -> Extraction:
    """The day and times, or "none", in the last box, on the last "Answer:" line, or else on the last line with any."""
    reply = reply[-LOOKED_AT:].replace("**", "")
    statement = stated(reply)
    lines = [line for line in reply.splitlines() if line.strip()]
    timed = [line for line in lines if _TIME.search(line)]
    for rule, text in (
        ("boxed", boxed(reply) or ""),
        (statement[1] if statement else "", statement[0] if statement else ""),
        ("last-line", lines[-1] if lines else ""),
        ("last-time", timed[-1] if timed else ""),
    ):
        if found := _TIME.findall(text):
            day, *clock = found[-1]
            hour, minute, until_hour, until_minute = map(int, clock)
            return Extraction(f"{day.title()} {hour:02}:{minute:02}-{until_hour:02}:{until_minute:02}", rule)
        if _NO_TIME.search(text):
            return Extraction(NONE, rule)
    return Extraction(None)


def extract_as_eureka(reply: str, item: Item) -> Extraction:
    """The last "Final Answer: Monday 09:30-10:15" once asterisks and line feeds are gone; else "no common time ..."."""
    text = reply[-LOOKED_AT:].replace("**", "").replace("\n", "")
    if found := re.findall(r"Final Answer:\s*(\w+ \d{2}:\d{2}-\d{2}:\d{2})", text):
        return Extraction(found[-1], "final-answer")
    if "no common time slot available" in text.lower():
        return Extraction(NONE, "no-common-time")
    return Extraction(None)


def grade(answer: str, item: Item) -> Grade:
    """Right if the time meets every condition, on the grid or off it, or if there is none and that is said."""
    detail = _fault(answer, item)
    return Grade(float(not detail), detail, {f"of those that are {item.tags['kind']}": (float(not detail), 1.0)})


def _fault(answer: str, item: Item) -> str:
    if answer == NONE or item.gold == [NONE]:
        return "" if item.gold == [answer] else "there is a time" if answer == NONE else "there is no time"
    match = re.fullmatch(r"(\w+) (\d+):(\d+)-(\d+):(\d+)", answer, re.ASCII)
    if match is None:
        return "no time"
    hour, minute, until_hour, until_minute = map(int, match.groups()[1:])
    start, end = hour * 60 + minute, until_hour * 60 + until_minute
    if found := fault(item.data, match[1], start, end):
        return found
    if item.data["earliest"] and _written(match[1], start, end - start) not in item.gold:
        return f"{item.gold[0]} is earlier"
    return ""


def blank(item: Item) -> Grade:
    """Wrong."""
    return Grade(0.0, parts={f"of those that are {item.tags['kind']}": (0.0, 1.0)})
