"""A model by its name, ready to be called: `phial.load` for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from phial.errors import PhialError
from phial.model.checkpoint import load_gguf, load_weights
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.model.files import read_config, read_tokenizer
from phial.model.hub import download, parse_name
from phial.tokens.gguf_tokenizer import read_gguf_tokenizer
from phial.tokens.tokenizer import Tokenizer, load_tokenizer

if TYPE_CHECKING:
    from phial.engine.engine import Engine
    from phial.engine.request import Generation, Sampling


@dataclass(frozen=True)
class Loaded:
    """What `load` returns.

    Attributes:
        model: model(ids) gives logits [batch, time, vocab_size] of int64 ids [batch, time].
        commit: of the repository, where the model came from the Hub.
        read_tokenizer: reads the tokenizer when it is first asked for.
    """

    model: Decoder
    commit: str | None = None
    read_tokenizer: Callable[[], Tokenizer] = field(kw_only=True, repr=False)

    @property
    def config(self) -> ModelConfig:
        """The model's shape."""
        return self.model.config

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Encodes and decodes text.

        Raises:
            PhialError: the model came without a tokenizer that can be read; its weights are of use all the same.
        """
        return self.read_tokenizer()

    @cached_property
    def engine(self) -> Engine:
        """Answers many requests at a time: `submit`, `generate`, `fork`; see `phial.engine.engine`."""
        from phial.engine.engine import Engine
        from phial.engine.torch_backend import TorchBackend

        return Engine(TorchBackend(self.model), self.tokenizer)

    def generate(self, prompts: Sequence[str], sampling: Sampling | None = None) -> list[Generation]:
        """Go on with texts.

        Args:
            prompts: as they are, behind the token that opens a document; nothing is put into a chat format.
            sampling: how the answers are drawn; likeliest tokens if left out.

        Returns:
            One answer a text, in order.

        Raises:
            PhialError: a text leaves no room in the context.
        """
        from phial.engine.request import Sampling

        ids = [[self.tokenizer.bos_id, *self.tokenizer.encode(prompt)] for prompt in prompts]
        return self.engine.generate(ids, sampling or Sampling())


def load(path: str | Path, dtype: str = "float32", device: str = "cpu", offline: bool = False) -> Loaded:
    """Load a model of the family.

    Args:
        path: a checkpoint folder, a .gguf file, or a name on the Hugging Face Hub, which is downloaded once:
            "organisation/model", with "@revision" and ":file.gguf" behind it where wanted. What exists on the disk is
            never looked for on the Hub.
        dtype: "float32", "float16" or "bfloat16"; weights stored in it stay in the file's memory map.
        device: where the weights go.
        offline: use only what was downloaded before.

    Raises:
        PhialError: nothing there, a damaged file, a model that is not of the family, or a failed download.
    """
    place, commit = Path(path), None
    if not place.exists():
        name = parse_name(str(path))
        if name is None:
            advice = "give a checkpoint folder, a .gguf file, or a name on the Hub such as microsoft/phi-4"
            raise PhialError(f"there is no {path}", where="load", do=advice)
        found = download(name, offline)
        place, commit = found.path, found.commit
    if place.is_dir():
        model = load_weights(place, read_config(place), dtype, device)
        return Loaded(model, commit, read_tokenizer=lambda: read_tokenizer(place, model.config))
    model, metadata = load_gguf(place, dtype, device)

    def from_gguf() -> Tokenizer:
        beside = place.parent / "tokenizer.json"
        try:
            return read_gguf_tokenizer(metadata, str(place))
        except PhialError:
            if not beside.is_file():
                raise
        return load_tokenizer(place.parent)

    return Loaded(model, commit, read_tokenizer=from_gguf)
