"""From logits to tokens, as functions without state; what a row gives does not depend on the other rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from phial.engine.race import arrival_rates, choose_of_many
from phial.engine.request import Sampling, TokenLogprob

# A row of more tokens is drawn from by `choose_of_many`: the plain way would cost 10 ms for 200,064, and 50 ms sorted.
_MANY = 8192


def random_stream(seed: int, sample: int = 0) -> np.random.Generator:
    """An answer's own random numbers, whatever else is in the batch: a token takes one for each vocabulary entry.

    Args:
        seed: of the request.
        sample: which of the request's answers; the first one's numbers are those of the seed alone.
    """
    return np.random.Generator(np.random.Philox([seed, sample] if sample else seed))


def penalised(logits: np.ndarray, sampling: Sampling, prompt: np.ndarray, counts: Mapping[int, int]) -> np.ndarray:
    """Logits with bias and penalties.

    Args:
        logits: float32 [vocab_size]; not changed.
        sampling: the bias, and the penalties.
        prompt: int64, the different tokens of the prompt.
        counts: how often each token stands in the answer.

    Returns:
        A new float32 [vocab_size].
    """
    shaped = logits.copy()
    for token, bias in sampling.logit_bias:
        if 0 <= token < len(shaped):
            shaped[token] += bias
    answer = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
    if sampling.repetition_penalty != 1.0:
        seen = np.union1d(prompt, answer)
        values, factor = shaped[seen], np.float32(sampling.repetition_penalty)
        shaped[seen] = np.where(values > 0, values / factor, values * factor)
    if len(answer):
        times = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        shaped[answer] -= np.float32(sampling.presence_penalty) + np.float32(sampling.frequency_penalty) * times
    return shaped


def probabilities(logits: np.ndarray, samplings: Sequence[Sampling]) -> np.ndarray:
    """The distributions that tokens are drawn from.

    The order is temperature, then top-k, then top-p over what top-k left, then min-p, as transformers applies them.

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
    cut = [row for row, sampling in enumerate(samplings) if sampling.top_k or sampling.top_p < 1.0]
    if cut:
        weights[cut] = _likeliest(weights[cut], [samplings[row] for row in cut])
    for row, sampling in enumerate(samplings):
        if sampling.min_p:
            kept = weights[row]
            kept[kept < sampling.min_p * kept.max()] = 0.0
            kept /= kept.sum()
    return weights


def _likeliest(weights: np.ndarray, samplings: Sequence[Sampling]) -> np.ndarray:
    """Rows of which only what top-k and top-p keep is left; ties go to the lower id."""
    order = np.argsort(-weights, axis=1, kind="stable")
    ranked = np.take_along_axis(weights, order, axis=1)
    vocab_size = weights.shape[1]
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
    return arrival_rates(distribution, uniforms).argmax(axis=1)


def choose(
    logits: np.ndarray, samplings: Sequence[Sampling], randoms: Sequence[np.random.Generator | None]
) -> list[int]:
    """The next token of each row.

    Args:
        logits: float32 [batch, vocab_size].
        samplings: one a row; bias and penalties are not looked at.
        randoms: one stream a row; not looked at where temperature is 0.

    Returns:
        One token a row; of equally likely tokens, greedy rows take the lowest id. Minus one where a logit is no number.
    """
    if len(logits) == 1 and samplings[0].temperature == 0:  # the usual one stream, in as few calls as may be
        token = int(logits[0].argmax())
        return [token if math.isfinite(logits[0, token]) else -1]
    tokens = logits.argmax(axis=1)  # of a row with NaNs it is the first of them
    broken = ~np.isfinite(logits[np.arange(len(tokens)), tokens])
    drawn = [row for row, sampling in enumerate(samplings) if sampling.temperature > 0 and not broken[row]]
    if drawn and logits.shape[1] > _MANY:
        for row in drawn:
            tokens[row] = choose_of_many(logits[row], samplings[row], randoms[row] or random_stream(0))
    elif drawn:
        distribution = probabilities(logits[drawn], [samplings[row] for row in drawn])
        streams = [randoms[row] or random_stream(0) for row in drawn]
        tokens[drawn] = draw(distribution, np.stack([stream.random(logits.shape[1]) for stream in streams]))
    if broken.any():
        tokens[broken] = -1
    return tokens.tolist()


def token_logprob(logits: np.ndarray, token: int, count: int) -> TokenLogprob:
    """Log probability of a token and of the likeliest ones.

    Args:
        logits: float32 [vocab_size].
        token: the one that was drawn.
        count: how many of the likeliest to give.
    """
    values = logits.astype(np.float64)
    values -= values.max()
    values -= np.log(np.exp(values).sum())
    top: tuple[tuple[int, float], ...] = ()
    if count:
        least = np.partition(values, -count)[-count]
        candidates = np.flatnonzero(values >= least)
        order = candidates[np.argsort(-values[candidates], kind="stable")][:count]
        top = tuple((int(index), float(values[index])) for index in order)
    return TokenLogprob(token, float(values[token]), top)
