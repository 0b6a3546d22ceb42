"""Documents inside one Python file: chunks of source, docstrings, and doctests as code with its expected output."""

from __future__ import annotations

import ast
import doctest
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from phial.syntax import parse_module

CHUNK_MINIMUM = 400  # characters
CHUNK_TARGET = 2_000
DEFINITION_MAXIMUM = 4_000  # one long function stays whole up to here: half a function teaches little
DOCSTRING_MINIMUM = 200

_DIRECTIVE = re.compile(r"[ \t]*#\s*doctest:.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Piece:
    """One document and the line (from 1) at which it starts; `left_out` says why it is not to be used, if so."""

    line: int
    text: str
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class _Unit:
    """Lines [start, end] of one statement with the comments above it, counted from 1."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Header:
    """A class line to repeat above every part of the class but the one at line `start`, which has it already."""

    start: int
    text: str


def parse(text: str) -> ast.Module:
    """Parse Python source, quiet about its style.

    Raises:
        SyntaxError, ValueError: it is no Python of this version.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in other people's files
        return parse_module(text)


def source_chunks(text: str) -> Iterator[Piece]:
    """Cut a module at its top-level definitions into documents of about 400-2,000 characters that each parse.

    Neighbouring small statements share a document. A long class is cut between its members, and every later part
    repeats the class line. A function of more than 4,000 characters or another statement of more than 2,000 (a table)
    is left out, and so is a remnant of less than 400.

    Args:
        text: the source of one module.

    Raises:
        SyntaxError, ValueError: it is no Python of this version.
    """
    tree = parse(text)
    lines = text.split("\n")
    run: list[_Unit] = []
    for node, unit in _units(tree.body, 1, len(lines)):
        definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if _size(lines, unit) <= (DEFINITION_MAXIMUM if definition else CHUNK_TARGET):
            run.append(unit)
            continue
        yield from _pack(lines, run)
        run = []
        if isinstance(node, ast.ClassDef):
            yield from _class_chunks(lines, node, unit)
        else:
            yield Piece(unit.start, _join(lines, unit), "long function" if definition else "long statement")
    yield from _pack(lines, run)


def docstrings(text: str) -> Iterator[Piece]:
    """The dedented docstrings of 200 characters or more of a module, its classes and functions, in line order.

    Raises:
        SyntaxError, ValueError: it is no Python of this version.
    """
    for line, docstring in _docstrings(parse(text), clean=True):
        if len(docstring) >= DOCSTRING_MINIMUM:
            yield Piece(line, docstring.rstrip() + "\n")


def doctests(text: str) -> Iterator[Piece]:
    """Each docstring's examples as one document: the code, and under it the expected output as comments.

    Examples that are malformed or do not parse together are left out with the reason.

    Raises:
        SyntaxError, ValueError: it is no Python of this version.
    """
    parser = doctest.DocTestParser()
    for line, docstring in _docstrings(parse(text), clean=False):
        if ">>>" not in docstring:
            continue
        try:
            examples = parser.get_examples(docstring)
        except ValueError:
            yield Piece(line, docstring, "malformed doctest")
            continue
        if not any(example.want for example in examples):
            continue
        document = "".join(_example(example) for example in examples)
        try:
            parse(document)
        except (SyntaxError, ValueError):
            yield Piece(line + examples[0].lineno, document, "doctest does not parse")
            continue
        yield Piece(line + examples[0].lineno, document)


def _example(example: doctest.Example) -> str:
    code = _DIRECTIVE.sub("", example.source).rstrip() + "\n"
    want = example.want.replace("<BLANKLINE>", "").splitlines()
    return code + "".join(f"# {line}".rstrip() + "\n" for line in want)


def _docstrings(tree: ast.Module, *, clean: bool) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=clean)
            if docstring is not None:
                found.append((node.body[0].lineno, docstring))
    return sorted(found)


def _first_line(node: ast.stmt) -> int:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.decorator_list:
        return min(node.lineno, node.decorator_list[0].lineno)
    return node.lineno


def _units(body: list[ast.stmt], start: int, end: int) -> list[tuple[ast.stmt, _Unit]]:
    """The statements of a body as consecutive line ranges that cover [start, end]."""
    units: list[tuple[ast.stmt, _Unit]] = []
    for node in body:
        node_end = node.end_lineno or node.lineno
        if units and _first_line(node) <= units[-1][1].end:  # two statements share a line
            previous, unit = units.pop()
            units.append((previous, _Unit(unit.start, max(unit.end, node_end))))
        else:
            units.append((node, _Unit(units[-1][1].end + 1 if units else start, node_end)))
    if units:
        node, unit = units[-1]
        units[-1] = (node, _Unit(unit.start, max(unit.end, end)))
    return units


def _class_chunks(lines: list[str], node: ast.ClassDef, whole: _Unit) -> Iterator[Piece]:
    header = _Header(whole.start, _class_header(lines, node))
    run: list[_Unit] = []
    for member, unit in _units(node.body, whole.start, whole.end):
        definition = isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
        if _size(lines, unit) <= (DEFINITION_MAXIMUM if definition else CHUNK_TARGET):
            run.append(unit)
            continue
        yield from _pack(lines, run, header)
        run = []
        yield Piece(unit.start, _join(lines, unit), "long function" if definition else "long statement")
    yield from _pack(lines, run, header)


def _class_header(lines: list[str], node: ast.ClassDef) -> str:
    first_member = _first_line(node.body[0])
    for number in range(node.lineno, first_member):
        if lines[number - 1].split("#")[0].rstrip().endswith(":"):
            return "\n".join(lines[node.lineno - 1 : number]) + "\n"
    return "\n".join(lines[node.lineno - 1 : first_member - 1]) + "\n"


def _pack(lines: list[str], run: list[_Unit], header: _Header | None = None) -> Iterator[Piece]:
    """Group consecutive units greedily into documents; the last small one joins the one before it."""
    groups: list[_Unit] = []
    for unit in run:
        if groups:
            together = _Unit(groups[-1].start, unit.end)
            if _size(lines, together) <= CHUNK_TARGET or _size(lines, groups[-1]) < CHUNK_MINIMUM:
                groups[-1] = together
                continue
        groups.append(unit)
    if len(groups) > 1 and _size(lines, groups[-1]) < CHUNK_MINIMUM:
        tail = groups.pop()
        groups[-1] = _Unit(groups[-1].start, tail.end)
    for group in groups:
        text = _join(lines, group)
        if header is not None and group.start != header.start:
            text = header.text + text
        yield Piece(group.start, text, "short remnant" if len(text) < CHUNK_MINIMUM else "")


def _join(lines: list[str], unit: _Unit) -> str:
    return "\n".join(lines[unit.start - 1 : unit.end]).strip("\n").rstrip() + "\n"


def _size(lines: list[str], unit: _Unit) -> int:
    return sum(len(line) + 1 for line in lines[unit.start - 1 : unit.end])
