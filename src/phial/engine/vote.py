"""Several answers to one prompt, and which to trust: the one that most give, or the one that scores best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from phial.engine.engine import Engine
from phial.engine.request import Generation, Request


@dataclass(frozen=True)
class Vote:
    """How answers agreed.

    Attributes:
        winner: the statement that most answers made; of equally many the one that the first sample made; None where
            no answer made any.
        votes: answers by statement.
        generations: every sample, those cancelled once the vote was decided included.
        answer: a sample that states the winner, or None.
    """

    winner: Hashable | None
    votes: dict[Hashable, int]
    generations: tuple[Generation, ...]
    answer: Generation | None

    @property
    def cancelled(self) -> int:
        """Samples that were not needed."""
        return sum(generation.finish_reason == "cancelled" for generation in self.generations)


def majority(engine: Engine, request: Request, read: Callable[[str], Hashable | None]) -> Vote:
    """Let a request's samples vote (self-consistency, Wang et al. 2023), and stop as soon as none could change it.

    Args:
        engine: answers.
        request: `n` samples, drawn with a temperature.
        read: what an answer states, or None; statements are counted by equality.

    Raises:
        Exception: what went wrong with a sample.
    """
    stream = engine.submit(request)
    stated: dict[int, Hashable] = {}
    left = request.n
    try:
        for event in stream:
            if event.error:
                raise event.error
            if event.finish_reason is None or event.finish_reason == "cancelled":
                continue
            left -= 1
            statement = read(stream.lives[event.sample].generation().text)
            if statement is not None:
                stated[event.sample] = statement
            if left and decided(Counter(stated.values()), left):
                stream.cancel()
    finally:
        stream.cancel()
    votes: Counter[Hashable] = Counter(stated[sample] for sample in sorted(stated))
    generations = tuple(stream.result())
    if not votes:
        return Vote(None, {}, generations, None)
    [(winner, _)] = votes.most_common(1)  # of equal ones the first that was counted
    answer = generations[next(sample for sample in sorted(stated) if stated[sample] == winner)]
    return Vote(winner, dict(votes), generations, answer)


def decided(votes: Counter[Hashable], left: int) -> bool:
    """Whether the leader stays the leader whatever the answers that are left state."""
    first, second = [count for _, count in [*votes.most_common(2), (None, 0), (None, 0)]][:2]
    return first > second + left


def best_of(engine: Engine, request: Request, score: Callable[[Generation], float]) -> tuple[Generation, list[float]]:
    """The sample with the highest score; of equal ones the first.

    Args:
        engine: answers.
        request: `n` samples, drawn with a temperature.
        score: higher is better.

    Returns:
        The sample, and the scores of all.
    """
    generations = engine.submit(request).result()
    scores = [score(generation) for generation in generations]
    return generations[scores.index(max(scores))], scores
