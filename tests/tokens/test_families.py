"""Every family: published ids, texts that survive, and text that never becomes a special token."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tokenizers import rank_lines, sentencepiece_bytes, small_ranks, small_tokenizer, write_gpt2

from phial.errors import PhialError
from phial.tokens.chat import encode_chat
from phial.tokens.families import FAMILIES, PHI4, PHI4_REASONING, PHIAL
from phial.tokens.tokenizer import MAX_CHARACTERS, Tokenizer, load_tokenizer

NAMES = [family.name for family in FAMILIES]
PUBLISHED = [family for family in FAMILIES if family is not PHIAL]

# Ids as the published tokenizers give them. Not from a file that was at hand, but from memory: Phi-4-reasoning's
# <think> and </think>, the names of Phi-4-mini's tool and image tokens, Llama-3's.
IDS = {
    "codegen": {"<|endoftext|>": 50256},
    "phi-3": {"<unk>": 0, "<s>": 1, "</s>": 2, "<|endoftext|>": 32000, "<|assistant|>": 32001, "<|system|>": 32006}
    | {"<|placeholder1|>": 32002, "<|placeholder4|>": 32005, "<|end|>": 32007, "<|placeholder5|>": 32008}
    | {"<|placeholder6|>": 32009, "<|user|>": 32010},
    "phi-3-vision": {"<s>": 1, "<|user|>": 32010, "<|image|>": 32044},
    "phi-3-small": {"<|endoftext|>": 100257, "<|system|>": 100261, "<|user|>": 100262, "<|assistant|>": 100263}
    | {"<|end|>": 100266},
    "phi-4": {"<|endoftext|>": 100257, "<|fim_prefix|>": 100258, "<|fim_middle|>": 100259, "<|fim_suffix|>": 100260}
    | {"<|im_start|>": 100264, "<|im_end|>": 100265, "<|im_sep|>": 100266, "<|endofprompt|>": 100276}
    | {"<|dummy_85|>": 100349},
    "phi-4-reasoning": {"<|im_start|>": 100264, "<|dummy_85|>": 100349, "<think>": 100350, "</think>": 100351},
    "phi-4-mini": {"<|endoftext|>": 199999, "<|endofprompt|>": 200018, "<|assistant|>": 200019, "<|end|>": 200020}
    | {"<|user|>": 200021, "<|system|>": 200022, "<|tool|>": 200023, "<|/tool|>": 200024, "<|tool_call|>": 200025}
    | {"<|/tool_call|>": 200026, "<|tool_response|>": 200027, "<|tag|>": 200028},
    "qwen2": {"<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645, "<tool_call>": 151657},
    "llama-3": {"<|begin_of_text|>": 128000, "<|start_header_id|>": 128006, "<|eot_id|>": 128009},
}
STOPS = {
    "phi-3": (32007, 32000, 32001),
    "phi-3-vision": (32007, 32000, 32001),
    "phi-4": (100265, 100257),
    "phi-4-reasoning": (100265, 100257),
    "phi-4-mini": (200020, 199999),
    "qwen2": (151645, 151643),
}


@pytest.mark.parametrize("name", IDS)
def test_special_tokens_have_their_published_ids(name):
    tokenizer = small_tokenizer(name)
    table = next(family for family in FAMILIES if family.name == name).special
    assert IDS[name].items() <= table.items()
    if name != "codegen":  # whose small vocabulary has its own
        assert table.items() <= tokenizer.special.items()
        assert tokenizer.stop_ids[: len(STOPS.get(name, ()))] == STOPS.get(name, ())


def test_tables_are_whole():
    assert set(PHI4.special.values()) == set(range(100256, 100352)) == set(PHI4_REASONING.special.values())
    codegen = next(family for family in FAMILIES if family.name == "codegen")
    assert sorted(codegen.spaces.values()) == list(range(50257, 50295))
    assert (codegen.spaces[" " * 31], codegen.spaces["  "], codegen.spaces["\t\t"]) == (50257, 50286, 50294)


@pytest.mark.parametrize("name", NAMES)
@given(st.text())
def test_any_text_survives(name, text):
    tokenizer = small_tokenizer(name)
    if name in ("phi-3", "phi-3-vision"):
        text = text.replace("\u2581", "")  # SentencePiece writes it for a space, and reads it as one
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
def test_text_never_becomes_a_special_token(name, data):
    tokenizer = small_tokenizer(name)
    names = [*tokenizer.special, "<|image_1|>", "<|", "|>", "a", " ", "\n", "s>", "<"]
    text = data.draw(st.lists(st.sampled_from(names), max_size=8).map("".join))
    control = set(tokenizer.special.values())
    assert not set(tokenizer.encode(text)) & control
    assert not {i for ids in tokenizer.encode_batch([text]) for i in ids} & control
    [plain, spelled] = [
        encode_chat(tokenizer, [("user", content)], generation_prompt=True)[0] for content in ("x", text)
    ]
    assert [i for i in plain if i in control] == [i for i in spelled if i in control]


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_tokenizer_is_known_again(name, tmp_path):
    tokenizer = small_tokenizer(name)
    tokenizer.save(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(tokenizer.family.chat.template + "\n")
    again = load_tokenizer(tmp_path)
    assert again.family is tokenizer.family
    assert again.special == tokenizer.special and again.strips_after == tokenizer.strips_after
    text = "Hello <|end|> the\n\n  user 12 é🙂\t\t"
    assert again.encode(text) == tokenizer.encode(text)


def test_control_tokens_that_a_file_calls_ordinary_are_guarded(tmp_path):
    small_tokenizer("phi-4-mini").save(tmp_path)
    path = tmp_path / "tokenizer.json"
    facts = json.loads(path.read_text())
    for token in facts["added_tokens"]:
        token["special"] = "tool" not in token["content"]
    facts["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    facts["model"]["dropout"] = 0.5
    path.write_text(json.dumps(facts))
    tokenizer = load_tokenizer(tmp_path)
    ids = tokenizer.encode("<|tool_call|>the")
    assert not set(ids) & set(tokenizer.special.values())
    assert tokenizer.decode(ids) == "<|tool_call|>the"
    assert all(tokenizer.encode("<|tool_call|>the") == ids == [*ids[:-1], *tokenizer.encode("the")] for _ in range(20))


def test_a_vocabulary_that_merges_into_a_special_token_is_refused():
    import tokenizers
    from tokenizers import AddedToken

    backend = tokenizers.Tokenizer.from_str(small_tokenizer("codegen").backend.to_str())
    backend.add_special_tokens([AddedToken("the", special=True)])
    with pytest.raises(PhialError, match="became the special token 'the'"):
        Tokenizer(backend).encode("the")


def test_decoding_leaves_out_or_writes_special_tokens():
    tokenizer = small_tokenizer("phi-4-reasoning")
    ids = [tokenizer.special["<think>"], *tokenizer.encode("the"), tokenizer.special["</think>"]]
    assert tokenizer.decode(ids) == "the"
    assert tokenizer.decode(ids, special=True) == "<think>the</think>"
    assert tokenizer.decode([tokenizer.vocab_size + 5]) == ""


@pytest.mark.parametrize("wrong", [-1, 1 << 40])
def test_ids_that_no_vocabulary_has_are_refused(wrong):
    with pytest.raises(PhialError, match=f"id {wrong} is no token"):
        small_tokenizer("phi-4").decode([1, wrong])


def test_unusable_texts_are_refused():
    tokenizer = small_tokenizer("phi-3")
    with pytest.raises(PhialError, match=r"characters; \d+ at most"):
        tokenizer.encode("a" * (MAX_CHARACTERS + 1))
    with pytest.raises(PhialError, match="character 2 of a text is half of a pair"):
        tokenizer.encode_batch(["fine", "ab\ud800"])


def test_files_are_found_by_what_they_are(tmp_path):
    def folder(name: str) -> Path:
        made = tmp_path / name
        made.mkdir()
        return made

    spm = folder("spm")
    (spm / "tokenizer.model").write_bytes(sentencepiece_bytes(["ab"]))
    assert load_tokenizer(spm).family.name == "phi-3"
    gpt2 = folder("gpt2")
    write_gpt2(gpt2)
    tokenizer = load_tokenizer(gpt2)
    assert tokenizer.family.name == "codegen"
    assert len(tokenizer.encode("    in")) == 2  # one run of four spaces
    ranks = folder("ranks")
    (ranks / "x.tiktoken").write_text(rank_lines(small_ranks()))
    with pytest.raises(PhialError, match="no known family has"):
        load_tokenizer(ranks)
    with pytest.raises(PhialError, match="unknown family 'phi-9'"):
        load_tokenizer(ranks, "phi-9")
    with pytest.raises(PhialError, match=r"tokenizer\.json is missing"):
        load_tokenizer(folder("empty"))


def test_a_tokenizer_of_no_known_family_is_refused(tmp_path):
    import tokenizers

    tokenizers.Tokenizer(tokenizers.models.BPE()).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(PhialError, match="lacks the special tokens") as caught:
        load_tokenizer(tmp_path)
    assert caught.value.where == str(tmp_path)
