"""Win rates of pairwise judgements, with the answers' style taken out, and intervals by question.

Each verdict is a logistic regression's outcome: the model's strength (Bradley and Terry 1952; the baseline's is 0) and
the differences in style (Arena-Hard's style control). With equal style, the win rate is the strength's alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from phial.errors import PhialError
from phial.evals.log import Log
from phial.evals.statistics import wilson
from phial.evals.style import ELEMENTS

# A normal prior of standard deviation 10 on every coefficient: too weak to be seen in a win rate, but whoever wins all
# has a finite strength.
RIDGE = 0.01


@dataclass(frozen=True)
class Standing:
    """How a model did against the baseline.

    Attributes:
        model: its name.
        win_rate: share of verdicts that it won, ties a half, much better answers three times; with style control, the
            share it would win if its answers looked like the baseline's.
        low: end of the 95 % interval over questions.
        high: the other one.
        questions: with a verdict.
        verdicts: of the judge.
        without: judgements that brought no verdict.
        first: share of the verdicts, ties apart, for the answer that stood first; 0.5 for a judge without that bias.
        contradictory: share of questions judged in both orders whose verdicts name different winners.
    """

    model: str
    win_rate: float
    low: float
    high: float
    questions: int
    verdicts: int
    without: int
    first: float
    contradictory: float


@dataclass(frozen=True)
class Table:
    """Standings, best first, and what style was worth.

    Attributes:
        standings: of every model but the baseline, whose win rate is 0.5.
        style: log odds that a standard deviation more of each element brings, by name; empty without style control.
    """

    standings: tuple[Standing, ...]
    style: dict[str, float]


@dataclass(frozen=True)
class _Battles:
    """One row a verdict: who fought, over which question, who won, what it counts, and how the styles differ."""

    models: tuple[str, ...]
    model: np.ndarray  # [verdicts], index into models
    question: np.ndarray  # [verdicts], index of the question
    won: np.ndarray  # [verdicts], 0, 0.5 or 1
    weight: np.ndarray  # [verdicts]
    style: np.ndarray  # [verdicts, elements]


def table(
    logs: Sequence[Log], style_control: bool = True, centred: bool = False, rounds: int = 1000, seed: int = 0
) -> Table:
    """The table of one or several judged logs, all against the same baseline by the same judge.

    Args:
        logs: of `pairwise` tasks.
        style_control: whether differences in style are taken out.
        centred: whether the reference is the mean style of all answers in the table, as in Arena-Hard's own code,
            instead of the baseline's style; the table then depends on who else is in it.
        rounds: of the bootstrap over questions.
        seed: of the bootstrap.

    Raises:
        PhialError: a log is no pairwise judgement, or has no verdict.
    """
    battles = _battles(logs)
    features, spread = _features(battles, style_control, centred)
    models = len(battles.models)
    coefficients = fit(features, battles.won, battles.weight)
    generator = np.random.default_rng(seed)
    questions = int(battles.question.max()) + 1
    drawn = np.empty((rounds, models))
    for number in range(rounds):
        counts = np.bincount(generator.integers(questions, size=questions), minlength=questions)
        weight = battles.weight * counts[battles.question]
        drawn[number] = _rates(features, battles, weight, coefficients, style_control)
    rates = _rates(features, battles, battles.weight, coefficients, style_control)
    standings = [
        _standing(battles, index, float(rates[index]), drawn[:, index], logs) for index in range(models)
    ]  # fmt: skip
    style = dict(zip(ELEMENTS, map(float, coefficients[models:] * (spread > 0)), strict=False)) if style_control else {}
    return Table(tuple(sorted(standings, key=lambda standing: -standing.win_rate)), style)


def fit(
    features: np.ndarray,
    outcomes: np.ndarray,
    weights: np.ndarray,
    start: np.ndarray | None = None,
    ridge: float = RIDGE,
) -> np.ndarray:
    """Weighted logistic regression by Newton's method, without an intercept.

    Args:
        features: [rows, columns].
        outcomes: [rows], from 0 to 1.
        weights: [rows].
        start: where to begin.
        ridge: weight of half the squared coefficients, which is taken off the log likelihood.

    Returns:
        [columns], the coefficients.
    """
    coefficients = np.zeros(features.shape[1]) if start is None else start.copy()
    for _ in range(100):
        share = 1 / (1 + np.exp(-(features @ coefficients)))
        slope = features.T @ (weights * (outcomes - share)) - ridge * coefficients
        curve = (features * (weights * share * (1 - share))[:, None]).T @ features
        step = np.linalg.solve(curve + ridge * np.eye(len(coefficients)), slope)
        longest = np.abs(step).max(initial=0.0)
        coefficients += step * min(1.0, 2.0 / max(longest, 1e-300))  # a full step can overshoot far from the optimum
        if longest < 1e-10:
            break
    return coefficients


def _battles(logs: Sequence[Log]) -> _Battles:
    models: dict[str, int] = {}
    questions: dict[str, int] = {}
    found: list[tuple[Any, ...]] = []
    for log in logs:
        for sample in log.samples:
            gold = sample.gold
            if not isinstance(gold, dict) or not {"model", "question", "first", "style"} <= gold.keys():
                raise PhialError(f"a log of {log.run.task}", where="arena", do="give the judge's log")
            if sample.answer is None or "win rate" not in sample.parts:
                continue
            points, weight = sample.parts["win rate"]
            model = models.setdefault(gold["model"], len(models))
            question = questions.setdefault(gold["question"], len(questions))
            found.append((model, question, points / weight, weight, _difference(*gold["style"])))
    if not found:
        raise PhialError("no verdict", where="arena", do="look at what the judge said: its format may not be read")
    model, question, won, weight, style = zip(*found, strict=True)
    return _Battles(
        tuple(models), np.array(model), np.array(question), np.array(won), np.array(weight), np.array(style)
    )


def _difference(own: Sequence[int], other: Sequence[int]) -> list[float]:
    """Of each element, relative to what both have together, as Arena-Hard v0.1 takes it."""
    return [(a - b) / (a + b + 1) for a, b in zip(own, other, strict=True)]


def _features(battles: _Battles, style_control: bool, centred: bool) -> tuple[np.ndarray, np.ndarray]:
    """[verdicts, models + elements]: who fought, and the style in standard deviations; and these deviations."""
    who = np.eye(len(battles.models))[battles.model]
    if not style_control:
        return who, np.zeros(0)
    spread = battles.style.std(axis=0)
    style = battles.style - battles.style.mean(axis=0) if centred else battles.style
    return np.hstack([who, np.where(spread > 0, style / np.where(spread > 0, spread, 1), 0)]), spread


def _rates(
    features: np.ndarray, battles: _Battles, weight: np.ndarray, start: np.ndarray, style_control: bool
) -> np.ndarray:
    """[models], each one's win rate; NaN for a model without a verdict."""
    models = len(battles.models)
    total = np.bincount(battles.model, weight, models)
    if not style_control:
        with np.errstate(invalid="ignore"):
            return np.bincount(battles.model, weight * battles.won, models) / total
    strengths = fit(features, battles.won, weight, start)[:models]
    return np.where(total > 0, 1 / (1 + np.exp(-strengths)), math.nan)


def _standing(battles: _Battles, index: int, rate: float, drawn: np.ndarray, logs: Sequence[Log]) -> Standing:
    model = battles.models[index]
    own = battles.model == index
    questions = len(set(battles.question[own].tolist()))
    low, high = (float(end) for end in np.nanquantile(drawn, (0.025, 0.975)))
    if high - low < 1e-3:  # all verdicts alike: resampling them says nothing of those not seen
        bound = wilson(round(rate * questions), questions)
        low, high = min(low, bound.low), max(high, bound.high)
    samples = [sample for log in logs for sample in log.samples if sample.gold["model"] == model]
    firsts = [
        sample.parts["first answer preferred"][0] for sample in samples if "first answer preferred" in sample.parts
    ]
    winners: dict[str, list[float]] = {}
    for sample in samples:
        if sample.answer is not None:
            winners.setdefault(sample.item.rpartition(":")[0], []).append(sample.score)
    both = [scores for scores in winners.values() if len(scores) == 2]
    return Standing(
        model=model,
        win_rate=rate,
        low=low,
        high=high,
        questions=questions,
        verdicts=int(own.sum()),
        without=sum(sample.answer is None for sample in samples),
        first=sum(firsts) / len(firsts) if firsts else math.nan,
        contradictory=sum(abs(a - b) == 1 for a, b in both) / len(both) if both else math.nan,
    )
