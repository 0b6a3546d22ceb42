"""The tokenizer of a model: phial's own, trained here, or that of another family, loaded from its files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, processors, trainers

from phial.errors import PhialError
from phial.tokens.added import MAX_ID, guard
from phial.tokens.families import (
    ASSISTANT,
    BOS,
    END,
    EOS,
    FAMILIES,
    PHIAL,
    QWEN2_PATTERN,
    SPECIAL_TOKENS,
    SYSTEM,
    USER,
    Family,
)
from phial.tokens.faults import faults
from phial.tokens.loading import find_family, load_backend, read_template

__all__ = [
    "ASSISTANT",
    "BOS",
    "END",
    "EOS",
    "SPECIAL_TOKENS",
    "SYSTEM",
    "USER",
    "Tokenizer",
    "load_tokenizer",
    "train_tokenizer",
]

_FAILS = "the tokenizer fails"

MAX_CHARACTERS = 1 << 23  # of one text; the library takes some 100 bytes of memory for each


class Tokenizer:
    """Encodes text that is never mistaken for a special token, and decodes ids.

    Args:
        backend: of the `tokenizers` library.
        family: whose special tokens and chat format it has; found by its tokens if left out.

    Raises:
        PhialError: the backend lacks a special token of the family, or fits no family.
    """

    def __init__(self, backend: tokenizers.Tokenizer, family: Family | None = None) -> None:
        backend = guard(backend)
        # Without this the backend would turn a user's literal "<|end|>" into the control token.
        backend.encode_special_tokens = True
        self.backend = backend
        names = backend.get_vocab(with_added_tokens=True)
        self.family = find_family(names, "") if family is None else family
        added = backend.get_added_tokens_decoder()
        self.special = {token.content: index for index, token in sorted(added.items()) if token.special}
        missing = sorted({*self.family.signature, self.family.bos, self.family.eos} - set(self.special))
        if missing:
            raise PhialError(f"tokenizer lacks the special tokens {missing}", do="train it with phial")
        self.strips_after = frozenset(index for index, token in added.items() if token.special and token.rstrip)
        self._where = f"{self.family.name} tokenizer"
        self._size = max(names.values()) + 1
        unknown = getattr(backend.model, "unk_token", None)
        self._control = frozenset(index for token, index in self.special.items() if token != unknown)

    @property
    def vocab_size(self) -> int:
        """Number of ids, special tokens included; published vocabularies may leave some of them unused."""
        return self._size

    @property
    def bos_id(self) -> int:
        """Opens every document."""
        return self.special[self.family.bos]

    @property
    def eos_id(self) -> int:
        """Closes every document."""
        return self.special[self.family.eos]

    @property
    def pad_id(self) -> int:
        """Fills what is left of a row."""
        return self.special.get(self.family.pad, self.eos_id)

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end an answer."""
        return tuple(self.special[token] for token in self.family.stops if token in self.special)

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; special tokens written in the text stay text.

        Raises:
            PhialError: the text is too long or no valid Unicode, or the tokenizer is built to make a special token
                of it.
        """
        _check_text(text)
        with faults(_FAILS, self._where):
            ids = self.backend.encode(text, add_special_tokens=False).ids
        return self._checked(ids)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` over many texts, in parallel."""
        for text in texts:
            _check_text(text)
        with faults(_FAILS, self._where):
            encodings = self.backend.encode_batch(list(texts), add_special_tokens=False)
        return [self._checked(encoding.ids) for encoding in encodings]

    def decode(self, ids: Sequence[int], special: bool = False) -> str:
        """Text of ids.

        Args:
            ids: tokens; one that the vocabulary leaves unused, as padded models may draw, is no text.
            special: write special tokens too; they are left out otherwise.

        Raises:
            PhialError: an id that no vocabulary has.
        """
        wanted = list(ids)
        if wanted and not 0 <= min(wanted) <= max(wanted) < MAX_ID:
            wrong = min(wanted) if min(wanted) < 0 else max(wanted)
            raise PhialError(f"id {wrong} is no token", where="ids to decode", do=f"use ids from 0 to {self._size - 1}")
        with faults(_FAILS, self._where):
            return self.backend.decode(wanted, skip_special_tokens=not special)

    def save(self, folder: Path) -> None:
        """Write tokenizer.json and tokenizer_config.json for transformers."""
        self.backend.save(str(folder / "tokenizer.json"))
        pad = self.family.pad if self.family.pad in self.special else self.family.eos
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": self.family.bos,
            "eos_token": self.family.eos,
            "pad_token": pad,
            "clean_up_tokenization_spaces": False,
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")

    def _checked(self, ids: list[int]) -> list[int]:
        if not self._control.isdisjoint(ids):
            token = self.backend.id_to_token(next(index for index in ids if index in self._control))
            raise PhialError(f"plain text became the special token {token!r}", where=self._where, do="do not use it")
        return ids


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
    return Tokenizer(backend, PHIAL)


def load_tokenizer(folder: Path, family: str | None = None) -> Tokenizer:
    """Load a tokenizer from a checkpoint or artifact folder.

    tokenizer.json is read where it exists; otherwise a `*.tiktoken` rank file, a SentencePiece `tokenizer.model`, or
    vocab.json with merges.txt.

    Args:
        folder: holds the files.
        family: name of the family (one of `phial.tokens.families`); found by the files if left out.

    Raises:
        PhialError: files are missing, damaged, or of no known family.
    """
    named = None if family is None else _family(family)
    template = read_template(folder) if named is None else ""
    backend = load_backend(folder, named)
    try:
        return Tokenizer(backend, named or find_family(backend.get_vocab(with_added_tokens=True), template))
    except PhialError as error:
        raise PhialError(error.what, where=error.where or str(folder), do=error.do) from error


def _family(name: str) -> Family:
    found = next((family for family in FAMILIES if family.name == name), None)
    if found is None:
        names = ", ".join(family.name for family in FAMILIES)
        raise PhialError(f"unknown family {name!r}", where="tokenizer family", do=f"use one of {names}")
    return found


def _check_text(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        what = f"a text of {len(text)} characters; {MAX_CHARACTERS} at most"
        raise PhialError(what, where="text to encode", do="encode it in parts")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            what = f"character {error.start} of a text is half of a pair (a lone surrogate)"
            raise PhialError(what, where="text to encode", do="read the text as UTF-8") from error
