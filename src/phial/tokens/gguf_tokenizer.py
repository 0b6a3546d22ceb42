"""The byte-level BPE tokenizer inside a GGUF file, made into one of the `tokenizers` library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers

from phial.errors import PhialError
from phial.tokens.tokenizer import QWEN2_PATTERN

_PREFIX = "tokenizer.ggml."
CONTROL, USER_DEFINED = 3, 4  # of tokenizer.ggml.token_type
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K_PATTERN = QWEN2_PATTERN.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
O200K_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# tokenizer.ggml.pre: the expression that cuts text into words, before merges
PATTERNS = {
    "gpt-2": GPT2_PATTERN,
    "phi-2": GPT2_PATTERN,
    "qwen2": QWEN2_PATTERN,
    "llama-bpe": CL100K_PATTERN,
    "llama3": CL100K_PATTERN,
    "llama-v3": CL100K_PATTERN,
    "dbrx": CL100K_PATTERN,  # what converters call Phi-4's
    "gpt-4o": O200K_PATTERN,  # Phi-4-mini's
}
_WHOLE_WORDS_FIRST = ("llama-bpe", "llama3", "llama-v3")  # a word that is a token is not merged from its parts
_COMPOSED = ("qwen2",)  # text is brought to NFC first


def read_gguf_tokenizer(metadata: Mapping[str, Any], where: str) -> tokenizers.Tokenizer:
    """The tokenizer of a GGUF file of the gpt2 kind.

    Args:
        metadata: of the file.
        where: its path, for errors.

    Returns:
        A tokenizer that adds nothing to the text; control tokens are special.

    Raises:
        PhialError: another kind of tokenizer, an unknown pre-tokenizer, or malformed tokens or merges.
    """
    kind, pre = metadata.get(_PREFIX + "model"), metadata.get(_PREFIX + "pre", "gpt-2")
    if kind != "gpt2":
        raise PhialError(
            f"a tokenizer of kind {kind!r} inside a GGUF file is not read",
            where=where,
            do="put the model's tokenizer.json beside the file",
        )
    if pre not in PATTERNS:
        known = ", ".join(PATTERNS)
        raise PhialError(
            f"pre-tokenizer {pre!r} is not known (known: {known})",
            where=where,
            do="put the model's tokenizer.json beside the file",
        )
    tokens, merges = _strings(metadata, "tokens", where), _strings(metadata, "merges", where)
    kinds = metadata.get(_PREFIX + "token_type")
    if kinds is not None and (not isinstance(kinds, np.ndarray) or len(kinds) != len(tokens)):
        raise _malformed("token_type", where)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise _malformed("tokens (one is there twice)", where)
    pairs = []
    for merge in merges:
        left, space, right = merge.partition(" ")
        if not space or left not in vocabulary or right not in vocabulary or left + right not in vocabulary:
            raise _malformed(f"merges ({merge!r})", where)
        pairs.append((left, right))
    backend = tokenizers.Tokenizer(models.BPE(vocabulary, pairs, ignore_merges=pre in _WHOLE_WORDS_FIRST))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERNS[pre]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    if pre in _COMPOSED:
        backend.normalizer = normalizers.NFC()
    if kinds is not None:
        added = [
            AddedToken(token, special=int(kind) == CONTROL, normalized=False)
            for token, kind in zip(tokens, kinds, strict=True)
            if int(kind) in (CONTROL, USER_DEFINED) and token
        ]
        backend.add_tokens(added)
    return backend


def gguf_chat_template(metadata: Mapping[str, Any]) -> str | None:
    """The chat template's source, as data: render it only in a sandbox."""
    found = metadata.get("tokenizer.chat_template")
    return found if isinstance(found, str) else None


def _strings(metadata: Mapping[str, Any], name: str, where: str) -> list[str]:
    found = metadata.get(_PREFIX + name)
    if not isinstance(found, list):
        raise _malformed(name, where)
    return found


def _malformed(what: str, where: str) -> PhialError:
    return PhialError(f"tokenizer.ggml.{what} is missing or malformed", where=where, do="get or make the file again")
