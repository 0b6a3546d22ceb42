import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.engine.request import Sampling
from phial.engine.sampler import choose, draw, probabilities, random_stream
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
