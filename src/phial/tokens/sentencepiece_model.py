"""SentencePiece models (`tokenizer.model`) without the sentencepiece library."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, normalizers

from phial.errors import PhialError
from phial.tokens.added import place
from phial.tokens.files import read_bytes
from phial.tokens.merges import LONGEST_TOKEN, derive_merges
from phial.tokens.protobuf import BYTES, FIXED32, VARINT, read_fields

MAX_MODEL_BYTES = 1 << 24  # Llama-2 and Phi-3 have 0.5 MB, the largest in wide use 4 MB
MAX_PIECES = 1_000_000
SPACE = "\u2581"  # SentencePiece writes a space as this character

# Numbers of sentencepiece_model.proto.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
BPE = 2


@dataclass(frozen=True)
class SentencePieceModel:
    """What phial reads of a model file.

    Attributes:
        pieces: text, score and type of each id; those that are UNUSED are no tokens.
        byte_fallback: characters that are no piece are written as bytes.
        prefix: a space is put before the text.
    """

    pieces: tuple[tuple[str, float, int], ...]
    byte_fallback: bool
    prefix: bool

    @property
    def special(self) -> dict[str, int]:
        """Ids of the control pieces and of the unknown piece."""
        return {text: index for index, (text, _, kind) in enumerate(self.pieces) if kind in (UNKNOWN, CONTROL)}


def read_model(path: Path) -> SentencePieceModel:
    """Read a SentencePiece BPE model.

    Raises:
        PhialError: the file is missing or damaged, or asks for something that no Phi model uses: another algorithm
            than BPE, text normalization, user-defined pieces.
    """
    where = str(path)
    pieces: list[tuple[str, float, int]] = []
    model_type, byte_fallback, prefix, extra_whitespace, normalizes = 1, False, True, True, False
    for number, wire_type, value in read_fields(memoryview(read_bytes(path, MAX_MODEL_BYTES)), where):
        if not isinstance(value, memoryview) or wire_type != BYTES:
            continue
        if number == 1:
            pieces.append(_piece(value, len(pieces), where))
            if len(pieces) > MAX_PIECES:
                raise PhialError(f"more than {MAX_PIECES} pieces", where=where, do="get the file again")
        elif number == 2:
            facts = _numbers(value, where)
            model_type, byte_fallback = facts.get(3, 1), bool(facts.get(35, 0))
        elif number == 3:
            facts = _numbers(value, where)
            prefix, extra_whitespace = bool(facts.get(3, 1)), bool(facts.get(4, 1))
            normalizes = any(n == 2 and len(v) for n, _, v in read_fields(value, where) if isinstance(v, memoryview))
    if not pieces:
        raise PhialError("no SentencePiece model: it has no pieces", where=where, do="give a tokenizer.model file")
    unsupported = {
        f"model type {model_type}": model_type != BPE,
        "text normalization": normalizes,
        "removal of extra spaces": extra_whitespace,
        "user-defined or unused pieces": any(kind in (USER_DEFINED, UNUSED) for _, _, kind in pieces),
    }
    for what, found in unsupported.items():
        if found:
            raise PhialError(f"SentencePiece {what} is not supported", where=where, do="convert it to tokenizer.json")
    return check_model(SentencePieceModel(tuple(pieces), byte_fallback, prefix), where)


def check_model(model: SentencePieceModel, where: str) -> SentencePieceModel:
    """The same model, its pieces in order.

    Args:
        model: from a file.
        where: names the file in errors.

    Raises:
        PhialError: a piece that stands twice, is empty or too long, or has no score or type; bytes without a piece; no
            way to write an unknown character.
    """
    texts: set[str] = set()
    for index, (text, score, kind) in enumerate(model.pieces):
        if not text or len(text) > LONGEST_TOKEN:
            raise _wrong_piece(index, f"has {len(text)} characters; 1 to {LONGEST_TOKEN} are possible", where)
        if not math.isfinite(score):
            raise _wrong_piece(index, f"has the score {score}", where)
        if not NORMAL <= kind <= BYTE:
            raise _wrong_piece(index, f"has the unknown type {kind}", where)
        if kind != UNUSED and text in texts:
            raise PhialError(f"a piece stands twice in the model: {text!r}", where=where, do="get the file again")
        if kind != UNUSED:
            texts.add(text)
    if model.byte_fallback:
        missing = [f"<0x{byte:02X}>" for byte in range(256) if f"<0x{byte:02X}>" not in texts]
        if missing:
            raise PhialError(f"byte fallback without the piece {missing[0]}", where=where, do="get the file again")
    elif not any(kind == UNKNOWN for _, _, kind in model.pieces):
        raise PhialError("neither byte fallback nor an unknown piece", where=where, do="get the file again")
    return model


def sentencepiece_backend(model: SentencePieceModel, added: Mapping[str, int], where: str) -> tokenizers.Tokenizer:
    """The same tokenizer in the `tokenizers` library, its added tokens not yet declared.

    Args:
        model: what the file holds.
        added: further tokens and their ids, and the model's own special ones.
        where: names the file in errors.

    Raises:
        PhialError: an added token's id is another's.
    """
    ids = {text: index for index, (text, _, kind) in enumerate(model.pieces) if kind != UNUSED}
    normal = {text: score for text, score, kind in model.pieces if kind == NORMAL}
    # Only ordinary pieces are parts: a text that spells a control piece must not be joined to it.
    parts = {text: ids[text] for text in normal}
    best_first = sorted((text for text in normal if len(text) > 1), key=lambda text: (-normal[text], ids[text]))
    unknown = next((text for text, _, kind in model.pieces if kind == UNKNOWN), None)
    backend = tokenizers.Tokenizer(
        models.BPE(
            vocab=place(ids, added, where),
            merges=derive_merges(best_first, parts),
            unk_token=unknown,
            fuse_unk=True,
            byte_fallback=model.byte_fallback,
        )
    )
    steps: list[normalizers.Normalizer] = [normalizers.Prepend(SPACE)] if model.prefix else []
    backend.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", SPACE)])
    undo: list[decoders.Decoder] = [decoders.Strip(" ", 1, 0)] if model.prefix else []
    backend.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *undo])
    return backend


def _piece(data: memoryview, index: int, where: str) -> tuple[str, float, int]:
    text, score, kind = "", 0.0, NORMAL
    for number, wire_type, value in read_fields(data, where):
        if number == 1 and wire_type == BYTES and isinstance(value, memoryview):
            try:
                text = bytes(value).decode()
            except UnicodeDecodeError as error:
                raise _wrong_piece(index, "is no UTF-8", where) from error
        elif number == 2 and wire_type == FIXED32 and isinstance(value, memoryview):
            [score] = struct.unpack("<f", value)
        elif number == 3 and wire_type == VARINT and isinstance(value, int):
            kind = value
    return text, score, kind


def _numbers(data: memoryview, where: str) -> dict[int, int]:
    return {number: value for number, _, value in read_fields(data, where) if isinstance(value, int)}


def _wrong_piece(index: int, what: str, where: str) -> PhialError:
    return PhialError(f"piece {index} {what}", where=where, do="get the file again")
