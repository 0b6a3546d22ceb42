"""A byte-level BPE tokenizer: trained here, stored as tokenizer.json, loaded by transformers unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, processors, trainers

from phial.errors import PhialError

BOS, EOS, SYSTEM, USER, ASSISTANT, END = "<s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"
SPECIAL_TOKENS = (BOS, EOS, SYSTEM, USER, ASSISTANT, END)

# llama.cpp knows this pre-tokenizer as "qwen2": words, single digits, punctuation runs, line ends.
QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class Tokenizer:
    """Encodes text that is never mistaken for a special token, and decodes ids."""

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        # Without this the backend would turn a user's literal "<|end|>" into the control token.
        backend.encode_special_tokens = True
        self.backend = backend
        found = {token: backend.token_to_id(token) for token in SPECIAL_TOKENS}
        self.special = {token: index for token, index in found.items() if index is not None}
        missing = sorted(set(found) - set(self.special))
        if missing:
            raise PhialError(f"tokenizer lacks the special tokens {missing}", do="train it with phial")

    @property
    def vocab_size(self) -> int:
        """Number of ids, special tokens included."""
        return self.backend.get_vocab_size()

    @property
    def bos_id(self) -> int:
        """Opens every document."""
        return self.special[BOS]

    @property
    def eos_id(self) -> int:
        """Closes every document."""
        return self.special[EOS]

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end an answer."""
        return (self.special[END], self.special[EOS])

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; special tokens written in the text stay text."""
        return self.backend.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` over many texts, in parallel."""
        return [encoding.ids for encoding in self.backend.encode_batch(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special tokens are left out."""
        return self.backend.decode(list(ids), skip_special_tokens=True)

    def save(self, folder: Path) -> None:
        """Write tokenizer.json and tokenizer_config.json for transformers."""
        self.backend.save(str(folder / "tokenizer.json"))
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": BOS,
            "eos_token": EOS,
            "pad_token": EOS,
            "clean_up_tokenization_spaces": False,
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Train a byte-level BPE whose digits stay single tokens.

    Args:
        texts: the corpus.
        vocab_size: ids in all; at least 256 bytes and the special tokens.

    Raises:
        PhialError: the vocabulary can't hold every byte.
    """
    floor = 256 + len(SPECIAL_TOKENS)
    if vocab_size < floor:
        raise PhialError(f"vocab_size {vocab_size} is too small", where="tokenizer", do=f"use {floor} or more")
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    backend.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, backend.token_to_id(BOS))]
    )
    return Tokenizer(backend)


def load_tokenizer(folder: Path) -> Tokenizer:
    """Load tokenizer.json from a checkpoint or artifact folder.

    Raises:
        PhialError: the file is missing or not a tokenizer.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise PhialError("tokenizer.json is missing", where=str(folder), do="give a complete checkpoint folder")
    try:
        backend = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception for every fault in the file
        raise PhialError(f"not a tokenizer: {error}", where=str(path), do="make the tokenizer again") from error
    return Tokenizer(backend)
