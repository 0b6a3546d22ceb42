"""Python exercises as training text, each kept only after its tests passed in the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from phial.record import Lineage, Record, Verdict
from phial.synth.exercises import Exercise, generate
from phial.synth.textbook import LICENSE, SOURCE
from phial.verify.unit_tests import TestVerdict, check

WORKERS = 2


def code_records(count: int, seed: int, watch: Callable[[int], None]) -> tuple[list[Record], dict[str, int]]:
    """Draw distinct exercises, run them, keep those that pass.

    Args:
        count: exercises to run.
        seed: of the draw.
        watch: told of the number that have been run.

    Returns:
        The records that passed, and the number of failures by reason.

    Raises:
        SandboxUnavailable: there is no sandbox; nothing was run.
    """
    drawn: dict[str, tuple[int, Exercise]] = {}
    for index in range(4 * count):
        exercise = generate(index, seed)
        drawn.setdefault(exercise.solution, (index, exercise))
        if len(drawn) == count:
            break
    records: list[Record] = []
    failed: dict[str, int] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        verdicts = pool.map(lambda pair: check(pair[1].solution, pair[1].tests), drawn.values())
        for done, ((index, exercise), verdict) in enumerate(zip(drawn.values(), verdicts, strict=True), 1):
            if verdict.passed:
                records.append(_record(exercise, index, seed, verdict))
            else:
                failed[verdict.reason] = failed.get(verdict.reason, 0) + 1
            watch(done)
    return records, failed


def _record(exercise: Exercise, index: int, seed: int, verdict: TestVerdict) -> Record:
    lineage = Lineage(
        flow=f"code/{exercise.family}",
        version=str(exercise.version),
        verdicts=(Verdict("execution", True, f"{len(exercise.tests)} tests passed, sandbox {verdict.level}"),),
        params={"seed": seed, "index": index, "difficulty": exercise.difficulty},
    )
    return Record("code", SOURCE, LICENSE, lineage, text=exercise.solution)
