"""Python source to syntax trees, safely from several threads.

CPython 3.11 counts the depth of the tree under construction once an interpreter, not once a thread: two threads that
parse at the same time can end with "AST constructor recursion depth mismatch". A recipe's lanes parse in threads.
"""

import ast
import threading
from typing import Any

_LOCK = threading.Lock()


def parse_module(text: str) -> ast.Module:
    """`ast.parse` of statements, one thread at a time; raises what it raises."""
    with _LOCK:
        return ast.parse(text)


def parse_expression(text: str) -> ast.Expression:
    """`ast.parse` of one expression, one thread at a time; raises what it raises."""
    with _LOCK:
        return ast.parse(text, mode="eval")


def literal(text: str) -> Any:
    """The value of a Python literal; raises what `ast.literal_eval` raises."""
    with _LOCK:
        return ast.literal_eval(text)
