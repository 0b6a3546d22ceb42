"""Learning-rate schedule in tokens, so that it does not depend on batch size or world size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, plateau, linear warm-down to `floor`.

    Attributes:
        total: the whole budget, in tokens.
        warmup: share of the budget spent rising from 0.
        warmdown: share of the budget spent falling at the end.
        floor: the last multiplier.
    """

    total: int
    warmup: float = 0.02
    warmdown: float = 0.6
    floor: float = 0.0

    def at(self, tokens: int) -> float:
        """Multiplier of the peak rate after `tokens` of the budget."""
        progress = min(tokens / self.total, 1.0)
        if progress < self.warmup:
            return progress / self.warmup
        left = 1.0 - progress
        if left < self.warmdown:
            return self.floor + (1.0 - self.floor) * left / self.warmdown
        return 1.0
