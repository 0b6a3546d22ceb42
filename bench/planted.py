"""Programs that are known to do the same as another one, or something else, for planting.

The truth does not come from the gates under measurement: a changed program counts as another one only where it returns
something else for some of many drawn arguments, computed here in this process, and as the same one only where it never
does.
"""

from __future__ import annotations

import ast
import copy
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from phial.synth.exercises import Exercise, generate

DRAWN_CALLS = 60
SEED = 20_250_107


def exercises(count: int) -> list[Exercise]:
    """Distinct exercises with checked solutions, all families in turn."""
    drawn = {}
    index = 0
    while len(drawn) < count:
        exercise = generate(index, SEED)
        drawn.setdefault(exercise.solution, exercise)
        index += 1
    return list(drawn.values())


def bare(exercise: Exercise) -> str:
    """The solution without its docstring."""
    tree = ast.parse(exercise.solution)
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    del function.body[0]
    return ast.unparse(tree) + "\n"


def calls(exercise: Exercise) -> list[str]:
    """The calls of its tests, without their values."""
    return [test.removeprefix("assert ").partition(" == ")[0] for test in exercise.tests]


def changed(exercise: Exercise, random: Random) -> str | None:
    """A small mistake in the solution that shows in what it returns; None where no drawn one does."""
    source = bare(exercise)
    for _ in range(30):
        mistaken = _mistake(source, random)
        if mistaken != source and _differ(source, mistaken, exercise, random):
            return mistaken
    return None


def rewritten(exercise: Exercise, random: Random) -> str:
    """The solution in other words: other names, a helper variable, a wrapped condition, a changed order of equals."""
    source = bare(exercise)
    tree = ast.parse(source)
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {argument.arg for argument in function.args.args}
    renamed = {name: f"{random.choice(('the', 'my', 'one'))}_{name}" for name in sorted(names)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in renamed:
            node.id = renamed[node.id]
        elif isinstance(node, ast.arg):
            node.arg = renamed[node.arg]
        elif isinstance(node, ast.Return) and node.value and random.random() < 0.5:
            node.value = ast.IfExp(ast.Constant(True), node.value, ast.Constant(None))
        elif isinstance(node, ast.If) and random.random() < 0.7:
            node.test = ast.UnaryOp(ast.Not(), ast.UnaryOp(ast.Not(), node.test))
    parameter = function.args.args[0].arg
    function.body.insert(0, ast.Assign([ast.Name(f"{parameter}_given", ast.Store())], ast.Name(parameter, ast.Load())))
    other = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    assert not _differ(source, other, exercise, random), other
    return other


def _mistake(source: str, random: Random) -> str:
    tree = ast.parse(source)
    places = [
        node for node in ast.walk(tree) if isinstance(node, ast.BinOp | ast.Compare | ast.Constant | ast.AugAssign)
    ]
    if not places:
        return source
    node = random.choice(places)
    if isinstance(node, ast.BinOp | ast.AugAssign):
        node.op = random.choice([ast.Add(), ast.Sub(), ast.Mult(), ast.FloorDiv()])
    elif isinstance(node, ast.Compare):
        node.ops[0] = random.choice([ast.Lt(), ast.LtE(), ast.Gt(), ast.GtE(), ast.Eq(), ast.NotEq()])
    elif isinstance(node.value, int) and not isinstance(node.value, bool):
        node.value += random.choice((-1, 1, 2))
    elif isinstance(node.value, str):
        node.value = node.value[1:] if node.value else "x"
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _differ(source: str, other: str, exercise: Exercise, random: Random) -> bool:
    """Whether two trusted programs return something else for some of many arguments like those of the tests."""
    given = [_arguments(call) for call in calls(exercise)]
    drawn = [_like(random.choice(given), random) for _ in range(DRAWN_CALLS)]
    return any(_result(source, exercise.name, one) != _result(other, exercise.name, one) for one in [*given, *drawn])


def _arguments(call: str) -> list[Any]:
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    return [ast.literal_eval(argument) for argument in node.args]


def _like(value: Any, random: Random) -> Any:
    """Another value of the same shape."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return random.choice((value, value + random.randint(-3, 3), random.randint(0, 30)))
    if isinstance(value, float):
        return value + random.randint(-3, 3)
    if isinstance(value, str):
        letters = list(value)
        random.shuffle(letters)
        return "".join(letters[: random.randint(0, len(letters))]) if random.random() < 0.7 else value
    if isinstance(value, list):
        return [_like(item, random) for item in value if random.random() < 0.9]
    if isinstance(value, tuple):
        return tuple(_like(item, random) for item in value)
    return value


def _result(source: str, name: str, arguments: Any) -> str:
    """What a program of ours returns, or raises, as text; it gets a second."""
    namespace: dict[str, Any] = {}
    try:
        with _a_second():
            exec(source, namespace)
            return repr(namespace[name](*copy.deepcopy(arguments)))
    except Exception as error:
        return type(error).__name__


@contextmanager
def _a_second() -> Iterator[None]:
    def end(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
