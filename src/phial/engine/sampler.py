"""From logits to tokens: greedy, temperature, top-k and top-p, as functions without state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phial.engine.request import Sampling


def random_stream(seed: int) -> np.random.Generator:
    """A request's own random numbers, whatever else is in the batch: a token takes one for each vocabulary entry."""
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
    """Draw one token a row by an exponential race: the first of arrivals at rate p, which is token i with chance p_i.

    Inverting the cumulative distribution draws the same, but there a last bit of one logit moves the boundaries of all
    tokens after it, and a flat distribution has a boundary near every number: a rerun would then often draw otherwise.
    Here only two arrivals that are all but equal can change places.

    Args:
        distribution: float64 [batch, vocab_size], not negative.
        uniforms: [batch, vocab_size], each in [0, 1).

    Returns:
        int64 [batch], never a token of probability 0.
    """
    # 1 - u lies in (0, 1], so the logarithm is finite; an arrival at once (u = 0) wins if its token is possible at all
    times = -np.log1p(-uniforms)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        rates = np.where(distribution > 0, distribution / times, -1.0)
    return rates.argmax(axis=1)


def choose(
    logits: np.ndarray, samplings: Sequence[Sampling], randoms: Sequence[np.random.Generator | None]
) -> list[int]:
    """The next token of each row.

    Args:
        logits: float32 [batch, vocab_size].
        samplings: one a row.
        randoms: one stream a row; not looked at where temperature is 0.

    Returns:
        One token a row; of equally likely tokens, greedy rows take the lowest id.
    """
    tokens = logits.argmax(axis=1)
    drawn = [row for row, sampling in enumerate(samplings) if sampling.temperature > 0]
    if drawn:
        distribution = probabilities(logits[drawn], [samplings[row] for row in drawn])
        streams = [randoms[row] or random_stream(0) for row in drawn]
        tokens[drawn] = draw(distribution, np.stack([stream.random(logits.shape[1]) for stream in streams]))
    return tokens.tolist()
