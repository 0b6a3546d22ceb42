import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.curate.dedup import exact
from phial.curate.funnel import Dropped, Funnel
from phial.curate.mix import mix
from phial.errors import PhialError
from phial.record import Lineage, Record


def record(text: str, kind: str = "organic") -> Record:
    return Record(kind, "test", "MIT", Lineage("test", "1"), text=text)


def test_the_first_of_equal_records_survives() -> None:
    texts = ["One  two", "three", "one\nTWO ", "three", "one, two"]
    kept, dropped = exact(record(text) for text in texts)
    assert [one.content for one in kept] == ["One  two", "three", "one, two"]
    assert [(one.record.content, one.reason) for one in dropped] == [
        ("one\nTWO ", "same normalised text"),
        ("three", "same id"),
    ]
    assert [one.detail for one in dropped] == [kept[0].id, kept[1].id]
    assert not dropped[0].record.lineage.verdicts[-1].passed


def test_a_conversation_is_no_duplicate_of_a_document_or_of_other_roles() -> None:
    def chat(*messages: tuple[str, str]) -> Record:
        return Record("chat", "test", "MIT", Lineage("test", "1"), messages=messages)

    records = [record("a\nb"), chat(("user", "a"), ("assistant", "b")), chat(("user", "a"), ("user", "b"))]
    kept, dropped = exact([*records, chat(("user", "A"), ("assistant", "b "))])
    assert kept == records and len(dropped) == 1


@given(st.lists(st.text(alphabet="aA b", max_size=4)))
def test_what_is_kept_is_distinct_and_nothing_is_lost(texts: list[str]) -> None:
    kept, dropped = exact(record(text) for text in texts)
    normal = [" ".join(one.content.lower().split()) for one in kept]
    assert len(set(normal)) == len(normal) == len({" ".join(text.lower().split()) for text in texts})
    assert len(kept) + len(dropped) == len(texts)


def kinds() -> dict[str, list[Record]]:
    return {
        "code": [record(f"code {number:04} " + "c" * 90, "code") for number in range(100)],
        "chat": [record(f"chat {number:04} " + "d" * 40, "chat") for number in range(100)],
    }


def test_a_mixture_meets_its_shares_and_size() -> None:
    ordered, table = mix(kinds(), {"code": 3, "chat": 1}, 8_000, 4, seed=1)
    rows = {row.kind: row for row in table}
    assert abs(rows["code"].share - 0.75) < 0.02 and rows["code"].target_share == 0.75
    assert abs(sum(len(one.content) for one in ordered) - 8_000) <= 100
    assert sum(row.records for row in table) == len(ordered)
    assert rows["chat"].epochs == rows["chat"].taken / rows["chat"].available
    assert len({one.id for one in ordered}) == len(ordered)  # less than one epoch: nothing twice


def test_a_mixture_is_a_function_of_its_seed() -> None:
    first, second, other = (
        [one.id for one in mix(kinds(), {"code": 1, "chat": 1}, 4_000, 1, seed)[0]] for seed in (1, 1, 2)
    )
    assert first == second != other
    alone = {one.id for one in mix(kinds(), {"code": 1}, 2_000, 1, 1)[0]}
    assert alone == {one for one in first if one in alone}


def test_a_kind_is_repeated_up_to_its_cap_and_no_further() -> None:
    ordered, table = mix(kinds(), {"code": 0.5, "chat": 0.5}, 40_000, {"code": 10, "chat": 2.5}, seed=0)
    rows = {row.kind: row for row in table}
    assert abs(rows["code"].taken - 20_000) <= 100
    assert 2.4 < rows["chat"].epochs <= 2.5
    assert rows["chat"].share < 0.5
    counts = [sum(one.id == chat.id for one in ordered) for chat in kinds()["chat"]]
    assert set(counts) == {2, 3}


def test_a_zero_share_takes_nothing() -> None:
    ordered, table = mix(kinds(), {"code": 1, "chat": 0, "none": 0}, 1_000, 1, seed=0)
    assert {one.kind for one in ordered} == {"code"}
    assert [(row.kind, row.taken, row.epochs) for row in table[1:]] == [("chat", 0, 0.0), ("none", 0, 0.0)]


@pytest.mark.parametrize(
    ("shares", "size", "cap"),
    [
        ({"code": -1.0}, 100, 1),
        ({"code": float("nan")}, 100, 1),
        ({}, 100, 1),
        ({"prose": 1.0}, 100, 1),
        ({"code": 1.0}, 0, 1),
        ({"code": 1.0}, 100, 0),
        ({"code": 1.0}, 100, {"chat": 1.0}),
    ],
)
def test_bad_mixtures_are_refused(shares: dict[str, float], size: int, cap: float | dict[str, float]) -> None:
    with pytest.raises(PhialError):
        mix(kinds(), shares, size, cap, seed=0)


def test_the_funnel_counts_in_order_with_a_few_examples() -> None:
    funnel = Funnel()
    funnel.count("read", "not UTF-8", 2)
    funnel.add("deduplicate", 5, [Dropped(record(f"text {number}"), "same id", "x") for number in range(4)])
    funnel.add("deduplicate", 1, [Dropped(record("y" * 1_000), "same normalised text")])
    rows = json.loads(json.dumps(funnel.rows()))
    assert [(row["stage"], row["outcome"], row["reason"], row["count"]) for row in rows] == [
        ("read", "kept", "", 0),
        ("read", "dropped", "not UTF-8", 2),
        ("deduplicate", "kept", "", 6),
        ("deduplicate", "dropped", "same id", 4),
        ("deduplicate", "dropped", "same normalised text", 1),
    ]
    assert [example["text"] for example in rows[3]["examples"]] == ["text 0", "text 1", "text 2"]
    assert len(rows[4]["examples"][0]["text"]) < 1_000
