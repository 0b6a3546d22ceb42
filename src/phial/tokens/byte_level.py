"""Byte-level BPE vocabularies: tiktoken rank files, and GPT-2's vocab.json with merges.txt."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers

from phial.errors import PhialError
from phial.tokens.added import place
from phial.tokens.files import read_bytes, read_json, read_text
from phial.tokens.merges import LONGEST_TOKEN, derive_merges

MAX_RANK_BYTES = 1 << 24  # o200k_base has 3.6 MB

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n%s]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_BEFORE = r"[^\r\n\p{L}\p{N}]?"

# How tiktoken cuts text into words before any merge.
CL100K_PATTERN = rf"{_CONTRACTIONS}|{_BEFORE}\p{{L}}+|" + _REST % ""
O200K_PATTERN = (
    rf"{_BEFORE}{_UPPER}*{_LOWER}+{_CONTRACTIONS}?|{_BEFORE}{_UPPER}+{_LOWER}*{_CONTRACTIONS}?|" + _REST % "/"
)


def read_ranks(path: Path) -> list[bytes]:
    """Read a tiktoken rank file: a token in base64 and its rank on each line.

    Returns:
        The tokens, in the order of their ranks.

    Raises:
        PhialError: the file is missing, too large or damaged; ranks that are not 0, 1, 2, ... each once; a token that
            stands twice or is too long; a byte that is no token.
    """
    where = str(path)
    lines = read_bytes(path, MAX_RANK_BYTES).splitlines()
    tokens: list[bytes | None] = [None] * len(lines)
    for number, line in enumerate(lines, 1):
        try:
            word, rank_text = line.split()
            token, rank = base64.b64decode(word, validate=True), int(rank_text)
        except (ValueError, binascii.Error) as error:
            raise _bad_line(number, "is no base64 token with a rank", where) from error
        if not 0 <= rank < len(lines):
            raise _bad_line(number, f"has rank {rank}; {len(lines)} lines have ranks 0 to {len(lines) - 1}", where)
        if tokens[rank] is not None:
            raise _bad_line(number, f"repeats rank {rank}", where)
        if not 0 < len(token) <= LONGEST_TOKEN:
            raise _bad_line(number, f"has a token of {len(token)} bytes; 1 to {LONGEST_TOKEN} are possible", where)
        tokens[rank] = token
    whole = [token for token in tokens if token is not None]
    known = set(whole)
    if len(known) < len(whole):
        raise PhialError("a token has two ranks", where=where, do="get the file again")
    missing = [byte for byte in range(256) if bytes([byte]) not in known]
    if missing:
        raise PhialError(f"byte {missing[0]} is no token", where=where, do="give a complete tiktoken rank file")
    return whole


def rank_backend(tokens: Sequence[bytes], pattern: str, added: Mapping[str, int], where: str) -> tokenizers.Tokenizer:
    """A rank file's tokenizer in the `tokenizers` library, its added tokens not yet declared.

    Args:
        tokens: by rank.
        pattern: cuts text into words.
        added: further tokens and their ids.
        where: names the file in errors.

    Raises:
        PhialError: an added token's id is another's.
    """
    ids = {write_bytes(token): rank for rank, token in enumerate(tokens)}
    return bpe_backend(place(ids, added, where), derive_merges(ids, ids), pattern)


def gpt2_backend(folder: Path, added: Mapping[str, int]) -> tokenizers.Tokenizer:
    """GPT-2's layout, vocab.json and merges.txt, its added tokens not yet declared.

    Args:
        folder: holds both files.
        added: further tokens and their ids.

    Raises:
        PhialError: a missing or damaged file, ids that are not 0, 1, 2, ..., a merge of unknown tokens.
    """
    vocabulary, merges_path = folder / "vocab.json", folder / "merges.txt"
    ids = read_json(vocabulary)
    if not ids or any(type(index) is not int for index in ids.values()) or set(ids.values()) != set(range(len(ids))):
        raise PhialError("ids are not 0, 1, 2, ...", where=str(vocabulary), do="get the file again")
    check_bytes(ids, str(vocabulary))
    merges = parse_merges(read_text(merges_path).split("\n"), ids, str(merges_path))
    return bpe_backend(place(ids, added, str(vocabulary)), merges, None)


def parse_merges(lines: Iterable[str], ids: Mapping[str, int], where: str) -> list[tuple[str, str]]:
    """Merges as GPT-2 writes them, "left right" each.

    Args:
        lines: the best merge first.
        ids: every token.
        where: names the file in errors.

    Raises:
        PhialError: a merge of tokens, or into a token, that the vocabulary lacks.
    """
    merges: list[tuple[str, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or (number == 1 and line.startswith("#version")):
            continue
        left, _, right = line.rstrip("\r").partition(" ")
        if not (left in ids and right in ids and left + right in ids):
            raise _bad_line(number, f"merges {left!r} and {right!r}, which the vocabulary lacks", where)
        merges.append((left, right))
    return merges


def check_bytes(ids: Mapping[str, int], where: str) -> None:
    """Raise PhialError for a byte that is no token of a byte-level vocabulary."""
    missing = [character for character in _CHARACTERS if character not in ids]
    if missing:
        raise PhialError(f"no token for {missing[0]!r}", where=where, do="give a byte-level vocabulary")


def byte_characters() -> list[str]:
    """The printable character that stands for each byte in a byte-level vocabulary, as GPT-2 chose them."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


_CHARACTERS = byte_characters()


def write_bytes(token: bytes) -> str:
    """A token's bytes as they are written in a byte-level vocabulary."""
    return "".join([_CHARACTERS[byte] for byte in token])


def bpe_backend(
    ids: Mapping[str, int], merges: list[tuple[str, str]], pattern: str | None, whole_words: bool = False
) -> tokenizers.Tokenizer:
    """A byte-level tokenizer in the `tokenizers` library, its added tokens not yet declared.

    Args:
        ids: every token, written in the characters of `byte_characters`.
        merges: best first.
        pattern: cuts text into words; None for GPT-2's, which the library has built in.
        whole_words: a word that is a token is not made by merges (Llama 3).
    """
    backend = tokenizers.Tokenizer(models.BPE(vocab=dict(ids), merges=merges, ignore_merges=whole_words))
    if pattern is None:
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        backend.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_of])
    backend.decoder = decoders.ByteLevel()
    return backend


def _bad_line(number: int, what: str, where: str) -> PhialError:
    return PhialError(f"line {number} {what}", where=where, do="get the file again")
