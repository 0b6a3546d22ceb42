"""Packing: every document once, whole, inside its row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.tokens.packing import best_fit


@given(st.integers(1, 64).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(1, n), max_size=80))))
def test_every_document_lies_once_in_a_row_that_holds_it(case):
    capacity, lengths = case
    rows = best_fit(lengths, capacity)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    assert all(row and sum(lengths[i] for i in row) <= capacity for row in rows)


@given(st.lists(st.integers(1, 32), min_size=1, max_size=80))
def test_no_two_rows_could_be_one(lengths):
    rows = best_fit(lengths, 32)
    fill = sorted(sum(lengths[i] for i in row) for row in rows)
    assert len(fill) < 2 or fill[0] + fill[1] > 32


@pytest.mark.parametrize("length", [0, 9])
def test_a_document_that_no_row_holds_is_refused(length):
    with pytest.raises(ValueError, match="document 1"):
        best_fit([3, length], 8)
