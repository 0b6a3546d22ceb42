"""3SAT: find values that satisfy every clause, or say that there are none (own generator, solver and checker)."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from random import Random

from phial.engine.request import Sampling
from phial.evals.extract import boxed
from phial.evals.generated import identity, require, stated_list, stream, tagged
from phial.evals.items import protocol_of
from phial.evals.presets import PHI_4_REASONING
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

VERSION = 1  # of what is generated from a seed; a golden test asks for the next when that changes
VARIABLES = (4, 6, 8, 10)
LOOKED_AT = 100_000  # characters at the end of a reply
UNSATISFIABLE = "unsatisfiable"

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot, any satisfying assignment", Sampling(max_tokens=4096)),
    "phi-4-reasoning": Protocol(
        "phi-4-reasoning",
        "Eureka's answer format, any satisfying assignment, sampled",
        PHI_4_REASONING,
        extractor="compat:eureka",
    ),
}

_OWN = """Here is a formula over the variables {names}. Every line is a clause; "or" joins its three literals, and all \
{count} clauses must hold at once.

{clauses}

Find a value for each variable that makes all clauses true, or find that there is no such assignment. Reason as you \
like, then end with a line such as
Answer: x1=True, x2=False, ...
or, if no assignment satisfies all clauses,
Answer: unsatisfiable"""
# Eureka's tag and dictionary; the words around it are ours.
_TAGGED = """{clauses}

These are the clauses of a 3-SAT problem over {names}; all of them must hold. Reason step by step. Give the values in \
order, such as <final_answer>{{'Solution': 'True, False, ...'}}</final_answer>, or \
<final_answer>{{'Solution': 'Unsatisfiable'}}</final_answer> if there is no satisfying assignment."""

Clause = tuple[int, int, int]  # 3 is x3, -3 is not x3


def make(
    seed: int = 0, items: int = 100, protocol: str = "phial", variables: Sequence[int] = VARIABLES, ratio: float = 4.3
) -> Task:
    """Generate formulas; of four of a size three are satisfiable and one is not.

    Args:
        seed: other seeds, other formulas.
        items: in all.
        protocol: its name.
        variables: their numbers, taken in turn.
        ratio: clauses a variable; at 4.3 large random formulas are hardest. A formula that is to be unsatisfiable gets
            more of them if it needs them.
    """
    require(all(4 <= n <= 20 for n in variables), "variables out of range", "3sat", "use 4 to 20 variables")
    require(1 <= ratio <= 6, f"{ratio} clauses a variable", "3sat", "use 1 to 6")
    made = []
    for index in range(items):
        count = variables[index % len(variables)]
        satisfiable = index // len(variables) % 4 != 3
        clauses = _formula(count, round(count * ratio), satisfiable, stream("3sat", VERSION, seed, index))
        names = f"x1 to x{count}"
        lines = "\n".join(" or ".join(f"{'not ' if v < 0 else ''}x{abs(v)}" for v in clause) for clause in clauses)
        template = _OWN if protocol == "phial" else _TAGGED
        prompt = template.format(names=names, count=len(clauses), clauses=lines)
        tags = {"variables": str(count), "kind": "satisfiable" if satisfiable else UNSATISFIABLE}
        made.append(Item(f"{index:05}", (("user", prompt),), tags["kind"], tags, data={"clauses": clauses}))
    key = identity("3sat", VERSION, seed=seed, items=items, protocol=protocol, variables=list(variables), ratio=ratio)
    extractors = {"phial": extract, "compat:eureka": extract_as_eureka}
    return Task("3sat", protocol_of(PROTOCOLS, protocol, "3sat"), tuple(made), extractors, grade, key, blank=blank)


def _formula(variables: int, clauses: int, satisfiable: bool, source: Random) -> list[Clause]:
    """Random clauses of three different variables, each once, drawn again until they are as wanted."""
    for attempt in range(1_000_000):
        # A formula that is to be unsatisfiable grows until it is.
        wanted = clauses if satisfiable else clauses + attempt // 10
        drawn: dict[Clause, None] = {}
        while len(drawn) < min(wanted, variables * (variables - 1) * (variables - 2) // 6 * 8):
            one, two, three = sorted(source.sample(range(1, variables + 1), 3))
            signs = [1 if source.random() < 0.5 else -1 for _ in range(3)]
            drawn[one * signs[0], two * signs[1], three * signs[2]] = None
        if (solve(list(drawn)) is not None) == satisfiable:
            return list(drawn)
    raise AssertionError("no formula found")


def solve(clauses: Sequence[Sequence[int]]) -> dict[int, bool] | None:
    """Values that satisfy all clauses, by Davis, Putnam, Logemann and Loveland's search; None if there are none."""
    if not clauses:
        return {}
    shortest = min(clauses, key=len)
    if not shortest:
        return None
    # A clause of one literal leaves no choice; of a longer one the first literal is tried both ways.
    for literal in (shortest[0],) if len(shortest) == 1 else (shortest[0], -shortest[0]):
        left = [[other for other in clause if other != -literal] for clause in clauses if literal not in clause]
        if (found := solve(left)) is not None:
            return {abs(literal): literal > 0, **found}
    return None


def satisfied(clauses: Sequence[Sequence[int]], values: Mapping[int, bool]) -> bool:
    """Whether every clause has a literal that is true; a variable without a value makes none true."""
    return all(any(values.get(abs(literal)) is (literal > 0) for literal in clause) for clause in clauses)


_VALUE = re.compile(r"\bx_?\{?(\d{1,3})\}?\s{0,3}(?:=|:|is|->|\u2192)\s{0,3}(true|false|t|f|1|0)\b", re.IGNORECASE)
_NONE = re.compile(r"\bunsatisfiable\b|\bno (?:such |satisfying )?(?:assignment|solution)\b", re.IGNORECASE)
_PLAIN = re.compile(r"\W*((?:true|false)(?:\s*,\s*(?:true|false))*)\W*", re.IGNORECASE)


def extract(reply: str, item: Item) -> Extraction:
    """The values, or "unsatisfiable", in the last box, on or below the last "Answer:" line, or in a tag.

    Without any of them, the last line that says "unsatisfiable" or gives values counts.
    """
    reply = reply[-LOOKED_AT:].replace("**", "")
    lines = [line for line in reply.splitlines() if _VALUE.search(line) or _NONE.search(line)]
    for text, rule in (
        (boxed(reply) or "", "boxed"),
        stated_list(reply) or ("", ""),
        (_solution(reply) or "", "tagged"),
        (lines[-1] if lines else "", "last-line"),
    ):
        if found := _values(text):
            return Extraction(found, rule)
    return Extraction(None)


def _values(text: str) -> str | None:
    """As "x1=1,x2=0"; a variable with both values is left in as both."""
    if values := _VALUE.findall(text):
        return ",".join(f"x{int(name)}={int(value.lower() in ('true', 't', '1'))}" for name, value in values)
    if match := _PLAIN.fullmatch(text):
        words = match[1].lower().split(",")
        return ",".join(f"x{number}={int(word.strip() == 'true')}" for number, word in enumerate(words, 1))
    return UNSATISFIABLE if _NONE.search(text) else None


def _solution(reply: str) -> str | None:
    """The solution in the last <final_answer>{'Solution': '...'}</final_answer>."""
    content = tagged(reply)
    if content is None or len(content) > 10_000:
        return None
    try:
        fields = ast.literal_eval(content)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    solution = fields.get("Solution") if isinstance(fields, dict) else None
    return solution if isinstance(solution, str) else None


def extract_as_eureka(reply: str, item: Item) -> Extraction:
    """Only a dictionary in the last tag, with exactly "True" and "False" between commas, or "Unsatisfiable"."""
    solution = _solution(reply[-LOOKED_AT:])
    if solution == "Unsatisfiable":
        return Extraction(UNSATISFIABLE, "tagged")
    words = [word.strip() for word in (solution or "").split(",")]
    if any(word not in ("True", "False") for word in words):
        return Extraction(None)
    return Extraction(",".join(f"x{number}={int(word == 'True')}" for number, word in enumerate(words, 1)), "tagged")


def grade(answer: str, item: Item) -> Grade:
    """Right if the values satisfy every clause, or if it is said that none can and that is so.

    Variables that no clause needs may be left out; one that has two values makes the answer wrong.
    """
    right, detail = _check(answer, item)
    return Grade(float(right), detail, {f"of those that are {item.gold}": (float(right), 1.0)})


def _check(answer: str, item: Item) -> tuple[bool, str]:
    if answer == UNSATISFIABLE:
        return item.gold == UNSATISFIABLE, "" if item.gold == UNSATISFIABLE else "it is satisfiable"
    values: dict[int, bool] = {}
    for name, _, value in (pair.partition("=") for pair in answer.split(",")):
        if values.setdefault(int(name[1:]), value == "1") != (value == "1"):
            return False, f"{name} has two values"
    broken = [clause for clause in item.data["clauses"] if not satisfied([clause], values)]
    return not broken, f"{len(broken)} of {len(item.data['clauses'])} clauses are not satisfied" if broken else ""


def blank(item: Item) -> Grade:
    """Wrong."""
    return Grade(0.0, parts={f"of those that are {item.gold}": (0.0, 1.0)})
