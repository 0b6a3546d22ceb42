"""Every flow of these runs offline, through its gates, and again without asking anybody."""

from pathlib import Path

import pytest

from phial import sandbox
from phial.record import Lineage, Record, read_records
from phial.synth.book import Book
from phial.synth.flow_by_name import flow_by_name
from phial.synth.ledger import Ledger
from phial.synth.offline import WRITERS
from phial.synth.procedural import IDENTITY, Procedural
from phial.synth.run import Plan, run_flow
from phial.synth.teacher import LedgerTeacher

NAMES = {
    "plurality-band": 3,
    "self-revision": 3,
    "dialogue": 3,
    "reasoning-chain": 3,
    "hallucination-pairs": 10,
    "refusal-pairs": 10,
    "topic-tree": 10,
    "story": 5,
    "named-function": 5,
}


def seeds(count: int) -> list[Record]:
    return [
        Record("organic", "book", "CC0-1.0", Lineage("book", "1", params={"answer": page.answer}), text=page.question)
        for page in Book().problems[:count]
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_offline(name: str, tmp_path: Path) -> None:
    if name == "named-function" and sandbox.level() == "none":
        pytest.skip("no sandbox level holds on this machine")
    count = 5 if name == "named-function" else 30
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        teacher = LedgerTeacher(IDENTITY, Procedural(WRITERS), ledger)
        report = run_flow(flow_by_name(name), seeds(count), teacher, tmp_path / "run", Plan())
        assert report.accepted >= NAMES[name], report.dropped
        replay = LedgerTeacher(IDENTITY, None, ledger)
        again = run_flow(flow_by_name(name), seeds(count), replay, tmp_path / "again", Plan())
    assert again.accepted == report.accepted
    made = [list(read_records(tmp_path / folder / "records.parquet")) for folder in ("run", "again")]
    assert made[0] == made[1]
    assert all(record.lineage.flow == name and "+" in record.lineage.version for record in made[0])
    assert all(verdict.detail for record in made[0] for verdict in record.lineage.verdicts)
    assert all(record.lineage.request_keys for record in made[0])
