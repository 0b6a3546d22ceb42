"""From a float model to a folder with the quantized one and its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from phial.errors import PhialError
from phial.quant.folder import drafting
from phial.quant.gptq import gptq_parts
from phial.quant.quality import QualityReport
from phial.quant.quantize import Settings, round_parts
from phial.quant.quantized import QuantizedModel
from phial.quant.report import HeldOut, measure_streamed
from phial.quant.rotate import RotatedParameters, rotated_inputs, rotated_parameters
from phial.quant.sensitivity import choose_bits, sensitivities
from phial.quant.weights import Parameters
from phial.tokens.tokenizer import Tokenizer

SENSITIVITY_TOKENS = 256
Measure = Callable[[Parameters, QuantizedModel, HeldOut, str], QualityReport]


@dataclass(frozen=True, eq=False)
class Texts:
    """What a model is adjusted to, and what it is measured with.

    Attributes:
        calibration: ids int64 [time] each; none for round-to-nearest.
        held_out: other text.
    """

    calibration: Sequence[Tensor]
    held_out: HeldOut


def make_quantized(
    parameters: Parameters,
    folder: Path,
    texts: Texts,
    settings: Settings | None = None,
    *,
    bits_per_weight: float | None = None,
    tokenizer: Path | Tokenizer | None = None,
    measure: Measure | None = None,
    progress: Callable[[str], None] | None = None,
) -> QualityReport:
    """Quantize a model into a folder, a block in memory at a time, and measure it.

    Args:
        parameters: the float model.
        folder: must not exist yet.
        texts: to calibrate and to measure with.
        settings: how.
        bits_per_weight: lift the most sensitive matrices to 8 bits as far as this goes, scales included.
        tokenizer: the folder that its tokenizer's files are copied from, or the tokenizer.
        measure: makes the report; by default `measure_streamed`, with int8 activations.
        progress: told what was done.

    Returns:
        The report, which is in the folder too.

    Raises:
        PhialError: the folder exists, GPTQ or a budget without calibration text, a model that can't be rotated, or a
            damaged parameter.
    """
    settings = settings or Settings()
    if not texts.calibration and (settings.method == "gptq" or bits_per_weight is not None):
        raise PhialError("there is no calibration text", where="quantize", do="give some, or use plain rtn")
    source: Parameters = parameters
    rotated = frozenset[str]()
    if settings.rotate:
        source, rotated = rotated_parameters(parameters), rotated_inputs(parameters.config)
    with drafting(folder, parameters.config) as draft:
        if bits_per_weight is not None:
            windows = [texts.calibration[0][:SENSITIVITY_TOKENS]]
            costs = sensitivities(source, settings, windows, rotated, progress)
            lifted = choose_bits(parameters.config, costs, settings.group_size, bits_per_weight)
            settings = replace(settings, bits=lifted)
        if settings.method == "gptq":
            parts = gptq_parts(source, settings, texts.calibration, rotated, progress)
        else:
            parts = round_parts(source, settings)
        for name, part in parts:
            draft.add(name, part)
        if isinstance(source, RotatedParameters):
            draft.add_folded(source.folded())
        model = draft.close(by_group=settings.by_group, rotated=rotated)
        if progress is not None:
            progress("measuring")
        method = describe(settings, len(model.matrices))
        report = (measure or _measured)(parameters, model, texts.held_out, method)
        draft.publish(report, tokenizer)
    return report


def describe(settings: Settings, matrices: int) -> str:
    """A line about how a model was quantized."""
    parts = ["round-to-nearest" if settings.method == "rtn" else "GPTQ", f"int4 in groups of {settings.group_size}"]
    if settings.searched:
        parts.append("scales searched")
    if settings.rotate:
        parts.append("rotated")
    lifted = sum(bits == 8 for bits in settings.bits.values())
    if lifted:
        parts.append(f"int8 for {lifted} of {matrices} matrices")
    return ", ".join(parts)


def _measured(parameters: Parameters, model: QuantizedModel, text: HeldOut, method: str) -> QualityReport:
    return measure_streamed(parameters, model, text, method=method)
