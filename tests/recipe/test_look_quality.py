"""A classifier's report within a look."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from phial.errors import PhialError
from phial.recipe.look import look
from phial.recipe.look_page import render
from phial.recipe.look_terminal import print_look
from phial.record import Lineage, Record, write_records

REPORT = {
    "records": 40,
    "good": 12,
    "auc": 0.875,
    "roc": [[0.0, 0.0], [0.25, 0.5], [1.0, 1.0]],
    "sources": {"<b>web</b>": {"records": 40, "good": 12, "auc": None}},
    "calibration": [{"from": 0.1, "records": 40, "score": 0.3, "good": 0.3}],
    "examples": [{"score": 0.12, "mark": 1.0, "source": "web", "id": "ab" * 32, "text": "<script>alert(1)</script>"}],
    "threshold": {"score": 0.2, "kept": 0.5, "of good": 0.9, "of bad": 0.25},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    record = Record("organic", "web", "CC0-1.0", Lineage("read", "1"), text="some words to look at")
    write_records(tmp_path / "records.parquet", [record])
    return tmp_path


def test_without_a_report_nothing_is_said_of_it(folder: Path) -> None:
    found = look(folder)
    assert found.learned is None and "Quality classifier" not in render(found)


def test_the_page_has_the_curve_and_the_terminal_the_area(folder: Path) -> None:
    (folder / "quality.json").write_text(json.dumps(REPORT))
    found = look(folder)
    page = render(found)
    assert 'points="0.0,240.0 60.0,120.0 240.0,0.0"' in page and "Area under the curve: <b>0.875</b>" in page
    assert "50 % are kept: 90 % of the good, 25 % of the bad" in page
    assert "<script>alert" not in page and "&lt;script&gt;" in page and "<b>web" not in page
    console = Console(width=100, record=True, file=StringIO())
    print_look(found, console)
    assert "12 of 40 marked good, area under the curve 0.875" in console.export_text()


def test_a_report_may_lie_beside_the_classifier(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "classifier"
    place.mkdir()
    (place / "quality.json").write_text(json.dumps(REPORT | {"auc": None, "threshold": None}))
    for named in (place, place / "quality.json"):
        found = look(folder, quality_report=named).learned
        assert found and found.auc is None and found.threshold is None


def test_a_damaged_or_missing_report_is_told(folder: Path) -> None:
    with pytest.raises(PhialError, match="no report of a classifier"):
        look(folder, quality_report=folder / "nowhere.json")
    for text in ("", "[]", json.dumps(REPORT | {"roc": [[0]]})):
        (folder / "quality.json").write_text(text)
        with pytest.raises(PhialError, match="damaged report of a classifier") as error:
            look(folder)
        assert error.value.where.endswith("quality.json")
