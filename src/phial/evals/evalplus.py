"""Programs out of replies as EvalPlus' sanitizer takes them, its faults included (`evalplus.sanitize`, 0.3.1).

The longest run of lines that is Python, and of it the imports, then the definitions that the wanted function reaches:
the first of each name, functions only where they return something, nothing that is decorated, no statement besides.
EvalPlus reads with tree-sitter and tries all runs of lines; here the parser says from which line a run cannot go on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from phial.evals.task import Extraction, Item
from phial.syntax import parse_module

_LONGEST = 50_000  # characters of a reply
_MOST_PARSED = 100_000  # lines, again and again; EvalPlus has no limit, and may take hours
_IDENTIFIERS = ("id", "attr", "arg", "name", "asname", "module", "rest")


def like_evalplus(reply: str, item: Item) -> Extraction:
    """What EvalPlus would run of a chat's reply."""
    text = longest_python(reply[:_LONGEST])
    program = sanitized(text, item.data["entry"])
    return Extraction(program, "sanitized") if program else Extraction(text or None, "longest-python")


def longest_python(text: str) -> str:
    """The run of two lines or more with the most lines that are not blank; the first line where no run is Python."""
    lines = text.split("\n")
    filled, begins = [0], [0]
    for line in lines:
        filled.append(filled[-1] + bool(line.strip()))
        begins.append(begins[-1] + len(line) + 1)
    best = parsed = 0
    longest = lines[0]
    for start in range(len(lines)):
        end = len(lines)
        while end > start + 1 and filled[end] - filled[start] > best and parsed < _MOST_PARSED:
            run = text[begins[start] : begins[end] - 1]
            valid = _valid_lines(run, end - start)
            parsed += valid + 1
            if start + valid == end:
                best, longest = filled[end] - filled[start], run
                break
            end = start + valid
    return longest


def sanitized(text: str, entry: str) -> str:
    """The imports and the definitions that a function reaches; "" where there are none, or where it is no Python."""
    lines = text.count("\n") + 1
    if _valid_lines(text, lines) < lines:
        return ""
    tree = parse_module(text)
    imports: list[ast.AST] = []
    definitions: dict[str | None, ast.AST] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Import) or (
            isinstance(statement, ast.ImportFrom) and statement.module != "__future__"
        ):
            imports.append(statement)
        elif (name := _defines(statement)) != "":
            definitions.setdefault(name, statement)
    reached, waiting = {entry}, [entry]
    while waiting:
        used = set(_names(definitions[name])) if (name := waiting.pop()) in definitions else set()
        waiting += used - reached
        reached |= used
    kept = [*imports, *(node for name, node in definitions.items() if name in reached)]
    return "\n".join(ast.get_source_segment(text, node) or "" for node in kept).strip()


def _defines(statement: ast.stmt) -> str | None:
    """The name that EvalPlus gives a definition: None for one without a name, "" for what it leaves out."""
    match statement:
        case ast.ClassDef(name=name, decorator_list=[]):
            return name
        case ast.FunctionDef(name=name, decorator_list=[]) | ast.AsyncFunctionDef(name=name, decorator_list=[]):
            return name if any(isinstance(node, ast.Return) for node in ast.walk(statement)) else ""
        case ast.Assign() | ast.AnnAssign():
            targets = [*statement.targets] if isinstance(statement, ast.Assign) else [statement.target]
            # `a.b = c` goes by the name of c: tree-sitter's first plain identifier among the parts.
            parts = [targets[0], statement.value if len(targets) == 1 else None]
            return next((part.id for part in parts if isinstance(part, ast.Name)), None)
    return ""


def _names(node: ast.AST) -> Iterator[str]:
    """All identifiers within a definition, attributes, parameters and keywords among them."""
    for part in ast.walk(node):
        for field in _IDENTIFIERS:
            value = getattr(part, field, None)
            if isinstance(value, str):
                yield from value.split(".")
        if isinstance(part, ast.Global | ast.Nonlocal):
            yield from part.names


def _valid_lines(text: str, lines: int) -> int:
    """All of a text's lines where they are Python; else how many are before the one where the parser gave up."""
    try:
        parse_module(text)
    except SyntaxError as error:
        # What lacks its end is told at the last line or below it.
        return min((error.lineno or 1) - 1, lines - 1)
    except (ValueError, RecursionError, MemoryError):
        return 0
    return lines
