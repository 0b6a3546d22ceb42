"""Claim: the 95 % intervals of evaluations hold the truth 95 % of the time, within a point, and the usual ones do not.

    python bench/interval_coverage.py [--rounds 10000] [--seed 0]

Benchmarks are drawn again and again from items whose difficulty is known, at the sizes of HumanEval, MATH-500 and
GSM8K, and it is counted how often an interval holds the true mean. One reply an item: exactly, by the binomial
distribution. Four replies an item: the share of right replies of an item is drawn from a beta distribution whose
intraclass correlation is 0, 0.2, 0.6 or 1 (items are solved always or never). Rivals: the mean plus and minus 1.96
standard errors, with replies pooled as if they were independent and with their items as clusters; and the percentile
bootstrap over items. Pairs: two models whose scores of an item go together, one reply or four an item, by the paired
intervals and by their rivals; and how often a true gap of the size called detectable is found (80 % is claimed).

The physical limit of a coverage is that of counting: its standard error is printed. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator

import numpy as np

from phial.evals.paired import detectable_shares, mcnemar, paired_means, paired_shares
from phial.evals.statistics import Z95, mean, wilson

SIZES = (164, 500, 1319)
SHARES = (0.1, 0.5, 0.9)
CORRELATIONS = (0.0, 0.2, 0.6, 1.0)
REPEATS = 4
RESAMPLES = 400

Interval = tuple[float, float]


def plain(values: np.ndarray) -> Interval:
    """Mean plus and minus 1.96 standard errors."""
    error = values.std(ddof=1) / math.sqrt(len(values))
    return values.mean() - Z95 * error, values.mean() + Z95 * error


def bootstrap(values: np.ndarray, draw: np.random.Generator) -> Interval:
    """The percentile bootstrap over items, whose values are few, so that a resample is one multinomial draw."""
    levels, counts = np.unique(values, return_counts=True)
    means = draw.multinomial(len(values), counts / len(values), size=RESAMPLES) @ levels / len(values)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def chances(share: float, correlation: float, count: int, draw: np.random.Generator) -> np.ndarray:
    """How likely each item is answered right."""
    if correlation in (0.0, 1.0):
        return np.full(count, share) if correlation == 0.0 else (draw.random(count) < share).astype(float)
    spread = 1 / correlation - 1
    return draw.beta(share * spread, (1 - share) * spread, count)


def one_reply(size: int, share: float) -> dict[str, float]:
    """Exact coverage of a share, by the method and by its rival."""
    logs = [
        math.lgamma(size + 1) - math.lgamma(k + 1) - math.lgamma(size - k + 1)
        + k * math.log(share) + (size - k) * math.log1p(-share)
        for k in range(size + 1)
    ]  # fmt: skip
    held = {"ours": 0.0, "plain": 0.0}
    for right, log in enumerate(logs):
        ours, half = wilson(right, size), Z95 * math.sqrt(right * (size - right) / size) / size
        held["ours"] += math.exp(log) * (ours.low <= share <= ours.high)
        held["plain"] += math.exp(log) * (right / size - half <= share <= right / size + half)
    return held


def counted(rounds: int, truth: float, draws: Iterator[dict[str, Interval]]) -> dict[str, float]:
    """The share of rounds whose interval holds the truth, by method."""
    held: dict[str, int] = {}
    for _ in range(rounds):
        for name, (low, high) in next(draws).items():
            held[name] = held.get(name, 0) + (low <= truth <= high)
    return {name: count / rounds for name, count in held.items()}


def several_replies(
    size: int, share: float, correlation: float, draw: np.random.Generator
) -> Iterator[dict[str, Interval]]:
    """Intervals of one benchmark after the other, four replies an item."""
    while True:
        right = draw.binomial(REPEATS, chances(share, correlation, size, draw))
        ours = mean([[1.0] * count + [0.0] * (REPEATS - count) for count in right.tolist()])
        replies = np.repeat(np.array([1.0, 0.0]), [right.sum(), size * REPEATS - right.sum()])
        means = right / REPEATS
        yield {
            "ours": (ours.low, ours.high),
            "pooled": plain(replies),
            "clustered": plain(means),
            "bootstrap": bootstrap(means, draw),
        }


def pairs(size: int, share: float, lead: float, repeats: tuple[int, int], draw: np.random.Generator) -> tuple[
    float, Iterator[dict[str, Interval]]
]:  # fmt: skip
    """The true gap of two models, and intervals of one pair of logs after the other."""

    def better(chance: np.ndarray) -> np.ndarray:
        return chance + lead * (1 - chance)  # so much of what was wrong is right with the better model

    def drawn() -> Iterator[dict[str, Interval]]:
        while True:
            chance = chances(share, 0.6, size, draw)
            one = draw.binomial(repeats[0], better(chance)) / repeats[0]
            other = draw.binomial(repeats[1], chance) / repeats[1]
            gaps = one - other
            if repeats == (1, 1):
                ours = paired_shares(int((gaps > 0).sum()), int((gaps < 0).sum()), size)
            else:
                ours, _ = paired_means(gaps.tolist(), size * sum(repeats))
            error = math.hypot(one.std(ddof=1), other.std(ddof=1)) / math.sqrt(size)
            yield {
                "ours": (ours.low, ours.high),
                "plain": plain(gaps),
                "unpaired": (gaps.mean() - Z95 * error, gaps.mean() + Z95 * error),
                "bootstrap": bootstrap(gaps, draw),
            }

    return lead * (1 - share), drawn()


def power(size: int, discordant: float, rounds: int, draw: np.random.Generator) -> tuple[float, float]:
    """The gap called detectable where so many items are discordant, and how often McNemar's test finds it."""
    seen = round(discordant * size / 2)
    gap = detectable_shares(seen, seen, size)
    discordant = max(discordant, gap)
    first = draw.multinomial(
        size, [(discordant + gap) / 2, (discordant - gap) / 2, 1 - discordant], size=rounds
    )[:, :2]  # fmt: skip
    return gap, sum(mcnemar(*row) < 0.05 for row in first.tolist()) / rounds


def main() -> None:
    """Count, print a table of each kind, and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rounds, draw = arguments.rounds, np.random.default_rng(arguments.seed)
    worst: dict[str, dict[str, float]] = {}

    def tell(kind: str, setting: str, held: dict[str, float]) -> None:
        print(f"{kind:12} {setting:34} " + "  ".join(f"{name} {100 * share:5.2f}" for name, share in held.items()))
        for name, share in held.items():
            off = worst.setdefault(kind, {})
            off[name] = max(off.get(name, 0.0), abs(100 * share - 95), key=abs)

    print(f"coverage in percent; standard error of counting {100 * math.sqrt(0.95 * 0.05 / rounds):.2f} points")
    for size in SIZES:
        for share in SHARES:
            tell("one reply", f"{size} items, {share}", one_reply(size, share))
    for size in SIZES:
        for share in SHARES:
            for correlation in CORRELATIONS:
                setting = f"{size} items, {share}, correlation {correlation}"
                held = counted(rounds, share, several_replies(size, share, correlation, draw))
                tell("four replies", setting, held)
    for size in SIZES:
        for share in SHARES:
            for repeats in ((1, 1), (1, 4), (4, 4)):
                truth, drawn = pairs(size, share, 0.1, repeats, draw)
                tell(f"pairs {repeats[0]}:{repeats[1]}", f"{size} items, {share}", counted(rounds, truth, drawn))
    powers = {}
    for size in SIZES:
        for discordant in (0.05, 0.2, 0.4):
            gap, found = power(size, discordant, rounds, draw)
            powers[f"{size}/{discordant}"] = round(found, 3)
            setting = f"{size} items, {discordant} discordant"
            print(f"{'power':12} {setting:34} a gap of {100 * gap:.1f} points is found {100 * found:.1f} times of 100")
    print(
        json.dumps(
            {
                "claim": "95 % intervals hold the truth 95 % of the time, within a point",
                "rounds": rounds,
                "worst_distance_from_95": {
                    kind: {name: round(off, 2) for name, off in methods.items()} for kind, methods in worst.items()
                },
                "power_of_detectable_gap": powers,
            }
        )
    )


if __name__ == "__main__":
    main()
