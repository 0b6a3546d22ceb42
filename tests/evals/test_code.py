"""Code out of replies."""

import time

import pytest

from phial.evals.code import blocks, cut, first_python_block, function_program, parsable, whole_program

PROMPT = """import math
from typing import List


def helper(x):
    return x + 1


def area(r: int) -> int:
    '''Area.'''
"""
WHOLE = "def area(r):\n    return helper(r) * r"


def run(program, call="area(2)"):
    namespace = {}
    exec(program, namespace)
    return eval(call, namespace)


@pytest.mark.parametrize(
    ("reply", "rule"),
    [
        (f"Sure:\n```python\n{WHOLE}\n```\nIt works.", "block"),
        (f"```\n{WHOLE}\n```", "block"),
        (f"~~~py\n{WHOLE}\n~~~", "block"),
        (f"First try:\n```python\ndef area(r): return 0\n```\nBetter:\n```python\n{WHOLE}\n```", "block"),
        (f"```python\n{WHOLE}\n```\nUse it:\n```python\nprint(area(3))\n```", "block"),
        (f"```python\n{WHOLE}\n```\n```bash\npython area.py\n```\n```text\ndef area(r): return 1\n```", "block"),
        (f"1. Do this:\n   ```python\n   {WHOLE.replace(chr(10), chr(10) + '   ')}\n   ```", "block"),
        ("```python\ndef area(r):\n    return half(r) * r\n```\n", "block"),
        (f"```python\n{WHOLE}\n", "open-block"),
        (f"```python\n{WHOLE}\n\ndef unfinished(", "open-block"),
        (WHOLE, "whole-reply"),
        (f"Here is the function from before.\n\n{WHOLE}\n\nI hope that it helps!", "bare-code"),
        ("```python\n    return helper(r) * r\n```", "body"),
        ("```python\nx = helper(r)\nreturn x * r\n```", "body"),
        ("    return helper(r) * r\n", "body"),
    ],
)
def test_the_rule_that_fits_a_reply(reply, rule):
    if "half" in reply:
        reply = "```python\ndef half(r):\n    return r + 1\n```\nand\n" + reply
    found = function_program(reply, "area", PROMPT)
    assert found.rule == rule
    assert run(found.answer) == 6


def test_a_prompt_that_is_continued_is_cut_behind_its_definitions():
    reply = "    return helper(r) * twice(r) // 2\n\ndef twice(x):\n    return 2 * x\n\nprint(area(1))\nAnd so"
    found = function_program(reply, "area", PROMPT, continues=True)
    assert found.rule == "completion" and run(found.answer) == 6
    assert "print" not in found.answer


def test_imports_of_the_future_stay_first_and_signatures_keep_their_types():
    found = function_program(
        "```python\nfrom __future__ import annotations\ndef area(r: Any): return 6\n```", "area", PROMPT
    )
    assert run(found.answer) == 6
    found = function_program("```python\ndef area(r: List[int]): return 6\n```", "area", PROMPT)
    assert run(found.answer) == 6


@pytest.mark.parametrize(
    "reply", ["", "   \n", "I can't.", "The area is 3.", "`area(r)`", "```\n```", "```text\nno\n```"]
)
def test_no_code_is_no_answer(reply):
    assert function_program(reply, "area", PROMPT).answer in (None, PROMPT[: PROMPT.index("def area")])
    assert whole_program(reply).answer in (None, "")


def test_a_block_without_the_function_is_told_apart():
    assert function_program("```python\nprint(5)\n```", "area").rule == "other-block"


@pytest.mark.parametrize(
    "reply",
    ["```python\n" * 400_000, "`" * 10_000_000, "(" * 10_000_000, "def f(x):\n" * 900_000, "-" * 10_000_000,
     "```python\n" + "[" * 90_000 + "\n```", "import a\n" * 1_000_000, "\\" * 10_000_000],
)  # fmt: skip
def test_ten_megabytes_take_little_time(reply):
    start = time.process_time()
    function_program(reply, "f", "def f(x):\n")
    whole_program(reply)
    assert time.process_time() - start < 20  # seconds; quadratic work would take hours


def test_whole_programs():
    assert whole_program("```python\nprint(1)\n```\n```python\nprint(2)\n```").answer == "print(2)"
    assert whole_program("```python\nprint(1)\n```\n```python\nprint(\n```").answer == "print(1)"
    assert whole_program("```python\nprint(1)\nprint(").answer == "print(1)"
    assert whole_program("print(1)").rule == "whole-reply"
    assert whole_program("```python\nprint(\n```").rule == "other-block"


def test_the_small_parts():
    assert [block.closed for block in blocks("```a\n````\n```\n")] == [True, False]
    assert blocks("````\n```\nx\n```\n````")[0].text == "```\nx\n```"
    assert parsable("x = 1\ny = (\nz = 3") == "x = 1"
    assert parsable("a b c") == "" and parsable("\0") == ""
    assert cut("one two three", ("three", "two")) == "one " and cut("one", ("x",)) == "one"
    assert first_python_block("a```python\nb```c```python\nd```") == "b" and first_python_block("a") == "a"
