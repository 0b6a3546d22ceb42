"""Equations between numbers in a worked solution: those that are not true."""

from __future__ import annotations

import ast
import re
from fractions import Fraction
from itertools import pairwise

from phial.syntax import parse_expression

_TIMES, _OVER = "\u00d7", "\u00f7"
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
# A number, or an expression of numbers and signs; "x" between numbers is a sign, and "$" says nothing.
_TERM = rf"[($\s-]*{_NUMBER}(?:\s*(?:[-+*/{_TIMES}{_OVER}x()$])[-+*/()$\s]*{_NUMBER}|\s*\))*"
_CHAIN = re.compile(rf"(?<![\w.^%]){_TERM}(?:\s*=\s*{_TERM})+(?!\s*[\w^%]*[*/+^=%]|\.?\d)")
# What stands before a term and takes part in its value: a sign behind something unread, or "of".
_CONTINUES = re.compile(rf"(?:[-+*/{_TIMES}{_OVER}^%]|\bof|\btimes)\s*$")
_LONGEST_LINE = 1_000  # characters; the search takes the square of it


def wrong_equations(text: str) -> list[str]:
    """Find equations such as "12 * 3 = 38" or "1/3 + 1/3 = 0.5".

    A side with decimals may be rounded to them; a whole number may not stand for a fraction. What is no equation
    between numbers alone (units, percent signs, letters) is not judged.

    Args:
        text: of a solution.

    Returns:
        Each wrong equation as it is written.
    """
    wrong = []
    lines = [line for line in text.splitlines() if "=" in line and len(line) <= _LONGEST_LINE]
    for match in (match for line in lines for match in _CHAIN.finditer(line)):
        if _CONTINUES.search(match.string, max(0, match.start() - 10), match.start()):
            continue
        sides = [(side.strip(), _value(side)) for side in match.group().split("=")]
        known = [(side, value) for side, value in sides if value is not None]
        if any(not _same(first, second) for first, second in pairwise(known)):
            wrong.append(" ".join(match.group().split()))
    return wrong


def _same(first: tuple[str, Fraction], second: tuple[str, Fraction]) -> bool:
    tolerance = max(_rounding(first[0]), _rounding(second[0]))
    return abs(first[1] - second[1]) <= tolerance


def _rounding(side: str) -> Fraction:
    """Half a unit of the last place of a lone number with decimals; 0 for anything else."""
    match = re.fullmatch(rf"-?\$?\s*{_NUMBER}", side)
    decimals = side.partition(".")[2] if match else ""
    return Fraction(1, 2 * 10 ** len(decimals)) if decimals else Fraction(0)


def _value(side: str) -> Fraction | None:
    """The exact value of a side; None where it has none that can be told."""
    side = re.sub(r"^\s*-\s+", "", side)  # a bullet
    plain = side.replace(",", "").replace("$", "").replace(_TIMES, "*").replace("x", "*").replace(_OVER, "/").strip()
    try:
        return _evaluate(parse_expression(plain).body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _evaluate(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float()):
            return Fraction(ast.unparse(node))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _evaluate(left) + _evaluate(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _evaluate(left) - _evaluate(right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _evaluate(left) * _evaluate(right)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _evaluate(left) / _evaluate(right)
    raise ValueError(f"no arithmetic: {ast.dump(node)}")
