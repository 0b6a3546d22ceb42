"""A model by its name, ready to be called: `phial.load` for scripts and notebooks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tokenizers

from phial.errors import PhialError
from phial.model.checkpoint import DTYPES, fill, load_weights
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.model.files import read_config
def is_hub_name(x): return False
from phial.tokens.gguf_tokenizer import gguf_chat_template, read_gguf_tokenizer


@dataclass(frozen=True)
class TextTokenizer:
    """Text to ids and back.

    Attributes:
        backend: the tokenizer, or None where the model came without one that can be read.
        missing: then, why.
    """

    backend: tokenizers.Tokenizer | None
    missing: PhialError | None = None

    def __bool__(self) -> bool:
        return self.backend is not None

    def _ready(self) -> tokenizers.Tokenizer:
        if self.backend is None:
            raise self.missing or PhialError("this model has no tokenizer", do="work with ids")
        return self.backend

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; special tokens written in the text stay text.

        Raises:
            PhialError: there is no tokenizer.
        """
        return self._ready().encode(text, add_special_tokens=False).ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special tokens are left out.

        Raises:
            PhialError: there is no tokenizer.
        """
        return self._ready().decode(list(ids), skip_special_tokens=True)

    def token_id(self, token: str) -> int:
        """Id of a token, a special one too.

        Raises:
            PhialError: there is no tokenizer, or no such token.
        """
        found = self._ready().token_to_id(token)
        if found is None:
            raise PhialError(f"no token {token!r}", where="tokenizer", do="name a token of this model")
        return found


@dataclass(frozen=True)
class Loaded:
    """What `load` returns.

    Attributes:
        model: model(ids) gives logits [batch, time, vocab_size] of int64 ids [batch, time].
        tokenizer: encode and decode; false where there is none, and then an error on use.
        config: the model's shape.
        chat_template: Jinja source as data, or None; render it only in a sandbox.
    """

    model: Decoder
    tokenizer: TextTokenizer
    config: ModelConfig
    chat_template: str | None = None


def load(path: str | Path, dtype: str = "float32", device: str = "cpu", offline: bool = False) -> Loaded:
    """Load a model of the family.

    Args:
        path: a Hugging Face folder, a .gguf file, or a name on the Hugging Face Hub ("microsoft/phi-4", or
            "microsoft/phi-4@REVISION"), which is downloaded once. What exists on the disk is never looked for there.
        dtype: "float32", "float16" or "bfloat16"; weights stored in it stay in the file's memory map.
        device: where the weights go.
        offline: use only what was downloaded before.

    Raises:
        PhialError: nothing there, a damaged file, a model that is not of the family, or a failed download.
    """
    if dtype not in DTYPES:
        raise PhialError(f"dtype {dtype!r}", where="load", do=f"choose from {', '.join(DTYPES)}")
    place = Path(path)
    if not place.exists():
        if not is_hub_name(str(path)):
            advice = "give a checkpoint folder, a .gguf file, or a name on the Hub such as microsoft/phi-4"
            raise PhialError(f"there is no {path}", where="load", do=advice)
        name, _, revision = str(path).partition("@")
        place = download(name, revision or "main", offline=offline)
    return _load_gguf(place, dtype, device) if place.is_file() else _load_folder(place, dtype, device)


def _load_folder(folder: Path, dtype: str, device: str) -> Loaded:
    config = read_config(folder)
    tokenizer, file = TextTokenizer(None, _none(folder)), folder / "tokenizer.json"
    if file.is_file():
        tokenizer = TextTokenizer(_read_tokenizer(file))
    return Loaded(load_weights(folder, config, dtype, device), tokenizer, config, _template(folder))


def _load_gguf(path: Path, dtype: str, device: str) -> Loaded:
    import torch

    from phial.model.gguf_files import GGUFFile

    with GGUFFile(path, DTYPES[dtype]) as file:
        file.check()
        beside = path.parent / "tokenizer.json"
        try:
            tokenizer = TextTokenizer(_plain(read_gguf_tokenizer(file.header.metadata, str(path))))
        except PhialError as error:
            # The weights are of use without it, so the fault is kept for whoever asks for text.
            tokenizer = TextTokenizer(_read_tokenizer(beside)) if beside.is_file() else TextTokenizer(None, error)
        template = gguf_chat_template(file.header.metadata)
        model = fill(file.config, file, DTYPES[dtype], torch.device(device), file.sources())
        return Loaded(model, tokenizer, file.config, template)


def _none(folder: Path) -> PhialError:
    return PhialError("tokenizer.json is missing", where=str(folder), do="put the model's tokenizer.json there")


def _read_tokenizer(path: Path) -> tokenizers.Tokenizer:
    try:
        return _plain(tokenizers.Tokenizer.from_file(str(path)))
    except Exception as error:  # the library raises bare Exception for every fault in the file
        raise PhialError(f"not a tokenizer: {error}", where=str(path), do="get the file again") from error


def _plain(backend: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    backend.encode_special_tokens = True  # a user's literal "<|end|>" is no control token
    backend.no_truncation()
    backend.no_padding()
    return backend


def _template(folder: Path) -> str | None:
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text()
    try:
        found = json.loads((folder / "tokenizer_config.json").read_text()).get("chat_template")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
