"""The tokenizer inside a GGUF file: byte-level BPE (its kind "gpt2") or SentencePiece ("llama")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tokenizers
from tokenizers import normalizers

from phial.errors import PhialError
from phial.tokens.added import declare
from phial.tokens.byte_level import CL100K_PATTERN, O200K_PATTERN, bpe_backend, check_bytes, parse_merges
from phial.tokens.families import QWEN2_PATTERN
from phial.tokens.faults import faults
from phial.tokens.loading import find_family
from phial.tokens.sentencepiece_model import (
    BYTE,
    CONTROL,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    SentencePieceModel,
    check_model,
    sentencepiece_backend,
)
from phial.tokens.tokenizer import Tokenizer

_PREFIX = "tokenizer.ggml."
# tokenizer.ggml.pre: what cuts text into words before merges; None for GPT-2's way.
PATTERNS = {
    "gpt-2": None,
    "phi-2": None,
    "qwen2": QWEN2_PATTERN,
    "llama-bpe": CL100K_PATTERN,
    "llama3": CL100K_PATTERN,
    "llama-v3": CL100K_PATTERN,
    "dbrx": CL100K_PATTERN,  # what converters call Phi-4's
    "gpt-4o": O200K_PATTERN,  # Phi-4-mini's
}
# Converters of before May 2024 left it out; these architectures have one each.
_PRE_OF = {"phi2": "gpt-2", "qwen2": "qwen2"}
_WHOLE_WORDS = ("llama-bpe", "llama3", "llama-v3")
_COMPOSED = ("qwen2",)  # text is brought to NFC first; llama.cpp leaves that out, the published tokenizer does not
_BESIDE = "put the model's tokenizer.json beside the file"


def read_gguf_tokenizer(metadata: Mapping[str, Any], where: str) -> Tokenizer:
    """The tokenizer of a GGUF file.

    Args:
        metadata: of the file.
        where: its path, for errors.

    Raises:
        PhialError: another kind of tokenizer, an unknown pre-tokenizer, malformed tokens, merges or scores, or tokens
            of no known family.
    """
    kind = metadata.get(_PREFIX + "model")
    if kind == "gpt2":
        backend, added = _byte_level(metadata, where)
    elif kind == "llama":
        backend, added = _sentencepiece(metadata, where)
    else:
        raise PhialError(f"a tokenizer of kind {kind!r} inside a GGUF file is not read", where=where, do=_BESIDE)
    template = metadata.get("tokenizer.chat_template")
    try:
        family = find_family(backend.get_vocab(), template if isinstance(template, str) else "")
        return Tokenizer(declare(backend, added, family.strips), family)
    except PhialError as error:
        raise PhialError(error.what, where=error.where or where, do=error.do) from error


def _byte_level(metadata: Mapping[str, Any], where: str) -> tuple[tokenizers.Tokenizer, dict[str, int]]:
    pre = metadata.get(_PREFIX + "pre", _PRE_OF.get(str(metadata.get("general.architecture"))))
    if not isinstance(pre, str) or pre not in PATTERNS:
        known = ", ".join(PATTERNS)
        raise PhialError(f"pre-tokenizer {pre!r} is not known (known: {known})", where=where, do=_BESIDE)
    tokens, kinds = _tokens(metadata, where)
    ids: dict[str, int] = {}
    for index, (token, kind) in enumerate(zip(tokens, kinds, strict=True)):
        # Rows that only fill a matrix up, such as "[PAD151936]", are no tokens.
        if token and kind != UNUSED and ids.setdefault(token, index) != index:
            raise _malformed(f"tokens ({token!r} is there twice)", where)
    check_bytes(ids, where)
    merges = parse_merges(_strings(metadata, "merges", where), ids, where)
    with faults("not a tokenizer", where):
        backend = bpe_backend(ids, merges, PATTERNS[pre], pre in _WHOLE_WORDS)
    if pre in _COMPOSED:
        backend.normalizer = normalizers.NFC()
    return backend, _added(tokens, kinds)


def _sentencepiece(metadata: Mapping[str, Any], where: str) -> tuple[tokenizers.Tokenizer, dict[str, int]]:
    tokens, kinds = _tokens(metadata, where)
    scores, unknown = metadata.get(_PREFIX + "scores"), metadata.get(_PREFIX + "unknown_token_id")
    if not isinstance(scores, np.ndarray) or scores.dtype.kind != "f" or len(scores) != len(tokens):
        raise _malformed("scores", where)
    for setting in ("precompiled_charsmap", "remove_extra_whitespaces"):
        if np.any(metadata.get(_PREFIX + setting, False)):
            raise PhialError(f"tokenizer.ggml.{setting} is not supported", where=where, do=_BESIDE)
    # Converters call the unknown piece a control token where tokenizer_config.json lists it among the special ones.
    kinds = [UNKNOWN if index == unknown and kind == CONTROL else kind for index, kind in enumerate(kinds)]
    model = SentencePieceModel(
        tuple(zip(tokens, scores.tolist(), kinds, strict=True)),
        byte_fallback=BYTE in kinds,
        prefix=bool(metadata.get(_PREFIX + "add_space_prefix", True)),
    )
    added = _added(tokens, kinds)
    with faults("not a tokenizer", where):
        return sentencepiece_backend(check_model(model, where), added, where), added


def _added(tokens: list[str], kinds: list[int]) -> dict[str, int]:
    """Tokens that text is searched for before anything else, and their ids."""
    found = (UNKNOWN, CONTROL, USER_DEFINED)
    return {
        token: index for index, (token, kind) in enumerate(zip(tokens, kinds, strict=True)) if token and kind in found
    }


def _tokens(metadata: Mapping[str, Any], where: str) -> tuple[list[str], list[int]]:
    """Texts of all ids and what each is, in SentencePiece's numbers."""
    tokens, kinds = _strings(metadata, "tokens", where), metadata.get(_PREFIX + "token_type")
    if not isinstance(kinds, np.ndarray) or kinds.dtype.kind not in "iu" or len(kinds) != len(tokens):
        raise _malformed("token_type", where)
    return tokens, kinds.tolist()


def _strings(metadata: Mapping[str, Any], name: str, where: str) -> list[str]:
    found = metadata.get(_PREFIX + name)
    if not isinstance(found, list) or not found:
        raise _malformed(name, where)
    return found


def _malformed(what: str, where: str) -> PhialError:
    return PhialError(f"tokenizer.ggml.{what} is missing or malformed", where=where, do="get or make the file again")
