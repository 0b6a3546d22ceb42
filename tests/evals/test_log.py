"""The sample log: round trips, damage, and going on after a kill."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from phial.engine.request import Generation, Sampling
from phial.errors import PhialError
from phial.evals.log import Sample, append, read, score, scores_by
from phial.evals.run import CHUNK, run_task
from phial.evals.task import Item, Task
from phial.tokens.tokenizer import train_tokenizer
from phial.verify.answer import equal, extract


def sample(index: int, right: bool = True, family: str = "sums") -> Sample:
    return Sample("made", str(index), 0, "?", "a\u2028b\n\x00 é", None, "1", right, 3, "stop", {"family": family})


class Echo:
    """An engine that answers with the length of each prompt; it counts its calls and can be told to die in one."""

    def __init__(self, dies_at: int = 0, max_length: int = 64) -> None:
        self.tokenizer = train_tokenizer(["Ada has 12 pens."], 270)
        self.max_length = max_length
        self.dies_at, self.calls = dies_at, 0
        self.seeds: list[int] = []

    def generate(self, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling]) -> list[Generation]:
        self.calls += 1
        if self.calls == self.dies_at:
            raise KeyboardInterrupt
        self.seeds += [sampling.seed for sampling in samplings]
        return [Generation((1, 2), f"The answer is {len(prompt)}.", "stop") for prompt in prompts]


def made_task(items: int) -> Task:
    made = tuple(Item(str(i), "x" * (i % 7), str(11 + i % 7), {"family": str(i % 2)}) for i in range(items))
    return Task("made", "echo", made, extract, equal, "0" * 64)


SAMPLING = Sampling(temperature=0.5, max_tokens=8, seed=100)


def test_a_log_reads_back_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    append(path, [sample(0)])
    append(path, [sample(1, right=False), sample(2)])
    assert list(read(path)) == [sample(0), sample(1, right=False), sample(2)]


@pytest.mark.parametrize("damage", ['{"task": "made", "item"', "[]", "7", '{"task": "made"}', '{"unknown": 1}'])
def test_a_damaged_line_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "log.jsonl"
    append(path, [sample(0)])
    with path.open("a") as file:
        file.write(damage + "\n")
    lines = read(path)
    assert next(lines) == sample(0)
    with pytest.raises(PhialError) as caught:
        next(lines)
    assert caught.value.where == f"{path}, line 2"


def test_scores_are_functions_of_the_log() -> None:
    samples = [sample(i, right=i % 3 == 0, family="ab"[i % 2]) for i in range(12)]
    assert (score(samples).right, score(samples).total) == (4, 12)
    groups = scores_by(samples, lambda one: one.tags["family"])
    assert list(groups) == ["a", "b"] and sum(group.total for group in groups.values()) == 12


def test_a_task_is_answered_graded_and_logged(tmp_path: Path) -> None:
    path, seen = tmp_path / "log.jsonl", []
    engine = Echo()
    samples = run_task(engine, made_task(10), SAMPLING, path, seen.append)  # type: ignore[arg-type]
    assert list(read(path)) == samples
    assert [one.item for one in samples] == [str(i) for i in range(10)]
    lengths = [int(one.answer or 0) for one in samples]
    assert lengths[0] == lengths[7] < lengths[1] == lengths[8]
    assert all(one.right == (one.answer == one.gold) for one in samples)
    assert seen == [10] and samples[3].tokens == 2 and samples[3].tags == {"family": "1"}
    assert len(set(engine.seeds)) == 10


def test_a_killed_run_goes_on_after_its_last_whole_chunk(tmp_path: Path) -> None:
    items = 2 * CHUNK + 30
    whole = run_task(Echo(), made_task(items), SAMPLING, tmp_path / "whole.jsonl")  # type: ignore[arg-type]
    path = tmp_path / "killed.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run_task(Echo(dies_at=2), made_task(items), SAMPLING, path)  # type: ignore[arg-type]
    assert sum(1 for _ in read(path)) == CHUNK
    append(path, [sample(CHUNK)])  # a chunk that the kill cut between lines
    with path.open("a") as file:
        file.write('{"task": "made", "it')  # and one that it cut within a line
    resumed = Echo()
    assert run_task(resumed, made_task(items), SAMPLING, path) == whole  # type: ignore[arg-type]
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert resumed.calls == 2
    assert min(resumed.seeds) >= SAMPLING.seed + CHUNK


def test_an_item_longer_than_the_context_is_wrong_and_says_why(tmp_path: Path) -> None:
    items = (Item("long", "x y " * 60, "1"), Item("tight", "x" * 56, "1"), Item("short", "x", "1"))
    task = Task("made", "echo", items, extract, equal, "0" * 64)
    long, tight, short = run_task(Echo(), task, SAMPLING, tmp_path / "log.jsonl")  # type: ignore[arg-type]
    assert (long.finish, long.right, long.answer, long.tokens) == ("prompt-too-long", False, None, 0)
    # A question that leaves less room than the longest answer may take is still asked.
    assert (tight.finish, short.finish) == ("stop", "stop")
