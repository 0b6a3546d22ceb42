"""Code exercise: a docstring, the function that keeps it, and tests that were run.

After CodeExercises of phi-1 (arXiv 2306.11644, section 2.3: docstrings to be completed, diversity by constraining the
function's name) and the execution checks of Phi-4 (arXiv 2412.08905, section 2.2, "Validation": code is kept after
execution loops and tests). Whoever writes the tests sees the signature and the docstring alone, and so does whoever
writes a second solution where the first one fails: a record needs two readers of one docstring to agree.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator, Sequence
from typing import Any

from phial.record import Record, Verdict
from phial.syntax import parse_module
from phial.synth.derive import derive
from phial.synth.fences import code
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.prose import MOST_COPIED, copied
from phial.synth.python_functions import UNREADABLE, find_function, header, idle, parameters, with_docstring
from phial.synth.reply import Reply, keys_of
from phial.synth.teacher import Teacher
from phial.verify.unit_tests import values

VERBS = (
    "count", "find", "merge", "split", "group", "rank", "filter", "rotate", "pair", "compress", "expand",
    "parse", "format", "replace", "reverse", "interleave", "normalize", "validate", "partition", "flatten",
    "accumulate", "compare", "encode", "decode", "chunk", "remove", "sum", "collect", "align", "shift",
)  # fmt: skip
KINDS = (
    "a list of integers", "a string", "a list of strings", "a dictionary from strings to integers", "two lists",
    "two strings", "a nested list", "a list of pairs", "an integer", "two integers", "a string and an integer",
    "a list of integers and an integer", "a dictionary from strings to lists", "a set of strings",
)  # fmt: skip
LEAST_TESTS, MOST_TESTS = 3, 8
prompts = Prompts.beside(__file__)


@flow("code-exercise", prompts.version("4"))
async def code_exercise(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Make one exercise of a text or topic.

    Settings: "seed_characters" of the record are shown (160); "tests" are asked for (5); "solutions" are tried at most
    (2), against the same tests. Where all fail, tests that expect another value than two solutions alike give are
    outvoted, and the rest must pass.
    """
    text = record.content[: tools.settings.get("seed_characters", 160)]
    asked = prompts.render("write", text=text, kind=tools.random.choice(KINDS), verb=tools.random.choice(VERBS))
    replies = [await teacher.ask(asked, temperature=0.9, max_tokens=400, task="code-exercise")]
    function = find_function(code(replies[0].text))
    head = header(function) if function else ""
    if not function or not head or not parameters(function) or function.decorator_list:
        detail = "no function with arguments and a docstring"
        tools.drop("no exercise", detail, replies[0].text, replies[0].request_keys)
        return
    if copied(code(replies[0].text), asked) > MOST_COPIED:
        tools.drop("copies its prompt", "", replies[0].text, replies[0].request_keys)
        return
    solution = read_solution(replies[0], head)
    count = tools.settings.get("tests", 5)
    asked = prompts.render("test", header=head, count=count)
    replies.append(await teacher.ask(asked, temperature=0.3, max_tokens=80 * count, task="code-exercise-tests"))
    tests = read_tests(replies[-1].text, function.name)
    if len(tests) < LEAST_TESTS:
        tools.drop("too few tests", f"{len(tests)} that can be run", replies[-1].text, replies[-1].request_keys)
        return
    asked = prompts.render("solve", header=head)
    reason = detail = outvoted = ""
    solutions: list[str] = []
    for sample in range(tools.settings.get("solutions", 2)):
        if sample:
            reply = await teacher.ask(asked, sample=sample, temperature=0.5, max_tokens=400, task="code-exercise-solve")
            replies.append(reply)
            solution = read_solution(reply, head)
        if not solution:
            reason, detail = "no solution", "not the function that was asked for"
            continue
        solutions.append(solution)
        verdict = await tools.run_tests(solution, tests)
        if verdict.passed:
            break
        reason, detail = "tests fail", verdict.reason
    else:
        kept = await tools.work(without_outvoted, tests, solutions)
        verdicts = [await tools.run_tests(one, kept) for one in solutions if LEAST_TESTS <= len(kept) < len(tests)]
        passing = next((index for index, verdict in enumerate(verdicts) if verdict.passed), None)
        if passing is None:
            tools.drop(reason, detail, "\n".join([solution or replies[-1].text, *tests]), keys_of(replies))
            return
        outvoted = f", {len(tests) - len(kept)} outvoted by two solutions"
        solution, verdict, tests = solutions[passing], verdicts[passing], kept
    for source in idle(head, tests):
        if (await tools.run_tests(source, tests)).passed:
            tools.drop("tests prove nothing", f"this passes too:\n{source}", "\n".join(tests), keys_of(replies))
            return
    detail = f"{len(tests)} tests of another writer passed{outvoted}, sandbox {verdict.level}"
    params = {"function": function.name, "header": head, "tests": tests}
    verdicts = [Verdict("execution", True, detail)]
    yield derive(code_exercise, record, teacher, replies, kind="code", text=solution, verdicts=verdicts, params=params)


def read_tests(reply: str, name: str) -> list[str]:
    """The distinct one-line asserts of a reply that call the function."""
    tests: list[str] = []
    for line in code(reply).splitlines():
        try:
            statements = parse_module(line.strip()).body
        except UNREADABLE:
            continue
        if len(statements) == 1 and isinstance(statements[0], ast.Assert) and _call(line, name):
            statements[0].msg = None
            tests.append(ast.unparse(statements[0]))
    return list(dict.fromkeys(tests))[:MOST_TESTS]


def without_outvoted(tests: Sequence[str], solutions: Sequence[str]) -> list[str]:
    """The tests but those of the form `f(...) == value` where two solutions agree on another value.

    Two readers of the docstring stand against one; small teachers often miscount in a literal. The same program twice
    is one reader.

    Raises:
        SandboxUnavailable: there is no sandbox.
    """
    different = list({ast.dump(parse_module(solution)): solution for solution in solutions}.values())[:2]
    if len(different) < 2:
        return list(tests)
    sides = [_sides(test) for test in tests]
    calls = [side[0] for side in sides if side]
    answers = zip(calls, *(values(solution, calls) for solution in different), strict=True)
    agreed = {
        call: one.plain for call, one, other in answers
        if not (one.fault or other.fault) and _alike(one.plain, other.plain)
    }  # fmt: skip
    return [
        test for test, side in zip(tests, sides, strict=True)
        if not side or side[0] not in agreed or _alike(agreed[side[0]], side[1])
    ]  # fmt: skip


def _sides(test: str) -> tuple[str, Any] | None:
    """The call and the expected literal of a test that compares these two."""
    statement = parse_module(test).body[0]
    match statement:
        case ast.Assert(test=ast.Compare(left=ast.Call() as left, ops=[ast.Eq()], comparators=[right])):
            try:
                return ast.unparse(left), ast.literal_eval(right)
            except UNREADABLE:
                return None
    return None


def _alike(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def read_solution(reply: Reply, head: str) -> str:
    """The module of a reply, its function with the header's docstring; "" where it is not the function asked for."""
    source, told = code(reply.text), find_function(head)
    found = find_function(source, told.name if told else "")
    if reply.finish_reason == "length" or not found or not told or parameters(found) != parameters(told):
        return ""
    kept = parse_module(source)
    kept.body = [n for n in kept.body if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom)]
    if len(kept.body) < len(parse_module(source).body):  # examples and prints below the function
        source = "\n\n\n".join(filter(None, (ast.get_source_segment(source, node) for node in kept.body)))
    return with_docstring(source, head)


def _call(test: str, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(parse_module(test.strip()))
    )
