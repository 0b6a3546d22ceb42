"""Judge a solution by assert lines so that it cannot forge the verdict.

Only the calls of a test run beside the solution; the expected values never enter that process. For
`assert area(2, 3) == 6` the sandbox is asked for the value of `area(2, 3)`, replies with plain data, and the
comparison is made outside. A test that needs more than one comparison (`assert abs(mean(x) - 2.5) < 1e-9`) is finished
in a second sandbox where the solution has never run, on the plain values. So printing "passed", exiting early, objects
that equal everything, or patched builtins gain nothing: to pass is to give the right values.

The exception is a test that calls the solution from a comprehension or lambda, whose calls cannot be taken out of it:
it is judged beside the solution, and only the secret token that marks true replies stands between it and a forger.
"""

from __future__ import annotations

import ast
import builtins
import operator
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from phial.record import Verdict
from phial.sandbox import DEFAULT_LIMITS, Limits, Outcome, run_python
from phial.syntax import literal, parse_module

_SHOWN = 200  # characters of untrusted text in a reason

_BESIDE_SOLUTION = '''
import os, sys

def plain(value):
    """Source text of plain data, whatever subclass it came as."""
    if value is None or value is True or value is False:
        return repr(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        if value - value != 0:
            if value != value:
                raise TypeError("nan is not comparable")
            return "1e999" if value > 0 else "-1e999"
        return float.__repr__(value)
    if isinstance(value, complex):
        return complex.__repr__(value)
    if isinstance(value, str):
        return ascii(str.__str__(value))
    if isinstance(value, bytes):
        return bytes.__repr__(value)
    if isinstance(value, list):
        return "[" + ",".join([plain(item) for item in value]) + "]"
    if isinstance(value, tuple):
        return "(" + "".join([plain(item) + "," for item in value]) + ")"
    if isinstance(value, (set, frozenset)):
        return "{" + ",".join([plain(item) for item in value]) + "}" if value else "set()"
    if isinstance(value, dict):
        return "{" + ",".join([plain(key) + ":" + plain(item) for key, item in value.items()]) + "}"
    raise TypeError("a " + type(value).__name__ + " is not plain data")

def main(token, setup, solution, expressions):
    channel = os.dup(1)
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
    module = type(sys)("solution")
    sys.modules["solution"] = module
    replies = []
    try:
        exec(compile(setup, "<setup>", "exec"), module.__dict__)
        exec(compile(solution, "<solution>", "exec"), module.__dict__)
        replies.append("value None")
        for expression in expressions:
            try:
                replies.append("value " + plain(eval(compile(expression, "<test>", "eval"), module.__dict__)))
            except Exception as error:
                replies.append("error " + ascii(type(error).__name__ + ": " + str(error)))
    except Exception as error:
        replies.append("error " + ascii(type(error).__name__ + ": " + str(error)))
    text = "".join(token + " " + reply + "\\n" for reply in replies).encode()
    while text:
        text = text[os.write(channel, text):]

'''

_AWAY_FROM_SOLUTION = """
def main(token, setup, values, expressions):
    namespace = {"inf": float("inf")}
    exec(setup, namespace)
    for index, value in enumerate(values):
        namespace["_value_" + str(index)] = eval(value, namespace)
    for expression in expressions:
        try:
            print(token, "value", bool(eval(expression, namespace)))
        except Exception as error:
            print(token, "error", ascii(type(error).__name__ + ": " + str(error)))

"""

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: lambda left, right: left is right,
    ast.IsNot: lambda left, right: left is not right,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_UNREADABLE = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError)
_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.NamedExpr)


@dataclass(frozen=True, slots=True)
class TestVerdict:
    """Whether a solution passed all its tests.

    Attributes:
        reason: empty when passed; otherwise the first fault found.
        level: the sandbox level it ran under; empty where the tests were no tests and nothing was run.
        seconds: wall-clock time in the sandbox.
    """

    __test__ = False  # pytest collects by name otherwise

    passed: bool
    reason: str
    level: str
    seconds: float

    def verdict(self, gate: str = "unit tests") -> Verdict:
        """For a record's lineage; the detail begins with the sandbox level, or says that nothing was run."""
        return Verdict(gate, self.passed, f"{self.level or 'not run'}{': ' if self.reason else ''}{self.reason}")


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression came to beside a program.

    Attributes:
        plain: the value, where there is no fault; plain data.
        fault: why there is none.
        error: the type of the exception that the expression raised, where that is the fault.
    """

    plain: Any = None
    fault: str = ""
    error: str = ""


class _Fault(Exception):
    """The reason why a solution or its tests fail."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One test: its text, and its condition with every use of the solution replaced by `_value_N`."""

    number: int
    text: str
    condition: ast.expr


class _Hoister(ast.NodeTransformer):
    """Replaces the largest expressions that begin at a name of the solution's, collecting their sources."""

    def __init__(self, known: frozenset[str], hoisted: list[str]) -> None:
        self.known = known
        self.hoisted = hoisted

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, _SCOPES):
            return node  # `_prepare` has made sure that none uses the solution
        root = node
        while isinstance(root, ast.Call | ast.Attribute | ast.Subscript):
            root = root.func if isinstance(root, ast.Call) else root.value
        if isinstance(root, ast.Name) and root.id not in self.known:
            return self.hoist(node)
        return self.generic_visit(node)

    def hoist(self, node: ast.AST) -> ast.Name:
        self.hoisted.append(ast.unparse(node))
        return ast.Name(f"_value_{len(self.hoisted) - 1}", ast.Load())


def check(solution: str, tests: Sequence[str], limits: Limits = DEFAULT_LIMITS) -> TestVerdict:
    """Run a solution against its tests in the sandbox.

    Args:
        solution: Python source that defines what the tests use.
        tests: `assert` statements, one each; `import` lines among them are made available to all.
        limits: for each of at most two sandboxed runs.

    Raises:
        SandboxUnavailable: there is no sandbox; nothing was run.
    """
    runs: list[Outcome] = []
    try:
        _check(solution, tests, limits, runs)
        reason = ""
    except _Fault as fault:
        reason = str(fault)
    level = runs[0].level if runs else ""
    return TestVerdict(not reason, reason, level, sum(run.seconds for run in runs))


def values(program: str, expressions: Sequence[str], limits: Limits = DEFAULT_LIMITS) -> list[Value]:
    """Evaluate expressions beside a program in the sandbox; plain data alone comes back.

    Args:
        program: Python source that defines what the expressions use.
        expressions: such as "area(2, 3)".
        limits: of the one run.

    Raises:
        SandboxUnavailable: there is no sandbox; nothing was run.
    """
    try:
        replies = _ask(_BESIDE_SOLUTION, ("", program, list(expressions)), len(expressions) + 1, limits, [])
    except _Fault as fault:
        return [Value(fault=str(fault))] * len(expressions)
    found = [_plain(reply) for reply in replies]
    if isinstance(found[0], _Fault):
        return [Value(fault=f"the program fails to load: {found[0]}")] * len(expressions)
    return [_value(value) for value in found[1:]]


def _value(value: Any) -> Value:
    if not isinstance(value, _Fault):
        return Value(value)
    kind = str(value).partition(":")[0]
    return Value(fault=str(value), error=kind if kind.isidentifier() else "")


def _check(solution: str, tests: Sequence[str], limits: Limits, runs: list[Outcome]) -> None:
    setup, cases, expressions = _prepare(solution, tests)
    replies = _ask(_BESIDE_SOLUTION, (setup, solution, expressions), len(expressions) + 1, limits, runs)
    values = [_plain(reply) for reply in replies]
    if isinstance(values[0], _Fault):
        raise _Fault(f"the solution fails to load: {values[0]}")
    del values[0]
    undecided: list[_Case] = []
    for case in cases:
        used = [int(name.id[7:]) for name in ast.walk(case.condition) if _is_placeholder(name)]
        for index in used:
            if isinstance(values[index], _Fault):
                raise _Fault(f"test {case.number}, {_short(case.text)}: {values[index]}")
        decided = _decide(case.condition, values)
        if decided is None:
            undecided.append(case)
        elif not decided:
            got = ", ".join(f"{_short(expressions[index])} is {_short(repr(values[index]))}" for index in used)
            raise _Fault(f"test {case.number}, {_short(case.text)}: {got}")
    if undecided:
        sources = ["None" if isinstance(value, _Fault) else repr(value) for value in values]
        conditions = [ast.unparse(case.condition) for case in undecided]
        replies = _ask(_AWAY_FROM_SOLUTION, (setup, sources, conditions), len(conditions), limits, runs)
        for case, reply in zip(undecided, replies, strict=True):
            if reply != "value True":
                raise _Fault(f"test {case.number}, {_short(case.text)}: {_short(reply.removeprefix('value '))}")


def _prepare(solution: str, tests: Sequence[str]) -> tuple[str, list[_Case], list[str]]:
    """Split tests into import lines, conditions with placeholders, and the expressions the placeholders stand for."""
    setup: list[str] = []
    parsed: list[tuple[int, str, ast.expr]] = []
    imported: set[str] = set()
    for number, text in enumerate(tests, 1):
        try:
            statements = parse_module(text.strip()).body
        except _UNREADABLE as error:
            raise _Fault(f"test {number} is no Python: {error}") from error
        match statements:
            case [ast.Assert(test=condition)]:
                parsed.append((number, text.strip(), condition))
            case [ast.Import(names=names) | ast.ImportFrom(names=names)]:
                setup.append(text.strip())
                imported.update(name.asname or name.name.partition(".")[0] for name in names)
            case _:
                raise _Fault(f"test {number} is not one assert or import statement: {_short(text)}")
    if not parsed:
        raise _Fault("there are no tests")
    known = frozenset(
        name for name in (*dir(builtins), *imported) if not re.search(_definition(name), solution, re.MULTILINE)
    )
    cases: list[_Case] = []
    expressions: list[str] = []
    hoister = _Hoister(known, expressions)
    for number, text, condition in parsed:
        scopes = [node for node in ast.walk(condition) if isinstance(node, _SCOPES)]
        inseparable = any(isinstance(node, ast.NamedExpr) or _uses_solution(node, known) for node in scopes)
        try:
            replaced = hoister.hoist(condition) if inseparable else hoister.visit(condition)
        except RecursionError as error:
            raise _Fault(f"test {number} is nested too deeply") from error
        assert isinstance(replaced, ast.expr)
        cases.append(_Case(number, text, replaced))
    return "\n".join(setup), cases, expressions


def _definition(name: str) -> str:
    """A pattern for source that may give a builtin's name another meaning; then its calls count as the solution's."""
    return rf"\b(?:def|class|import|as|for)\s+{name}\b|^\s*{name}\s*(?::[^=\n]*)?=(?!=)"


def _uses_solution(node: ast.AST, known: frozenset[str]) -> bool:
    names = [child for child in ast.walk(node) if isinstance(child, ast.Name)]
    bound = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    bound |= {argument.arg for argument in ast.walk(node) if isinstance(argument, ast.arg)}
    return any(name.id not in known and name.id not in bound for name in names)


def _ask(harness: str, arguments: tuple[object, ...], count: int, limits: Limits, runs: list[Outcome]) -> list[str]:
    """Run a harness and return its `count` replies, or the one that says why there are no more."""
    token = secrets.token_hex(16)
    outcome = run_python(f"{harness}main({token!r}, *{arguments!r})\n", limits)
    runs.append(outcome)
    if outcome.status in ("timeout", "killed"):
        raise _Fault(f"the run was ended: {outcome.status} after {outcome.seconds:.2f} s")
    lines = outcome.stdout.splitlines()
    replies = [line.removeprefix(token + " ") for line in lines if line.startswith(token + " ")]
    if len(replies) != count and not (len(replies) == 1 and replies[0].startswith("error ")):
        raise _Fault(f"the run ended without a verdict, exit code {outcome.exit_code}")
    return replies


def _plain(reply: str) -> Any:
    """The value in a reply, or the fault it reports. A reply may be forged, so it is read as data only."""
    kind, _, text = reply.partition(" ")
    try:
        value = literal(text)
    except _UNREADABLE:
        return _Fault("the value cannot be read")
    return value if kind == "value" else _Fault(_short(str(value)))


def _is_placeholder(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and re.fullmatch(r"_value_\d+", node.id) is not None


def _decide(condition: ast.expr, values: Sequence[Any]) -> bool | None:
    """The truth of a condition made of plain values and one comparison; None where it takes more."""
    try:
        match condition:
            case ast.Compare(left=left, ops=[comparison], comparators=[right]):
                return bool(_COMPARISONS[type(comparison)](_operand(left, values), _operand(right, values)))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not _operand(operand, values)
            case _:
                return bool(_operand(condition, values))
    except _UNREADABLE:
        return None


def _operand(node: ast.expr, values: Sequence[Any]) -> Any:
    if _is_placeholder(node):
        return values[int(node.id[7:])]
    return ast.literal_eval(node)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
