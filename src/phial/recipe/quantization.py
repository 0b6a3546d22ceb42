"""The quantize verb: finds the model and the text, and hands both to the quant room."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

from phial.engine.choice import runs_small
from phial.errors import PhialError
from phial.kernels.int4_library import int4_build
from phial.kernels.packing import VERSION
from phial.model.files import read_config, read_tokenizer
from phial.model.hub import download, parse_name
from phial.quant.folder import is_quantized
from phial.quant.make import Texts, make_quantized
from phial.quant.quality import QualityReport
from phial.quant.quantize import Settings
from phial.quant.report import held_out
from phial.quant.streamed import as_windows
from phial.quant.weights import open_parameters
from phial.recipe.runner import find_model
from phial.synth.seeds import read_seeds
from phial.tokens.gguf_tokenizer import read_gguf_tokenizer
from phial.tokens.tokenizer import Tokenizer, load_tokenizer

WINDOW = 512
# What talking to a float model makes of it: as near to the float weights as Q4_0 at as many bits, in a minute or two.
CHAT = Settings(group_size=32, by_group=True)
_BYTES_PER_TOKEN = 8  # more than any tokenizer needs; what is left over is not read


def quantize_model(
    model: Path,
    to: Path,
    settings: Settings,
    *,
    bits_per_weight: float | None = None,
    text: Path | None = None,
    calibration_tokens: int = 16_384,
    held_out_tokens: int = 2_048,
    progress: Callable[[str], None] | None = None,
) -> QualityReport:
    """Quantize a checkpoint folder or a GGUF file.

    Args:
        model: what to quantize.
        to: the folder to make.
        settings: how.
        bits_per_weight: budget of mixed precision; None: 4 bits everywhere.
        text: UTF-8 text; its end is held out, its beginning calibrates. None: the standard library's own docstrings
            and code.
        calibration_tokens: at most so many.
        held_out_tokens: at most so many.
        progress: told what was done.

    Raises:
        PhialError: see `make_quantized`; or the text is too short.
    """
    if is_quantized(model):
        raise PhialError("this model is quantized already", where=str(model), do="give the float model")
    tokenizer = model_tokenizer(model)
    name = "the Python standard library's docstrings and code" if text is None else text.name
    needed = _BYTES_PER_TOKEN * (calibration_tokens + held_out_tokens)
    words = standard_library_text(needed) if text is None else _read(text)
    # at most a fifth is held out of a short text
    end = len(words) - min(_BYTES_PER_TOKEN * held_out_tokens, len(words) // 5)
    held = held_out(tokenizer, words[end:], name, held_out_tokens, WINDOW)
    calibrated = settings.method == "gptq" or bits_per_weight is not None
    ids = tokenizer.encode(words[: min(end, _BYTES_PER_TOKEN * calibration_tokens)]) if calibrated else []
    texts = Texts(as_windows(ids, WINDOW, calibration_tokens) if ids else [], held)
    with open_parameters(model) as parameters:
        return make_quantized(
            parameters,
            to,
            texts,
            settings,
            bits_per_weight=bits_per_weight,
            tokenizer=model if model.is_dir() else tokenizer,
            progress=progress,
        )


def find_weights(name: str, workspace: Path) -> Path:
    """The checkpoint folder or GGUF file of a path, a run's name, or a name on the Hub, which is downloaded once.

    Raises:
        PhialError: there is none.
    """
    place = Path(name)
    if not place.is_file() and not (place / "config.json").is_file():
        hub = parse_name(name)
        place = find_model(name, workspace) if hub is None else download(hub, False).path
    return place


def ready_model(name: str, workspace: Path, say: Callable[[str], None]) -> Path:
    """A folder that an engine opens: what `name` means, quantized to int4 once where it is a large float model.

    Args:
        name: as for `find_weights`.
        workspace: that a run is in.
        say: told what is done that takes time.

    Raises:
        PhialError: see `find_weights` and `quantize_model`.
    """
    place = find_weights(name, workspace)
    if place.is_dir():
        small = runs_small(read_config(place))
        if small or is_quantized(place):
            return place
        if int4_build() == "none":
            say("the compiled int4 kernels are missing (no C++ compiler at installation): torch runs the float weights")
            return place
    made = cache_folder() / "int4" / _identity(place)
    if not is_quantized(made):
        say(f"quantizing {place.name} to int4, once; it will be kept in {made}")
        made.parent.mkdir(parents=True, exist_ok=True)
        for line in quantize_model(place, made, CHAT, held_out_tokens=512, progress=say).lines():
            say(line)
    return made


def cache_folder() -> Path:
    """Where models are kept that were made from others: $PHIAL_CACHE, or phial in the user's cache folder."""
    chosen = os.environ.get("PHIAL_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "phial"


def _identity(model: Path) -> str:
    """A name that changes when the files do: their places, sizes and times, for hashing gigabytes takes too long."""
    files = sorted(model.iterdir()) if model.is_dir() else [model]
    facts = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    digest = hashlib.sha256(json.dumps([VERSION, repr(CHAT), facts]).encode()).hexdigest()
    return f"{model.stem if model.is_file() else model.resolve().name}-{digest[:12]}"


def model_tokenizer(model: Path) -> Tokenizer:
    """The tokenizer of a checkpoint folder or a GGUF file."""
    if model.is_dir():
        return read_tokenizer(model, read_config(model))
    if (model.parent / "tokenizer.json").is_file():
        return load_tokenizer(model.parent)
    from phial.model.gguf_files import GGUFFile

    with GGUFFile(model) as file:
        return read_gguf_tokenizer(file.header.metadata, str(model))


def standard_library_text(size: int) -> str:
    """Docstrings and code of the standard library that runs, shuffled, about so many bytes of both."""
    pieces = [record.content for kind in ("docstrings", "source") for record in read_seeds([f"stdlib-{kind}"], size)]
    random.Random(0).shuffle(pieces)
    return "\n\n".join(pieces)


def _read(text: Path) -> str:
    try:
        return text.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise PhialError(f"can't read the text: {error}", where=str(text), do="give a UTF-8 text file") from error
