import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.curate.clusters import Bands, Clusters, cluster
from phial.curate.duplicates import Duplicates, signatures
from phial.curate.ngrams import hash_texts
from phial.errors import PhialError
from phial.record import Lineage, Record

WORDS = [f"word{number}" for number in range(3_000)]


def record(text: str, source: str = "test") -> Record:
    return Record("organic", source, "MIT", Lineage("test", "1"), text=text)


def judge(stage: Duplicates, shards: Sequence[Sequence[Record]], folder: Path) -> tuple[list[Record], dict[str, str]]:
    """What is kept, and the survivor of each dropped record by its source."""
    surveys = [folder / f"survey{number}" for number in range(len(shards))]
    for shard, survey in zip(shards, surveys, strict=True):
        survey.mkdir(parents=True)
        stage.survey(shard, survey)
    (folder / "conclusion").mkdir()
    stage.conclude(surveys, folder / "conclusion")
    assert [path.name for path in (folder / "conclusion").iterdir()] == ["drops.npz"]
    outcomes = [stage.judge_shard(shard, folder / "conclusion", number) for number, shard in enumerate(shards)]
    assert [len(one.kept) + len(one.dropped) for one in outcomes] == [len(shard) for shard in shards]
    dropped = {one.record.source: f"{one.reason} {one.detail}" for part in outcomes for one in part.dropped}
    return [one for part in outcomes for one in part.kept], dropped


def edited(words: list[str], share: float, generator: random.Random) -> list[str]:
    return [generator.choice(WORDS) if generator.random() < share else word for word in words]


def jaccard(a: list[str], b: list[str]) -> float:
    left, right = ({tuple(words[at : at + 5]) for at in range(len(words) - 4)} for words in (a, b))
    return len(left & right) / len(left | right)


def test_near_duplicates_are_found_and_nothing_else(tmp_path: Path) -> None:
    generator = random.Random(0)
    originals = [generator.choices(WORDS, k=generator.randint(60, 200)) for _ in range(400)]
    copies = [edited(words, generator.choice((0.01, 0.02, 0.05, 0.1)), generator) for words in originals[:200]]
    similarity = [jaccard(a, b) for a, b in zip(originals, copies, strict=False)]
    records = [record(" ".join(words), str(number)) for number, words in enumerate([*originals, *copies])]
    generator.shuffle(records)
    _, dropped = judge(Duplicates(), [records[:250], records[250:]], tmp_path)
    found = [str(n) in dropped or str(400 + n) in dropped for n in range(200)]
    near = [hit for hit, s in zip(found, similarity, strict=True) if s >= 0.7]
    assert len(near) > 60 and sum(near) >= 0.98 * len(near)
    assert not any(hit for hit, s in zip(found, similarity, strict=True) if s < 0.55)
    assert not any(str(n) in dropped for n in range(200, 400))


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_survivors_depend_neither_on_shards_nor_on_their_order(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    generator = random.Random(data.draw(st.integers(0, 99)))
    base = [generator.choices(WORDS, k=40) for _ in range(8)]
    texts = [" ".join(edited(generator.choice(base), 0.02, generator)) for _ in range(30)]
    records = [record(text, str(number)) for number, text in enumerate(texts)]
    order = data.draw(st.permutations(records))
    cuts = sorted(data.draw(st.lists(st.integers(0, 30), max_size=3)))
    shards = [order[start:end] for start, end in pairwise([0, *cuts, 30])]
    folder = tmp_path_factory.mktemp("duplicates")
    kept, dropped = judge(Duplicates(), [records], folder / "whole")
    kept_shards, dropped_shards = judge(Duplicates(memory=2_000), shards, folder / "shards")
    assert {one.id for one in kept} == {one.id for one in kept_shards}
    # Of equal records either may go.
    assert len(dropped) == len(dropped_shards)
    assert sorted(dropped.values()) == sorted(dropped_shards.values())


def test_the_survivor_is_named_and_says_so(tmp_path: Path) -> None:
    texts = ["One  two", "one\nTWO", "three", "?!", "..", "?!"]
    kept, dropped = judge(Duplicates(), [[record(text, f"{n}") for n, text in enumerate(texts)]], tmp_path)
    survivor = min(record(texts[0]).id, record(texts[1]).id)[:32]
    assert sorted(dropped.values()) == sorted([f"same text {survivor}", f"same text {record('?!').id[:32]}"])
    details = {one.content: one.lineage.verdicts[-1].detail for one in kept}
    assert details["three"] == details[".."] == "unique" and details["?!"].startswith("survivor of")


def test_conversations_are_compared_with_their_roles(tmp_path: Path) -> None:
    def chat(*messages: tuple[str, str]) -> Record:
        return Record("chat", "test", "MIT", Lineage("test", "1"), messages=messages)

    records = [record("a\nb"), chat(("user", "a"), ("assistant", "b")), chat(("user", "A "), ("assistant", "b"))]
    kept, _ = judge(Duplicates(near=False), [records], tmp_path)
    assert len(kept) == 2


def test_empty_shards_and_wrong_settings(tmp_path: Path) -> None:
    assert judge(Duplicates(), [[], []], tmp_path)[0] == []
    for wrong in ({"threshold": 1.5}, {"bands": 100, "rows": 3}, {"shingle": 0}):
        with pytest.raises(PhialError):
            Duplicates(**wrong)  # type: ignore[arg-type]


def test_signatures_estimate_the_similarity_of_sets() -> None:
    texts = hash_texts(["a b c d e f g h", "a b c d e f g x", "b a", "a b c d e f g h"])
    made = signatures(*texts.shingles(1), 512, 1)
    assert made.shape == (4, 512) and (made[0] == made[3]).all()
    assert (made[0] == made[1]).mean() == pytest.approx(7 / 9, abs=0.07)


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_clusters_are_the_connected_parts(pairs: list[tuple[int, int]]) -> None:
    clusters = Clusters(20)
    for at in range(0, len(pairs), 7):
        a, b = np.array(pairs[at : at + 7], np.int64).reshape(-1, 2).T
        clusters.join(a, b)
    parts = [{number} for number in range(20)]
    for a, b in pairs:
        whole = parts[a] | parts[b]
        for number in whole:
            parts[number] = whole
    assert clusters.roots().tolist() == [min(part) for part in parts]


def test_thousands_alike_take_linear_work(tmp_path: Path) -> None:
    made = np.repeat(np.arange(2, dtype=np.uint32)[:, None], 128, axis=1)[[0] * 5_000 + [1] * 5_000]
    np.save(tmp_path / "all.npy", made)
    clusters = Clusters(10_000)
    bands = Bands(32, 4, 0.7, 5_000_000)
    cluster([tmp_path / "all.npy"], [np.arange(10_000)], np.ones(10_000, bool), bands, clusters, tmp_path)
    assert np.unique(clusters.roots()).tolist() == [0, 5_000]
