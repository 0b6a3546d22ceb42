"""The exponential race that draws tokens, and a quick way to run it over a large vocabulary.

Token i, of probability p_i, arrives after an exponentially distributed time of rate p_i; the first one is drawn. What
costs is not the race but exponentials and logarithms of 200,064 numbers, memory for them, and sorting them to keep the
likeliest. Few tokens can win, though, and bounds that are cheap to compute tell which.
"""

from __future__ import annotations

import numpy as np

from phial.engine.request import Sampling

_PART = 1 << 14  # tokens at a time: their arrays stay in the cache, and in memory that the process has already
_SORTED = 1024  # tokens that are sorted first to find those that reach top-p
_SLACK = 1e-4  # of a bound, for single precision
_TINY = 1e-300  # stands for 0 in divisions


def arrival_rates(weights: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """One over the times of arrival; minus one for tokens that can't be drawn.

    Args:
        weights: float64, probabilities up to a factor.
        uniforms: of the same shape, each in [0, 1).
    """
    # 1 - u lies in (0, 1], so the logarithm is finite; an arrival at once (u = 0) wins if its token is possible at all
    times = -np.log1p(-uniforms)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.where(weights > 0, weights / times, -1.0)


def choose_of_many(logits: np.ndarray, sampling: Sampling, stream: np.random.Generator) -> int:
    """The token that `draw` would give of `probabilities`, up to the last bits of the numbers compared.

    Args:
        logits: float32 [vocab_size], the largest of them finite.
        sampling: with a temperature above 0.
        stream: gives a number for each token.
    """
    if sampling.top_k or sampling.top_p < 1.0 or sampling.min_p:
        kept = likeliest(logits, sampling)
        uniforms = np.empty(len(kept))
        for start in range(0, len(logits), _PART):
            numbers = stream.random(min(_PART, len(logits) - start))
            first, last = np.searchsorted(kept, (start, start + len(numbers)))
            uniforms[first:last] = numbers[kept[first:last] - start]
        return int(kept[arrival_rates(_weights(logits[kept], logits.max(), sampling), uniforms).argmax()])
    top, best, winner = logits.max(), -1.0, -1
    for start in range(0, len(logits), _PART):
        part = logits[start : start + _PART]
        uniforms = stream.random(len(part))
        # -log(1 - u) is at least u, so w / u bounds the rate from above.
        bounds = _rough(part, top, sampling) / np.maximum(uniforms, _TINY)
        place = bounds.argmax()
        [reached] = arrival_rates(_weights(part[place : place + 1], top, sampling), uniforms[place : place + 1])
        runners = np.flatnonzero(bounds >= min(max(best, reached) * (1 - _SLACK), bounds[place]))
        rates = arrival_rates(_weights(part[runners], top, sampling), uniforms[runners])
        if rates.max() > best:
            best, winner = float(rates.max()), start + int(runners[rates.argmax()])
    return winner


def likeliest(logits: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Tokens that top-k, then top-p, then min-p keep; of equally likely ones those of lower ids.

    Args:
        logits: float32 [vocab_size].
        sampling: with a temperature above 0.

    Returns:
        int64, ascending.
    """
    top, size = logits.max(), min(sampling.top_k or _SORTED, len(logits))
    if not sampling.top_k and sampling.top_p == 1.0:
        reach = sampling.temperature * np.log(sampling.min_p)
        order = np.flatnonzero(logits >= top + reach - _SLACK * (1 + abs(reach)))
        return order[_weights(logits[order], top, sampling) >= sampling.min_p]
    order = _first(logits, size)
    weights = _weights(logits[order], top, sampling)
    if sampling.top_p < 1.0:
        total = weights.sum() if sampling.top_k else _total(logits, top, sampling)
        while not sampling.top_k and size < len(logits) and weights.sum() < sampling.top_p * total:
            size = min(8 * size, len(logits))
            order = _first(logits, size)
            weights = _weights(logits[order], top, sampling)
        kept = np.cumsum(weights) - weights < sampling.top_p * total
        order, weights = order[kept], weights[kept]
    return np.sort(order[weights >= sampling.min_p])


def _first(logits: np.ndarray, size: int) -> np.ndarray:
    """The `size` likeliest tokens, likeliest first."""
    least = np.partition(logits, len(logits) - size)[len(logits) - size]
    candidates = np.flatnonzero(logits >= least)  # ascending, so that a stable sort leaves the lower ids in front
    return candidates[np.argsort(-logits[candidates], kind="stable")][:size]


def _weights(logits: np.ndarray, top: np.floating, sampling: Sampling) -> np.ndarray:
    return np.exp((logits.astype(np.float64) - np.float64(top)) / sampling.temperature)


def _rough(logits: np.ndarray, top: np.floating, sampling: Sampling) -> np.ndarray:
    return np.exp((logits - top) * np.float32(1 / max(sampling.temperature, 1e-20)))


def _total(logits: np.ndarray, top: np.floating, sampling: Sampling) -> float:
    parts = range(0, len(logits), _PART)
    return sum(float(_rough(logits[start : start + _PART], top, sampling).sum(dtype=np.float64)) for start in parts)
