"""Built-in flows yield records from the offline teacher."""

from pathlib import Path

import pytest
from scripted_flow import make, scripted, seed

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
    pages = Book().exercises[:14]
    return [seed(page.code, tests=list(page.tests)) for page in pages]


@pytest.mark.parametrize(
    ("name", "seeds", "settings", "least"),
    [
        ("code-exercise", TOPICS, {}, 3),
        ("exercises", TOPICS, {}, 3),
        ("exercises", TOPICS, {"maths": True, "count": 3}, 3),
        ("tinygsm", TOPICS, {}, 2),
        ("textbook-section", TOPICS, {}, 4),
        ("instruction-reversal", functions, {}, 4),
        ("fill-in-the-middle", functions, {}, 4),
        ("question-extraction", documents, {}, 3),
        ("rewrite-augment", documents, {}, 3),
        ("seed-extraction", documents, {"educational_value": 2}, 3),
    ],
)
def test_a_flow_yields_offline(tmp_path: Path, name: str, seeds: object, settings: dict, least: int) -> None:
    assert len(made_of(name, seeds() if callable(seeds) else seeds, settings, tmp_path)) >= least  # type: ignore[arg-type]


def test_the_offline_teacher_answers_alike_in_every_ledger(tmp_path: Path) -> None:
    first, second = (made_of("exercises", TOPICS, {"maths": True}, tmp_path / name) for name in "ab")
    assert first == second


def made_of(name: str, seeds: list[Record], settings: dict, folder: Path) -> list[str]:
    with Ledger(folder / "ledger.sqlite") as ledger:
        teacher = LedgerTeacher(IDENTITY, Procedural(WRITERS), ledger)
        run_flow(flow_by_name(name), seeds, teacher, folder / "run", Plan(settings=settings))
    return [record.id for record in read_records(folder / "run" / "records.parquet")]


def test_the_documented_flow_of_ones_own_runs(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "flows.md").read_text()
    code = text.split("```python\n# proverb.py\n")[1].split("```")[0]
    (tmp_path / "proverb.py").write_text(code)
    flow = flow_by_name("proverb.py:proverb", tmp_path)
    saying = "The early bird catches the worm. It says that those who are first have more to choose from."
    [record], _ = make(flow, seed("birds"), scripted({"proverb": saying}), tmp_path)
    assert record.text == saying and record.lineage.version == flow.version
    made, [drop] = make(flow, seed("worms"), scripted({"proverb": "Hm."}), tmp_path)
    assert not made and drop.reason == "too short"
