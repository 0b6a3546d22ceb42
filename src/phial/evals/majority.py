"""Majority votes over an item's replies: how right the answer is that most of k replies give, for every k."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from phial.evals.log import Log, Sample
from phial.evals.scores import with_at_least
from phial.evals.statistics import Estimate, mean
from phial.verify import maths
from phial.verify.vote import clusters

Same = Callable[[str, str], bool]

_MATHEMATICAL = re.compile(r"[\d\\+*/^=]")
_MAXIMUM_LENGTH = 400  # characters; a longer answer is a text or a program, and votes by its wording


def majority_at(log: Log, k: int, same: Same | None = None) -> Estimate:
    """maj@k: the mean score of the answer that most of k replies give (self-consistency, arXiv 2203.11171).

    The mean over all sets of k of an item's replies, exactly. Replies without an answer do not vote; where none votes
    the item scores 0, and where several answers have most votes it scores their mean.

    Args:
        log: items with fewer than k replies are left out; the estimate says how many were counted.
        k: replies that vote.
        same: whether two answers are equal, whatever their order; `same_answer` by default.
    """
    return majorities(log, (k,), same)[0]


def majorities(log: Log, ks: Sequence[int], same: Same | None = None) -> tuple[Estimate, ...]:
    """`majority_at` for several k, the answers compared once."""
    equal = cache(same or same_answer)
    ballots = [(len(item), *_ballot(item, equal)) for item in with_at_least(log, min(ks))]
    return tuple(
        mean(
            [[elected(groups, silent, k)] for size, groups, silent in ballots if size >= k],
            sum(size for size, _, _ in ballots if size >= k),
        )
        for k in ks
    )


def same_answer(one: str, other: str) -> bool:
    """Whether two answers say the same: by their normalised wording, and as mathematics where they look like it."""
    if max(len(one), len(other)) > _MAXIMUM_LENGTH:
        return one.strip() == other.strip()
    if maths.normalised(one).casefold() == maths.normalised(other).casefold():
        return True
    return all(map(_MATHEMATICAL.search, (one, other))) and maths.same(one, other)


def elected(groups: Sequence[tuple[int, float]], silent: int, k: int) -> float:
    """The expected score of the plurality among k replies, drawn without replacement.

    Args:
        groups: (votes, score) of each distinct answer.
        silent: replies without an answer.
        k: replies drawn, at most as many as there are.
    """
    total = silent + sum(votes for votes, _ in groups)
    largest = max((votes for votes, _ in groups), default=0)
    if k == total or len(groups) < 2:
        tied = [score for votes, score in groups if votes == largest]
        voters = 1.0 if k == total or not groups else 1 - math.comb(silent, k) / math.comb(total, k)
        return voters * sum(tied) / len(tied) if tied else 0.0
    expected = 0.0
    for most in range(1, min(k, largest) + 1):
        # Draws in which no answer has more than `most` votes, by votes drawn and answers that have just that many:
        # how many such draws there are, and the sum of their tied answers' scores.
        draws = np.zeros((k + 1, k // most + 1))
        worth = np.zeros_like(draws)
        draws[0, 0] = 1
        for votes, score in groups:
            more_draws, more_worth = np.zeros_like(draws), np.zeros_like(draws)
            for drawn in range(min(votes, most) + 1):
                ways, left = math.comb(votes, drawn), slice(0, k + 1 - drawn)
                if drawn < most:
                    more_draws[drawn:] += ways * draws[left]
                    more_worth[drawn:] += ways * worth[left]
                else:
                    more_draws[drawn:, 1:] += ways * draws[left, :-1]
                    more_worth[drawn:, 1:] += ways * (worth[left, :-1] + score * draws[left, :-1])
            draws, worth = more_draws, more_worth
        silences = np.array([math.comb(silent, k - drawn) for drawn in range(k + 1)], float)
        expected += float((silences @ worth[:, 1:] / np.arange(1, k // most + 1)).sum())
    return expected / math.comb(total, k)


def _ballot(item: Sequence[Sample], same: Same) -> tuple[list[tuple[int, float]], int]:
    """(votes, mean score) of an item's distinct answers, and how many replies give none."""
    answers = [(sample.answer, sample.score) for sample in item if sample.answer]
    groups = clusters([answer for answer, _ in answers], same)
    tally = [(len(group), sum(answers[place][1] for place in group) / len(group)) for group in groups]
    return tally, len(item) - len(answers)
