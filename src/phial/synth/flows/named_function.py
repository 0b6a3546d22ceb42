"""Named function: a code exercise whose function must have a drawn name, its tests run.

After CodeExercises of phi-1 (arXiv 2306.11644, section 2.3: diversity by constraining the functions' names). The name
is drawn before anything is written, so a set of records spans the names instead of the teacher's favourites.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from phial.record import Record
from phial.synth.derive import derive
from phial.synth.fences import code
from phial.synth.flow import Tools, flow
from phial.synth.flows.code_exercise import LEAST_TESTS, read_tests
from phial.synth.prompts import Prompts
from phial.synth.prose import MOST_COPIED, copied
from phial.synth.python_functions import find_function, header, idle, parameters
from phial.synth.reply import Reply
from phial.synth.teacher import Teacher
from phial.synth.vocabulary import FUNCTION_NAMES, SETTINGS

prompts = Prompts.beside(__file__)


@flow("named-function", prompts.version("3"))
async def named_function(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Write functions of drawn names; the record is only what they are drawn by.

    Settings: "count" functions a record (1), "tests" asked for (5).
    """
    for number in range(tools.settings.get("count", 1)):
        name, setting = tools.random.choice(FUNCTION_NAMES), tools.random.choice(SETTINGS)
        asked = prompts.render("write", name=name, setting=setting)
        reply = await teacher.ask(asked, sample=number, temperature=0.8, max_tokens=350, task="named-function")
        source = code(reply.text)
        fault = function_fault(reply, source, name)
        if fault:
            tools.drop(fault.partition(":")[0], fault, reply.text, reply.request_keys)
            continue
        if copied(source, asked) > MOST_COPIED:
            tools.drop("copies its prompt", "", reply.text, reply.request_keys)
            continue
        function = find_function(source, name)
        assert function is not None  # no fault was found
        head, count = header(function), tools.settings.get("tests", 5)
        # The tests' writer has not seen the function's body.
        asked = prompts.render("test", header=head, count=count)
        tested = await teacher.ask(asked, temperature=0.3, max_tokens=80 * count, task="named-function-tests")
        keys = [*reply.request_keys, *tested.request_keys]
        tests = read_tests(tested.text, name)
        if len(tests) < LEAST_TESTS:
            tools.drop("too few tests", f"{len(tests)} that can be run", tested.text, keys)
            continue
        verdict = await tools.run_tests(source, tests)
        if not verdict.passed:
            tools.drop("tests fail", verdict.reason, "\n".join([source, *tests]), keys)
            continue
        passing = [one for one in idle(head, tests) if (await tools.run_tests(one, tests)).passed]
        if passing:
            tools.drop("tests prove nothing", f"this passes too:\n{passing[0]}", "\n".join(tests), keys)
            continue
        yield derive(
            named_function,
            record,
            teacher,
            [reply, tested],
            kind="code",
            text=f"{source}\n",
            verdicts=[verdict.verdict()],
            params={"function": name, "tests": tests, "diversity": {"name": name, "setting": setting}},
        )


def function_fault(reply: Reply, source: str, name: str) -> str:
    """The first reason not to take a reply for the function that was asked for; "" where there is none."""
    if reply.finish_reason == "length":
        return "cut off"
    function = find_function(source, name)
    if function is None:
        other = find_function(source)
        return f"another name: {other.name}" if other else "no function"
    if not header(function):
        return "no docstring"
    return "" if parameters(function) and not function.decorator_list else "no arguments"
