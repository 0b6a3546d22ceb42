"""Instruction reversal: from code to the instruction that asks for it, kept only where the way back leads home.

After Phi-4 (arXiv 2412.08905, section 2.2, "Instruction Reversal for Code and Other Tasks"): an instruction is made
from existing code, code is made again from the instruction, and the pair is kept only if both are faithful to each
other. The report does not say how that is measured; here both programs are called alike (tests of the record, or calls
written for it), and where the original can't be run by itself, their syntax trees are compared.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator

from phial.record import Record, Verdict
from phial.synth.calls import read_calls
from phial.synth.derive import derive
from phial.synth.fences import code, fenced
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.prose import fault
from phial.synth.python_functions import find_function, functions_of, parameters
from phial.synth.reply import keys_of
from phial.synth.teacher import Teacher
from phial.verify.fidelity import Fidelity, behaviour, syntax

_LONG_LINE = 16  # characters; a line of code as long as that does not occur in an instruction by chance
prompts = Prompts.beside(__file__, "calls")


@flow("instruction-reversal", prompts.version("1"))
async def instruction_reversal(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Make instructions for the functions of a record.

    Settings: "functions" of a record at most (2); the share of "behaviour" that must agree (1.0), or of "syntax" where
    that is all there is to measure (0.8); "attempts" to write the function again (2).
    """
    settings = tools.settings
    originals = functions_of(record)[: settings.get("functions", 2)]
    if not originals:
        tools.drop("no function", "none that computes a value from its arguments alone", record.content[:500])
    for original in originals:
        function = find_function(original)
        assert function is not None
        asked = prompts.render("instruct", code=original)
        replies = [await teacher.ask(asked, temperature=0.4, max_tokens=300, task="instruction-reversal")]
        instruction = replies[0].text.strip()
        reason = instruction_fault(instruction, original)
        if reason:
            tools.drop(reason, "", f"{instruction}\n\n{original}", replies[0].request_keys)
            continue
        arguments = ", ".join(parameters(function))
        if f"{function.name}(" not in instruction:
            instruction += f"\n\nThe function is called as {function.name}({arguments})."
        calls: list[str] = []
        tests = record.lineage.params.get("tests", [])
        if not tests:
            asked = prompts.render("calls", code=original, count=6)
            replies.append(await teacher.ask(asked, temperature=0.5, max_tokens=250, task="calls"))
            calls = read_calls(replies[-1].text, function.name)
        asked = prompts.render("regenerate", instruction=instruction)
        for attempt in range(settings.get("attempts", 2)):
            reply = await teacher.ask(asked, sample=attempt, temperature=0.4, max_tokens=700, task="regenerate")
            replies.append(reply)
            fidelity = await measure(original, code(reply.text), calls, tests, tools)
            least = settings.get("syntax", 0.8) if fidelity.measure == "syntax" else settings.get("behaviour", 1.0)
            if fidelity.share >= least:
                break
        keys = keys_of(replies)
        if fidelity.share < least:
            detail = f"{fidelity.measure} {fidelity.share:.2f} < {least}: {fidelity.detail}"
            tools.drop("not faithful", detail, f"{instruction}\n\n{original}\n\n{replies[-1].text}", keys)
            continue
        messages = [("user", instruction), ("assistant", fenced(original, "python"))]
        verdicts = [Verdict("fidelity", True, f"{fidelity.measure}: {fidelity.detail}")]
        params = {"measure": fidelity.measure, "function": function.name, "calls": calls, "tests": tests}
        yield derive(
            instruction_reversal, record, teacher, replies, kind="chat", messages=messages, verdicts=verdicts,
            params=params, scores={"fidelity": fidelity.share},
        )  # fmt: skip


def instruction_fault(instruction: str, original: str) -> str:
    """Why an instruction is not kept; "" where it is."""
    reason = fault(instruction, 40, 2500)
    if reason:
        return reason
    function = find_function(original)
    lines = {line.strip() for node in (function.body if function else []) for line in ast.unparse(node).splitlines()}
    told = " ".join(instruction.split())
    if any(len(line) >= _LONG_LINE and not line.startswith(('"""', "'")) and line in told for line in lines):
        return "gives the code away"
    return ""


async def measure(original: str, other: str, calls: list[str], tests: list[str], tools: Tools) -> Fidelity:
    """How faithful one program is to another: by tests that the original passes, else by calls, else by syntax."""
    if tests and (await tools.run_tests(original, tests)).passed:
        verdict = await tools.run_tests(other, tests)
        detail = verdict.reason or f"{len(tests)} tests of the original passed, sandbox {verdict.level}"
        return Fidelity("behaviour", float(verdict.passed), detail)
    if calls and (found := await tools.work(behaviour, original, other, calls)):
        return found
    return syntax(original, other)
