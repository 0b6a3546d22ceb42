"""Published benchmark files: every form gives the same rows, and every fault is named with its place."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from phial.errors import PhialError
from phial.evals import files
from phial.evals.files import rows

BENCHMARKS = os.environ.get("PHIAL_BENCHMARKS", "")
ROWS = [
    {"question": 'Who said "no",\nand why?', "answer": "Ä"},
    {"question": "\u2028 two", "answer": "2"},
    {"question": "3\t?", "answer": "x"},
]
COLUMNS = ("question", "answer")


def lines(table: list[dict]) -> bytes:
    return "\n\n".join(json.dumps(row, ensure_ascii=False) for row in table).encode()


def table(header: bool = True) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([list(COLUMNS)] * header + [list(row.values()) for row in ROWS])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def parquet_bytes(table: list[dict]) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(table), sink)
    return sink.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def tarred(members: dict[str, bytes], mode: str) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return sink.getvalue()


def bare(found: list[dict]) -> list[dict]:
    return [{name: row[name] for name in COLUMNS} for row in found]


FORMS = {
    "x.jsonl": lines(ROWS),
    "x.jsonl.gz": gzip.compress(lines(ROWS)),
    "list.json": json.dumps(ROWS).encode(),
    "columns.json": json.dumps({name: [row[name] for row in ROWS] for name in COLUMNS}).encode(),
    "keyed.json": json.dumps({f"k{index}": row for index, row in enumerate(ROWS)}).encode(),
    "lines.json": lines(ROWS),
    "x.csv": table(),
    "x.csv.gz": gzip.compress(table()),
    "x.parquet": parquet_bytes(ROWS),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_published_form_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMS[name])
    found, sha256 = rows(tmp_path, ["missing.csv", name], COLUMNS)
    assert bare(found) == ROWS
    assert {row["_file"] for row in found} == {name} and found[0]["_line"] < found[1]["_line"]
    content = gzip.decompress(FORMS[name]) if name.endswith(".gz") else FORMS[name]
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert rows(tmp_path, [name], COLUMNS, limit=2) == (found[:2], sha256)  # the hash is of the whole file


def test_a_csv_without_header_has_the_columns_as_named(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(table(header=False))
    assert bare(rows(tmp_path, ["x.csv"], COLUMNS, headers=False)[0]) == ROWS


def test_a_tsv_keeps_its_quotation_marks(tmp_path: Path) -> None:
    (tmp_path / "mgsm_en.tsv").write_text('He has 2" pipes and "3 more\t5\nNext\t1,000\n')
    found, _ = rows(tmp_path, ["mgsm_*.tsv"], COLUMNS, headers=False)
    assert bare(found) == [
        {"question": 'He has 2" pipes and "3 more', "answer": "5"},
        {"question": "Next", "answer": "1,000"},
    ]


def test_an_object_of_its_own_is_a_row(tmp_path: Path) -> None:
    for index, row in enumerate(ROWS):
        (tmp_path / f"test/{'ba'[index % 2]}/{index}.json").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"test/{'ba'[index % 2]}/{index}.json").write_text(json.dumps(row))
    found, _ = rows(tmp_path, ["test/*/*.json"], COLUMNS)
    assert [row["_file"] for row in found] == ["test/a/1.json", "test/b/0.json", "test/b/2.json"]
    assert rows(tmp_path, ["test/*/*.json"], COLUMNS, limit=1)[0] == found[:1]


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_members_of_archives_are_read_in_order_of_their_names(tmp_path: Path, form: str) -> None:
    members = {
        "data/test/b.jsonl": lines(ROWS[1:]),
        "data/test/a.jsonl": lines(ROWS[:1]),
        "data/test/deep/c.jsonl": b"no json",
        "data/dev/a.jsonl": b"no json",
    }
    name = f"all.{form}"
    (tmp_path / name).write_bytes(
        zipped(members) if form == "zip" else tarred(members, "w" if form == "tar" else "w:gz")
    )
    found, sha256 = rows(tmp_path, [f"{name}::data/test/*.jsonl"], COLUMNS)
    assert bare(found) == ROWS
    assert [row["_file"] for row in found[:2]] == [f"{name}::data/test/a.jsonl", f"{name}::data/test/b.jsonl"]
    assert len(sha256) == 64
    with pytest.raises(PhialError, match=r"no .*::data/none"):
        rows(tmp_path, [f"{name}::data/none/*.jsonl"], COLUMNS)


def test_a_file_and_its_gz_count_once(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(lines(ROWS))
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(lines(ROWS)))
    assert len(rows(tmp_path, ["x.jsonl*"], COLUMNS)[0]) == len(ROWS)


FAULTS = {
    "empty.jsonl": (b"", "no items", ""),
    "gone.jsonl": (b'{"question": 1, "answer": 2}\n{"question": 1, "a": 2}', "'answer' is missing; .*a", "line 2"),
    "null.jsonl": (b'\n{"question": 1, "answer": null}\n', "'answer' has no value", "line 2"),
    "torn.jsonl": (b'{"question": 1, "answer": 2}\n{"quest', "can't read", "line 2"),
    "number.jsonl": (b"7\n", "no JSON object but int", "line 1"),
    "number.json": (b"[7]", "no JSON object but int", "line 1"),
    "torn.json": (b'[{"question": 1', "can't read", ""),
    "deep.json": (b"[" * 200_000, "can't read", ""),
    "deep.jsonl": (b"[" * 200_000, "can't read", "line 1"),
    "bytes.jsonl": (b'{"question": "\xff", "answer": 1}', "can't read", "line 1"),
    "header.csv": (b"question,solution\n1,2\n", "'answer' is missing; there are question, solution", "line 1"),
    "short.csv": (b'question,answer\n"a\nb",2\n3\n', "1 fields where 2 belong", "line 4"),
    "quote.csv": (b'question,answer\n1,"2\n', "can't read", ""),
    "torn.jsonl.gz": (gzip.compress(lines(ROWS * 99))[:-20], "can't read", ""),
    "false.jsonl.gz": (b"no gzip", "can't read", ""),
    "false.parquet": (b"no parquet", "can't read", ""),
    "other.parquet": (parquet_bytes([{"question": "1"}]), "'answer' is missing", ""),
    "null.parquet": (parquet_bytes([ROWS[0], {**ROWS[0], "answer": None}]), "'answer' has no value", "line 2"),
    "some.txt": (b"x", "in a .txt file", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_place(tmp_path: Path, name: str) -> None:
    content, said, place = FAULTS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PhialError, match=said) as caught:
        rows(tmp_path, [name], COLUMNS)
    assert str(tmp_path / name) in caught.value.where and place in caught.value.where


@pytest.mark.parametrize("name", ["x.zip::*.jsonl", "x.tar::*.jsonl"])
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name.partition("::")[0]).write_bytes(b"no archive")
    with pytest.raises(PhialError, match="can't read"):
        rows(tmp_path, [name], COLUMNS)


def test_a_missing_file_says_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("")
    with pytest.raises(PhialError, match=r"no test\.jsonl or test\.parquet; there are train\.jsonl"):
        rows(tmp_path, ["test.jsonl", "test.parquet"], COLUMNS)
    with pytest.raises(PhialError, match=r"no test\.jsonl"):
        rows(tmp_path / "nowhere", ["test.jsonl"], COLUMNS)


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.zip::x.jsonl", "x.csv.gz"])
def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(files, "RATIO_FROM", 1 << 20)
    bomb = b" " * (8 << 20)
    (tmp_path / name.partition("::")[0]).write_bytes(
        zipped({"x.jsonl": bomb}) if "zip" in name else gzip.compress(bomb, 9)
    )
    with pytest.raises(PhialError, match="becomes more than"):
        rows(tmp_path, [name], COLUMNS)


@pytest.mark.skipif(not BENCHMARKS, reason="PHIAL_BENCHMARKS names no folder")
def test_published_files_are_read() -> None:
    folder = Path(BENCHMARKS)
    assert len(rows(folder / "gsm8k", ["test.jsonl"], ("question", "answer"))[0]) == 1319
    choices = ("question", "A", "B", "C", "D", "answer")
    found, _ = rows(folder / "mmlu", ["data/test/*.csv", "mmlu.zip::data/test/*.csv"], choices, headers=False)
    assert len(found) == 14042 and len({row["_file"] for row in found}) == 57
