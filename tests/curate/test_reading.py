import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from phial.curate.funnel import Dropped
from phial.curate.reading import Reading, input_files, read_file
from phial.errors import PhialError
from phial.record import Lineage, Record, write_records


def read(path: Path, reading: Reading | None = None) -> tuple[list[Record], list[Dropped]]:
    everything = list(read_file(path, path.name, reading or Reading()))
    dropped = [one for one in everything if isinstance(one, Dropped)]
    return [one for one in everything if isinstance(one, Record)], dropped


def test_every_format_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\ufeffsome words")
    (tmp_path / "b.md").write_text("# words")
    (tmp_path / "c.html").write_text("<p>words")
    rows = [{"text": "one", "kind": "code", "license": "MIT"}, {"html": "<p>two"}]
    rows.append({"messages": [{"role": "user", "content": "three"}], "text": None})
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    with gzip.open(tmp_path / "e.jsonl.gz", "wt") as file:
        file.write('{"text": "four"}')
    write_records(tmp_path / "f.parquet", [Record("k", "s", "L", Lineage("f", "1"), text="five")])
    (tmp_path / "ignored.bin").write_bytes(b"\0")
    kept = [one for path in input_files(tmp_path) for one in read(path)[0]]
    assert [one.content for one in kept] == [
        "some words",
        "# words",
        "<p>words",
        "one",
        "<p>two",
        "three",
        "four",
        "five",
    ]
    assert [one.kind for one in kept] == ["organic", "organic", "html", "code", "html", "organic", "organic", "k"]
    assert kept[3].license == "MIT" and kept[4].source == "d.jsonl" and kept[4].lineage.params == {"line": 2}


def test_what_cannot_be_read_is_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        b'{"text": "good"}',
        b"\xff\xfe",
        b"{broken",
        b"[1]",
        b'{"text": 3}',
        b'{"text": "\\ud800"}',
        b'{"other": 1}',
    ]
    lines += [b'{"messages": [1]}', b'{"text": "a", "messages": [{"role": "user", "content": "b"}]}', b"[" * 100_000]
    path.write_bytes(b"\n".join([*lines, b'{"text": "' + b"x" * 300 + b'"}', b'{"text": "last"}']))
    kept, dropped = read(path, Reading(line_bytes=200_000))
    assert [one.content for one in kept] == ["good", "x" * 300, "last"]
    reasons = ["not UTF-8", "not JSON", "no record", "no record", "not Unicode", "no record", "no record", "no record"]
    assert [one.reason for one in dropped] == [*reasons, "not JSON"]
    kept, dropped = read(path, Reading(line_bytes=200))
    assert [one.content for one in kept] == ["good", "last"]
    assert [one.detail for one in dropped if one.reason == "line too long"] == ["100001 bytes", "313 bytes"]
    assert all(one.record.id and not one.record.lineage.verdicts[-1].passed for one in dropped)


def test_text_is_cut_and_only_the_damaged_document_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    paragraphs = [f"Paragraph {number} has some words." for number in range(100)]
    path.write_bytes(
        "\n\n".join(paragraphs).replace("Paragraph 50", "Paragraph \udcff").encode("utf-8", "surrogateescape")
    )
    kept, dropped = read(path, Reading(document_characters=300))
    (bad,) = dropped
    assert bad.reason == "not UTF-8" and "0xff" in bad.detail and "\\xff" in bad.record.content
    assert all(len(one.content) <= 300 and one.content.startswith("Paragraph") for one in kept)
    found = {line for one in kept for line in one.content.split("\n\n") if line}
    assert len(set(paragraphs) - found) < 12 and paragraphs[99] in found


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"", "empty file"),
        ("a.jsonl", b"", "empty file"),
        ("a.html", b" ", "empty file"),
        ("a.html", b"\xff", "not UTF-8"),
        ("a.html", b"x" * 2_000, "page too long"),
        ("a.txt.gz", gzip.compress(b"text" * 1000)[:20], "damaged gzip"),
        ("a.txt.gz", b"no gzip", "damaged gzip"),
        ("a.txt", "words".encode("utf-16"), "not UTF-8"),
    ],
)
def test_useless_files_are_counted(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    kept, dropped = read(tmp_path / name, Reading(html_bytes=1_000))
    assert not kept and [one.reason for one in dropped] == [reason]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:  # 40 MB without the end of a line
        for _ in range(40):
            file.write(b"x" * 1_000_000)
    tracemalloc.start()
    try:
        reading = Reading(document_characters=100_000, line_bytes=1_000_000)
        count = sum(1 for _ in read_file(tmp_path / name, name, reading))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == (400 if name == "a.txt" else 1)
    assert peak < 12_000_000


def test_a_folder_without_anything_to_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PhialError, match="nothing to curate"):
        input_files(tmp_path)
