"""Forms: what a lenient reader would take is refused with a reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from phial.record import Messages, Preference
from phial.verify.form import conversation, preference, read_json


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    count: int = Field(ge=0)
    share: float = 0.0


def test_an_object_of_the_schema_is_read() -> None:
    made, verdict = read_json(' {"name": "a", "count": 3, "share": 1} ', Item)
    assert made == Item(name="a", count=3, share=1.0)
    assert (verdict.passed, verdict.detail) == (True, "Item")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Expecting value"),
        ("here: {}", "Expecting value"),
        ('{"name": "a", "count": 3} thanks', "Extra data"),
        ('{"name": "a", "count": 3', "Expecting"),
        ('{"name": "a", "count": "3"}', "count: Input should be a valid integer"),
        ('{"name": "a", "count": 3.5}', "count"),
        ('{"name": "a", "count": true}', "count"),
        ('{"name": "a", "count": -1}', "count"),
        ('{"name": "a"}', "count: Field required"),
        ('{"name": "a", "count": 3, "more": 1}', "more"),
        ('{"name": "a", "name": "b", "count": 3}', "a key stands twice"),
        ('{"name": "a", "count": 3, "share": NaN}', "NaN is no JSON number"),
        ('{"name": "a", "count": 3, "share": -Infinity}', "-Infinity is no JSON number"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps({"name": "x" * 2_000_000, "count": 1}), "too many"),
        ('{"name": "\\ud800", "count": 3}', ""),
        ("9" * 5000, ""),
    ],
)
def test_anything_else_is_refused_with_a_reason(text: str, told: str) -> None:
    made, verdict = read_json(text, Item)
    assert made is None and not verdict.passed
    assert told in verdict.detail and verdict.detail


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    read_json(text, Item)


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ((("user", "q"), ("assistant", "a")), ""),
        ((("system", "s"), ("user", "q"), ("assistant", "a"), ("user", "q"), ("assistant", "a")), ""),
        ((), "no turns"),
        ((("system", "s"),), "no turns"),
        ((("user", "q"),), "not the assistant's"),
        ((("assistant", "a"),), "should speak"),
        ((("user", "q"), ("user", "q"), ("assistant", "a")), "should speak"),
        ((("user", "q"), ("system", "s"), ("assistant", "a")), "should speak"),
        ((("user", "q"), ("assistant", " \n")), "turn 2 is empty"),
        ((("user", "q"), ("assistant", "\ud800")), "no valid text"),
    ],
)
def test_conversations(messages: Messages, fault: str) -> None:
    verdict = conversation(messages)
    assert verdict.passed == (not fault)
    assert fault in verdict.detail


def test_pairs() -> None:
    ask, good, bad = (("user", "q"),), (("assistant", "a"),), (("assistant", "b"),)
    assert preference(Preference(ask, good, bad)).passed
    for pair, fault in (
        (Preference(ask, good, good), "the same"),
        (Preference((), good, bad), "does not end with a user's turn"),
        (Preference((*ask, *good), good, bad), "does not end with a user's turn"),
        (Preference(ask, good, (("assistant", ""),)), "empty"),
        (Preference(ask, ask, bad), "should speak"),
    ):
        verdict = preference(pair)
        assert not verdict.passed and fault in verdict.detail
