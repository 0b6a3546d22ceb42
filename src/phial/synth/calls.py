"""Calls that show what a function does: written by a teacher, answered by the function itself."""

from __future__ import annotations

import ast

from phial.syntax import parse_module
from phial.synth.fences import code
from phial.synth.python_functions import UNREADABLE

MOST_CALLS = 10


def read_calls(reply: str, name: str) -> list[str]:
    """The distinct calls of a function, with literals alone as arguments, that a reply writes one a line.

    Args:
        reply: a teacher's.
        name: of the function.
    """
    calls: list[str] = []
    for line in code(reply).splitlines():
        try:
            statements = parse_module(line.strip()).body
            match statements:
                case [ast.Expr(value=ast.Call(func=ast.Name(id=called)) as call)] if called == name:
                    for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
                        ast.literal_eval(argument)
                    calls.append(ast.unparse(call))
        except UNREADABLE:
            continue
    return list(dict.fromkeys(calls))[:MOST_CALLS]
