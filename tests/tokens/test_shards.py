"""Shards: what is written is what is read, spans and all; damage is named."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.tokens.shards import Document, read_shard, write_shard

ROW = 24


@st.composite
def documents(draw):
    made = []
    for index in range(draw(st.integers(1, 12))):
        length = draw(st.integers(1, ROW))
        cuts = sorted(draw(st.lists(st.integers(0, length), max_size=6, unique=True)))
        spans = tuple(zip(cuts[::2], cuts[1::2], strict=False))
        ids = draw(st.lists(st.integers(2, 500), min_size=length, max_size=length))
        made.append(Document(f"r{index}", ids, spans, length))
    return made


@settings(max_examples=40)
@given(documents())
def test_documents_and_spans_survive(tmp_path_factory, made):
    folder = tmp_path_factory.mktemp("shard")
    header = write_shard(folder, made, ROW, 512, 1)
    shard = read_shard(folder)
    assert shard.documents == len(made) == int(shard.starts.sum())
    assert shard.tokens == header["tokens"] == sum(len(d.ids) for d in made)
    assert int(shard.scored.sum()) == sum(end - start for d in made for start, end in d.spans)
    found = sorted(_cut(shard))
    assert found == sorted((tuple(d.ids), _marks(d)) for d in made)


def _marks(document):
    return tuple(any(s <= i < e for s, e in document.spans) for i in range(len(document.ids)))


def _cut(shard):
    """Documents by their starts; padding (id 1) is cut off, since no document holds id 1."""
    for row in range(shard.rows):
        edges = [*np.flatnonzero(shard.starts[row]), ROW]
        for start, end in itertools.pairwise(edges):
            ids = shard.ids[row, start:end]
            length = int((ids != 1).sum())
            yield tuple(ids[:length].tolist()), tuple(shard.scored[row, start : start + length].tolist())


def test_damage_is_named(tmp_path):
    with pytest.raises(PhialError, match="no documents"):
        write_shard(tmp_path, [], ROW, 512, 1)
    write_shard(tmp_path, [Document("a", [2, 3], ((1, 2),), 2)], ROW, 512, 1)
    (tmp_path / "ids.bin").write_bytes(b"\0")
    with pytest.raises(PhialError, match=r"ids\.bin has the wrong size"):
        read_shard(tmp_path)
    (tmp_path / "shard.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(PhialError, match="newer"):
        read_shard(tmp_path)
    (tmp_path / "shard.json").unlink()
    with pytest.raises(PhialError, match="not a token shard"):
        read_shard(tmp_path)
