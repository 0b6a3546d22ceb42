"""Records: Parquet keeps all of them, and ids are ids of content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.record import Lineage, Record, Verdict, read_records, write_records

texts = st.text(st.characters(codec="utf-8"), max_size=30)
lineages = st.builds(
    Lineage,
    flow=texts,
    version=texts,
    parents=st.lists(texts, max_size=2).map(tuple),
    verdicts=st.lists(st.builds(Verdict, texts, st.booleans(), texts), max_size=2).map(tuple),
    params=st.dictionaries(texts, st.integers(-9, 9), max_size=2),
)
scores = st.dictionaries(texts, st.floats(allow_nan=False), max_size=2)
records = st.one_of(
    st.builds(Record, texts, texts, texts, lineages, text=texts, scores=scores),
    st.builds(
        Record,
        texts,
        texts,
        texts,
        lineages,
        messages=st.lists(st.tuples(texts, texts), min_size=1, max_size=3).map(tuple),
        scores=scores,
    ),
)


@given(st.lists(records, max_size=4))
def test_parquet_keeps_everything(tmp_path_factory, made):
    path = tmp_path_factory.mktemp("records") / "r.parquet"
    assert write_records(path, made) == len(made)
    assert list(read_records(path)) == made


def test_id_is_of_content_alone():
    one = Record("exercise", "a", "MIT", Lineage("f", "1"), text="x")
    two = Record("organic", "b", "PSF-2.0", Lineage("g", "2"), text="x")
    chat = Record("chat", "a", "MIT", Lineage("f", "1"), messages=(("user", "x"),))
    assert one.id == two.id != chat.id
    with pytest.raises(ValueError, match="either text or messages"):
        Record("exercise", "a", "MIT", Lineage("f", "1"))


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(PhialError, match="missing"):
        list(read_records(tmp_path / "none.parquet"))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(PhialError, match="not a readable Parquet"):
        list(read_records(tmp_path / "bad.parquet"))
