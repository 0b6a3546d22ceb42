import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.engine.race import choose_of_many, likeliest
from phial.engine.request import Sampling
from phial.engine.sampler import (
    choose,
    draw,
    penalised,
    probabilities,
    random_stream,
    token_logprob,
)
from phial.errors import PhialError

LOGITS = np.log(np.array([[0.1, 0.4, 0.2, 0.3]], dtype=np.float32))


def test_temperature_scales_the_log_probabilities() -> None:
    assert probabilities(LOGITS, [Sampling(temperature=1.0)]) == pytest.approx(np.exp(LOGITS), abs=1e-6)
    squared = np.exp(2 * LOGITS)
    assert probabilities(LOGITS, [Sampling(temperature=0.5)]) == pytest.approx(squared / squared.sum(), abs=1e-6)


def test_top_k_and_top_p_keep_the_likeliest() -> None:
    cases = {
        Sampling(temperature=1.0, top_k=2): [0, 4 / 7, 0, 3 / 7],
        Sampling(temperature=1.0, top_p=0.65): [0, 4 / 7, 0, 3 / 7],
        Sampling(temperature=1.0, top_p=0.75): [0, 4 / 9, 2 / 9, 3 / 9],
        Sampling(temperature=1.0, top_p=1e-9): [0, 1, 0, 0],
        # Top-p is taken over what top-k left: 4/9 + 3/9 is enough for 0.75, where 0.4 + 0.3 would not be.
        Sampling(temperature=1.0, top_k=3, top_p=0.75): [0, 4 / 7, 0, 3 / 7],
        Sampling(temperature=1.0, top_k=99): [0.1, 0.4, 0.2, 0.3],
    }
    rows = probabilities(np.repeat(LOGITS, len(cases), axis=0), list(cases))
    for row, expected in zip(rows, cases.values(), strict=True):
        assert row == pytest.approx(expected, abs=1e-6)


def test_rows_do_not_influence_each_other() -> None:
    plain = Sampling(temperature=1.0)
    rows = probabilities(np.repeat(LOGITS, 2, axis=0), [plain, Sampling(temperature=1.0, top_k=1)])
    assert rows[0] == pytest.approx(probabilities(LOGITS, [plain])[0])
    assert rows[1].tolist() == [0, 1, 0, 0]


def test_drawn_frequencies_follow_the_distribution() -> None:
    count = 20_000
    distribution = np.repeat(np.exp(LOGITS.astype(np.float64)), count, axis=0)
    tokens = draw(distribution, random_stream(3).random(distribution.shape))
    frequencies = np.bincount(tokens, minlength=4) / count
    # Four standard errors of a proportion.
    assert np.abs(frequencies - np.exp(LOGITS[0])).max() < 4 * np.sqrt(0.25 / count)


@given(st.lists(st.sampled_from([0.0, 1e-12, 0.3, 1.0]), min_size=2, max_size=9), st.floats(0, 1, exclude_max=True))
def test_a_token_of_probability_zero_is_never_drawn(weights: list[float], uniform: float) -> None:
    if not any(weights):
        return
    for number in (uniform, 0.0, np.nextafter(1.0, 0.0)):
        [token] = draw(np.array([weights]), np.full((1, len(weights)), number))
        assert weights[token] > 0


def test_choose_mixes_greedy_and_drawn_rows() -> None:
    logits = np.repeat(LOGITS, 3, axis=0)
    samplings = [Sampling(), Sampling(temperature=1.0), Sampling()]
    drawn = {tuple(choose(logits, samplings, [None, random_stream(seed), None])) for seed in range(60)}
    assert {tokens[0] for tokens in drawn} == {tokens[2] for tokens in drawn} == {1}
    assert {0, 1, 3} <= {tokens[1] for tokens in drawn}


def test_tiny_temperatures_are_greedy_and_finite() -> None:
    assert choose(LOGITS * 1000, [Sampling(temperature=1e-9)], [random_stream(1)]) == [1]


def test_random_streams_are_reproducible_and_differ() -> None:
    assert random_stream(5).random() == random_stream(5).random()
    assert random_stream(5).random() != random_stream(6).random()


@pytest.mark.parametrize(
    "wrong", [{"temperature": -1.0}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.5}, {"max_tokens": 0}, {"seed": -1}]
)
def test_impossible_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(PhialError, match=next(iter(wrong))):
        Sampling(**wrong)


def test_min_p_keeps_what_is_likely_beside_the_likeliest() -> None:
    rows = probabilities(np.repeat(LOGITS, 2, axis=0), [Sampling(1.0, min_p=0.6), Sampling(1.0, top_k=3, min_p=0.4)])
    assert rows[0] == pytest.approx([0, 4 / 7, 0, 3 / 7], abs=1e-6)
    assert rows[1] == pytest.approx([0, 4 / 9, 2 / 9, 3 / 9], abs=1e-6)


def test_bias_and_penalties() -> None:
    logits = np.array([2.0, -2.0, 1.0, 0.5, 0.0], dtype=np.float32)
    prompt, counts = np.array([0]), {1: 2, 3: 1}
    nothing = np.empty(0, dtype=np.int64)
    cases = {
        Sampling(logit_bias=((2, 3.0), (99, 1.0), (-1, 5.0))): [2, -2, 4, 0.5, 0],
        Sampling(repetition_penalty=2.0): [1, -4, 1, 0.25, 0],
        Sampling(presence_penalty=1.5): [2, -3.5, 1, -1, 0],
        Sampling(frequency_penalty=0.5): [2, -3, 1, 0, 0],
    }
    for sampling, expected in cases.items():
        assert penalised(logits, sampling, prompt, counts).tolist() == expected
        assert penalised(logits, sampling, nothing, {}).tolist() == (
            [2, -2, 4, 0.5, 0] if sampling.logit_bias else logits.tolist()
        )
    assert logits.tolist() == [2, -2, 1, 0.5, 0]


samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    top_k=st.sampled_from([0, 0, 3]),
    top_p=st.sampled_from([1.0, 0.8]),
    min_p=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 50),
)


@given(st.lists(samplings, min_size=1, max_size=6), st.integers(0, 99), st.sampled_from([40, 9000]))
@settings(max_examples=60, deadline=None)
def test_a_row_alone_is_a_row_in_a_batch_to_the_last_bit(rows: list[Sampling], seed: int, vocab_size: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(len(rows), vocab_size)).astype(np.float32)
    drawing = [index for index, sampling in enumerate(rows) if sampling.temperature]
    if drawing:
        together = probabilities(logits[drawing], [rows[index] for index in drawing])
        for row, index in zip(together, drawing, strict=True):
            assert (row == probabilities(logits[index : index + 1], [rows[index]])[0]).all()
    chosen = choose(logits, rows, [random_stream(sampling.seed) for sampling in rows])
    alone = [choose(logits[i : i + 1], [s], [random_stream(s.seed)])[0] for i, s in enumerate(rows)]
    assert chosen == alone


@given(
    st.integers(0, 999),
    st.sampled_from([1e-30, 0.1, 0.7, 20.0]),
    st.sampled_from([0, 0, 1, 7, 2000]),
    st.sampled_from([1.0, 1.0, 0.999, 0.5, 1e-6]),
    st.sampled_from([0.0, 0.0, 0.05, 1.0]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_of_many_tokens_the_same_is_drawn(
    seed: int, temperature: float, top_k: int, top_p: float, min_p: float, ties: bool
) -> None:
    """The quick way over a large vocabulary against the definition."""
    logits = 3 * np.random.default_rng(seed).normal(size=20_000).astype(np.float32)
    if ties:
        logits = np.round(logits * 2) / 2
    logits[:seed] = -np.inf
    sampling = Sampling(temperature, top_k, top_p, min_p=min_p)
    [distribution] = probabilities(logits[None], [sampling])
    token = choose_of_many(logits, sampling, random_stream(seed))
    assert token == draw(distribution[None], random_stream(seed).random((1, 20_000)))[0]
    if top_k or top_p < 1.0 or min_p:
        difference = set(likeliest(logits, sampling).tolist()) ^ set(np.flatnonzero(distribution).tolist())
        assert len(difference) <= 1 or temperature < 1e-9  # a sum's last bit may decide on one token


class Zeros:
    """Random numbers of which one is 0: that token arrives at once."""

    def __init__(self, place: int) -> None:
        self.place, self.given = place, 0

    def random(self, size: int) -> np.ndarray:
        numbers = np.full(size, 0.5)
        if 0 <= self.place - self.given < size:
            numbers[self.place - self.given] = 0.0
        self.given += size
        return numbers


def test_a_token_that_arrives_at_once_is_drawn() -> None:
    logits = np.linspace(0, 1, 40_000, dtype=np.float32)
    for place in (0, 20_000, 39_999):
        assert choose_of_many(logits, Sampling(1.0), Zeros(place)) == place  # type: ignore[arg-type]


def test_rows_that_are_no_numbers_give_no_token() -> None:
    logits = np.array([[1.0, np.nan], [-np.inf, -np.inf], [np.inf, 0.0], [-np.inf, 1.0]], dtype=np.float32)
    for temperature in (0.0, 1.0):
        sampling = Sampling(temperature=temperature)
        assert choose(logits, [sampling] * 4, [random_stream(0)] * 4) == [-1, -1, -1, 1]
        assert [choose(row[None], [sampling], [random_stream(0)])[0] for row in logits] == [-1, -1, -1, 1]


def test_log_probabilities() -> None:
    entry = token_logprob(LOGITS[0] + 5, 2, 3)
    assert entry.logprob == pytest.approx(np.log(0.2), abs=1e-6) and [token for token, _ in entry.top] == [1, 3, 2]
    assert [value for _, value in entry.top] == pytest.approx(np.log([0.4, 0.3, 0.2]), abs=1e-6)
    assert token_logprob(np.zeros(5, dtype=np.float32), 0, 2).top[0][0] == 0  # of ties the lowest ids
    assert token_logprob(LOGITS[0], 0, 0).top == ()


def test_the_samples_of_a_request_have_streams_of_their_own() -> None:
    first, second = random_stream(5, 0).random(4), random_stream(5, 1).random(4)
    assert (first == random_stream(5).random(4)).all() and (first != second).all()
    assert (second != random_stream(6).random(4)).all()
