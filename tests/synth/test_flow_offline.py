"""Every built-in flow of a teacher's own making yields records from the offline teacher, twice the same."""

from pathlib import Path

import pytest
from scripted_flow import seed

from phial.record import Record, read_records
from phial.synth.book import Book
from phial.synth.flow_by_name import flow_by_name
from phial.synth.ledger import Ledger
from phial.synth.offline import WRITERS
from phial.synth.procedural import IDENTITY, Procedural
from phial.synth.run import Plan, run_flow
from phial.synth.seeds import read_seeds
from phial.synth.teacher import LedgerTeacher

TOPICS = [
    seed(f"{topic} {where}")
    for topic in ("fractions", "speed", "sharing", "area", "money and change", "ages")
    for where in ("at home", "at school")
]


def documents() -> list[Record]:
    return [record for record in read_seeds(["stdlib-docstrings"], 300_000) if 300 < len(record.content) < 2000][:12]


def functions() -> list[Record]:
    pages = Book().exercises[:24]
    return [seed(page.code, tests=list(page.tests)) for page in pages]


@pytest.mark.parametrize(
    ("name", "seeds", "settings", "least"),
    [
        ("code-exercise", TOPICS, {}, 3),
        ("exercises", TOPICS, {}, 3),
        ("exercises", TOPICS, {"maths": True, "count": 3}, 3),
        ("tinygsm", TOPICS, {}, 2),
        ("textbook-section", TOPICS, {}, 4),
        ("instruction-reversal", functions, {}, 6),
        ("fill-in-the-middle", functions, {}, 6),
        ("question-extraction", documents, {}, 3),
        ("rewrite-augment", documents, {}, 3),
        ("seed-extraction", documents, {"educational_value": 2}, 3),
    ],
)
def test_a_flow_yields_offline(tmp_path: Path, name: str, seeds: object, settings: dict, least: int) -> None:
    given = seeds() if callable(seeds) else seeds
    made = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        with Ledger(folder / "ledger.sqlite") as ledger:
            teacher = LedgerTeacher(IDENTITY, Procedural(WRITERS), ledger)
            report = run_flow(flow_by_name(name), given, teacher, folder / "run", Plan(settings=settings))  # type: ignore[arg-type]
        assert report.accepted >= least, report
        made.append([record.id for record in read_records(folder / "run" / "records.parquet")])
    assert made[0] == made[1]
