"""How faithfully one program does what another does: by what both return, or by their syntax."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from phial.sandbox import DEFAULT_LIMITS, Limits, level
from phial.syntax import parse_module
from phial.verify.unit_tests import Value, values

# Fewer values, or the same one everywhere, say too little about what a program does.
LEAST_VALUES = 3
LEAST_DISTINCT = 2


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How alike two programs are.

    Attributes:
        measure: "behaviour" or "syntax".
        share: from 0 to 1: of calls with equal values, or of equal pieces of syntax.
        detail: the evidence.
    """

    measure: str
    share: float
    detail: str


def behaviour(original: str, other: str, calls: Sequence[str], limits: Limits = DEFAULT_LIMITS) -> Fidelity | None:
    """Call two programs alike, each in a sandbox of its own, and compare what they return.

    A call that raises in the original must raise the same type of exception in the other.

    Args:
        original: Python source.
        other: Python source that should do the same.
        calls: expressions, such as "area(2, 3)".
        limits: of each run.

    Returns:
        The share of calls that agree; None where the original gives too few values to tell programs apart.

    Raises:
        SandboxUnavailable: there is no sandbox; nothing was run.
    """
    expected = values(original, calls, limits)
    given = [value for value in expected if not value.fault]
    if len(given) < LEAST_VALUES or len({repr(value.plain) for value in given}) < LEAST_DISTINCT:
        return None
    found = values(other, calls, limits)
    # What makes the original fail without a word of Python's (its run was ended) says nothing of the other.
    judged = [(c, e, f) for c, e, f in zip(calls, expected, found, strict=True) if not e.fault or e.error]
    equal = [alike(e, f) for _, e, f in judged]
    detail = f"{sum(equal)} of {len(equal)} calls agree, sandbox {level()}"
    if False in equal:
        call, right, wrong = judged[equal.index(False)]
        detail += f"; {call} is {_shown(right)}, not {_shown(wrong)}"
    return Fidelity("behaviour", sum(equal) / len(equal), detail)


def syntax(original: str, other: str) -> Fidelity:
    """Compare two programs' syntax trees, whatever their names, annotations, docstrings and comments.

    The measure is Dice's over the trees' pieces: each node with its children, names by the order of their first use.

    Returns:
        1 for the same tree up to names; 0 where one of them is no Python.
    """
    try:
        first, second = _pieces(original), _pieces(other)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Fidelity("syntax", 0.0, f"no Python: {error}")
    total = first.total() + second.total()
    shared = (first & second).total()
    share = 2 * shared / total if total else 0.0
    return Fidelity("syntax", share, f"{shared} pieces of {first.total()} and {second.total()} are shared")


def alike(first: Value, second: Value) -> bool:
    """Whether two calls came to the same: equal plain data (floats within 1e-9), or the same type of exception."""
    if first.fault or second.fault:
        return bool(first.error) and first.error == second.error
    return _equal(first.plain, second.plain)


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return first == second or math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-12)
    if type(first) is not type(second):
        numbers = (int, float)
        return type(first) in numbers and type(second) in numbers and first == second
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(_equal, first, second))
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_equal(first[key], second[key]) for key in first)
    return first == second


def _shown(value: Value) -> str:
    text = value.fault or repr(value.plain)
    return text if len(text) <= 80 else text[:79] + "…"


class _Normalised(ast.NodeTransformer):
    """Takes out what does not change what a program does, and renames by the order of first use."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def visit(self, node: ast.AST) -> ast.AST:
        for field in ("annotation", "returns", "type_comment"):
            if hasattr(node, field):
                setattr(node, field, None)
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            node = ast.Assign([node.target], node.value)
        for field in ("id", "arg", "name", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str) and not isinstance(node, ast.keyword):
                setattr(node, field, self.names.setdefault(name, f"v{len(self.names)}"))
        body = getattr(node, "body", None)
        if isinstance(body, list) and len(body) > 1 and _is_words(body[0]):
            del body[0]
        return self.generic_visit(node)


def _is_words(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _pieces(source: str) -> Counter[str]:
    tree = _Normalised().visit(parse_module(source))
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.expr_context | ast.operator | ast.unaryop | ast.boolop | ast.cmpop | ast.Module):
            continue
        children = [_label(child) for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context)]
        found[f"{_label(node)}({','.join(children)})"] += 1
    return found


def _label(node: ast.AST) -> str:
    kind = type(node).__name__
    told = [str(getattr(node, field)) for field in ("id", "arg", "attr", "name") if getattr(node, field, None)]
    if isinstance(node, ast.Constant):
        told = [repr(node.value)]
    return ":".join([kind, *told])
