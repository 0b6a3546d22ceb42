"""Respondents and tasks for tests: sums, and someone who answers them by a script."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from phial.engine.request import Sampling
from phial.evals.respondent import Key, Question, Reply, Take
from phial.evals.task import Extraction, Grade, Item, OptionScore, Protocol, Task

SAMPLING = Sampling(temperature=0.5, max_tokens=16, seed=7)
PROTOCOL = Protocol("made", "sums, the last word counts", SAMPLING, repeats=2, system="Be brief.", stop=("\n\n",))


def last_word(reply: str, item: Item) -> Extraction:
    """The last word, if there is one."""
    words = reply.split()
    return Extraction(words[-1], "last-word") if words else Extraction(None)


def first_word(reply: str, item: Item) -> Extraction:
    """The first word, if there is one."""
    words = reply.split()
    return Extraction(words[0], "first-word") if words else Extraction(None)


def grade(answer: str, item: Item) -> Grade:
    """Whether it is the right one."""
    return Grade(float(answer == item.gold), "equal" if answer == item.gold else f"not {item.gold}")


def sums(count: int, protocol: Protocol = PROTOCOL, sha256: str = "5" * 64) -> Task:
    """A task of `count` sums."""
    items = tuple(
        Item(f"sum-{i}", (("user", f"{i} + 1 = ?"),), str(i + 1), {"parity": str(i % 2)}) for i in range(count)
    )
    return Task("sums", protocol, items, {"phial": last_word, "compat:first": first_word}, grade, sha256)


def right(question: Question) -> Reply:
    """Does the sum, now and then wrongly, as the seed has it."""
    assert not isinstance(question.prompt, str)
    number = int(question.prompt[-1][1].split()[0])
    wrong = question.sampling.seed % 3 == 0
    return Reply(f"{number} and one more is {number + 1 + wrong}", prompt_tokens=5, tokens=9, seconds=0.25)


class Scripted:
    """Answers by a function, in a shuffled order.

    Args:
        script: makes the answers.
        dies_at: raises before its so manieth answer.
        order: seed of the order.
    """

    def __init__(self, script: Callable[[Question], Reply] = right, dies_at: int = -1, order: int = 0) -> None:
        self.name, self.identity, self.address = "scripted", {"sha256": "a", "opened": False}, "here"
        self.asked: list[Key] = []
        self._script, self._dies_at, self._order = script, dies_at, order

    def answer(self, questions: Sequence[Question], known: Collection[Key], take: Take) -> None:
        """See `Respondent.answer`."""
        missing = [question for question in questions if question.key not in known]
        random.Random(self._order).shuffle(missing)
        for question in missing:
            if len(self.asked) == self._dies_at:
                raise KeyboardInterrupt
            self.asked.append(question.key)
            take(question, self._script(question))

    def close(self) -> None:
        """Nothing is held."""


def with_options(*scores: float) -> Reply:
    """A reply of log probabilities."""
    return replace(Reply(tokens=0), options=tuple(OptionScore(score, 1) for score in scores))
