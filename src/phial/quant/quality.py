"""The quality report that every quantized model carries."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from phial.errors import PhialError

REPORT = "report.json"


@dataclass(frozen=True)
class QualityReport:
    """How a quantized model compares with the float model it was made of, on text that it was not made with.

    Attributes:
        method: how it was quantized.
        activations: how products read their inputs while this was measured.
        text: what was read.
        tokens: predictions that were compared, teacher-forced.
        text_bytes: UTF-8 bytes of what was predicted.
        top1_agreement: share of tokens where both models put the same token first.
        margin: logits by which the float model must prefer its first token to the other's for a miss to count.
        agreement_beyond_margin: 1 less the share of misses that count.
        mean_kl: mean of sum(p * ln(p / q)), float to quantized, in nats a token.
        highest_kl: of one token.
        perplexity: of the quantized model; exp of the mean negative log-likelihood a token.
        float_perplexity: of the float model.
        bits_per_byte: of the quantized model.
        float_bits_per_byte: of the float model.
        model_bytes: of all tensors.
        bits_per_weight: of the packed matrices, scales included.
        task: what the scores are of; None: no task was run.
        task_score: of the quantized model.
        float_task_score: of the float model.
    """

    method: str
    activations: str
    text: str
    tokens: int
    text_bytes: int
    top1_agreement: float
    margin: float
    agreement_beyond_margin: float
    mean_kl: float
    highest_kl: float
    perplexity: float
    float_perplexity: float
    bits_per_byte: float
    float_bits_per_byte: float
    model_bytes: int
    bits_per_weight: float
    task: str | None = None
    task_score: float | None = None
    float_task_score: float | None = None

    def lines(self) -> list[str]:
        """The short form, for a terminal."""
        growth = 100 * (self.perplexity / self.float_perplexity - 1)
        short = [
            f"{self.method}; activations {self.activations}",
            f"{self.model_bytes / 1e9:.2f} GB, {self.bits_per_weight:.2f} bits a weight",
            f"against the float model, {self.tokens:,} tokens of {self.text}:",
            f"  same first token     {self.top1_agreement:.1%} ({self.agreement_beyond_margin:.1%} beyond a margin of "
            f"{self.margin} logits)",
            f"  mean KL              {self.mean_kl:.4f} nats a token",
            f"  perplexity           {self.perplexity:.3f} ({growth:+.1f} % from {self.float_perplexity:.3f})",
            f"  bits per byte        {self.bits_per_byte:.4f} (float {self.float_bits_per_byte:.4f})",
        ]
        if self.task is not None and self.task_score is not None and self.float_task_score is not None:
            short.append(f"  {self.task:<20} {self.task_score:.3f} (float {self.float_task_score:.3f})")
        return short


def write_report(folder: Path, report: QualityReport) -> None:
    """Write report.json.

    Raises:
        PhialError: the report has measured nothing, or its numbers are not finite.
    """
    if report.tokens < 1:
        raise PhialError("the report has measured nothing", where=str(folder), do="give it held-out text")
    for name, value in asdict(report).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise PhialError(f"the report's {name} is {value}", where=str(folder), do="quantize with more bits")
    (folder / REPORT).write_text(json.dumps(asdict(report), indent=1) + "\n")


def read_report(folder: Path) -> QualityReport:
    """Read report.json.

    Raises:
        PhialError: it is missing or damaged.
    """
    path, again = folder / REPORT, "quantize the float model again"
    try:
        facts: Any = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise PhialError(f"no readable quality report: {error}", where=str(path), do=again) from error
    known = {field.name for field in fields(QualityReport)}
    if (
        not isinstance(facts, dict)
        or set(facts) != known
        or not isinstance(facts["tokens"], int)
        or facts["tokens"] < 1
    ):
        raise PhialError("the quality report is damaged", where=str(path), do=again)
    return QualityReport(**facts)
