"""Measures a quantized model against the float model, teacher-forced on text that neither was adjusted to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phial.errors import PhialError
from phial.quant.quality import QualityReport
from phial.quant.quantized import QuantizedModel
from phial.quant.streamed import FloatReadable, StreamedModel, as_windows, simulated
from phial.quant.weights import Parameters
from phial.tokens.tokenizer import Tokenizer

MARGIN = 0.25  # logits; int8 activations alone move a logit by about this much
_CHUNK = 64  # tokens whose distributions are compared at a time

Logits = Callable[[Tensor], Tensor]  # ids int64 [time] -> float32 [time, vocab_size]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Text to measure with.

    Attributes:
        name: what it is.
        windows: ids int64 [time], each read for itself.
        text_bytes: UTF-8 bytes of all tokens but the first of each window, which are not predicted.
    """

    name: str
    windows: Sequence[Tensor]
    text_bytes: int


def held_out(tokenizer: Tokenizer, text: str, name: str, tokens: int = 8192, window: int = 512) -> HeldOut:
    """The first tokens of a text, in windows.

    Raises:
        PhialError: there are fewer than two tokens.
    """
    windows = as_windows(tokenizer.encode(text[: 16 * tokens]), window, tokens)
    if len(windows[0]) < 2:
        raise PhialError("the held-out text has fewer than two tokens", where=name, do="give a longer text")
    size = sum(len(tokenizer.decode(ids[1:].tolist(), special=True).encode()) for ids in windows)
    return HeldOut(name, windows, size)


@dataclass(frozen=True)
class Comparison:
    """Sums over tokens; see `QualityReport` for what is made of them."""

    tokens: int
    same: int
    misses_beyond_margin: int
    kl: float
    highest_kl: float
    loss: float
    float_loss: float


def compare_logits(reference: Tensor, candidate: Tensor, ids: Tensor, margin: float = MARGIN) -> Comparison:
    """Compare the predictions of two models along one text.

    Args:
        reference: float model's logits [time, vocab_size].
        candidate: the quantized model's.
        ids: int64 [time]; logits at t predict ids[t + 1].
        margin: logits by which the float model must prefer its first token for a miss to count.
    """
    same = misses = 0
    kl = highest = loss = float_loss = 0.0
    count = len(ids) - 1
    for start in range(0, count, _CHUNK):
        stop = min(start + _CHUNK, count)
        left, right, target = reference[start:stop], candidate[start:stop], ids[start + 1 : stop + 1]
        top, other = left.argmax(-1, keepdim=True), right.argmax(-1, keepdim=True)
        same += int((top == other).sum())
        misses += int((left.gather(1, top) - left.gather(1, other) > margin).sum())
        left, right = left.log_softmax(-1), right.log_softmax(-1)
        each = torch.where(left > -torch.inf, left.exp() * (left - right), 0.0).sum(-1, dtype=torch.float64)
        kl, highest = kl + each.sum().item(), max(highest, each.max().item())
        loss -= right.gather(1, target.unsqueeze(1)).sum().item()
        float_loss -= left.gather(1, target.unsqueeze(1)).sum().item()
    return Comparison(count, same, misses, kl, highest, loss, float_loss)


def measure(
    reference: Logits,
    candidate: Logits,
    text: HeldOut,
    model: QuantizedModel,
    *,
    method: str,
    activations: str,
    margin: float = MARGIN,
    task: tuple[str, float, float] | None = None,
) -> QualityReport:
    """Make the report.

    Args:
        reference: the float model.
        candidate: the quantized model, by whatever computes it.
        text: held-out text.
        model: the quantized model, for its size.
        method: how it was quantized.
        activations: how `candidate` reads inputs.
        margin: see `QualityReport`.
        task: name, score of the quantized model, score of the float model.
    """
    parts = [compare_logits(reference(ids), candidate(ids), ids, margin) for ids in text.windows]
    tokens = sum(part.tokens for part in parts)
    loss, float_loss = (sum(getattr(part, name) for part in parts) for name in ("loss", "float_loss"))
    name, score, float_score = task or (None, None, None)
    return QualityReport(
        method=method,
        activations=activations,
        text=text.name,
        tokens=tokens,
        text_bytes=text.text_bytes,
        top1_agreement=sum(part.same for part in parts) / tokens,
        margin=margin,
        agreement_beyond_margin=1 - sum(part.misses_beyond_margin for part in parts) / tokens,
        mean_kl=sum(part.kl for part in parts) / tokens,
        highest_kl=max(part.highest_kl for part in parts),
        perplexity=_exp(loss / tokens),
        float_perplexity=_exp(float_loss / tokens),
        bits_per_byte=loss / math.log(2) / max(1, text.text_bytes),
        float_bits_per_byte=float_loss / math.log(2) / max(1, text.text_bytes),
        model_bytes=model.nbytes,
        bits_per_weight=model.bits_per_weight,
        task=name,
        task_score=score,
        float_task_score=float_score,
    )


def streamed_logits(model: StreamedModel, windows: Iterable[Tensor]) -> Logits:
    """A model's logits on texts that are known beforehand, each block read once for all of them."""
    windows = list(windows)
    hidden = dict(zip(map(_key, windows), model.hidden(windows), strict=True))
    return lambda ids: model.logits(hidden[_key(ids)])


def float_logits(parameters: Parameters, text: HeldOut) -> Logits:
    """The float model's logits on a held-out text."""
    return streamed_logits(StreamedModel(FloatReadable(parameters)), text.windows)


def measure_streamed(
    parameters: Parameters,
    model: QuantizedModel,
    text: HeldOut,
    *,
    method: str,
    int8: bool = True,
    reference: Logits | None = None,
    task: tuple[str, float, float] | None = None,
) -> QualityReport:
    """Make the report with torch and dequantized weights, one block at a time.

    Args:
        parameters: the float model.
        model: the quantized model.
        text: held-out text.
        method: how it was quantized.
        int8: round activations as the kernels do.
        reference: `float_logits` of the same text, where it is there already.
        task: see `measure`.
    """
    reference = reference or float_logits(parameters, text)
    candidate = streamed_logits(simulated(model, int8=int8), text.windows)
    activations = ("int8, a scale a group" if model.by_group else "int8, a scale a token") if int8 else "float32"
    return measure(reference, candidate, text, model, method=method, activations=activations, task=task)


def _key(ids: Tensor) -> bytes:
    return ids.numpy().tobytes()


def _exp(loss: float) -> float:
    return math.exp(min(loss, 700.0))
