"""Code out of replies: which block, which definitions belong to it, and what a bare completion continues."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from phial.evals.task import Extraction
from phial.syntax import parse_module

_LONGEST = 50_000  # characters that are parsed; more is no answer to these benchmarks
_LOOKED_AT = 500_000  # characters of a reply; what comes behind them is a loop
_MOST_CUTS = 50
_MOST_BEGINNINGS = 4
_FENCE = re.compile(r"[ \t]{0,9}(`{3,40}|~{3,40})[ \t]{0,9}([\w+#.-]{0,40})")
_OPENING = re.compile(r"(?:import|from|def|class|async def) |@\w")
_NOT_PYTHON = frozenset(
    {"text", "txt", "plaintext", "output", "console", "bash", "sh", "shell", "json", "yaml", "toml"}
)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        language: its info string in lower case, "" for none.
        text: without the fences and without the indentation that the fence has.
        closed: whether there is a closing fence.
    """

    language: str
    text: str
    closed: bool


def blocks(reply: str) -> list[Block]:
    """The fenced blocks of a reply, in order."""
    found: list[Block] = []
    lines: list[str] | None = None
    fence, language = "", ""
    for line in reply.split("\n"):
        match = _FENCE.match(line)
        if lines is None:
            if match:
                fence, language, lines = match[1], match[2].lower(), []
        elif match and not match[2] and match[1].startswith(fence) and not line[match.end() :].strip():
            found.append(Block(language, textwrap.dedent("\n".join(lines)), closed=True))
            lines = None
        else:
            lines.append(line.removesuffix("\r"))
    if lines is not None:
        found.append(Block(language, textwrap.dedent("\n".join(lines)), closed=False))
    return found


def function_program(reply: str, entry: str, prompt: str = "", continues: bool = False) -> Extraction:
    """The program in a reply that was asked for a function.

    The rules, of which the first that finds a definition of `entry` decides: "completion" (only where the prompt was to
    be continued: prompt and reply together, up to what is no longer Python), "block" (the last block that defines it,
    with the earlier blocks whose definitions it uses), "open-block" (one that was not closed, up to where it is no
    longer Python), "whole-reply", "bare-code" (Python lines between prose), "body" (a block or reply that is the
    function's body alone), "completion" once more, and "other-block" (a block without the function; it will fail).

    Args:
        entry: the function's name.
        prompt: source that ends where the body is to follow; its imports and helpers are kept.
        continues: whether the model was given the prompt to continue, without any chat.
    """
    reply = reply[:_LOOKED_AT]
    preamble = prompt[: _definition_start(prompt, entry)]
    fenced = [block for block in blocks(reply) if block.language not in _NOT_PYTHON]
    if continues and (program := _completed(prompt, reply, entry)):
        return Extraction(program, "completion")
    closed = [block.text for block in fenced if block.closed]
    for index in reversed(range(len(closed))):
        if defines(closed[index], entry):
            return Extraction(_after(preamble, _joined(closed[:index], closed[index])), "block")
    for text, rule in (
        (parsable(fenced[-1].text) if fenced and not fenced[-1].closed else "", "open-block"),
        (reply, "whole-reply"),
        ("" if fenced else _bare_code(reply, entry), "bare-code"),
    ):
        if text and defines(text, entry):
            return Extraction(_after(preamble, text), rule)
    if prompt:
        for text in (*reversed(closed), "" if fenced else reply):
            if program := _with_body(prompt, text, entry):
                return Extraction(program, "body")
        if not fenced and (program := _completed(prompt, reply, entry)):
            return Extraction(program, "completion")
    return Extraction(_after(preamble, closed[-1]), "other-block") if closed else Extraction(None)


def whole_program(reply: str, entry: str = "") -> Extraction:
    """The program in a reply that was asked for a whole program: "block" (the last one that is Python, or that defines
    `entry`), "open-block", "whole-reply", or "other-block" (one that is no Python).
    """
    reply = reply[:_LOOKED_AT]
    fenced = [block for block in blocks(reply) if block.language not in _NOT_PYTHON]
    closed = [block.text for block in fenced if block.closed]
    for text in reversed(closed):
        if defines(text, entry) if entry else _tree(text) is not None:
            return Extraction(text, "block")
    if fenced and not fenced[-1].closed and (program := parsable(fenced[-1].text)):
        return Extraction(program, "open-block")
    if not fenced and (tree := _tree(reply)) is not None and tree.body:
        return Extraction(reply, "whole-reply")
    return Extraction(closed[-1], "other-block") if closed else Extraction(None)


def defines(text: str, name: str) -> bool:
    """Whether a text is Python that defines a name at its top level."""
    return name in defined(text)


def defined(text: str) -> set[str]:
    """The names that a text defines or imports at its top level; none where it is no Python."""
    tree = _tree(text)
    return _defined(tree.body) if tree else set()


def parsable(text: str) -> str:
    """The longest beginning of a text, in whole lines, that is Python, as far as its errors tell; else ""."""
    lines = text[:_LONGEST].split("\n")
    for _ in range(_MOST_CUTS):
        try:
            parse_module("\n".join(lines))
        except SyntaxError as error:
            # Where the end is missing, the error lies on the last line or below it.
            del lines[min((error.lineno or 1) - 1, len(lines) - 1) :]
        except (ValueError, RecursionError, MemoryError):
            return ""
        else:
            return "\n".join(lines)
        if not lines:
            return ""
    return ""


def cut(text: str, stops: Iterable[str]) -> str:
    """A text up to the first of some strings."""
    found = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(found)] if found else text


def first_python_block(text: str) -> str:
    """What follows the first "```python" line, up to the next "```"; the whole text where there is none."""
    start = text.find("```python\n")
    end = text.find("```", start + 10)
    return text[start + 10 : end] if 0 <= start < end else text


def _tree(text: str) -> ast.Module | None:
    if len(text) > _LONGEST:
        return None
    try:
        return parse_module(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _defined(body: Sequence[ast.stmt]) -> set[str]:
    names: set[str] = set()
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Import(names=imported) | ast.ImportFrom(names=imported):
                names |= {name.asname or name.name.partition(".")[0] for name in imported}
            case ast.If(body=body, orelse=other) | ast.Try(body=body, orelse=other):
                names |= _defined([*body, *other])
    return names


def _joined(earlier: Sequence[str], chosen: str) -> str:
    """A block behind those earlier ones that define names which it uses and lacks."""
    for text in reversed(earlier):
        tree, wanting = _tree(text), _tree(chosen)
        if tree is None or wanting is None:
            continue
        used = {node.id for node in ast.walk(wanting) if isinstance(node, ast.Name)}
        if (used - _defined(wanting.body)) & _defined(tree.body):
            chosen = f"{text}\n\n{chosen}"
    return chosen


def _definition_start(prompt: str, entry: str) -> int:
    match = re.search(rf"^(?:async )?def {re.escape(entry)}\b", prompt, re.MULTILINE)
    return match.start() if match else 0


def _after(preamble: str, program: str) -> str:
    """A program behind imports and helpers; imports from __future__ stand first or not at all."""
    return program if "from __future__" in program else preamble + program


def _bare_code(reply: str, entry: str) -> str:
    """The Python in a reply from a line on that begins as code does, where it defines a name; else ""."""
    lines = reply.split("\n")
    beginnings = [number for number, line in enumerate(lines) if _OPENING.match(line)][:_MOST_BEGINNINGS]
    programs = (parsable("\n".join(lines[number:])) for number in beginnings)
    return next((program for program in programs if defines(program, entry)), "")


def _completed(prompt: str, reply: str, entry: str) -> str:
    """Prompt and reply as one program, cut behind the last definition that is Python; "" where the reply adds none."""
    text = parsable(prompt + reply)
    if len(text.rstrip()) <= len(prompt.rstrip()) or not defines(text, entry):
        return ""
    tree = parse_module(text)
    first = next(index for index, statement in enumerate(tree.body) if entry in _defined([statement]))
    kept = tree.body[first]
    for statement in tree.body[first + 1 :]:
        if not _defined([statement]):
            break
        kept = statement
    return "\n".join(text.split("\n")[: kept.end_lineno]) + "\n"


def _with_body(prompt: str, text: str, entry: str) -> str:
    """The prompt with a text as the function's body; "" where that is none."""
    if not text.strip():
        return ""
    program = prompt.rstrip() + "\n" + textwrap.indent(textwrap.dedent(text), "    ") + "\n"
    tree = _tree(program)
    if tree is None or not any(isinstance(node, ast.Return | ast.Yield) for node in ast.walk(tree.body[-1])):
        return ""
    return program if entry in _defined(tree.body[-1:]) else ""
