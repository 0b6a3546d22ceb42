"""A look at folders of records, and traces of a flow's records back to what the teacher said."""

import json
import re
import shutil
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import asdict
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from phial.cli import app
from phial.curate.decontaminate import Decontaminate
from phial.curate.duplicates import Duplicates
from phial.curate.executor import Processes
from phial.curate.junk import Junk
from phial.curate.pipeline import curate
from phial.errors import PhialError
from phial.page.printable import printable
from phial.recipe.diversity import diversity
from phial.recipe.look import look
from phial.recipe.look_page import render
from phial.recipe.look_terminal import print_look
from phial.recipe.runs import print_trace
from phial.record import Lineage, Record, Verdict, read_records, write_records
from phial.synth.budget import Price
from phial.synth.flow import Tools, flow
from phial.synth.ledger import Ledger
from phial.synth.request import Identity
from phial.synth.run import Plan, run_flow
from phial.synth.scripted import Scripted
from phial.synth.teacher import LedgerTeacher, Teacher

HOSTILE = '<script>alert(1)</script>[red]\x1b]0;title\x07\u202e</pre>"'
ITEM = "a farmer sold forty two red apples at the market and nine green pears on the way home"


@flow("revise", "3")
async def revise(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    draft = await teacher.ask(f"draft {record.content}", max_tokens=60, task="draft")
    number = int(record.content.split()[-1])
    if number % 5 == 0:
        tools.drop("fifth", f"{number} is fifth", draft.text, draft.request_keys)
        return
    turns = [("user", f"draft {record.content}"), ("assistant", draft.text), ("user", "criticise it")]
    critique = await teacher.ask(turns, max_tokens=60, task="critique")
    verdict = Verdict("rubric", True, f"{HOSTILE} {number}")
    lineage = Lineage("revise", "3", (record.id,), draft.request_keys + critique.request_keys, (verdict,))
    text = f"{HOSTILE} {draft.text} and {critique.text}"
    yield Record("passage", "tester", "CC0-1.0", lineage, text=text, scores={"rubric": float(number)})


def answer(request) -> str:
    return f"a reply to {request.messages[-1][1]}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    seeds = [Record("organic", "t", "CC0-1.0", Lineage("s", "1"), text=f"topic {number}") for number in range(30)]
    with Ledger(work / "ledger.sqlite") as ledger:
        price = Price(1000.0, 2000.0)
        teacher = LedgerTeacher(Identity("us", "small", "r7"), Scripted(answer), ledger, run="revise", price=price)
        run_flow(revise, seeds, teacher, work / "revise", Plan(shard_size=8))
    return work / "revise"


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("curated")
    texts = [f"note {number}: " + " ".join(f"w{number}x{at}" for at in range(60)) for number in range(12)]
    near = [f"{texts[0]} more", f"{texts[0]} again more", f"{texts[1]} more"]
    (folder / "raw").mkdir()
    rows = [*texts, *near, texts[2], f"{texts[0].replace('w0', 'v')} {ITEM}", "short"]
    (folder / "raw" / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in rows))
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "farm.txt").write_text(ITEM)
    stages = [
        Junk(compression=(0, 9), most_symbols=9.0, word_length=(0, 99)),
        Duplicates(),
        Decontaminate(folder / "benchmarks"),
    ]
    return curate(folder / "raw", folder / "made", stages, executor=Processes(1)).path


def shown(path: Path, **options) -> str:
    out = StringIO()
    print_look(look(path, **options), Console(file=out, width=100, force_terminal=False))
    return out.getvalue()


class Page(HTMLParser):
    """Tags and the words between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_run_is_counted_as_it_reported(run: Path) -> None:
    found, report = look(run), json.loads((run / "run.json").read_text())
    assert found.title == "revise/3" and found.records == report["accepted"] == 24 and not found.notes
    (gate,) = found.gates
    assert (gate.entered, gate.kept, [(one.name, one.count) for one in gate.reasons]) == (30, 24, [("fifth", 6)])
    examples = gate.reasons[0].examples
    assert len(examples) == 3 and all(one.text == f"a reply to draft topic {one.detail.split()[0]}" for one in examples)
    assert found.cost and found.cost.paid
    assert asdict(found.cost.spent) == pytest.approx(asdict(found.cost.paid[0]))
    assert {task.name: task.spent.requests for task in found.cost.tasks} == {"draft": 30, "critique": 24}
    assert found.cost.spent.cost > 0 and found.cost.teachers == ("us small r7",)
    (kind,) = found.kinds
    scores = [sample.score or 0.0 for sample in kind.samples]
    assert found.score == "rubric" and scores == sorted(scores) and (scores[0], scores[-1]) == (1, 29)
    (spread,) = found.scores
    assert (spread.lowest, spread.highest, sum(spread.bins)) == (1, 29, 24) and spread.quartiles[1] in (14, 16)


def test_a_run_under_way_shows_its_finished_shards(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "half")
    for path in (tmp_path / "half" / "run.json", tmp_path / "half" / "records.parquet"):
        path.unlink()
    gone = sorted((tmp_path / "half" / "shards").glob("*.json"))[0]
    counts = json.loads(gone.read_text())
    for path in gone.parent.glob(f"{gone.stem}*"):
        path.unlink()
    found = look(tmp_path / "half")
    assert found.records == 24 - counts["accepted"] and found.gates[0].entered == 30 - counts["seeds"]
    assert "not finished" in found.notes[0] and "no ledger.sqlite lies above" in found.notes[1]
    cost = look(tmp_path / "half", ledger=run.parent / "ledger.sqlite").cost
    assert cost and cost.tasks


def test_neither_terminal_nor_page_obeys_a_text(run: Path) -> None:
    words = shown(run)
    assert "<script>alert(1)</script>[red]<1b>]0;title<07><202e>" in words and "\x1b" not in words
    page = render(look(run))
    parsed = Page(page)
    assert HOSTILE[:30] in parsed.words and "\x1b" not in page and "\u202e" not in page
    assert not {"script", "img", "link", "iframe", "base"} & {tag for tag, _ in parsed.tags}
    assert not [attributes for _, attributes in parsed.tags if {"src", "href"} & set(attributes)]
    assert not re.search(r"https?://|url\(|@import", page)
    assert "default-src 'none'" in page


@given(st.text())
def test_printable_text_steers_nothing(text: str) -> None:
    after = printable(text)
    assert not [one for one in after if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") and one not in "\n\t"]
    assert not [one for one in after if unicodedata.bidirectional(one) in ("RLO", "LRO", "RLE", "LRE", "RLI", "LRI")]
    assert printable(after) == after


def test_clusters_contamination_and_funnel_of_a_curation(curated: Path) -> None:
    found = look(curated)
    assert found.form == "curation" and found.cost is None and found.kinds[0].records == found.records
    funnel = json.loads((curated / "funnel.json").read_text())
    assert [gate.name for gate in found.gates] == ["read", "junk", "duplicates", "decontaminate"]
    assert sum(reason.count for gate in found.gates for reason in gate.reasons) == sum(
        row["count"] for row in funnel if row["outcome"] == "dropped"
    )
    for before, after in zip(found.gates, found.gates[1:], strict=False):
        assert before.kept == after.entered
    assert found.gates[-1].kept == found.records
    largest = found.clusters[0]
    assert largest.dropped == 2 and largest.survivor_text.startswith("note 0:") and len(largest.members) == 2
    assert {cluster.survivor_text[:7] for cluster in found.clusters} >= {"note 0:", "note 1:"}
    assert found.contaminated == (1, 0) and "farm" in found.contamination[0].record.detail
    words, page = shown(curated), Page(render(found)).words
    assert "forty two red apples" in words and "forty two red apples" in page and "Near duplicates" in words


def test_any_folder_of_records_and_a_score_of_choice(tmp_path: Path) -> None:
    rows = [
        Record(
            "ab"[at % 2], "x", "CC0-1.0", Lineage("f", "1"), text=f"t {at}", scores={"one": at, "two": -at, "bad": at}
        )
        for at in range(10)
    ]
    rows.append(Record("a", "x", "CC0-1.0", Lineage("f", "1"), text="odd", scores={"one": float("nan")}))
    write_records(tmp_path / "some.parquet", rows)
    found = look(tmp_path, samples=2, score="two")
    assert [(kind.name, kind.records) for kind in found.kinds] == [("a", 6), ("b", 5)]
    assert [sample.score for kind in found.kinds for sample in kind.samples] == [-8, 0, -9, -1]
    assert {spread.name: spread.records for spread in found.scores} == {"one": 10, "two": 10, "bad": 10}
    assert not found.gates and found.contaminated is None and "Funnel" not in shown(tmp_path)


def test_repeated_texts_are_less_diverse() -> None:
    varied = diversity([" ".join(f"w{text}x{at}" for at in range(30)) for text in range(20)])
    same = diversity(["the same old story told again"] * 20)
    assert varied.distinct == (1, 1, 1) and not varied.openings
    assert same.distinct[0] == pytest.approx(6 / 120) and same.openings == (("the same old story", 20),)
    assert same.compressed < varied.compressed
    assert diversity([]).words == 0


def test_a_trace_tells_what_was_asked_and_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in run.parent.glob("ledger*") if path.is_file()}
    record = next(iter(read_records(run / "records.parquet")))
    print_trace(record.id[:14], run)
    told = capsys.readouterr().out
    topic = f"topic {int(record.scores['rubric'])}"
    parts = ["parent     ", "verdict    rubric: passed", "turn 1 of 2: draft", "-- user", f"draft {topic}", "-- reply",
             f"a reply to draft {topic}", "turn 2 of 2: critique", "2 messages as in the turn before", "criticise it",
             "a reply to criticise it", "== record"]  # fmt: skip
    places = [told.index(part) for part in parts]
    assert places == sorted(places) and "us small r7" in told and "\x1b" not in told
    assert all(key in told for key in record.lineage.request_keys)
    assert {path: path.read_bytes() for path in run.parent.glob("ledger*") if path.is_file()} == before


def test_a_trace_without_its_ledger_says_so(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = Record("organic", "t", "CC0-1.0", Lineage("s", "1"), text="topic 1")
    shutil.copy(run / "records.parquet", tmp_path / "records.parquet")
    write_records(tmp_path / "seeds.parquet", [seed])
    record = next(one for one in read_records(run / "records.parquet") if one.scores["rubric"] == 1)
    print_trace(record.id, tmp_path)
    told = capsys.readouterr().out
    assert "name it with --ledger" in told and f"== parent {seed.id}: organic" in told and "\ntopic 1\n" in told
    with Ledger(tmp_path / "other.sqlite"):
        pass
    print_trace(record.id, tmp_path, tmp_path / "other.sqlite")
    assert "turn 1 of 2: not in the ledger" in capsys.readouterr().out
    (tmp_path / "text.sqlite").write_text("no database, only words" * 100)
    for name in ("none.sqlite", "text.sqlite"):
        with pytest.raises(PhialError, match=r"no ledger|no readable ledger"):
            print_trace(record.id, tmp_path, tmp_path / name)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (None, "no such folder"),
        ({}, "no records"),
        ({"a.parquet": "junk"}, "no readable Parquet"),
        ({"shards/x.txt": ""}, "no shard of this run is finished"),
        ({"run.json": "{", "records.parquet": ""}, "damaged file"),
        ({"run.json": '{"flow": 1}', "records.parquet": ""}, "without flow"),
        ({"kept/a.parquet": "", "funnel.json": "{}"}, "no list of rows"),
        ({"kept/a.parquet": "", "funnel.json": "[]"}, "not a readable Parquet"),
        ({"below/records.parquet": ""}, "no records"),
    ],
)
def test_a_bad_folder_is_refused(tmp_path: Path, files: dict[str, str] | None, said: str) -> None:
    folder = tmp_path / "folder"
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    if files is not None:
        folder.mkdir(exist_ok=True)
    with pytest.raises(PhialError, match=said) as raised:
        look(folder)
    assert raised.value.do and raised.value.where
    if files and "below/records.parquet" in files:
        assert str(folder / "below") in raised.value.do


def test_the_verbs(run: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    assert "seeds through the flow: 30 in, 24 kept" in runner.invoke(app, ["data", "look", str(run)]).output
    page = tmp_path / "page.html"
    runner.invoke(app, ["data", "look", str(run), "--html", str(page), "--samples", "1"], catch_exceptions=False)
    assert page.read_text().startswith("<!doctype html>")
    with pytest.raises(PhialError, match="cannot be written"):
        runner.invoke(app, ["data", "look", str(run), "--html", str(tmp_path / "no" / "x")], catch_exceptions=False)
    record = next(iter(read_records(run / "records.parquet")))
    words = ["trace", record.id, "--to", str(run), "--ledger", str(run.parent / "ledger.sqlite")]
    assert "turn 2 of 2: critique" in runner.invoke(app, words, catch_exceptions=False).output
