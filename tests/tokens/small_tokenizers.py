"""Small tokenizers with the published special tokens: real layouts, vocabularies of a few hundred tokens."""

from __future__ import annotations

import base64
import json
import struct
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from phial.tokens.byte_level import byte_characters
from phial.tokens.families import CODEGEN, FAMILIES, PHI3, PHI3_VISION, PHIAL
from phial.tokens.tokenizer import Tokenizer, load_tokenizer, train_tokenizer

WORDS = ("the", " the", " and", "ing", "er", "on", "in", "Hello", " user", "user", "12", "\n\n", "    ")
SPACE = "\u2581"
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, value: bytes | int | float) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3) + varint(value)


def piece(text: str, score: float = 0.0, kind: int = NORMAL) -> bytes:
    return field(1, field(1, text.encode()) + field(2, score) + field(3, kind))


def sentencepiece_bytes(words: Sequence[str] = (), model_type: int = 2, extra: bytes = b"") -> bytes:
    """A model with byte fallback whose words are joined from left to right."""
    parts = [piece("<unk>", kind=UNKNOWN), piece("<s>", kind=CONTROL), piece("</s>", kind=CONTROL)]
    parts += [piece(f"<0x{byte:02X}>", kind=BYTE) for byte in range(256)]
    joined = dict.fromkeys(word[:end] for word in words for end in range(2, len(word) + 1))
    parts += [piece(text, -float(index)) for index, text in enumerate(joined)]
    parts += [piece(text, -1e6) for text in dict.fromkeys("".join(words))]
    trainer = field(2, field(3, model_type) + field(35, 1))
    normalizer = field(3, field(1, b"identity") + field(3, 1) + field(4, 0))
    return b"".join(parts) + trainer + normalizer + extra


def rank_lines(tokens: Sequence[bytes]) -> str:
    return "".join(f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens))


def small_ranks(words: Sequence[str] = WORDS) -> list[bytes]:
    joined = [word.encode()[:end] for word in words for end in range(2, len(word.encode()) + 1)]
    return [bytes([byte]) for byte in range(256)] + list(dict.fromkeys(joined))


def write_gpt2(folder: Path) -> None:
    characters = byte_characters()
    ids = {character: index for index, character in enumerate(characters)}
    merges = []
    for left, right in (("t", "h"), ("th", "e"), ("\u0120", "the"), ("e", "r"), ("\u0120", "\u0120"), ("i", "n")):
        merges.append(f"{left} {right}")
        ids[left + right] = len(ids)
    ids["<|endoftext|>"] = len(ids)
    (folder / "vocab.json").write_text(json.dumps(ids))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    runs = {text: len(ids) + index for index, text in enumerate(CODEGEN.spaces)}
    (folder / "added_tokens.json").write_text(json.dumps(runs | {"<|endoftext|>": ids["<|endoftext|>"]}))


@lru_cache
def small_tokenizer(name: str) -> Tokenizer:
    """A family's tokenizer, read from the kind of file that the family has."""
    family = next(family for family in FAMILIES if family.name == name)
    if family is PHIAL:
        return train_tokenizer([" ".join(WORDS)] * 4, 300)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if family in (PHI3, PHI3_VISION):
            words = [word.replace(" ", SPACE) for word in WORDS]
            (folder / "tokenizer.model").write_bytes(sentencepiece_bytes([*words, SPACE + "Hello"]))
        elif family is CODEGEN:
            write_gpt2(folder)
        else:
            (folder / "small.tiktoken").write_text(rank_lines(small_ranks()))
        return load_tokenizer(folder, name)
