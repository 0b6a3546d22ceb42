"""Grade-school problem with a Python solution that was run.

After TinyGSM (arXiv 2312.09241): problems paired with Python programs whose result is the answer. The programs are
written independently of each other from the problem alone, and two must come to the same number; a third is asked for
where the first two differ (the plurality rule of Phi-4, arXiv 2412.08905, section 2.2). Forced words as in TinyStories
(arXiv 2305.07759) keep the problems apart.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import AsyncIterator
from random import Random

from phial.record import Record, Verdict
from phial.sandbox import level
from phial.syntax import parse_module
from phial.synth.derive import derive
from phial.synth.fences import code
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.prose import MOST_COPIED, WORD, copied, fault
from phial.synth.python_functions import find_function, with_docstring
from phial.synth.reply import Reply, keys_of
from phial.synth.teacher import Teacher
from phial.verify.unit_tests import values

THEMES = (
    "a school trip", "a bakery", "a farm", "a bus journey", "a library", "saving money", "a garden", "a bicycle ride",
    "a football team", "a market stall", "cooking for guests", "a train station", "a print shop", "a swimming pool",
    "collecting stamps", "painting a room", "a zoo", "a bookshop", "building with bricks", "a rainy week", "a toy shop",
    "planting trees", "a film evening", "a computer room", "delivering parcels", "a board game", "a fishing boat",
)  # fmt: skip
OPERATIONS = ("addition", "subtraction", "multiplication", "division")
EXAMPLES = 5  # in the prompts; another one each time, since a small teacher keeps close to what it is shown
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_WIDEST = 1e7
prompts = Prompts.beside(__file__, "program")


@flow("tinygsm", prompts.version("1"))
async def tinygsm(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Make one problem; some words of the record have to occur in it.

    Settings: "programs" are written at most (3).
    """
    asked = prompts.render("problem", **constraints(record.content, tools.random))
    replies = [await teacher.ask(asked, temperature=0.9, max_tokens=200, task="tinygsm-problem")]
    question = " ".join(replies[0].text.split())
    reason = question_fault(question) or ("copies its prompt" if copied(question, asked) > MOST_COPIED else "")
    if reason:
        tools.drop(reason, "", replies[0].text, replies[0].request_keys)
        return
    asked = prompts.render("program", question=question)
    written: list[tuple[str, float]] = []
    refused = ""
    for sample in range(tools.settings.get("programs", 3)):
        replies.append(await teacher.ask(asked, sample=sample, temperature=0.6, max_tokens=350, task="tinygsm"))
        program, number, reason = await tools.work(run_program, replies[-1], question)
        if number is None:
            refused = reason
            continue
        twin = next((first for first, other in written if math.isclose(number, other, rel_tol=1e-9)), None)
        if twin is None:
            written.append((program, number))
            continue
        text = with_docstring(twin, f'def solution():\n    """{_quoted(question)}"""')
        agreed = f"{sample + 1} programs, two independent ones give {number:g}, sandbox {level()}"
        params = {"question": question, "answer": f"{number:.10g}"}
        verdicts = [Verdict("execution", True, agreed)]
        yield derive(tinygsm, record, teacher, replies, kind="code", text=text, verdicts=verdicts, params=params)
        return
    results = ", ".join(f"{number:g}" for _, number in written)
    keys = keys_of(replies)
    if written:
        tools.drop("programs differ", f"{results}; {refused}".rstrip("; "), question, keys)
    else:
        tools.drop(refused, "no program can be used", question + "\n" + replies[-1].text, keys)


def constraints(text: str, random: Random) -> dict[str, object]:
    """What a problem has to be about; drawn, with plain words of a text."""
    plain = sorted({word for word in WORD.findall(text) if word.islower() and word.isascii() and 4 <= len(word) <= 8})
    words = random.sample(plain, min(2, len(plain))) or ["morning"]
    steps, operations = random.randint(2, 3), random.sample(OPERATIONS, 2)
    drawn = {"words": words, "steps": steps, "operations": operations, "example": random.randrange(EXAMPLES)}
    return {"theme": random.choice(THEMES), **drawn}


def question_fault(question: str) -> str:
    """Why a text is no word problem; "" where it is one."""
    reason = fault(question, 40, 800)
    if reason:
        return reason
    if "?" not in question:
        return "no question"
    if len(numbers(question)) < 2:
        return "too few numbers"
    return "holds its solution" if "=" in question or "solution" in question.lower() else ""


def run_program(reply: Reply, question: str) -> tuple[str, float | None, str]:
    """Run what a reply has written in the sandbox.

    Returns:
        The program, its number, and "", or None and why there is none.
    """
    source = code(reply.text)
    function = find_function(source, "solution")
    if not function or function.args.args:
        return source, None, "no program"
    nodes = list(ast.walk(parse_module(source)))
    constants = (node.value for node in nodes if isinstance(node, ast.Constant))
    written = {float(value) for value in constants if isinstance(value, int | float)}
    if not any(isinstance(node, ast.BinOp | ast.AugAssign) for node in nodes) or not written & numbers(question):
        return source, None, "calculates nothing"
    [value] = values(source, ["solution()"])
    if value.fault:
        return source, None, "program fails"
    number = value.plain
    if type(number) not in (int, float) or not math.isfinite(number) or not 0 <= number <= _WIDEST:
        return source, None, "no plausible number"
    if round(number, 2) != round(number, 9):
        return source, None, "no round number"
    return source, float(number), ""


def numbers(text: str) -> set[float]:
    """The numbers that a text writes as digits."""
    return {float(match.replace(",", "")) for match in _NUMBER.findall(text)}


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
