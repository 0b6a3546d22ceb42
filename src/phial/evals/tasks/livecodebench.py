"""LiveCodeBench (Jain et al. 2024): contest problems by date, judged by all their hidden tests."""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phial.engine.request import Sampling
from phial.errors import PhialError
from phial.evals.code import whole_program
from phial.evals.files import rows
from phial.evals.programs import judge, judge_output
from phial.evals.task import Extraction, Grade, Item, Protocol, Task
from phial.sandbox import Limits

SYSTEM = (
    "You are an expert Python programmer. You will be given a question (problem specification) and will generate a "
    "correct Python program that matches the specification and passes all tests. You will NOT return anything except "
    "for the program."
)
WITH_STARTER = (
    "### Format: You will use the following starter code to write the solution to the problem and enclose your code "
    "within delimiters.\n```python\n{starter}\n```\n\n"
)
WITHOUT_STARTER = (
    "### Format: Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on "
    "the sample inputs). Enclose your code within delimiters as follows.\n```python\n# YOUR CODE HERE\n```\n\n"
)
ANSWER = "### Answer: (use the provided format with backticks)\n\n"

PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("phial", "the published question as chat, greedy; all tests pass", Sampling(max_tokens=4096)),
        Protocol(
            "phi-4-reasoning",
            "the published question, 5 answers an item, temperature 0.8, top-p 0.95, top-k 50, after the thinking",
            Sampling(temperature=0.8, top_p=0.95, top_k=50, max_tokens=32_768),
            repeats=5,
        ),
        Protocol(
            "livecodebench",
            "the published question and system message, 10 answers an item, temperature 0.2, top-p 0.95",
            Sampling(temperature=0.2, top_p=0.95, max_tokens=2000),
            repeats=10,
            system=SYSTEM,
            extractor="compat:livecodebench",
        ),
    )
}
CALL_SECONDS = 6.0  # of wall-clock time for one test, as published
_MEMORY = 2 << 30
_MOST_SECONDS = 180.0
_LARGEST = 1 << 30  # bytes of one item's tests
# What the official harness imports for every program.
_MODULES = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics"),
    *("itertools", "functools", "operator", "io", "sys", "json", "builtins", "typing"),
)
PRELUDE = (
    "".join(f"from {module} import *\n" for module in _MODULES)
    + f"import {', '.join(module for module in _MODULES if module not in ('builtins', 'typing'))}\n"
    + "sys.setrecursionlimit(50000)\n"
)
_CALLS = """
import json
for number, (text, expected) in enumerate({cases!r}, 1):
    value = candidate(*[json.loads(line) for line in text.split("\\n")])
    if isinstance(value, tuple):  # the published values are lists
        value = list(value)
    assert value == json.loads(expected), f"test {{number}}, not {{expected[:200]}}"
"""


def load(folder: Path, protocol: str = "phial", limit: int | None = None, since: str = "", until: str = "9999") -> Task:
    """LiveCodeBench's code generation, the problems of some dates.

    Reads the Hub's livecodebench/code_generation_lite (`test.jsonl`, `test2.jsonl` …, all that are there) or
    code_generation (`data/test-*.parquet`). The columns used are question_content, platform, question_id, contest_date,
    starter_code, difficulty, public_test_cases (JSON), private_test_cases (JSON, or base64 of zlib of a pickled string
    of JSON, which is read without unpickling) and metadata (JSON with func_name).

    Args:
        since: first contest date, such as "2024-08-01".
        until: the date behind the last.
    """
    columns = ("question_content", "question_id", "contest_date", "starter_code", "difficulty")
    columns = (*columns, "public_test_cases", "private_test_cases", "metadata", "platform")
    found, sha256 = rows(folder, ("test*.jsonl*", "data/test-*.parquet", "test-*.parquet"), columns)
    dated = [row for row in found if since <= str(row["contest_date"])[:10] < until][:limit]
    if not dated:
        raise PhialError(f"no problem from {since} to {until}", where=str(folder), do="choose other dates")
    items: list[Item] = []
    seen: set[str] = set()
    for row in dated:
        where = f"{folder}, problem {row['question_id']}"
        if row["question_id"] in seen:
            raise PhialError("a problem is there twice", where=where, do="give each published file once")
        seen.add(row["question_id"])
        function = _loaded(row["metadata"], where).get("func_name") or ""
        if function and not str(function).isidentifier():
            raise PhialError(f"{function!r} is no function name", where=where, do="give the published file")
        tags = {"difficulty": row["difficulty"], "platform": row["platform"], "month": str(row["contest_date"])[:7]}
        data = {"function": function, "public": row["public_test_cases"], "private": row["private_test_cases"]}
        question = f"### Question:\n{row['question_content']}\n\n"
        question += WITH_STARTER.format(starter=row["starter_code"]) if row["starter_code"] else WITHOUT_STARTER
        items.append(Item(str(row["question_id"]), (("user", question + ANSWER),), None, tags, data=data))
    return Task("livecodebench", PROTOCOLS[protocol], tuple(items), EXTRACTORS, grade, sha256)


def tests(item: Item) -> list[tuple[str, str]]:
    """The public and private tests of a problem: (input, expected output).

    Raises:
        PhialError: they are damaged, or there are none.
    """
    where = f"livecodebench, problem {item.id}"
    cases = [*_loaded(item.data["public"], where), *_loaded(private(item.data["private"], where), where)]
    try:
        found = [(str(case["input"]), str(case["output"])) for case in cases]
    except (TypeError, KeyError) as error:
        raise PhialError(f"a test without {error}", where=where, do="give the published file") from error
    if not found:
        raise PhialError("a problem without tests", where=where, do="give the published file")
    return found


def private(text: str, where: str) -> str:
    """The JSON of private tests, from JSON itself or as published: base64 of zlib of a pickled string.

    Raises:
        PhialError: it is neither.
    """
    if text.lstrip().startswith("["):
        return text
    try:
        unpack = zlib.decompressobj()
        pickled = unpack.decompress(base64.b64decode(text, validate=True), _LARGEST)
        if unpack.unconsumed_tail:
            raise ValueError("far larger than published")
        return _pickled_string(pickled)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise PhialError(f"damaged private tests: {error}", where=where, do="give the published file") from error


def _pickled_string(data: bytes) -> str:
    """The one string in a pickle that holds nothing else; nothing is executed."""
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"):
            strings.append(str(argument))
        elif opcode.name not in ("PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "STOP"):
            raise ValueError(f"a pickle of more than a string ({opcode.name})")
    if len(strings) != 1:
        raise ValueError(f"a pickle of {len(strings)} strings")
    return strings[0]


def _loaded(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError, TypeError) as error:
        raise PhialError(f"damaged JSON in a column: {error}", where=where, do="give the published file") from error


def extract(reply: str, item: Item) -> Extraction:
    """The last block that is Python; see `phial.evals.code.whole_program`."""
    return whole_program(reply)


def like_livecodebench(reply: str, item: Item) -> Extraction:
    """LiveCodeBench's own: what lies between the last two lines that have three backticks, whatever they fence."""
    lines = reply.split("\n")
    marks = [number for number, line in enumerate(lines) if "```" in line]
    if len(marks) < 2:
        return Extraction(None)
    return Extraction("\n".join(lines[marks[-2] + 1 : marks[-1]]), "last-two-fences")


EXTRACTORS = {"phial": extract, "compat:livecodebench": like_livecodebench}


def grade(answer: str, item: Item) -> Grade:
    """1 where the program passes all tests in the sandbox, each within 6 seconds."""
    cases: Sequence[tuple[str, str]] = tests(item)
    program = answer if "from __future__" in answer else PRELUDE + answer
    name = item.data["function"]
    if name:
        functions = {
            "candidate": f"getattr(Solution() if 'Solution' in globals() else __import__('solution'), {name!r})"
        }
        limits = Limits(min(_MOST_SECONDS, CALL_SECONDS * (len(cases) + 1)), _MEMORY)
        verdict = judge(program, _CALLS.format(cases=list(cases)), functions, "", CALL_SECONDS, limits)
    else:
        verdict = judge_output(program, cases, Limits(CALL_SECONDS, _MEMORY))
    return Grade(float(verdict.passed), verdict.reason)
