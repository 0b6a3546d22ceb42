from collections import Counter

import numpy as np
import pytest
from checkpoints import ScriptedBackend, tiny_tokenizer
from hypothesis import given
from hypothesis import strategies as st

from phial.engine.backend import Work
from phial.engine.engine import Engine
from phial.engine.request import Request, Sampling
from phial.engine.vote import best_of, decided, majority

TOKENIZER = tiny_tokenizer()


class ManyMinds(ScriptedBackend):
    """Each fork of a prompt follows a script of its own."""

    def __init__(self, answers: list[str]) -> None:
        super().__init__([], 300)
        self.answers = [[*TOKENIZER.encode(answer), TOKENIZER.stop_ids[0]] for answer in answers]
        self.mind: dict[int, int] = {}

    def fork(self, sequence: int) -> int:
        held = list(self.live[sequence])
        copy, _ = self.open(held)
        self.live[copy] = held
        return copy

    def run(self, work: list[Work]) -> list[np.ndarray]:  # type: ignore[override]
        results = []
        for piece in work:
            held = self.live[piece.sequence]
            held.extend(piece.ids)
            logits = np.full((piece.wanted, 300), -1e9, dtype=np.float32)
            if len(held) == 1:
                logits[:, [answer[0] for answer in self.answers]] = 0.0
            elif piece.wanted:
                script = next(answer for answer in self.answers if answer[: len(held) - 1] == held[1:])
                logits[0, script[len(held) - 1]] = 0.0
            results.append(logits)
        return results


def test_the_majority_wins_and_the_undecisive_rest_is_cancelled() -> None:
    backend = ManyMinds(["yes", "no" * 9])  # what is short comes first
    engine = Engine(backend, TOKENIZER)
    saved = 0
    for seed in range(6):
        request = Request([0], Sampling(temperature=1.0, max_tokens=60, seed=seed), n=9)
        vote = majority(engine, request, lambda text: text[:1])
        assert not backend.live
        counts = Counter(answer.text[:1] for answer in engine.submit(request).result())
        assert vote.winner == counts.most_common(1)[0][0]
        assert vote.answer and vote.answer.text == {"y": "yes", "n": "no" * 9}[str(vote.winner)]
        assert sum(vote.votes.values()) + vote.cancelled == 9
        saved += vote.cancelled
    assert saved > 0


def test_a_vote_without_statements_has_no_winner() -> None:
    vote = majority(Engine(ManyMinds(["a"]), TOKENIZER), Request([0], n=2), lambda text: None)
    assert (vote.winner, vote.votes, vote.answer) == (None, {}, None) and len(vote.generations) == 2


def test_the_best_is_the_first_with_the_highest_score() -> None:
    engine = Engine(ManyMinds(["yes", "noo"]), TOKENIZER)
    best, scores = best_of(engine, Request([0], Sampling(temperature=1.0), n=6), lambda one: float(one.text == "noo"))
    assert best.text == "noo" and set(scores) == {0.0, 1.0}


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abcd"), min_size=1, max_size=6))
def test_a_decided_vote_stays_decided(stated: list[str], rest: list[str]) -> None:
    votes: Counter = Counter(stated)
    if decided(votes, len(rest)):
        [(before, _)] = votes.most_common(1)
        after = (votes + Counter(rest)).most_common(2)
        assert after[0][0] == before and (len(after) == 1 or after[0][1] > after[1][1])


@pytest.mark.parametrize(
    ("stated", "left", "expected"), [("aab", 0, True), ("aab", 1, False), ("aaab", 1, True), ("", 1, False)]
)
def test_decided(stated: str, left: int, expected: bool) -> None:
    assert decided(Counter(stated), left) == expected
