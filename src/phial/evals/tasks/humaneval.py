"""HumanEval (Chen et al. 2021), and HumanEval+ with EvalPlus' inputs (Liu et al. 2023): finish a Python function."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phial.engine.request import Sampling
from phial.errors import PhialError
from phial.evals.code import cut, first_python_block, function_program
from phial.evals.evalplus import like_evalplus
from phial.evals.files import rows
from phial.evals.plus import differential_tests
from phial.evals.programs import judge
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

OURS = "Complete the following Python function. Give the whole function, with its imports, in one code block.\n\n"
SIMPLE_EVALS = (
    "Read the following function signature and docstring, and fully implement the function described. Your response "
    "should only contain the code for this function.\n"
)
EVALPLUS = "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
LM_EVAL_STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")

PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("phial", "zero-shot chat, greedy; all tests pass", Sampling(max_tokens=1024)),
        Protocol(
            "phi-4",
            "simple-evals' question, temperature 0.5, first python block behind the prompt",
            Sampling(temperature=0.5, max_tokens=2048),
            extractor="compat:simple-evals",
        ),
        Protocol(
            "phi-4-reasoning",
            "EvalPlus' question, temperature 0.8, top-p 0.95, top-k 50, after the thinking",
            Sampling(temperature=0.8, top_p=0.95, top_k=50, max_tokens=32_768),
        ),
        Protocol(
            "simple-evals",
            "zero-shot chat, temperature 0.5, 5 answers an item, first python block behind the prompt",
            Sampling(temperature=0.5, max_tokens=2048),
            repeats=5,
            extractor="compat:simple-evals",
        ),
        Protocol(
            "lm-eval",
            "the prompt continued without chat, greedy, up to the next top-level statement",
            Sampling(max_tokens=1024),
            stop=LM_EVAL_STOPS,
            extractor="compat:lm-eval",
        ),
        Protocol("evalplus", "EvalPlus' question as chat, greedy", Sampling(max_tokens=768)),
    )
}
_NAMES = ("HumanEval.jsonl*", "test.jsonl*", "openai_humaneval/test-*.parquet", "data/test-*.parquet", "test-*.parquet")
_PLUS_NAMES = ("HumanEvalPlus*.jsonl*", *_NAMES[1:])


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """HumanEval, 164 items.

    Reads `HumanEval.jsonl` or `.jsonl.gz` of openai/human-eval on GitHub, or the Hub's openai/openai_humaneval
    (`openai_humaneval/test-*.parquet`). Both have the columns task_id, prompt, canonical_solution, test, entry_point.
    """
    columns = ("task_id", "prompt", "canonical_solution", "test", "entry_point")
    found, sha256 = rows(folder, _NAMES, columns, limit)
    return _task("humaneval", [(row, _tests(row, folder)) for row in found], PROTOCOLS[protocol], sha256)


def load_plus(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """HumanEval+, 164 items with about 80 times the tests.

    Reads `HumanEvalPlus.jsonl` or `.jsonl.gz` of evalplus/humanevalplus_release on GitHub (columns task_id, prompt,
    canonical_solution, entry_point, base_input, plus_input, atol; the canonical solution's values are expected), or
    the Hub's evalplus/humanevalplus (`data/test-*.parquet`; task_id, prompt, canonical_solution, entry_point, test).
    """
    found, sha256 = rows(folder, _PLUS_NAMES, ("task_id", "prompt", "canonical_solution", "entry_point"), limit)
    return _task("humaneval-plus", [(row, _plus_tests(row, folder)) for row in found], PROTOCOLS[protocol], sha256)


def _tests(row: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    if "def check(" not in row["test"]:
        raise PhialError("a test without check()", where=f"{folder}, {row['task_id']}", do="give the published file")
    # Some tests call the function by its name besides `candidate`.
    functions = dict.fromkeys(("candidate", row["entry_point"]), row["entry_point"])
    return {"functions": functions, "context": row["prompt"], "tests": f"{row['test']}\ncheck(candidate)\n"}


def _plus_tests(row: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    if "plus_input" not in row:
        return _tests({"test": "", **row}, folder)
    inputs = [*row["base_input"], *row["plus_input"]]
    reference = row["prompt"] + row["canonical_solution"]
    tests = differential_tests("humaneval", row["entry_point"], inputs, float(row["atol"]))
    return {"functions": {"candidate": row["entry_point"]}, "context": reference, "tests": tests}


def _task(name: str, found: list[tuple[Mapping[str, Any], dict[str, Any]]], protocol: Protocol, sha256: str) -> Task:
    seen: set[str] = set()
    items: list[Item] = []
    for row, tests in found:
        if row["task_id"] in seen:
            raise PhialError(f"{row['task_id']} is there twice", where=name, do="give the published file")
        seen.add(row["task_id"])
        data = {"prompt": row["prompt"], "entry": row["entry_point"], **tests}
        gold = row["canonical_solution"]
        items.append(Item(row["task_id"], question(row["prompt"], protocol.name), gold, data=data))
    return Task(name, protocol, tuple(items), EXTRACTORS, grade, sha256)


def question(prompt: str, protocol: str) -> tuple[tuple[str, str], ...] | str:
    """An item's function signature and docstring as a protocol asks for it."""
    if protocol == "lm-eval":
        return prompt
    if protocol in ("phi-4", "simple-evals"):
        return (("user", SIMPLE_EVALS + prompt),)
    if protocol in ("phi-4-reasoning", "evalplus"):
        return (("user", f"{EVALPLUS}```\n{prompt.strip()}\n```\n"),)
    return (("user", f"{OURS}```python\n{prompt}```"),)


def extract(reply: str, item: Item) -> Extraction:
    """The program of a reply; see `phial.evals.code.function_program`."""
    return function_program(reply, item.data["entry"], item.data["prompt"], continues=isinstance(item.prompt, str))


def like_simple_evals(reply: str, item: Item) -> Extraction:
    """simple-evals: the first python block, or all, from behind its first `:` that ends a line before an indented one.

    Faults kept: helpers and imports before that line are lost, and without such a line the first character is.
    """
    code = first_python_block(reply)
    return Extraction(item.data["prompt"] + code[code.find(":\n    ") + 2 :], "first-python-block")


def like_lm_eval(reply: str, item: Item) -> Extraction:
    """lm-eval's `humaneval`: the prompt and the reply up to the first of its stop strings."""
    return Extraction(item.data["prompt"] + cut(reply, LM_EVAL_STOPS), "continuation")


def like_lm_eval_instruct(reply: str, item: Item) -> Extraction:
    """lm-eval's `humaneval_instruct`: the prompt and the reply up to its first fence.

    Fault kept: a reply that opens a block of its own is lost, as happens where the server does not prefill the block.
    """
    return Extraction(item.data["prompt"] + cut(reply, ("```",)), "continuation")


EXTRACTORS = {
    "phial": extract,
    "compat:simple-evals": like_simple_evals,
    "compat:lm-eval": like_lm_eval,
    "compat:lm-eval-instruct": like_lm_eval_instruct,
    "compat:evalplus": like_evalplus,
}


def grade(answer: str, item: Item) -> Grade:
    """1 where the program passes all tests in the sandbox."""
    verdict = judge(answer, item.data["tests"], item.data["functions"], item.data["context"])
    return Grade(float(verdict.passed), verdict.reason)
