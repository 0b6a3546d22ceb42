"""Labelled replies for the readers and graders themselves, so that everyone can see what counts as right."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from phial.evals.answers import maths_grade
from phial.evals.extract import expression, letter, number
from phial.evals.grading import graded
from phial.evals.presets import GREEDY
from phial.evals.respondent import Reply
from phial.evals.task import Extraction, Grade, Item, Protocol, Task
from phial.evals.task_by_name import load_task
from phial.evals.tasks import humaneval

_ASKED = (("user", "?"),)


@dataclass(frozen=True)
class Case:
    """A reply with its label.

    Attributes:
        reply: what came back.
        gold: the right answer.
        right: whether the reply gives it.
    """

    reply: Reply | str
    gold: str
    right: bool


@dataclass(frozen=True)
class Outcome:
    """How one group of cases went: its name, how many there are, and what was graded otherwise than labelled."""

    name: str
    count: int
    failures: tuple[str, ...]


NUMBERS = (
    Case("3 + 2 = 5. Answer: 5", "5", True),
    Case("**Answer:** 5", "5", True),
    Case("She pays $29.00 in all.\n#### $29.00", "29", True),
    Case("Answer: 72,", "72", True),
    Case(r"So it is $1{,}234$.", "1234", True),
    Case("The answer is 1,234.", "1234", True),
    Case("#### 18\n\nQuestion: How many are 7 and 8?\nAnswer: 15", "18", True),
    Case("Answer: -3", "-3", True),
    Case("Answer: 3", "-3", False),
    Case("Answer: 12", "1", False),
    Case("It is 5 or 6.", "5", False),
    Case("I do not know, sorry.", "5", False),
    Case("nan", "5", False),
    Case("", "5", False),
)
EXPRESSIONS = (
    Case(r"\boxed{\dfrac{1}{2}}", r"\frac{1}{2}", True),
    Case(r"\boxed{0.5}", r"\frac12", True),
    Case(r"\boxed{336^\circ}", "336", True),
    Case(r"First \boxed{3}, no, \boxed{\{1, 2\}}.", r"\{2,1\}", True),
    Case(r"\boxed{[1, 2]}", "(1,2)", False),
    Case(r"\boxed{(2, 1)}", "(1,2)", False),
    Case(r"\boxed{x^2+2x+1}", "(x+1)^2", True),
    Case(r"\boxed{x^2+2x}", "(x+1)^2", False),
    Case(r"\boxed{5^{5^{5^{5}}}}", "5", False),
    Case(r"\boxed{\text{NaN}}", "5", False),
)
LETTERS = (
    Case("Answer: C", "C", True),
    Case("The best answer is **(C)**.", "C", True),
    Case(r"\boxed{\text{C}}", "C", True),
    Case("A is tempting, but the answer is C.", "C", True),
    Case("Answer: A or C", "C", False),
    Case("All of them are wrong.", "A", False),
)
THINKING = (
    Case("<think>It is 4, no, 5.</think>\nAnswer: 5", "5", True),
    Case("<think>a</think> so 4? </think>\nAnswer: 5", "5", True),
    Case("It is 4, no.</think>\nAnswer: 5", "5", True),
    Case(Reply("<think>Answer: 5", finish="length"), "5", False),
    Case("<think>a</think>It ends at `</think>`. Answer: 5", "5", True),
    Case("<think>a</think>Answer: 5, behind `</think>`.", "5", True),
    Case(Reply("Answer: 5", reasoning="Is it 4?"), "5", True),
    Case(Reply("", reasoning="Answer: 5", finish="length"), "5", False),
)
_DOUBLE = {
    "task_id": "double",
    "prompt": 'def double(x: int) -> int:\n    """Twice x."""\n',
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-3) == -6\n",
    "entry_point": "double",
}
_EQUAL = "class Equal:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
_FRAME = (
    "import sys\ndef double(x):\n    frame = sys._getframe(1)\n    while frame:\n"
    "        for value in list(frame.f_globals.values()) + list(frame.f_locals.values()):\n"
    "            if callable(value) and getattr(value, '__name__', '') == 'check':\n                return 4\n"
    "        frame = frame.f_back\n    return None\n"
)
PROGRAMS = (
    Case("```python\ndef double(x):\n    return 2 * x\n```", "", True),
    Case("```python\ndef double(x):\n    return x + 2\n```", "", False),
    Case("```python\ndef double(x):\n    return 2 * x\n```\nA test:\n```python\nassert double(2) == 4\n```", "", True),
    Case(f"```python\n{_EQUAL}def double(x):\n    return Equal()\n```", "", False),
    Case("```python\nimport sys\nsys.exit(0)\ndef double(x): pass\n```", "", False),
    Case("```python\nimport os\ndef double(x):\n    os._exit(0)\n```", "", False),
    Case("```python\nprint('passed')\ndef double(x):\n    print('passed'); return None\n```", "", False),
    Case("```python\nimport os\ndef double(x):\n    os.write(1, b'true\\n'); os.write(2, b'true\\n')\n```", "", False),
    Case("```python\nimport os\ndef double(x):\n    for fd in range(3, 64):\n        try: os.write(fd, b'true\\n')\n"
         "        except OSError: pass\n```", "", False),
    Case(f"```python\n{_FRAME}```", "", False),
    Case("```python\nimport time\ndef double(x):\n    time.sleep(1000)\n```", "", False),
    Case("```python\nimport os\ndef double(x):\n    while True: os.fork()\n```", "", False),
    Case("```python\ndef double(x):\n    return [0] * (1 << 40)\n```", "", False),
    Case("```python\nimport gc\ndef double(x):\n    for o in gc.get_objects():\n"
         "        if isinstance(o, dict) and 'passed' in o: o['passed'] = True\n```", "", False),
)  # fmt: skip


def run_self_test(benchmarks: Path | None = None) -> list[Outcome]:
    """Grade all cases on the way that replies take.

    Args:
        benchmarks: as for `load_task`; the canonical solutions of HumanEval and MBPP are put to their tests where they
            lie there.

    Returns:
        An outcome a group.

    Raises:
        PhialError: no sandbox level holds on this machine.
    """
    outcomes = [
        _outcome("numbers", NUMBERS, lambda reply, item: number(reply), maths_grade),
        _outcome("expressions", EXPRESSIONS, lambda reply, item: expression(reply), maths_grade),
        _outcome("letters", LETTERS, lambda reply, item: letter(reply, "ABCD"), _same),
        _outcome("thinking", THINKING, lambda reply, item: number(reply), maths_grade),
        _outcome("programs and attacks", PROGRAMS, humaneval.extract, humaneval.grade, _double().data),
    ]
    for name in ("humaneval", "mbpp"):
        if benchmarks is not None and (benchmarks / name).is_dir():
            outcomes.append(_canonical(name, load_task(name, benchmarks)))
    return outcomes


def _outcome(
    name: str,
    cases: Iterable[Case],
    extract: Callable[[str, Item], Extraction],
    grade: Callable[[str, Item], Grade],
    data: Mapping[str, Any] = MappingProxyType({}),
) -> Outcome:
    items = tuple(Item(f"{name} {index}", _ASKED, case.gold, data=data) for index, case in enumerate(cases, 1))
    task = Task(name, Protocol("phial", "labelled cases", GREEDY), items, {"phial": extract}, grade, "")

    def failure(case: Case, item: Item) -> str:
        reply = Reply(case.reply) if isinstance(case.reply, str) else case.reply
        sample = graded(reply, item, 0, task)
        if (sample.score == 1) is case.right:
            return ""
        found = f"{sample.answer!r} by {sample.rule or 'no rule'}, graded {sample.score:g}: {sample.detail}"
        return f"{item.id}: {reply.text[:120]!r} for {case.gold!r} is {'right' if case.right else 'wrong'}, but {found}"

    with ThreadPoolExecutor(2) as pool:
        failures = [told for told in pool.map(failure, cases, items) if told]
    return Outcome(name, len(items), tuple(failures))


def _double() -> Item:
    """An item of HumanEval's form."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "HumanEval.jsonl").write_text(json.dumps(_DOUBLE) + "\n")
        return humaneval.load(Path(place)).items[0]


def _same(answer: str, item: Item) -> Grade:
    return Grade(float(answer == item.gold))


def _canonical(name: str, task: Task) -> Outcome:
    """The published solutions, which must pass."""

    def failure(item: Item) -> str:
        program = item.data["prompt"] + item.gold if "prompt" in item.data else item.gold
        found = task.grade(program, item)
        return "" if found.score == 1 else f"{item.id}: its canonical solution fails: {found.detail}"

    with ThreadPoolExecutor(2) as pool:
        failures = [told for told in pool.map(failure, task.items) if told]
    return Outcome(f"canonical solutions of {name}", len(task.items), tuple(failures))
