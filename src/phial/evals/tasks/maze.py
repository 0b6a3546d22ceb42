"""Mazes: a way from start to exit, any or a shortest one (own generator, exact checker)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from random import Random

from phial.engine.request import Sampling
from phial.evals.extract import boxed, stated
from phial.evals.generated import identity, require, stream
from phial.evals.items import protocol_of
from phial.evals.presets import PHI_4_REASONING
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

VERSION = 1  # of what is generated from a seed; a golden test asks for the next when that changes
SIZES = (5, 7, 9, 11)
KINDS = ("any", "shortest")
LOOKED_AT = 100_000  # characters at the end of a reply
STEPS = {"U": (-1, 0), "D": (1, 0), "L": (0, -1), "R": (0, 1)}

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot, the moves must lead from S to E", Sampling(max_tokens=4096)),
    "phi-4-reasoning": Protocol(
        "phi-4-reasoning",
        "as phial, sampled as the report does",
        PHI_4_REASONING,
    ),
}

_OWN = """This is a maze; # is a wall, . is open, S is the start and E is the exit:

{maze}

A move goes one cell up (U), down (D), left (L) or right (R), never into a wall. Give {what} from S to E. Reason as \
you like, then end with the moves in a row, such as
Answer: RRDDLD"""
_WHAT = {"any": "any sequence of moves", "shortest": "a shortest sequence of moves"}


def make(
    seed: int = 0,
    items: int = 100,
    protocol: str = "phial",
    sizes: Sequence[int] = SIZES,
    kinds: Sequence[str] = KINDS,
) -> Task:
    """Generate mazes.

    Args:
        seed: other seeds, other mazes.
        items: in all.
        protocol: its name.
        sizes: cells a side, walls included; odd numbers, taken in turn.
        kinds: "any" way counts, or only a "shortest" one; taken in turn.
    """
    require(all(5 <= size <= 51 and size % 2 for size in sizes), "a size", "maze", "use odd numbers from 5 to 51")
    require(set(kinds) <= set(KINDS) and len(kinds) > 0, f"kinds {kinds}", "maze", f"choose of {', '.join(KINDS)}")
    made = []
    for index in range(items):
        size, kind = sizes[index % len(sizes)], kinds[index // len(sizes) % len(kinds)]
        maze = _maze(size, stream("maze", VERSION, seed, index))
        prompt = _OWN.format(maze="\n".join(maze), what=_WHAT[kind])
        tags = {"size": str(size), "kind": kind}
        made.append(Item(f"{index:05}", (("user", prompt),), shortest(maze), tags, data={"maze": maze}))
    key = identity("maze", VERSION, seed=seed, items=items, sizes=list(sizes), kinds=list(kinds))
    return Task(
        "maze", protocol_of(PROTOCOLS, protocol, "maze"), tuple(made), {"phial": extract}, grade, key, blank=blank
    )


def _maze(size: int, source: Random) -> list[str]:
    """A tree of corridors that fills the square, with a few walls taken out so that there are several ways."""
    cells = [["#"] * size for _ in range(size)]
    stack = [(1, 1)]
    cells[1][1] = "."
    while stack:
        row, column = stack[-1]
        around = [(row + 2 * down, column + 2 * right) for down, right in STEPS.values()]
        ways = [(r, c) for r, c in around if 0 < r < size and 0 < c < size and cells[r][c] == "#"]
        if not ways:
            stack.pop()
            continue
        to = source.choice(ways)
        cells[(row + to[0]) // 2][(column + to[1]) // 2] = cells[to[0]][to[1]] = "."
        stack.append(to)
    for _ in range(size // 3):
        row, column = source.randrange(1, size - 1), source.randrange(1, size - 1)
        if (row + column) % 2:  # a wall between two cells, not a corner
            cells[row][column] = "."
    open_cells = [(row, column) for row in range(size) for column in range(size) if cells[row][column] == "."]
    start = source.choice(open_cells)
    # The exit is one of the farthest third.
    distances = sorted((distance, cell) for cell, distance in _distances(cells, start).items())
    exit_ = source.choice(distances[len(distances) * 2 // 3 :])[1]
    cells[start[0]][start[1]], cells[exit_[0]][exit_[1]] = "S", "E"
    return ["".join(row) for row in cells]


def _distances(maze: Sequence[Sequence[str]], start: tuple[int, int]) -> dict[tuple[int, int], int]:
    """Moves to every cell that can be reached, breadth first."""
    found = {start: 0}
    waiting = deque([start])
    while waiting:
        row, column = waiting.popleft()
        for down, right in STEPS.values():
            cell = row + down, column + right
            if maze[cell[0]][cell[1]] != "#" and cell not in found:
                found[cell] = found[row, column] + 1
                waiting.append(cell)
    return found


def place(maze: Sequence[str], mark: str) -> tuple[int, int]:
    """Row and column of "S" or "E"."""
    return next((row, line.index(mark)) for row, line in enumerate(maze) if mark in line)


def shortest(maze: Sequence[str]) -> int:
    """How many moves a shortest way has."""
    return _distances(maze, place(maze, "S"))[place(maze, "E")]


_MOVES = re.compile(r"\b[UDLR]+(?:[\s,>\u2192-]{1,4}[UDLR]+)*\b")
_WORDS = re.compile(r"\b(up|down|left|right)\b", re.IGNORECASE)


def extract(reply: str, item: Item) -> Extraction:
    """The moves in the last box, on the last "Answer:" line, or alone on the last line; letters or words."""
    reply = reply[-LOOKED_AT:].replace("**", "").replace("`", "")
    statement = stated(reply)
    lines = [line for line in reply.splitlines() if line.strip()]
    for rule, text in (
        ("boxed", boxed(reply) or ""),
        (statement[1] if statement else "", statement[0] if statement else ""),
        ("last-line", lines[-1] if lines else ""),
    ):
        if found := _MOVES.findall(text):
            return Extraction(max(("".join(re.findall("[UDLR]", row)) for row in found), key=len), rule)
        if words := _WORDS.findall(text):
            return Extraction("".join(word[0].upper() for word in words), rule)
    return Extraction(None)


def grade(answer: str, item: Item) -> Grade:
    """Right if the moves end in the exit without touching a wall, and are as few as can be where that was asked for."""
    maze: Sequence[str] = item.data["maze"]
    row, column = place(maze, "S")
    for number, move in enumerate(answer, 1):
        row, column = row + STEPS[move][0], column + STEPS[move][1]
        # The border is wall all round, so no move leaves the maze.
        if maze[row][column] == "#":
            return _graded(0, f"move {number} goes into a wall", item)
    if maze[row][column] != "E":
        return _graded(0, "the moves end elsewhere", item)
    if item.tags["kind"] == "shortest" and len(answer) > item.gold:
        return _graded(0, f"{len(answer)} moves, the shortest way has {item.gold}", item)
    return _graded(1, "", item)


def _graded(score: float, detail: str, item: Item) -> Grade:
    return Grade(score, detail, {f"of those that ask for {item.tags['kind']}": (score, 1)})


def blank(item: Item) -> Grade:
    """Wrong."""
    return _graded(0, "", item)
