"""MBPP (Austin et al. 2021), its sanitized version, and MBPP+ with EvalPlus' inputs (Liu et al. 2023)."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phial.engine.request import Sampling
from phial.errors import PhialError
from phial.evals.code import cut, defined, function_program
from phial.evals.evalplus import like_evalplus
from phial.evals.files import rows
from phial.evals.plus import differential_tests, mbpp_arguments
from phial.evals.programs import judge
from phial.evals.task import Extraction, Grade, Item, Protocol, Task
from phial.sandbox import Limits
from phial.syntax import parse_module
from phial.verify.unit_tests import check

OURS = "{text}\n\nThe function must pass these tests:\n```python\n{tests}\n```\nGive it in one code block."
PUBLISHED = "You are an expert Python programmer, and here is your task: {text} Your code should pass these tests:\n\n"
EVALPLUS = (
    "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
    "```\n{prompt}\n```\n"
)
SHOTS = (2, 3, 4)

PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("phial", "zero-shot chat with the tests, greedy; all tests pass", Sampling(max_tokens=1024)),
        Protocol(
            "phi-3",
            "3-shot, [BEGIN] and [DONE], continued without chat, greedy",
            Sampling(max_tokens=512),
            stop=("[DONE]",),
            extractor="compat:lm-eval",
        ),
        Protocol(
            "lm-eval",
            "3-shot, [BEGIN] and [DONE], continued without chat, greedy, 256 tokens",
            Sampling(max_tokens=256),
            stop=("[DONE]",),
            extractor="compat:lm-eval",
        ),
        Protocol("evalplus", "EvalPlus' question as chat, greedy", Sampling(max_tokens=768)),
    )
}
_FULL = ("mbpp.jsonl*", "full/test-*.parquet", "test-*.parquet")
_SANITIZED = ("sanitized-mbpp.json", "sanitized/test-*.parquet")
_PLUS = ("MbppPlus*.jsonl*", "data/test-*.parquet", "test.jsonl*", "test-*.parquet")
TEST_SPLIT = range(11, 511)
_LIMITS = Limits(seconds=90.0, memory_bytes=1 << 30, cpu_seconds=15.0)  # one canonical solution takes 3 to 5


def load(folder: Path, protocol: str = "phial", limit: int | None = None, numbers: range = TEST_SPLIT) -> Task:
    """MBPP's test split: 500 items, numbers 11 to 510.

    Reads `mbpp.jsonl` of google-research/mbpp on GitHub (all 974; 2 to 4 are the shots), or the Hub's
    google-research-datasets/mbpp (`full/test-*.parquet`, shots from `full/prompt-*.parquet`); both have the columns
    task_id, text, code, test_list, test_setup_code and challenge_test_list.
    """
    found, sha256 = rows(folder, _FULL, ("task_id", "text", "code", "test_list", "test_setup_code"))
    test = [row for row in found if row["task_id"] in numbers][:limit]
    shots = [row for row in found if row["task_id"] in SHOTS]
    if not shots and PROTOCOLS[protocol].stop:
        shots, _ = rows(folder, ("full/prompt-*.parquet",), ("task_id", "text", "code", "test_list"))
        shots = [row for row in shots if row["task_id"] in SHOTS]
    return _task("mbpp", [{**row, "prompt": row["text"]} for row in test], shots, protocol, sha256, folder)


def load_sanitized(
    folder: Path, protocol: str = "phial", limit: int | None = None, numbers: range = TEST_SPLIT
) -> Task:
    """The sanitized MBPP's test split: 257 of its 427 items with hand-checked wording and tests.

    Reads `sanitized-mbpp.json` of google-research/mbpp on GitHub, or the Hub's google-research-datasets/mbpp
    (`sanitized/test-*.parquet`); both have the columns task_id, prompt, code, test_imports and test_list.
    """
    columns = ("task_id", "prompt", "code", "test_imports", "test_list")
    found, sha256 = rows(folder, _SANITIZED, columns, limit=None)
    shots = [row for row in found if row["task_id"] in SHOTS]
    if not shots and PROTOCOLS[protocol].stop:
        shots, _ = rows(folder, ("sanitized/prompt-*.parquet",), columns)
        shots = [row for row in shots if row["task_id"] in SHOTS]
    test = [row for row in found if row["task_id"] in numbers][:limit]
    return _task("mbpp-sanitized", test, shots, protocol, sha256, folder)


def load_plus(folder: Path, protocol: str = "evalplus", limit: int | None = None) -> Task:
    """MBPP+, 378 items with about 35 times the tests.

    Reads `MbppPlus.jsonl` or `.jsonl.gz` of evalplus/mbppplus_release on GitHub (columns task_id, prompt,
    canonical_solution, entry_point, base_input, plus_input, atol; the canonical solution's values are expected), or
    the Hub's evalplus/mbppplus (`data/test-*.parquet`, formerly `test.jsonl`; task_id, prompt, code, test_list, test).
    """
    found, sha256 = rows(folder, _PLUS, ("task_id", "prompt"), limit)
    plain = [_plus_row(row, folder) for row in found]
    return _task("mbpp-plus", plain, [], protocol, sha256, folder)


def _plus_row(row: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    where = f"{folder}, {row['task_id']}"
    if "plus_input" in row:
        number = int(str(row["task_id"]).rpartition("/")[2])
        inputs = [mbpp_arguments(number, arguments) for arguments in [*row["base_input"], *row["plus_input"]]]
        tests = differential_tests("mbpp", row["entry_point"], inputs, float(row["atol"]))
        given = [line for line in row.get("assertion", "").split("\n") if line.startswith("assert ")]
        return {
            "task_id": number,
            "prompt": row["prompt"],
            "code": row["canonical_solution"],
            "test_list": given,
            "entry": row["entry_point"],
            "functions": {"candidate": row["entry_point"]},
            "context": row["canonical_solution"],
            "tests": tests,
        }
    if not row.get("test") or not row.get("test_list"):
        raise PhialError("an item without tests", where=where, do="give the published file")
    entry = called(row["test_list"], row["code"], where)
    return {**row, "entry": entry, "functions": {entry: entry}, "context": "", "tests": row["test"]}


def _task(
    name: str,
    found: Sequence[Mapping[str, Any]],
    shots: Sequence[Mapping[str, Any]],
    protocol: str,
    sha256: str,
    folder: Path,
) -> Task:
    if not found:
        raise PhialError("no items of the test split", where=str(folder), do="give the published file")
    seen: set[int] = set()
    items: list[Item] = []
    examples = [
        _shot({"prompt": row.get("text") or row.get("prompt"), **row}) + f"{row['code']}\n[DONE]\n\n" for row in shots
    ]
    for row in found:
        where = f"{folder}, item {row['task_id']}"
        if row["task_id"] in seen:
            raise PhialError("an item is there twice", where=where, do="give the published file")
        seen.add(row["task_id"])
        data: dict[str, Any]
        if "functions" in row:
            data = {key: row[key] for key in ("entry", "functions", "context", "tests")}
        else:
            imports = list(row.get("test_imports", ()))
            data = {"entry": called(row["test_list"], row["code"], where), "setup": row.get("test_setup_code", "")}
            data["test_list"] = [*imports, *map(of_truth, row["test_list"])]
        items.append(Item(str(row["task_id"]), question(row, protocol, "".join(examples)), row["code"], data=data))
    return Task(name, PROTOCOLS[protocol], tuple(items), EXTRACTORS, grade, sha256)


def question(row: Mapping[str, Any], protocol: str, examples: str = "") -> tuple[tuple[str, str], ...] | str:
    """An item as a protocol asks for it."""
    if PROTOCOLS[protocol].stop:
        return examples + _shot(row)
    if protocol == "evalplus":
        prompt = row["prompt"].strip()
        if not prompt.startswith('"""'):
            prompt = f'"""\n{prompt}\n{row["test_list"][0] if row["test_list"] else ""}\n"""'
        return (("user", EVALPLUS.format(prompt=prompt)),)
    return (("user", OURS.format(text=row["prompt"].strip(), tests="\n".join(row["test_list"][:3]))),)


def _shot(row: Mapping[str, Any]) -> str:
    return PUBLISHED.format(text=row["prompt"]) + "\n".join(row["test_list"][:3]) + "\n[BEGIN]\n"


def called(tests: Sequence[str], solution: str, where: str) -> str:
    """The function of a solution that the first test calls, the outermost one.

    Raises:
        PhialError: there is none.
    """
    names = defined(solution)
    for test in tests:
        try:
            nodes = ast.walk(parse_module(test.strip()))  # by levels, from the outermost
        except (SyntaxError, ValueError) as error:
            raise PhialError(f"a test is no Python: {error}", where=where, do="give the published file") from error
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                return node.func.id
    raise PhialError("no test calls a function of the solution", where=where, do="give the published file")


def of_truth(test: str) -> str:
    """A test that asserts a bare call asks for its value's truth alone, as the value may be no plain data (a match)."""
    match = re.fullmatch(r"\s*assert ([^=<>]+?)\s*", test)
    return f"assert (lambda: bool({match[1]}))()" if match and not match[1].startswith("not ") else test


def extract(reply: str, item: Item) -> Extraction:
    """The program of a reply; see `phial.evals.code.function_program`."""
    return function_program(cut(reply, ("[DONE]",)), item.data["entry"])


def like_lm_eval(reply: str, item: Item) -> Extraction:
    """lm-eval's `mbpp`: the reply as it stands, up to "[DONE]"."""
    return Extraction(cut(reply, ("[DONE]",)), "continuation")


def like_lm_eval_instruct(reply: str, item: Item) -> Extraction:
    """lm-eval's `mbpp_instruct`: the reply's first block, as if the server had written an opening fence before it.

    Faults kept: a reply that begins with code loses its first word to the fence, as if that named the language; where
    the server has not written the fence, the first block is the prose before the model's own.
    """
    text = "```" + reply
    found = _first_block(text) or _first_block(text.replace("```python", "```"))
    return Extraction(found, "first-block") if found else Extraction(None)


def _first_block(text: str) -> str:
    match = re.search(r"```\w*\n?", text)
    end = text.find("```", match.end()) if match else -1
    return text[match.end() : end].removesuffix("\n") if match and end >= 0 else ""


EXTRACTORS = {
    "phial": extract,
    "compat:lm-eval": like_lm_eval,
    "compat:lm-eval-instruct": like_lm_eval_instruct,
    "compat:evalplus": like_evalplus,
}


def grade(answer: str, item: Item) -> Grade:
    """1 where the program passes all tests in the sandbox."""
    if "functions" in item.data:
        verdict = judge(answer, item.data["tests"], item.data["functions"], item.data["context"])
    else:
        verdict = check(f"{answer}\n{item.data['setup']}", item.data["test_list"], _LIMITS)
    return Grade(float(verdict.passed), verdict.reason)
