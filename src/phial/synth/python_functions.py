"""Python functions as flows need them: their header, their body, and those of a file that run on their own."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence

from phial.record import Record
from phial.syntax import parse_module

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
# What a function may use and still be a function of its arguments alone.
_PURE = frozenset({
    "bisect", "calendar", "cmath", "collections", "copy", "datetime", "decimal", "difflib", "fractions",
    "functools", "heapq", "html", "itertools", "json", "math", "numbers", "operator", "re", "statistics",
    "string", "struct", "textwrap", "types", "typing", "unicodedata",
})  # fmt: skip
_IMPURE = frozenset({
    "breakpoint", "compile", "eval", "exec", "exit", "globals", "help", "input", "locals", "open", "print",
    "quit", "__import__",
})  # fmt: skip


def find_function(source: str, name: str = "") -> ast.FunctionDef | None:
    """The first top-level function of a source, or the one of a name; None where there is none or it is no Python."""
    try:
        tree = parse_module(source)
    except UNREADABLE:
        return None
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef) and name in ("", node.name))
    return next(found, None)


def header(function: ast.FunctionDef) -> str:
    """Its signature and docstring as source; "" without a docstring."""
    if not (ast.get_docstring(function) or "").strip():
        return ""
    bare = ast.FunctionDef(function.name, function.args, function.body[:1], [], function.returns)
    return ast.unparse(ast.fix_missing_locations(bare))


def idle(head: str, tests: Sequence[str]) -> list[str]:
    """A header as functions that compute nothing: they return a constant, or one of their arguments as it came.

    Args:
        head: from `header`.
        tests: one-line asserts; what the first one expects is one of the constants.
    """
    function = find_function(head)
    assert function is not None
    constants = dict.fromkeys(["None", "True", "False", *(_expected(test) for test in tests[:1])])
    return [f"{head}\n    return {value}\n" for value in (*filter(None, constants), *parameters(function))]


def _expected(test: str) -> str:
    """What a test of the form `f(...) == value` has on its right; "" for another form."""
    match parse_module(test).body:
        case [ast.Assert(test=ast.Compare(ops=[ast.Eq() | ast.Is()], comparators=[right]))]:
            return ast.unparse(right)
    return ""


def with_docstring(source: str, head: str) -> str:
    """A source whose function of the header's name begins as the header does, with its own body.

    Args:
        source: holds a function of that name.
        head: from `header`.
    """
    told = find_function(head)
    function = find_function(source, told.name if told else "")
    assert function is not None and told is not None
    has_docstring = ast.get_docstring(function) is not None
    body = function.body[1:] if has_docstring else function.body
    lines = re.split(r"\r\n|\r|\n", source)  # as the parser counts them; splitlines() also breaks at form feeds
    begin, end = function.lineno - 1, function.end_lineno or len(lines)
    first = (function.body[0].end_lineno or begin) if has_docstring else function.body[0].lineno - 1

    def joined(inner: list[str]) -> str:
        return "\n".join([*lines[:begin], head, *inner, *lines[end:]]).strip("\n") + "\n"

    plain = joined([f"    {line}" for node in body or [ast.Pass()] for line in ast.unparse(node).splitlines()])
    written = joined(lines[first:end])  # with its comments; not where it is indented otherwise, or on one line
    return written if _same_program(written, plain) else plain


def _same_program(text: str, expected: str) -> bool:
    try:
        return ast.dump(parse_module(text)) == ast.dump(parse_module(expected))
    except UNREADABLE:
        return False


def parameters(function: ast.FunctionDef) -> list[str]:
    """The names of its parameters in order."""
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    return [argument.arg for argument in listed if argument is not None]


def standalone_functions(source: str, least_lines: int = 4, most_lines: int = 40) -> Iterator[str]:
    """The top-level functions of a source that compute a value from their arguments alone.

    They use builtins and pure modules of the standard library, whose imports are put above them; they do not read or
    write files, print, or yield.

    Args:
        source: of a module or part of one; nothing comes of what is no Python.
        least_lines: of a function.
        most_lines: of a function.
    """
    try:
        tree = parse_module(source)
    except UNREADABLE:
        return
    imported = {
        alias.asname or alias.name.partition(".")[0]: ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).partition(".")[0] in _PURE
    }
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.decorator_list or not _gives_a_value(node):
            continue
        text = ast.get_source_segment(source, node) or ""
        free = _free_names(node)
        needed = {name: imported.get(name, f"import {name}") for name in free if name in imported or name in _PURE}
        if free - needed.keys() or not least_lines <= len(text.splitlines()) <= most_lines:
            continue
        imports = "".join(f"{line}\n" for line in sorted(set(needed.values())))
        yield f"{imports}\n\n{text}\n".lstrip("\n")


def functions_of(record: Record) -> list[str]:
    """The functions of a record that run on their own; all of the record where it comes with tests of its function."""
    if record.lineage.params.get("tests") and find_function(record.content):
        return [record.content]
    return list(standalone_functions(record.content))


def _gives_a_value(function: ast.FunctionDef) -> bool:
    nodes = list(ast.walk(function))
    if any(isinstance(node, ast.Yield | ast.YieldFrom | ast.Global | ast.Nonlocal | ast.Await) for node in nodes):
        return False
    return bool(parameters(function)) and any(isinstance(node, ast.Return) and node.value for node in nodes)


def _free_names(function: ast.FunctionDef) -> set[str]:
    """Names that it uses and does not define, without the harmless builtins."""
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)} | {function.name}
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler) and node.name:
            bound.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            modules = {alias.name.partition(".")[0] for alias in node.names} | {getattr(node, "module", "") or ""}
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names if modules & _PURE}
    harmless = {name for name in dir(builtins) if name not in _IMPURE}
    return {node.id for node in names} - bound - harmless
