"""Records: Parquet keeps all of them, and ids are ids of content."""

import hashlib

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.record import Lineage, Preference, Record, Verdict, read_records, write_records

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
turns = st.lists(st.tuples(texts, texts), min_size=1, max_size=3).map(tuple)
records = st.one_of(
    st.builds(
        Record,
        texts,
        texts,
        texts,
        lineages,
        scores=scores,
        preference=st.builds(Preference, turns, turns, turns),
    ),
    st.builds(Record, texts, texts, texts, lineages, text=texts, scores=scores),
    st.builds(
        Record,
        texts,
        texts,
        texts,
        lineages,
        messages=turns,
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


def test_a_preference_has_trl_columns_and_an_id_of_all_its_words(tmp_path):
    pair = Preference((("user", "q"),), (("assistant", "good"),), (("assistant", "bad"),))
    other = Preference(pair.prompt, pair.chosen, (("assistant", "worse"),))
    one, two = (Record("preference", "a", "MIT", Lineage("f", "1"), preference=made) for made in (pair, other))
    assert one.id != two.id and one.content == "q\ngood\nbad"
    write_records(tmp_path / "pairs.parquet", [one, two])
    rows = pq.read_table(tmp_path / "pairs.parquet", columns=["prompt", "chosen", "rejected"]).to_pylist()
    assert rows[0] == {
        "prompt": [{"role": "user", "content": "q"}],
        "chosen": [{"role": "assistant", "content": "good"}],
        "rejected": [{"role": "assistant", "content": "bad"}],
    }
    with pytest.raises(ValueError, match="a preference"):
        Record("preference", "a", "MIT", Lineage("f", "1"), text="x", preference=pair)


def test_files_from_before_preferences_are_read(tmp_path):
    record = Record("exercise", "a", "MIT", Lineage("f", "1"), text="x")
    write_records(tmp_path / "new.parquet", [record])
    table = pq.read_table(tmp_path / "new.parquet").drop_columns(["prompt", "chosen", "rejected"])
    pq.write_table(table, tmp_path / "old.parquet")
    assert list(read_records(tmp_path / "old.parquet")) == [record]


def test_ids_that_stand_in_a_file_count_only_where_it_is_known(tmp_path):
    record = Record("organic", "s", "MIT", Lineage("flow", "1"), text='é "quoted"')
    path = tmp_path / "records.parquet"
    write_records(path, [record])
    assert record.id == hashlib.sha256('{"text": "é \\"quoted\\""}'.encode()).hexdigest()
    table = pq.read_table(path)
    pq.write_table(table.set_column(0, "id", [["other"]]), path)
    assert [one.id for one in read_records(path)] == [record.id]
    assert [one.id for one in read_records(path, known_ids=True)] == ["other"]


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(PhialError, match="missing"):
        list(read_records(tmp_path / "none.parquet"))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(PhialError, match="not a readable Parquet"):
        list(read_records(tmp_path / "bad.parquet"))
