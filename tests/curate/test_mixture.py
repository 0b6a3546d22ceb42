import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.curate.curriculum import PLACE, Order, arrange, in_order
from phial.curate.mixture import COPIES, PHI_4, Mixture, Share, copies, solve
from phial.errors import PhialError
from phial.record import Lineage, Record, write_records


def record(text: str, kind: str = "a", **scores: float) -> Record:
    return Record(kind, "test", "MIT", Lineage("test", "1"), text=text, scores=scores)


def test_the_preset_gives_the_epochs_of_the_report() -> None:
    # Unique tokens in billions, and the total at which the report's table comes out, within its rounding.
    unique = {"web": 1300.0, "web-rewrite": 290.0, "synthetic": 290.0, "code": 820.0, "acquired": 580.0}
    assert math.isclose(sum(one.share for one in PHI_4.values()), 1)
    portions = {one.source: one for one in solve(unique, PHI_4, 9_900)}
    for name, wanted in PHI_4.items():
        assert portions[name].epochs == pytest.approx(wanted.most_epochs, rel=0.05)
        assert portions[name].share == pytest.approx(wanted.share, abs=0.01)
    exact = solve(unique, PHI_4)
    assert all(one.share == pytest.approx(PHI_4[one.source].share) for one in exact)
    assert max(one.epochs / PHI_4[one.source].most_epochs for one in exact) == pytest.approx(1)


def test_a_capped_source_makes_it_smaller_or_the_others_larger() -> None:
    wanted = {"a": Share(0.5, 1), "b": Share(0.25, 10), "c": Share(0.25, 1.2)}
    available = {"a": 10.0, "b": 100.0, "c": 25.0}
    smaller = {one.source: one.taken for one in solve(available, wanted, 100)}
    assert smaller == {"a": 10, "b": 25, "c": 25}
    others = {one.source: one.taken for one in solve(available, wanted, 100, short="others")}
    assert others == pytest.approx({"a": 10, "b": 60, "c": 30})
    assert sum(one.taken for one in solve(available, wanted, 1e9, short="others")) == pytest.approx(10 + 1000 + 30)


NAMES = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.floats(0.01, 1), st.floats(0.1, 20), st.floats(1, 1e6)), min_size=1
)


@given(NAMES, st.floats(1, 1e7), st.sampled_from(["smaller", "others"]))
def test_no_cap_is_broken_and_no_more_is_taken_than_asked(
    sources: dict[str, tuple[float, float, float]], total: float, short: str
) -> None:
    wanted = {name: Share(share, cap) for name, (share, cap, _) in sources.items()}
    available = {name: size for name, (_, _, size) in sources.items()}
    portions = solve(available, wanted, total, short=short)  # type: ignore[arg-type]
    assert sum(one.share for one in portions) == pytest.approx(1)
    for one in portions:
        assert one.epochs <= wanted[one.source].most_epochs * (1 + 1e-9)
    made = sum(one.taken for one in portions)
    reachable = sum(wanted[name].most_epochs * size for name, size in available.items())
    assert made <= total * (1 + 1e-9)
    if short == "others":
        assert made == pytest.approx(min(total, reachable))


def test_mixtures_that_cannot_be_are_refused() -> None:
    with pytest.raises(PhialError, match="there is none"):
        solve({"a": 1}, {"a": Share(1, 1), "b": Share(1, 1)})
    with pytest.raises(PhialError):
        solve({"a": 1}, {"a": Share(0, 1)})
    with pytest.raises(PhialError):
        solve({"a": 1}, {"a": Share(1, 1)}, -1)
    with pytest.raises(PhialError):
        Share(-1, 1)


@given(st.floats(0, 5), st.integers(0, 5))
def test_copies_come_to_the_epochs(epochs: float, seed: int) -> None:
    drawn = [copies(f"{number}", epochs, seed) for number in range(2_000)]
    assert set(drawn) <= {math.floor(epochs), math.floor(epochs) + 1}
    assert sum(drawn) / len(drawn) == pytest.approx(epochs, abs=0.06)


def test_the_stage_counts_the_corpus_and_not_the_shard(tmp_path: Path) -> None:
    stage = Mixture({"a": Share(0.5, 2), "b": Share(0.5, 2)})
    shards = [[record(f"a{n:03d}" * 5) for n in range(100)], [record(f"b{n:03d}" * 5, "b") for n in range(300)]]
    folders = [tmp_path / name for name in "012"]
    for folder in folders:
        folder.mkdir()
    for shard, folder in zip(shards, folders, strict=False):
        stage.survey(shard, folder)
    stage.conclude(folders[:2], folders[2])
    first, second = (stage.judge_shard(shard, folders[2], 0) for shard in shards)
    assert all(one.scores[COPIES] == 2 for one in first.kept) and not first.dropped
    assert {one.reason for one in second.dropped} == {"sampled down"} and 170 < len(second.kept) < 230
    assert stage.judge_shard([record("x", "c")], folders[2], 0).dropped[0].reason == "not in the mixture"


def test_records_are_arranged_by_score_whatever_their_shards(tmp_path: Path) -> None:
    records = [record(f"text {n}", hard=float(n % 10), copies=float(1 + n % 2)) for n in range(60)]
    write_records(tmp_path / "0.parquet", records[:25])
    write_records(tmp_path / "1.parquet", records[25:])
    write_records(tmp_path / "2.parquet", records[::-1])
    order = Order(by="hard", blur=0)
    arrange([tmp_path / "0.parquet", tmp_path / "1.parquet"], tmp_path / "made", order, records_per_shard=7)
    arrange([tmp_path / "2.parquet"], tmp_path / "again", order, records_per_shard=50)
    made = list(in_order(tmp_path / "made"))
    assert len(made) == 90 and made == list(in_order(tmp_path / "again"))
    assert [one.scores["hard"] for one in made] == sorted(one.scores["hard"] for one in made)
    arrange([tmp_path / "2.parquet"], tmp_path / "down", Order(by="hard", blur=0, descending=True))
    assert [one.scores["hard"] for one in in_order(tmp_path / "down")] == [one.scores["hard"] for one in made][::-1]
    arrange([tmp_path / "2.parquet"], tmp_path / "random", Order())
    places = [one.scores[PLACE] for one in in_order(tmp_path / "random")]
    assert places == sorted(places) and len(set(places)) == 90
    assert sorted(one.id for one in in_order(tmp_path / "random")) == sorted(one.id for one in made)


def test_arranging_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    write_records(tmp_path / "0.parquet", [record("x")])
    with pytest.raises(PhialError, match="no score 'hard'"):
        arrange([tmp_path / "0.parquet"], tmp_path / "made", Order(by="hard"))
    with pytest.raises(PhialError, match="exists"):
        arrange([tmp_path / "0.parquet"], tmp_path, Order())
    assert not (tmp_path / "made").exists()
