"""From logits to tokens: greedy, temperature, top-k and top-p, as functions without state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phial.engine.request import Sampling


def random_stream(seed: int) -> np.random.Generator:
    """A request's own random numbers: one uniform draw a token, whatever else is in the batch."""
    return np.random.Generator(np.random.Philox(seed))


def probabilities(logits: np.ndarray, samplings: Sequence[Sampling]) -> np.ndarray:
    """The distributions that tokens are drawn from.

    The order is temperature, then top-k, then top-p over what top-k left, as transformers applies them.

    Args:
        logits: [batch, vocab_size].
        samplings: one a row, each with temperature above 0.

    Returns:
        float64 [batch, vocab_size]; each row sums to 1.
    """
    temperature = np.array([[sampling.temperature] for sampling in samplings])
    weights = logits.astype(np.float64)
    weights -= weights.max(axis=1, keepdims=True)
    weights /= temperature
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=1, keepdims=True)
    if all(sampling.top_k == 0 and sampling.top_p == 1.0 for sampling in samplings):
        return weights
    order = np.argsort(-weights, axis=1, kind="stable")
    ranked = np.take_along_axis(weights, order, axis=1)
    vocab_size = logits.shape[1]
    top_k = np.array([[sampling.top_k or vocab_size] for sampling in samplings])
    ranked[np.arange(vocab_size) >= top_k] = 0.0
    ranked /= ranked.sum(axis=1, keepdims=True)
    top_p = np.array([[sampling.top_p] for sampling in samplings])
    before = np.cumsum(ranked, axis=1) - ranked  # probability of all likelier tokens; 0 for the first, which stays
    ranked[(before >= top_p) & (top_p < 1.0)] = 0.0
    ranked /= ranked.sum(axis=1, keepdims=True)
    np.put_along_axis(weights, order, ranked, axis=1)
    return weights


def draw(distribution: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Draw one token a row by inverting the cumulative distribution.

    Args:
        distribution: float64 [batch, vocab_size], not negative.
        uniforms: [batch], each in [0, 1).

    Returns:
        int64 [batch], never a token of probability 0.
    """
    cumulative = np.cumsum(distribution, axis=1)
    total = cumulative[:, -1]
    target = np.minimum(uniforms * total, np.nextafter(total, 0.0))  # the product may round up to the total
    return (cumulative <= target[:, None]).sum(axis=1)


def choose(logits: np.ndarray, samplings: Sequence[Sampling], uniforms: Sequence[float]) -> list[int]:
    """The next token of each row.

    Args:
        logits: float32 [batch, vocab_size].
        samplings: one a row.
        uniforms: one number in [0, 1) a row; not looked at where temperature is 0.

    Returns:
        One token a row; of equally likely tokens, greedy rows take the lowest id.
    """
    tokens = logits.argmax(axis=1)
    drawn = [row for row, sampling in enumerate(samplings) if sampling.temperature > 0]
    if drawn:
        distribution = probabilities(logits[drawn], [samplings[row] for row in drawn])
        tokens[drawn] = draw(distribution, np.array([uniforms[row] for row in drawn]))
    return tokens.tolist()
