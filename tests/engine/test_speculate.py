from collections import Counter

import numpy as np
from checkpoints import tiny_tokenizer
from hashing import HashingBackend, greedy, hashing_config
from hypothesis import given
from hypothesis import strategies as st

from phial.engine.engine import Engine
from phial.engine.request import Request, Sampling
from phial.engine.speculate import Drafts, PromptLookup, SmallModel

TOKENIZER = tiny_tokenizer()
CONFIG = hashing_config()


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.integers(1, 5), st.data())
def test_prompt_lookup_finds_a_longest_match_nearest_to_what_was_copied(
    ids: list[int], most: int, data: st.DataObject
) -> None:
    lookup, distance = PromptLookup(longest=3, shortest=2), None
    for length in [*sorted(data.draw(st.lists(st.integers(1, len(ids)), max_size=4))), len(ids)]:
        known = ids[:length]
        sizes = [size for size in (3, 2) if size <= length]
        places = [[end for end in range(n, length) if known[end - n : end] == known[length - n :]] for n in sizes]
        longest = next(filter(None, places), [])
        if longest:
            goal = longest[-1] if distance is None else length - distance
            place = min(reversed(longest), key=lambda end: abs(end - goal))
            distance = length - place
            assert list(lookup.propose(known, most)) == known[place : place + most]
        else:
            assert list(lookup.propose(known, most)) == []


def test_a_copy_with_changes_goes_on_from_one_place() -> None:
    line = [1, 2, 3]
    prompt = [*line, 10, *line, 11, *line, 12, *line, 13]
    lookup = PromptLookup(2, 2)
    assert lookup.propose([*prompt, 2, 3], 1) == [13]  # the last one, while nothing is known
    lookup = PromptLookup(2, 2)
    assert lookup.propose([*prompt, 10, 1], 2) == [2, 3]
    assert lookup.propose([*prompt, 10, 1, 2, 3], 3) == [11, 1, 2]
    assert lookup.propose([*prompt, 10, 1, 2, 3, 20, 1, 2], 3) == [3, 12, 1]  # 20 instead of 11


def test_guesses_are_given_up_where_they_fail_and_taken_up_where_they_hold() -> None:
    drafts = Drafts(PromptLookup(2, 1), cost=0.4)
    assert drafts.length > 0
    text = [1, 2] * 50
    checked = 0
    for _ in range(200):
        guesses = drafts.propose(text, 16)
        checked += len(guesses)
        if guesses:
            drafts.learn(len(guesses), 0)
    assert drafts.length == 0 and 0 < checked < 15  # a few at first, then one now and then
    for _ in range(300):
        guesses = drafts.propose(text, 16)
        if guesses:
            drafts.learn(len(guesses), len(guesses))
    assert drafts.length > 8


def repetitive(engine: Engine, sampling: Sampling, n: int = 1) -> list[tuple[int, ...]]:
    prompt = [5, 6, 7, 8] * 4
    return [answer.ids for answer in engine.submit(Request(prompt, sampling, n=n, stop_ids=frozenset())).result()]


def test_drafts_change_no_token_and_save_steps() -> None:
    plain = HashingBackend(CONFIG)
    drafted = HashingBackend(CONFIG)
    small = HashingBackend(CONFIG)
    sampling = Sampling(max_tokens=100)
    expected = repetitive(Engine(plain, TOKENIZER), sampling)
    assert expected == [tuple(greedy(CONFIG, [5, 6, 7, 8] * 4, 100))]
    assert (
        repetitive(Engine(drafted, TOKENIZER, drafts=lambda: Drafts(PromptLookup(2, 1), cost=0.1)), sampling)
        == expected
    )
    assert len(drafted.steps) < 0.9 * len(plain.steps)
    perfect = HashingBackend(CONFIG)
    engine = Engine(perfect, TOKENIZER, drafts=lambda: Drafts(SmallModel(small), longest=4, cost=0.1))
    assert repetitive(engine, sampling) == expected
    assert len(perfect.steps) <= 25 and not small.long and not perfect.long
    for seed in range(5):
        drawn = Sampling(temperature=0.8, top_p=0.95, max_tokens=60, seed=seed)
        engine = Engine(HashingBackend(CONFIG), TOKENIZER, drafts=lambda: Drafts(PromptLookup(), cost=0.01))
        assert repetitive(engine, drawn, 3) == repetitive(Engine(HashingBackend(CONFIG), TOKENIZER), drawn, 3)


class Guessing:
    """Always guesses the same."""

    def propose(self, ids: list[int], most: int) -> list[int]:
        return [9, 9][:most]

    def close(self) -> None:
        pass


class Fixed(HashingBackend):
    """Every token has the same distribution."""

    def run(self, work):  # type: ignore[no-untyped-def, override]
        row = np.full(300, -np.inf, dtype=np.float32)
        row[[8, 9, 10]] = np.log([0.2, 0.5, 0.3])
        return [np.repeat(row[None], len(rows), axis=0) for rows in super().run(work)]


def test_drafts_preserve_the_distribution() -> None:
    """Pairs of consecutive tokens, against their exact chances: chi-squared with 8 degrees of freedom."""
    engine = Engine(Fixed(CONFIG), TOKENIZER, drafts=lambda: Drafts(Guessing(), cost=0.01))
    counts: Counter = Counter()
    for seed in range(20):
        for ids in (a.ids for a in engine.submit(Request([5], Sampling(1.0, max_tokens=60, seed=seed), n=8)).result()):
            counts.update(zip(ids[::2], ids[1::2], strict=True))
    chances = {8: 0.2, 9: 0.5, 10: 0.3}
    total = sum(counts.values())
    expected = {(a, b): total * chances[a] * chances[b] for a in chances for b in chances}
    statistic = sum((counts[pair] - count) ** 2 / count for pair, count in expected.items())
    assert total == 20 * 8 * 30 and statistic < 26.1  # exceeded once in 1,000 times; the seeds are fixed
