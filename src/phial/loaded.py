"""A model by its name, ready to be called: `phial.load` for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from phial.engine.choice import TOKENS
from phial.engine.engine import Engine
from phial.engine.int4_backend import Int4Backend
from phial.engine.request import Sampling
from phial.engine.torch_backend import TorchBackend
from phial.errors import PhialError
from phial.model.checkpoint import DTYPES, load_gguf, load_weights
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.model.files import read_config, read_tokenizer
from phial.model.hub import download, parse_name
from phial.quant.dequantized import dequantized_decoder
from phial.quant.folder import is_quantized, read_quantized
from phial.quant.quantized import QuantizedModel
from phial.tokens.chat import encode_chat
from phial.tokens.gguf_tokenizer import read_gguf_tokenizer
from phial.tokens.tokenizer import Tokenizer, load_tokenizer


@dataclass(frozen=True)
class Loaded:
    """What `load` returns.

    Attributes:
        model: model(ids) gives logits [batch, time, vocab_size] of int64 ids [batch, time].
        commit: of the repository, where the model came from the Hub.
        quantized: the packed weights of a quantized folder; `model` then holds what they stand for, as floats, and is
            made when it is first asked for.
        read_tokenizer: reads the tokenizer when it is first asked for.
        read_model: gives the model when it is first asked for.
    """

    config: ModelConfig
    commit: str | None = None
    quantized: QuantizedModel | None = field(default=None, repr=False)
    read_tokenizer: Callable[[], Tokenizer] = field(kw_only=True, repr=False)
    read_model: Callable[[], Decoder] = field(kw_only=True, repr=False)

    @cached_property
    def model(self) -> Decoder:
        """The decoder."""
        return self.read_model()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Encodes and decodes text.

        Raises:
            PhialError: the model came without a tokenizer that can be read; its weights are of use all the same.
        """
        return self.read_tokenizer()

    @cached_property
    def engine(self) -> Engine:
        """Answers many prompts at a time; see `Engine.submit`. Packed weights run in the int4 kernels, floats in torch.

        Raises:
            PhialError: there is no tokenizer, or no compiled kernels for packed weights.
        """
        if self.quantized is None:
            return Engine(TorchBackend(self.model), self.tokenizer)
        return Engine(Int4Backend(self.quantized, min(TOKENS, self.config.max_position_embeddings)), self.tokenizer)

    def generate(
        self,
        text: str | Sequence[str],
        sampling: Sampling | None = None,
        *,
        chat: bool = True,
        adapter: str | Path | None = None,
    ) -> str | list[str]:
        """Answer a user's words, or each of several; `engine` has everything else.

        Args:
            text: the words; several are answered together.
            sampling: how answers are drawn; greedy, up to 200 tokens, if left out.
            chat: put the words into the model's chat format; otherwise go on with them as they are, behind the token
                that opens a document.
            adapter: folder of a LoRA adapter, which is loaded when it is first given, or the name that one was loaded
                with into `engine`.

        Returns:
            The answer, or one a text, in order.

        Raises:
            PhialError: a text that does not fit the context, a model without a tokenizer, or an unusable adapter.
        """
        several = [text] if isinstance(text, str) else list(text)
        if chat:
            prompts = [encode_chat(self.tokenizer, [("user", words)], generation_prompt=True)[0] for words in several]
        else:
            prompts = [[self.tokenizer.bos_id, *self.tokenizer.encode(words)] for words in several]
        name = None if adapter is None else str(adapter)
        if name is not None and name not in self.engine.adapters:
            self.engine.load_adapter(name, Path(name))
        answers = [answer.text for answer in self.engine.generate(prompts, sampling or Sampling(), adapter=name)]
        return answers[0] if isinstance(text, str) else answers


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
    if place.is_dir() and is_quantized(place):
        packed = read_quantized(place)
        return Loaded(
            packed.config,
            commit,
            packed,
            read_tokenizer=lambda: read_tokenizer(place, packed.config),
            read_model=lambda: dequantized_decoder(packed, DTYPES[dtype]).to(device),
        )
    if place.is_dir():
        model = load_weights(place, read_config(place), dtype, device)
        return Loaded(
            model.config, commit, read_tokenizer=lambda: read_tokenizer(place, model.config), read_model=lambda: model
        )
    model, metadata = load_gguf(place, dtype, device)

    def from_gguf() -> Tokenizer:
        beside = place.parent / "tokenizer.json"
        try:
            return read_gguf_tokenizer(metadata, str(place))
        except PhialError:
            if not beside.is_file():
                raise
        return load_tokenizer(place.parent)

    return Loaded(model.config, commit, read_tokenizer=from_gguf, read_model=lambda: model)
