"""Claim: the gates of flows turn away at least nine of ten planted bad records where the truth is exact.

    python bench/gates.py [--count 50] [--only fidelity]

Each gate gets as many good records as bad ones, through its flow as it is, from a teacher that says what was planted.
The truth of a planted record does not come from the gate: programs are told apart by many drawn arguments in this
process, problems and their answers come from checked families. The last line is JSON: by gate, the share of bad
records caught and of good ones rejected, with what slipped through by kind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import planted
from phial.record import Lineage, Record
from phial.synth.faults import TeacherFault
from phial.synth.fences import fenced
from phial.synth.flow import Flow, Tools
from phial.synth.flows.code_exercise import code_exercise
from phial.synth.flows.exercises import exercises
from phial.synth.flows.instruction_reversal import instruction_reversal
from phial.synth.ledger import Ledger
from phial.synth.problems import FAMILIES
from phial.synth.problems.lang import generate
from phial.synth.request import Identity, TeacherRequest
from phial.synth.scripted import Scripted, Written
from phial.synth.teacher import LedgerTeacher

HOSTILE = (
    "import os\n\n{head}\n    os.fork()\n    return os.getpid()\n",
    "{head}\n    return open('/etc/passwd').read()\n",
    "{head}\n    raise SystemExit\n",
    "{head}\n    print('all tests passed')\n",
    "class Same:\n    def __eq__(self, other):\n        return True\n\n{head}\n    return Same()\n",
    "{head}\n    return globals()\n",
    "import sys\n\n{head}\n    sys.stdout.write('value 0')\n    sys.exit(0)\n",
    "{head}\n    return {head_name}\n",
    "import os\n\n{head}\n    os.kill(os.getppid(), 9)\n",
    "{head}\n    return 10 ** 10 ** 6\n",
)
INSTRUCTION = (
    "Write a Python function that computes from its arguments what the original one does, in each of its cases."
)
SECOND_HAND_ERRS = 0.2  # a fallible one, as teachers are; two of them are asked


@dataclass(frozen=True)
class Planted:
    """One record to be judged.

    Attributes:
        kind: what was planted.
        bad: the truth.
        answers: what the teacher says, by task.
        seed: what the flow is given.
        settings: of the flow.
    """

    kind: str
    bad: bool
    answers: dict[str, Written | Callable[[TeacherRequest], Written]]
    seed: Record
    settings: dict[str, Any] = field(default_factory=dict)


def seed_of(text: str, **params: Any) -> Record:
    """A record to begin with."""
    return Record("organic", "planted", "CC0-1.0", Lineage("planted", "1", params=params), text=text)


def execution(count: int, random: Random) -> tuple[Flow, list[Planted]]:
    """Right functions with right tests; small mistakes, hostile code, and wrong tests."""
    plants: list[Planted] = []
    drawn = planted.exercises(6 * count)
    for exercise in drawn[:count]:
        plants.append(_exercise("right", False, exercise, exercise.solution, exercise.tests, random))
    for number, exercise in enumerate(drawn[count:]):
        bad = sum(plant.bad for plant in plants)
        if bad == count:
            break
        if number % 5 == 3:
            head_name = exercise.name
            head = exercise.prompt.rstrip("\n")
            attack = HOSTILE[number // 5 % len(HOSTILE)].replace("{head}", head).replace("{head_name}", head_name)
            plants.append(_exercise("hostile code", True, exercise, attack, exercise.tests, random))
        elif number % 5 == 4:
            place = random.randrange(len(exercise.tests))
            call, _, value = exercise.tests[place].partition(" == ")
            wrong = [*exercise.tests]
            wrong[place] = f"{call} == [{value}]"
            plants.append(_exercise("wrong test", True, exercise, exercise.solution, wrong, random))
        elif mistaken := planted.changed(exercise, random):
            body = mistaken.partition("\n")[2]
            plants.append(_exercise("mistake", True, exercise, exercise.prompt + body, exercise.tests, random))
    return code_exercise, plants


def _exercise(kind: str, bad: bool, exercise: Any, solution: str, tests: Any, random: Random) -> Planted:
    shown = random.sample(list(tests), min(5, len(tests)))  # about as many as a teacher is asked for
    answers: dict[str, Any] = {
        "code-exercise": fenced(solution, "python"),
        "code-exercise-solve": fenced(solution, "python"),
        "code-exercise-tests": fenced("\n".join(shown), "python"),
    }
    return Planted(kind, bad, answers, seed_of(f"{exercise.family} {random.random()}"))


def fidelity(count: int, random: Random) -> tuple[Flow, list[Planted]]:
    """Programs made again in other words; such with a small mistake, and altogether others."""
    plants: list[Planted] = []
    drawn = planted.exercises(6 * count)
    for exercise in drawn[:count]:
        plants.append(_pair("in other words", False, exercise, planted.rewritten(exercise, random)))
    for number, exercise in enumerate(drawn[count:]):
        if sum(plant.bad for plant in plants) == count:
            break
        if number % 5 == 4:
            other = planted.bare(drawn[number])
            renamed = re.sub(r"def \w+", f"def {exercise.name}", other)
            if drawn[number].family != exercise.family:
                plants.append(_pair("another program", True, exercise, renamed))
        elif mistaken := planted.changed(exercise, random):
            plants.append(_pair("mistake", True, exercise, mistaken))
    return instruction_reversal, plants


def _pair(kind: str, bad: bool, exercise: Any, other: str) -> Planted:
    answers: dict[str, Any] = {
        "instruction-reversal": INSTRUCTION,
        "calls": fenced("\n".join(planted.calls(exercise)), "python"),
        "regenerate": fenced(other, "python"),
    }
    # Remarks make short solutions long enough for the flow.
    first, _, rest = planted.bare(exercise).partition("\n")
    return Planted(kind, bad, answers, seed_of(f"{first}\n    # an exercise on\n    # {exercise.family}\n{rest}"))


def answer_check(count: int, random: Random) -> tuple[Flow, list[Planted]]:
    """Problems with right work and answer; wrong answers, wrong equations on the way, and answers of other problems."""
    plants: list[Planted] = []
    families = list(FAMILIES.values())
    index = 0
    while len(plants) < 2 * count:
        problem = generate(families[index % len(families)], index, planted.SEED)
        index += 1
        answer, work = problem.answer, problem.work
        equation = re.search(r"= (\d+)(?=[.,;]?\s)", work)
        if not answer.isdigit() or equation is None or len(re.findall(r"\d+", problem.question)) < 2:
            continue
        kinds = ["right", "wrong answer", "right", "wrong equation", "right", "wrong to the end"]
        kind = kinds[len(plants) % 6] if sum(not p.bad for p in plants) < count else kinds[2 * (len(plants) % 3) + 1]
        if kind != "right" and sum(p.bad for p in plants) >= count:
            kind = "right"
        wrong = str(int(answer) + random.choice((-10, -2, -1, 1, 2, 10)))
        told, steps = answer, work
        if kind == "wrong answer":
            told = wrong
        elif kind == "wrong equation":
            off = str(int(equation.group(1)) + random.choice((-1, 1, 10)))
            steps = work[: equation.start(1)] + off + work[equation.end(1) :]
        elif kind == "wrong to the end":
            told, steps = wrong, re.sub(rf"\b{answer}\b", wrong, work)
        lines = [line for line in steps.splitlines() if line.strip() and not line.startswith("The answer is")]
        said = {"question": problem.question, "steps": lines[:10], "answer": told}
        hands = [str(int(answer) + random.choice((-5, 3))) if random.random() < SECOND_HAND_ERRS else answer
                 for _ in range(2)]  # fmt: skip
        answers: dict[str, Any] = {"exercise": said, "exercise-check": _hand(hands)}
        plants.append(Planted(kind, kind != "right", answers, seed_of(f"problem {index}"), {"check": "words"}))
    return exercises, plants


def _hand(answers: list[str]) -> Callable[[TeacherRequest], str]:
    return lambda request: f"I went through it.\nThe answer is {answers[request.sample]}."


GATES: dict[str, Callable[[int, Random], tuple[Flow, list[Planted]]]] = {
    "execution": execution,
    "fidelity": fidelity,
    "answer check": answer_check,
}


async def kept(flow: Flow, plant: Planted, ledger: Ledger) -> tuple[bool, str]:
    """Whether a flow makes a record of a planted one, and why not."""

    def write(request: TeacherRequest) -> Written:
        answer = plant.answers[request.task]
        return answer(request) if callable(answer) else answer

    # Another name each, so that no planted answer is taken for another's.
    teacher = LedgerTeacher(Identity(f"planted {id(plant)}", "planted"), Scripted(write), ledger)
    tools = Tools(Random(plant.seed.id), plant.settings)
    try:
        records = [record async for record in flow.make(plant.seed, teacher, tools)]
    except TeacherFault as fault:
        return False, fault.reason
    return bool(records), "; ".join(drop.reason for drop in tools.drops)


def measure(name: str, count: int) -> dict[str, Any]:
    """Run one gate over its planted records."""
    flow, plants = GATES[name](count, Random(f"{name}/{planted.SEED}"))
    good = [plant for plant in plants if not plant.bad]
    bad = [plant for plant in plants if plant.bad]
    assert len(good) == len(bad) == count, (len(good), len(bad))
    slipped: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        for plant in plants:
            passed, why = asyncio.run(kept(flow, plant, ledger))
            if plant.bad and passed:
                slipped[plant.kind] += 1
            elif not plant.bad and not passed:
                rejected[why] += 1
            if plant.bad and not passed:
                reasons[why] += 1
    result = {
        "bad": dict(Counter(plant.kind for plant in bad)),
        "caught": 1 - slipped.total() / count,
        "falsely rejected": rejected.total() / count,
        "slipped through": dict(slipped),
        "rejected for": dict(rejected),
        "caught by": dict(reasons),
    }
    caught, rejected_share = result["caught"], result["falsely rejected"]
    print(f"{name}: {caught:.0%} of {count} bad caught, {rejected_share:.0%} of {count} good rejected")
    return result


def main() -> None:
    """Measure the gates that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--only", choices=GATES)
    arguments = parser.parse_args()
    names = [arguments.only] if arguments.only else list(GATES)
    print(json.dumps({"gates": {name: measure(name, arguments.count) for name in names}}))


if __name__ == "__main__":
    main()
