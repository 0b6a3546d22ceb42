"""Tokenizers inside GGUF files: the ids of the family's own files, and metadata that lies."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tokenizers import BYTE, CONTROL, NORMAL, UNKNOWN, WORDS, small_tokenizer

from phial.errors import PhialError
from phial.tokens.gguf_tokenizer import read_gguf_tokenizer

USER_DEFINED, UNUSED = 4, 5
KINDS = {
    "codegen": "phi-2",
    "phi-4": "dbrx",
    "phi-4-mini": "gpt-4o",
    "qwen2": "qwen2",
    "llama-3": "llama-bpe",
    "phi-3": None,
}
TEXTS = (
    "Hello world", "  two  spaces\n\n\ttab ", "def f(x):\n    return x + 12345\n", "naïve café, Ünïcödé", "你好世界。",
    "Привет, мир!", "مرحبا بالعالم", "नमस्ते", "👩‍👩‍👧 🙂", "I'll we'VE don't", "a<|end|>b<|im_end|><s></s>", "e\u0301",
)  # fmt: skip


def metadata_of(name: str) -> dict:
    """What a converter writes of a small tokenizer."""
    tokenizer = small_tokenizer(name)
    facts = json.loads(tokenizer.backend.to_str())
    ids = tokenizer.backend.get_vocab(with_added_tokens=True)
    tokens = [f"[PAD{index}]" for index in range(tokenizer.vocab_size + 3)]
    kinds = np.full(len(tokens), UNUSED, np.int32)
    for token, index in ids.items():
        tokens[index], kinds[index] = token, NORMAL
    for added in facts["added_tokens"]:
        kinds[added["id"]] = CONTROL if added["special"] else USER_DEFINED
    found = {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": kinds}
    if KINDS[name] is not None:
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in facts["model"]["merges"]]
        extra = {"tokenizer.ggml.pre": KINDS[name], "tokenizer.ggml.merges": merges}
        return found | extra | {"tokenizer.ggml.model": "gpt2"}
    for index, token in enumerate(tokens):
        if token.startswith("<0x"):
            kinds[index] = BYTE
    joined = {left + right: rank for rank, (left, right) in reversed(list(enumerate(facts["model"]["merges"])))}
    scores = np.array([-float(joined.get(token, 1e6)) for token in tokens], np.float32)
    return found | {
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": "default", "tokenizer.ggml.scores": scores,
        "tokenizer.ggml.unknown_token_id": ids["<unk>"],
    }  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def pair(request):
    """(the family's tokenizer from its own files, the same one from a GGUF file's metadata)."""
    return small_tokenizer(request.param), read_gguf_tokenizer(metadata_of(request.param), "x.gguf")


@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_those_of_the_familys_own_files(pair, text):
    ours, theirs = pair[1], pair[0]
    if ours.family.name == "qwen2":  # the published tokenizer.json composes, a rank file says nothing of that
        import unicodedata

        text = unicodedata.normalize("NFC", text)
    assert ours.encode(text) == theirs.encode(text)
    assert ours.decode(ours.encode(text)) == text


def test_everything_else_is_equal(pair):
    theirs, ours = pair
    assert ours.family is theirs.family
    assert (ours.bos_id, ours.eos_id, ours.pad_id, ours.stop_ids) == (
        theirs.bos_id, theirs.eos_id, theirs.pad_id, theirs.stop_ids,
    )  # fmt: skip
    assert ours.vocab_size == theirs.vocab_size  # rows that fill the matrix up are no tokens
    assert ours.special == theirs.special
    assert ours.strips_after == theirs.strips_after


SIX = {name: read_gguf_tokenizer(metadata_of(name), "x.gguf") for name in ("phi-3", "codegen")}


@given(st.sampled_from(sorted(SIX)), st.lists(st.text() | st.sampled_from(["<|end|>", "<s>", *WORDS])).map("".join))
def test_any_text_survives_and_never_becomes_a_special_token(name, text):
    tokenizer = SIX[name]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert not set(ids) & set(tokenizer.special.values())


def test_the_chat_template_tells_twins_apart():
    facts = metadata_of("phi-4-mini")
    reasoning = small_tokenizer("phi-4-mini-reasoning").family
    assert read_gguf_tokenizer(facts, "x").family.name == "phi-4-mini"
    template = f"... {reasoning.chat.system} ..."
    assert read_gguf_tokenizer(facts | {"tokenizer.chat_template": template}, "x").family is reasoning


def test_files_of_before_the_pretokenizer_was_written_are_known_by_their_architecture():
    facts = metadata_of("codegen")
    del facts["tokenizer.ggml.pre"]
    assert read_gguf_tokenizer(facts | {"general.architecture": "phi2"}, "x").encode("Hello") == SIX["codegen"].encode(
        "Hello"
    )
    with pytest.raises(PhialError, match="pre-tokenizer None is not known"):
        read_gguf_tokenizer(facts | {"general.architecture": "llama"}, "x")


def short(array):
    return array[:-1]


def with_nan(array):
    return np.where(np.arange(len(array)) == 5, np.nan, array).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "key", "value", "what"),
    [
        ("codegen", "model", "bert", "of kind 'bert'"),
        ("codegen", "model", ["gpt2"], "a tokenizer of kind"),
        ("codegen", "pre", "smaug", "'smaug' is not known"),
        ("codegen", "pre", ["qwen2"], "is not known"),
        ("codegen", "tokens", None, "tokens is missing"),
        ("codegen", "tokens", np.arange(9), "tokens is missing"),
        ("codegen", "tokens", [], "tokens is missing"),
        ("codegen", "tokens", lambda tokens: [*tokens[:-1], tokens[0]], "token_type|twice"),
        ("codegen", "tokens", lambda tokens: [tokens[1], *tokens[1:]], "is there twice"),
        ("codegen", "tokens", lambda tokens: ["zz", *tokens[1:]], "no token for"),
        ("codegen", "token_type", short, "token_type is missing or malformed"),
        ("codegen", "token_type", lambda kinds: kinds.astype(np.float32), "token_type is missing or malformed"),
        ("codegen", "token_type", lambda kinds: np.ones_like(kinds), "fits no|lacks the special tokens"),
        ("codegen", "merges", None, "merges is missing"),
        ("codegen", "merges", ["q q q"], "line 1 merges"),
        ("codegen", "merges", ["qq"], "line 1 merges"),
        ("phi-3", "scores", None, "scores is missing"),
        ("phi-3", "scores", short, "scores is missing or malformed"),
        ("phi-3", "scores", with_nan, "piece 5 has the score nan"),
        ("phi-3", "token_type", lambda kinds: kinds + 9, "has the unknown type"),
        ("phi-3", "tokens", lambda tokens: ["", *tokens[1:]], "piece 0 has 0 characters"),
        ("phi-3", "tokens", lambda tokens: [*tokens[:9], tokens[8], *tokens[10:]], "stands twice"),
        ("phi-3", "precompiled_charsmap", np.ones(4, np.uint8), "precompiled_charsmap is not supported"),
        ("phi-3", "remove_extra_whitespaces", True, "remove_extra_whitespaces is not supported"),
    ],
)
def test_metadata_that_is_no_tokenizer_says_why(name, key, value, what):
    facts = metadata_of(name)
    key = f"tokenizer.ggml.{key}"
    facts[key] = value(facts[key]) if callable(value) else value
    if key.endswith(".tokens") and "twice" in what and len(facts[key]) == len(facts["tokenizer.ggml.token_type"]):
        facts["tokenizer.ggml.token_type"][-1] = NORMAL
    with pytest.raises(PhialError, match=what) as raised:
        read_gguf_tokenizer(facts, "x.gguf")
    assert raised.value.where and raised.value.do


def test_the_unknown_piece_is_known_by_its_id():
    facts = metadata_of("phi-3")
    kinds = facts["tokenizer.ggml.token_type"]
    assert kinds[0] == CONTROL  # as converters write it
    again = facts | {"tokenizer.ggml.token_type": np.where(np.arange(len(kinds)) == 0, UNKNOWN, kinds)}
    assert read_gguf_tokenizer(facts, "x").backend.to_str() == read_gguf_tokenizer(again, "x").backend.to_str()
