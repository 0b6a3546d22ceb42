"""Tokenizer files: what is damaged or lies is refused, whatever the bytes."""

import base64
import json
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from small_tokenizers import (
    CONTROL,
    field,
    piece,
    rank_lines,
    sentencepiece_bytes,
    small_ranks,
    small_tokenizer,
    varint,
    write_gpt2,
)

from phial.errors import PhialError
from phial.tokens.byte_level import byte_characters, read_ranks
from phial.tokens.protobuf import read_fields
from phial.tokens.sentencepiece_model import read_model
from phial.tokens.tokenizer import load_tokenizer

MODEL = sentencepiece_bytes(["abc"])
RANKS = small_ranks(["abc"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def test_fields_are_read_as_written():
    message = field(1, 300) + field(2, b"abc") + field(3, 1.5) + varint(4 << 3 | 1) + b"12345678"
    fields = [(n, w, v if isinstance(v, int) else bytes(v)) for n, w, v in read_fields(memoryview(message), "x")]
    assert fields == [(1, 0, 300), (2, 2, b"abc"), (3, 5, b"\0\0\xc0\x3f"), (4, 1, b"12345678")]


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (b"\x0a\x05abc", "says 5 bytes where 3 are left"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "bytes where 0 are left"),
        (b"\x0a", "inside a number"),
        (b"\x08" + b"\x80" * 11, "inside a number, or the number is too long"),
        (b"\x0b", "wire type 3"),
        (b"\x00\x00", "number 0"),
        (b"\x0d\x00", "says 4 bytes where 1 are left"),
    ],
)
def test_lying_lengths_are_refused(message, what):
    with pytest.raises(PhialError, match=what):
        list(read_fields(memoryview(message), "x"))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_named_fault(data):
    try:
        for _ in read_fields(memoryview(data), "x"):
            pass
    except PhialError as error:
        assert error.where == "x"


def damage(data: bytes) -> st.SearchStrategy[bytes]:
    """A file cut short, with a few bytes changed, or with a run of bytes put in."""
    places = st.integers(0, len(data) - 1)
    cut = places.map(lambda end: data[:end])
    changed = st.tuples(places, st.binary(min_size=1, max_size=4)).map(
        lambda change: data[: change[0]] + change[1] + data[change[0] + len(change[1]) :]
    )
    longer = st.tuples(places, st.binary(min_size=1, max_size=9)).map(
        lambda change: data[: change[0]] + change[1] + data[change[0] :]
    )
    return cut | changed | longer | st.binary(max_size=50)


@given(damage(MODEL))
@example(b"")
def test_a_damaged_sentencepiece_model_never_surprises(folder, data):
    (folder / "tokenizer.model").write_bytes(data)
    try:
        tokenizer = load_tokenizer(folder, "phi-3")
    except PhialError as error:
        assert error.do
    else:
        assert isinstance(tokenizer.encode("abc <s>"), list)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no pieces"),
        (field(2, field(3, 2)), "no pieces"),
        (sentencepiece_bytes(["ab"], model_type=1), "model type 1 is not supported"),
        (sentencepiece_bytes(["ab"], extra=field(3, field(2, b"rules") + field(4, 0))), "text normalization"),
        (sentencepiece_bytes(["ab"], extra=field(3, field(4, 1))), "removal of extra spaces"),
        (sentencepiece_bytes(["ab"], extra=piece("x", kind=4)), "user-defined"),
        (sentencepiece_bytes(["ab"], extra=piece("ab")), "stands twice"),
        (sentencepiece_bytes(["ab"], extra=piece("q", float("nan"))), "score nan"),
        (sentencepiece_bytes(["ab"], extra=piece("q", kind=9)), "unknown type 9"),
        (sentencepiece_bytes(["ab"], extra=piece("q" * 300)), "300 characters"),
        (sentencepiece_bytes(["ab"], extra=field(1, field(1, b"\xff"))), "no UTF-8"),
        (piece("a") + field(2, field(3, 2) + field(35, 1)) + field(3, field(4, 0)), "without the piece <0x00>"),
        (piece("a") + field(2, field(3, 2)) + field(3, field(4, 0)), "neither byte fallback nor an unknown"),
    ],
)
def test_unusable_sentencepiece_models_say_why(tmp_path, data, what):
    (tmp_path / "tokenizer.model").write_bytes(data)
    with pytest.raises(PhialError, match=what):
        read_model(tmp_path / "tokenizer.model")


def test_control_pieces_of_any_name_are_special(tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_bytes(["[INST]"], extra=piece("[MASK]", kind=CONTROL)))
    tokenizer = load_tokenizer(tmp_path, "phi-3")
    assert "[MASK]" in tokenizer.special and "[INST]" not in tokenizer.special
    assert tokenizer.special["[MASK]"] not in tokenizer.encode("[MASK]")
    assert len(tokenizer.encode("[INST]")) == 4  # the three bytes of the space before it, and the word


def test_an_enormous_length_allocates_nothing(tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(b"\x0a" + varint(1 << 62) + b"abc")
    tracemalloc.start()
    with pytest.raises(PhialError, match="where 3 are left"):
        read_model(tmp_path / "tokenizer.model")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@given(damage(rank_lines(RANKS).encode()))
def test_a_damaged_rank_file_never_surprises(folder, data):
    (folder / "x.tiktoken").write_bytes(data)
    try:
        tokens = read_ranks(folder / "x.tiktoken")
    except PhialError as error:
        assert error.do
    else:
        assert len(set(tokens)) == len(tokens) >= 256


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda lines: [*lines, lines[-1]], f"line {len(RANKS) + 1} repeats rank"),
        (lambda lines: [*lines, "!!!! 258"], "is no base64 token"),
        (lambda lines: [*lines, "YQ 258"], "is no base64 token"),
        (lambda lines: [*lines, "YWJj"], "is no base64 token"),
        (lambda lines: [*lines, "YWJj x"], "is no base64 token"),
        (lambda lines: [*lines, "enp6 -1"], "has rank -1"),
        (lambda lines: [*lines, "enp6 999999999999"], "has rank 999999999999"),
        (lambda lines: [*lines, f"{base64.b64encode(b'a').decode()} {len(lines)}"], "a token has two ranks"),
        (lambda lines: [*lines, f"{base64.b64encode(b'a' * 300).decode()} {len(lines)}"], "300 bytes"),
        (lambda lines: [line for line in lines if not line.startswith("YWJj")][:255], "byte 255 is no token"),
    ],
)
def test_unusable_rank_files_say_why(tmp_path, change, what):
    path = tmp_path / "x.tiktoken"
    path.write_text("\n".join(change(rank_lines(RANKS).splitlines())))
    with pytest.raises(PhialError, match=what):
        read_ranks(path)


def test_ranks_may_stand_in_any_order(tmp_path):
    path = tmp_path / "x.tiktoken"
    path.write_text("\n".join(reversed(rank_lines(RANKS).splitlines())))
    assert read_ranks(path) == RANKS


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("vocab.json", "[]", "no JSON object"),
        ("vocab.json", "{", "no JSON"),
        ("vocab.json", "[" * 100_000, "no JSON"),
        ("vocab.json", '{"a": 5}', "ids are not"),
        ("vocab.json", '{"a": "0"}', "ids are not"),
        ("vocab.json", '{"a": 0}', "no token for"),
        ("merges.txt", "q q\n", "line 1 merges"),
        ("merges.txt", "q\n", "line 1 merges"),
        ("added_tokens.json", '{"<x>": -4}', "has the id -4"),
        ("added_tokens.json", '{"<x>": 99999999999}', "has the id 99999999999"),
        ("added_tokens.json", '{"<x>": 3}', "cannot have id 3"),
        ("added_tokens.json", '{"<x>": "3"}', "not a list of tokens"),
    ],
)
def test_unusable_gpt2_files_say_why(tmp_path, name, text, what):
    write_gpt2(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(PhialError, match=what):
        load_tokenizer(tmp_path)


def test_bytes_have_gpt2_characters():
    characters = byte_characters()
    assert len(set(characters)) == 256
    assert (characters[0], characters[ord(" ")], characters[ord("a")], characters[0xAD]) == (
        "\u0100",
        "\u0120",
        "a",
        "\u0143",
    )


def test_files_that_are_no_tokenizer_are_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    for data in (b"\xff\xfe", b"PK\x03\x04", b"[]", b'{"model": 3}', json.dumps({"version": "1.0"}).encode()):
        path.write_bytes(data)
        with pytest.raises(PhialError, match="not a tokenizer"):
            load_tokenizer(tmp_path)
    small_tokenizer("phi-4").save(tmp_path)
    facts = json.loads(path.read_text())
    emptied = json.dumps(facts | {"normalizer": {"type": "Prepend", "prepend": ""}})  # makes it panic later
    facts["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}  # makes the library panic
    path.write_text(json.dumps(facts))
    with pytest.raises(PhialError, match="not a tokenizer"):
        load_tokenizer(tmp_path)
    path.write_text(emptied)
    with pytest.raises(PhialError, match="the tokenizer fails"):
        load_tokenizer(tmp_path).encode("Hello é🙂")
    path.unlink()
    (tmp_path / "tokenizer.model").write_bytes(b"PK\x03\x04" * 9)
    with pytest.raises(PhialError):
        load_tokenizer(tmp_path)
