"""How pages write numbers."""

from __future__ import annotations

from typing import Any


def percent(share: float) -> str:
    """0.5714 as "57.1 %"."""
    return f"{100 * share:.1f}\u00a0%"


def interval(score: dict[str, Any]) -> str:
    """The 95 % interval of a score, in per cent."""
    return f"[{100 * score['low']:.1f},\u00a0{100 * score['high']:.1f}]"


def count(value: float) -> str:
    """1234567 as "1,234,567"."""
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """A duration in its two largest units."""
    if value < 59.95:
        return f"{value:.1f}\u00a0s"
    whole = round(value)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}\u00a0h {minutes}\u00a0min" if hours else f"{minutes}\u00a0min {whole % 60}\u00a0s"


def size(value: float) -> str:
    """Bytes in kB, MB or GB."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= unit:
            return f"{value / unit:.1f}\u00a0{name}"
    return f"{value:.0f}\u00a0B"
