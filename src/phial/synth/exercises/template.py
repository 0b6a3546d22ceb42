"""The shape of a beginner exercise and how a template's draft becomes one, with tests from an independent reference."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

MAXIMUM_CHARACTERS = 450  # of a whole solution, so that one fits a short training row many times over
_DRAWS = 50


@dataclass(frozen=True, slots=True)
class Exercise:
    """One function to write from its docstring.

    Attributes:
        name: the function's name.
        family: the template it comes from.
        version: that template's declared version.
        prompt: `def name(...):` and its docstring with one or two examples; ends with a newline.
        solution: the whole function, beginning with the prompt.
        tests: assert lines; their values come from the template's reference, not from the solution.
        difficulty: 1 (one expression) to 3 (a loop with a state and a condition).
    """

    name: str
    family: str
    version: int
    prompt: str
    solution: str
    tests: tuple[str, ...]
    difficulty: int


@dataclass(frozen=True, slots=True)
class Draft:
    """One draw of a template.

    Attributes:
        name: the function's name.
        parameters: its parameters' names.
        task: the docstring's sentence.
        body: the statements after the docstring, indented from column 0.
        reference: the right result by other means than `body`; it leaves its arguments as they are.
        cases: arguments of the tests, each a tuple; the first one or two are the docstring's examples.
    """

    name: str
    parameters: tuple[str, ...]
    task: str
    body: str
    reference: Callable[..., Any]
    cases: Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Family:
    """A template: `draw` must use no randomness but the given one."""

    name: str
    version: int
    difficulty: int
    draw: Callable[[Random], Draft]


def build(family: Family, random: Random) -> Exercise:
    """Draw an exercise whose tests tell a constant from a solution and whose text is short enough.

    Raises:
        ValueError: the template yields none in many draws; a fault of the template.
    """
    for _ in range(_DRAWS):
        draft = family.draw(random)
        cases = _distinct(draft.cases)
        results = [draft.reference(*copy.deepcopy(case)) for case in cases]
        examples = random.choice((1, 2, 2))
        if len(cases) < 4 or len({repr(result) for result in results}) < 2:
            continue
        prompt = _prompt(draft, list(zip(cases, results, strict=True))[:examples])
        solution = prompt + "".join(f"    {line}\n" for line in draft.body.splitlines())
        if len(solution) > MAXIMUM_CHARACTERS:
            continue
        tests = tuple(f"assert {_call(draft, case)} == {result!r}" for case, result in zip(cases, results, strict=True))
        return Exercise(draft.name, family.name, family.version, prompt, solution, tests, family.difficulty)
    raise ValueError(f"template {family.name} yields no usable exercise in {_DRAWS} draws")


def _distinct(cases: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return list({repr(case): case for case in cases}.values())


def _call(draft: Draft, case: tuple[Any, ...]) -> str:
    return f"{draft.name}({', '.join(map(repr, case))})"


def _prompt(draft: Draft, examples: list[tuple[tuple[Any, ...], Any]]) -> str:
    lines = [f"def {draft.name}({', '.join(draft.parameters)}):", f'    """{draft.task}', ""]
    for case, result in examples:
        lines += [f"    >>> {_call(draft, case)}", f"    {result!r}"]
    return "\n".join([*lines, '    """', ""])
