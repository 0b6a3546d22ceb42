"""Exercises: every family's solutions pass their tests, wrong ones fail, and the text is what training needs."""

from __future__ import annotations

import ast
import doctest
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import phial
from phial import sandbox
from phial.synth.exercises import FAMILIES, Exercise, generate
from phial.verify.unit_tests import check

needs_sandbox = pytest.mark.skipif(
    sandbox.level() == "none", reason="no sandbox level holds on this machine, so unit tests may not run"
)
COUNT = len(FAMILIES)


def passes(exercise: Exercise) -> bool:
    """Run an exercise of ours (trusted, so without the sandbox) and its tests."""
    namespace: dict[str, object] = {}
    exec(exercise.solution, namespace)
    try:
        for test in exercise.tests:
            exec(test, namespace)
    except (AssertionError, TypeError, AttributeError, KeyError, IndexError):
        return False
    return True


def wrong_versions(exercise: Exercise) -> list[Exercise]:
    first_result = exercise.tests[0].partition(" == ")[2]
    parameter = ast.parse(exercise.solution).body[0].args.args[0].arg  # type: ignore[attr-defined]
    bodies = ("return None", f"return {first_result}", f"return {parameter}")
    return [replace(exercise, solution=f"{exercise.prompt}    {body}\n") for body in bodies]


@needs_sandbox
@pytest.mark.parametrize("index", range(COUNT), ids=list(FAMILIES))
def test_a_sample_of_each_family_in_the_sandbox(index: int) -> None:
    exercise = generate(index, seed=1)
    verdict = check(exercise.solution, exercise.tests)
    assert verdict.passed, (verdict.reason, exercise)
    wrong = wrong_versions(exercise)[1]
    assert not check(wrong.solution, exercise.tests).passed


def test_many_solutions_pass_and_wrong_ones_fail() -> None:
    for index in range(30 * COUNT):
        exercise = generate(index, seed=2)
        assert passes(exercise), exercise
        for wrong in wrong_versions(exercise):
            assert not passes(wrong), wrong


def test_docstring_examples_hold() -> None:
    for index in range(4 * COUNT):
        exercise = generate(index, seed=3)
        namespace: dict[str, object] = {}
        exec(exercise.solution, namespace)
        docstring = ast.get_docstring(ast.parse(exercise.solution).body[0])  # type: ignore[arg-type]
        assert docstring is not None
        test = doctest.DocTestParser().get_doctest(docstring, namespace, exercise.name, None, None)
        assert 1 <= len(test.examples) <= 2
        assert doctest.DocTestRunner(verbose=False).run(test).failed == 0, exercise


@given(st.integers(0, 10**9), st.integers(-(10**9), 10**9))
def test_shape(index: int, seed: int) -> None:
    exercise = generate(index, seed)
    assert exercise.family == list(FAMILIES)[index % COUNT]
    assert exercise.version == FAMILIES[exercise.family].version
    assert exercise.difficulty in (1, 2, 3)
    assert exercise.solution.startswith(exercise.prompt)
    assert exercise.prompt.startswith(f"def {exercise.name}(")
    assert exercise.prompt.endswith('"""\n')
    assert len(exercise.solution) <= 450
    assert exercise.solution.isascii()
    assert len(exercise.tests) == len(set(exercise.tests)) >= 4
    assert all(test.startswith(f"assert {exercise.name}(") for test in exercise.tests)
    assert sum(f">>> {test[7:].partition(') == ')[0]})" not in exercise.prompt for test in exercise.tests) >= 2


def test_variety() -> None:
    exercises = [generate(index, seed=0) for index in range(4000)]
    assert COUNT >= 24
    assert len({exercise.solution for exercise in exercises}) >= 3900
    # also without the examples' numbers
    outlines = {
        (exercise.name, exercise.solution.partition(">>>")[0], exercise.solution.rpartition('"""')[2])
        for exercise in exercises
    }
    assert len(outlines) >= 2000


def test_the_same_in_another_process() -> None:
    program = "from phial.synth.exercises import generate\nprint([generate(index, 7) for index in range(80)])"
    source = str(Path(phial.__file__).parent.parent)
    environment = {"PYTHONPATH": source, "PYTHONHASHSEED": "123"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == repr([generate(index, 7) for index in range(80)])
    assert generate(3, 7) != generate(3, 8)
