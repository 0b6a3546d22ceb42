"""Tokenizer backends from whatever files a checkpoint folder has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tokenizers

from phial.errors import PhialError
from phial.tokens.added import declare, guard
from phial.tokens.byte_level import gpt2_backend, rank_backend, read_ranks
from phial.tokens.families import CODEGEN, FAMILIES, PHI3, PHI4_MINI_REASONING, PHI4_REASONING, Family
from phial.tokens.faults import faults
from phial.tokens.files import MAX_BYTES, read_bytes, read_json, read_text
from phial.tokens.sentencepiece_model import read_model, sentencepiece_backend


def load_backend(folder: Path, family: Family | None) -> tokenizers.Tokenizer:
    """Load the first there is of tokenizer.json, `*.tiktoken`, tokenizer.model, and vocab.json with merges.txt.

    Args:
        folder: a checkpoint folder.
        family: whose special tokens a file without any gets; found by the folder's config.json if left out.

    Raises:
        PhialError: there is no such file, it is damaged, or its family is not known.
    """
    if (folder / "tokenizer.json").is_file():
        return _read_json_tokenizer(folder / "tokenizer.json")
    ranks = sorted(folder.glob("*.tiktoken"))
    if ranks:
        tokens = read_ranks(ranks[0])
        family = family or _rank_family(folder, len(tokens), str(ranks[0]))
        backend = rank_backend(tokens, family.pattern, family.special, str(ranks[0]))
        return declare(backend, family.special, family.strips)
    if (folder / "tokenizer.model").is_file():
        family = family or PHI3
        model = read_model(folder / "tokenizer.model")
        # What the model itself calls a control piece is one, whatever its name.
        special = model.special | dict(family.special)
        backend = sentencepiece_backend(model, special, str(folder / "tokenizer.model"))
        return declare(backend, special, family.strips)
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        family = family or CODEGEN
        added = _read_added(folder / "added_tokens.json") or dict(family.special) | dict(family.spaces)
        return declare(gpt2_backend(folder, added), added, family.strips)
    raise PhialError("tokenizer.json is missing", where=str(folder), do="give a complete checkpoint folder")


def find_family(names: Mapping[str, int], template: str) -> Family:
    """The family of a tokenizer with these tokens.

    Args:
        names: every token and its id.
        template: the checkpoint's chat template; tells apart families that share a vocabulary.

    Raises:
        PhialError: no family has these tokens.
    """
    for family in FAMILIES:
        if all(token in names for token in family.signature):
            twins = [twin for twin in FAMILIES if twin.signature == family.signature and twin is not family]
            return next((twin for twin in twins if twin.chat.system and twin.chat.system in template), family)
    raise PhialError("tokenizer lacks the special tokens of every known family", do="train it with phial")


def read_template(folder: Path) -> str:
    """The chat template that a checkpoint ships, "" if there is none.

    Raises:
        PhialError: an unreadable file.
    """
    if (folder / "chat_template.jinja").is_file():
        return read_text(folder / "chat_template.jinja").removesuffix("\n")
    if not (folder / "tokenizer_config.json").is_file():
        return ""
    template = read_json(folder / "tokenizer_config.json").get("chat_template", "")
    if isinstance(template, list):  # several named ones
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        template = named.get("default", "")
    return template if isinstance(template, str) else ""


def _read_json_tokenizer(path: Path) -> tokenizers.Tokenizer:
    data = read_bytes(path, 2 * MAX_BYTES)
    with faults("not a tokenizer", str(path)):
        backend = tokenizers.Tokenizer.from_buffer(data)
    # A file may ask for texts to be cut short or filled up, silently.
    backend.no_truncation()
    backend.no_padding()
    if getattr(backend.model, "dropout", None):  # leaves out merges at random, for training
        backend.model.dropout = None
    return guard(backend)


def _rank_family(folder: Path, count: int, where: str) -> Family:
    model_type = read_json(folder / "config.json").get("model_type") if (folder / "config.json").is_file() else ""
    fitting = [family for family in FAMILIES if family.ranks == count]
    if count == 100256:  # shared by Phi-3-small, which has no tokenizer.json, and Phi-4, which has one
        fitting = [family for family in fitting if (family.name == "phi-3-small") == (model_type == "phi3small")]
    fitting = [family for family in fitting if family not in (PHI4_REASONING, PHI4_MINI_REASONING)]
    if len(fitting) != 1:
        raise PhialError(
            f"no known family has {count} ranks", where=where, do="name the family, or give tokenizer.json"
        )
    return fitting[0]


def _read_added(path: Path) -> dict[str, int]:
    if not path.is_file():
        return {}
    added = read_json(path)
    if not all(token and type(index) is int for token, index in added.items()):
        raise PhialError("not a list of tokens and ids", where=str(path), do="get the file again")
    return added
