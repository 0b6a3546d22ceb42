"""Tokenizer and chat format: round trips, single digits, and text that stays text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.record import Lineage, Record
from phial.tokens.chat import encode_chat
from phial.tokens.encode import encode_records
from phial.tokens.tokenizer import SPECIAL_TOKENS, load_tokenizer, train_tokenizer

TEXTS = ["Ada has 12 pens and buys 30 more.", "def add(a, b):\n    return a + b\n"] * 4
TOKENIZER = train_tokenizer(TEXTS, 300)


@given(st.text())
def test_any_text_survives(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@given(st.lists(st.sampled_from([*SPECIAL_TOKENS, "a", " ", "7"]), max_size=8).map("".join))
def test_text_never_becomes_a_special_token(text):
    ids = TOKENIZER.encode(text)
    assert not set(ids) & set(TOKENIZER.special.values())
    chat, _ = encode_chat(TOKENIZER, [("user", text)], generation_prompt=True)
    assert sum(i in TOKENIZER.special.values() for i in chat) == 4  # BOS, user, end, assistant


def test_digits_are_single_tokens():
    assert len(TOKENIZER.encode("1230")) == 4


def test_loss_falls_on_the_answer_only():
    ids, ((start, end),) = encode_chat(TOKENIZER, [("user", "12 + 30?"), ("assistant", "42.")])
    assert TOKENIZER.decode(ids[start:end]) == "42."
    assert ids[end - 1] == TOKENIZER.special["<|end|>"]
    assert ids[0] == TOKENIZER.bos_id and ids[-1] == TOKENIZER.eos_id


def test_unknown_role_and_small_vocabulary_are_refused():
    with pytest.raises(PhialError, match="unknown role 'robot'"):
        encode_chat(TOKENIZER, [("robot", "hi")])
    with pytest.raises(PhialError, match="too small"):
        train_tokenizer(TEXTS, 100)


def test_saved_tokenizer_loads_and_a_damaged_one_is_named(tmp_path):
    TOKENIZER.save(tmp_path)
    again = load_tokenizer(tmp_path)
    assert again.encode(TEXTS[0]) == TOKENIZER.encode(TEXTS[0])
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(PhialError, match="not a tokenizer"):
        load_tokenizer(tmp_path)


def test_long_texts_are_continued_and_long_conversations_left_out():
    lineage = Lineage("test", "1")
    text = Record("organic", "s", "l", lineage, text="ab " * 60)
    chat = Record("chat", "s", "l", lineage, messages=(("user", "ab " * 60), ("assistant", "x")))
    documents, dropped = encode_records(TOKENIZER, [text, chat], 32)
    assert dropped == 1
    assert all(len(d.ids) <= 32 and d.record_id == text.id for d in documents)
    assert "".join(TOKENIZER.decode(d.ids) for d in documents) == text.text
    assert sum(d.scored_bytes for d in documents) == len(text.text)
