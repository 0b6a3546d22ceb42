"""The quantize verb: finds the model and the text, and hands both to the quant room."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from phial.errors import PhialError
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
        PhialError: there is none, or it is quantized already.
    """
    place = Path(name)
    if not place.is_file() and not (place / "config.json").is_file():
        hub = parse_name(name)
        place = find_model(name, workspace) if hub is None else download(hub, False).path
    if is_quantized(place):
        raise PhialError("this model is quantized already", where=str(place), do="give the float model")
    return place


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
