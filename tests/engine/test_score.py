"""Log probabilities of given continuations, against the logits of the whole text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from checkpoints import random_decoder, tiny_config, tiny_tokenizer

from phial.engine import score as module
from phial.engine.choice import load_engine
from phial.engine.engine import Engine
from phial.engine.request import Sampling
from phial.engine.torch_backend import TorchBackend
from phial.errors import PhialError


def expected(engine: Engine, prompt: list[int], ids: list[int]) -> np.ndarray:
    """By the logits of the whole text, one continuation at a time."""
    [rows] = engine.logits([prompt + ids[:-1]], last=len(ids))
    wide = rows.astype(np.float64)
    return (wide - np.log(np.exp(wide).sum(axis=1, keepdims=True)))[np.arange(len(ids)), ids]


@pytest.mark.parametrize("rows", [1, 3, 128])
def test_scores_are_those_of_the_whole_text(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(module, "_ROWS", rows)
    random = np.random.default_rng(3)
    prompt = random.integers(6, 300, 21).tolist()
    continuations = [random.integers(6, 300, size).tolist() for size in (1, 2, 9, 4)]
    torch = Engine(TorchBackend(random_decoder(tiny_config())), tiny_tokenizer())
    for engine in (load_engine(folder), torch):
        for found, ids in zip(engine.score(prompt, continuations), continuations, strict=True):
            np.testing.assert_allclose(found, expected(engine, prompt, ids), rtol=1e-4, atol=1e-4)
        assert len(engine.score(prompt[:1], [[]])[0]) == 0
        assert engine.generate([prompt], Sampling(max_tokens=2))  # nothing is left behind in the cache


def test_what_does_not_fit_is_refused(folder: Path) -> None:
    engine = load_engine(folder)
    with pytest.raises(PhialError, match="the model's context is"):
        engine.score([5] * engine.max_length, [[5]])
    with pytest.raises(PhialError, match="0 tokens"):
        engine.score([], [[5]])


def test_answers_are_handed_over_as_they_end(folder: Path) -> None:
    engine = load_engine(folder)
    taken: dict[int, object] = {}
    samplings = [Sampling(max_tokens=1 + index) for index in range(5)]

    def take(index: int, answer: object, seconds: float) -> None:
        assert seconds >= 0
        taken[index] = answer

    answers = engine.generate([[7, 8]] * 5, samplings, take=take)
    assert [taken[index] for index in range(5)] == answers
    whole = answers[-1].text
    [cut] = engine.generate([[7, 8]], samplings[-1], stop=(whole[2:4],))
    assert cut.finish_reason == "stop" and cut.text == whole[: whole.find(whole[2:4])]
