"""Bits per byte: every byte once, and the sum is what the model's probabilities say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.evals.task import OptionScore
from phial.evals.tasks import bits


@given(st.text(alphabet="ab \n\u00e9\U0001f600", max_size=300), st.integers(1, 40))
def test_stretches_cover_a_text_without_gap_or_overlap(text, stride):
    found = list(bits.stretches(text, stride))
    assert "".join(text[start:end] for start, end in found) == text
    assert all(0 < end - start <= stride for start, end in found)


def test_stretches_end_before_white_space():
    text = "one two three four five six seven eight nine ten"
    found = [text[start:end] for start, end in bits.stretches(text, 12)]
    assert found == ["one two", " three four", " five six", " seven eight", " nine ten"]


@given(st.integers(1, 50), st.integers(0, 80), st.data())
def test_the_folder_costs_what_a_model_of_bytes_says(tmp_path_factory, stride, context, data):
    """A model that gives every byte the probability 1 / 256 has 8 bits per byte, however its texts are cut."""
    folder = tmp_path_factory.mktemp("texts")
    texts = data.draw(st.lists(st.text(alphabet="abc \n\u00e9", min_size=1, max_size=120), min_size=1, max_size=3))
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_bytes(text.encode())
    task = bits.load(folder, stride=stride, context=context)
    total = weight = 0.0
    for item in task.items:
        option = item.options[0]
        assert item.prompt and item.prompt.removeprefix(bits.BEGINNING) in "".join(texts)
        assert len(item.prompt) <= context + 1
        count = len(option.encode())
        found = task.choose([OptionScore(-count * math.log(256), 3)], item)
        grade = task.grade(found.answer, item)
        share, each = grade.parts["bits per byte"]
        assert grade.score == pytest.approx(1 / 256)
        assert grade.parts["bytes per token"] == (count, 3)
        total, weight = total + share, weight + each
    assert weight == sum(len(text.encode()) for text in texts)
    assert total / weight == pytest.approx(8)


def test_subfolders_limit_and_identity(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("b" * 30)
    (tmp_path / "sub/a.md").write_text("a" * 30)
    task = bits.load(tmp_path, stride=10)
    assert [item.id for item in task.items] == [
        "b.txt:0",
        "b.txt:10",
        "b.txt:20",
        "sub/a.md:0",
        "sub/a.md:10",
        "sub/a.md:20",
    ]
    assert [item.prompt for item in task.items[:2]] == ["\n", "\n" + "b" * 10]
    assert len(bits.load(tmp_path, limit=2).items) == 2
    assert bits.load(tmp_path, stride=9).sha256 != task.sha256
    (tmp_path / "b.txt").write_text("c" * 30)
    assert bits.load(tmp_path, stride=10).sha256 != task.sha256


def test_what_is_no_number_is_no_answer(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    task = bits.load(tmp_path)
    for value in (math.nan, -math.inf):
        assert task.choose([OptionScore(value, 1)], task.items[0]).answer is None


def test_faults_are_named(tmp_path):
    with pytest.raises(PhialError, match=r"no \*\.txt"):
        bits.load(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(PhialError, match="can't read text"):
        bits.load(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"")
    with pytest.raises(PhialError, match="only empty"):
        bits.load(tmp_path)
    with pytest.raises(PhialError, match="stretches"):
        bits.load(tmp_path, stride=0)
