"""All that the procedural teacher knows: a fixed book of word problems and code exercises with checked answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import blake2b
from random import Random

from phial.synth import exercises
from phial.synth.problems import FAMILIES
from phial.synth.problems.lang import Problem, passage

_SEED = 20_241_212
_PROBLEMS, _EXERCISES = 1200, 400
# Of a hundred questions: how many the teacher always gets right, and gets right most of the time; the rest it gets
# wrong most of the time. A vote over its answers then meets unanimous, divided and hopeless questions.
_ALWAYS, _MOSTLY = 40, 80
_WRONG_MOSTLY, _WRONG_HOPELESS = 0.3, 0.9


@dataclass(frozen=True)
class Page:
    """One thing that the teacher can write about.

    Attributes:
        topic: in a word or two.
        idea: what there is to learn.
        question: the problem or the instruction.
        work: the worked solution, with the answer at its end.
        answer: alone.
        code: a Python function that gives the answer.
        tests: assert lines for the code.
    """

    topic: str
    idea: str
    question: str
    work: str
    answer: str
    code: str
    tests: tuple[str, ...]

    @property
    def wrong_share(self) -> float:
        """Of the teacher's answers to this question."""
        place = blake2b(self.question.encode(), digest_size=8).digest()[0] * 100 // 256
        return 0.0 if place < _ALWAYS else _WRONG_MOSTLY if place < _MOSTLY else _WRONG_HOPELESS


@cache
def the_book() -> Book:
    """The only one of a process: writing its pages takes a second."""
    return Book()


class Book:
    """The pages, written when they are first asked for; the same in every process."""

    @cached_property
    def problems(self) -> list[Page]:
        """Word problems."""
        families = list(FAMILIES.values())
        return [_problem(*passage(families[i % len(families)], i, _SEED)) for i in range(_PROBLEMS)]

    @cached_property
    def exercises(self) -> list[Page]:
        """Code exercises."""
        return [_exercise(exercises.generate(i, _SEED)) for i in range(_EXERCISES)]

    def find(self, text: str) -> Page | None:
        """The page whose question, or whose code's first line, a text quotes."""
        for page in self.problems:
            if page.question in text:
                return page
        for page in self.exercises:
            if page.question in text or page.code.partition("\n")[0] in text:
                return page
        return None

    def draw(self, random: Random, code: bool) -> Page:
        """Any page."""
        return random.choice(self.exercises if code else self.problems)


def mistaken(page: Page, random: Random) -> Page:
    """A page as someone writes it who got it wrong."""
    if page.answer.lstrip("-").isdigit():
        answer = str(int(page.answer) + random.choice((-10, -1, 1, 2, 10)))
    else:
        answer = "I do not know"
    work = page.work.replace(f"The answer is {page.answer}.", f"The answer is {answer}.")
    head, _, _ = page.code.rpartition("return")
    return Page(page.topic, page.idea, page.question, work, answer, f"{head}return None\n", page.tests)


def _problem(idea: str, problem: Problem) -> Page:
    answer = problem.answer
    value = answer if answer.lstrip("-").isdigit() else repr(answer)
    code = f"def solution():\n    return {value}\n"
    tests = (f"assert solution() == {value}",)
    return Page(problem.skill, idea, problem.question, problem.work, answer, code, tests)


def _exercise(exercise: exercises.Exercise) -> Page:
    task = exercise.prompt.split('"""')[1].strip().partition("\n")[0]
    question = f"Write a Python function {exercise.prompt.partition(':')[0].removeprefix('def ')}. {task}"
    return Page(
        exercise.family, task, question, exercise.solution, exercise.solution, exercise.solution, exercise.tests
    )
