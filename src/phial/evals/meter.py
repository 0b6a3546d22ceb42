"""What computing takes: this process's CPU seconds, and joules where the machine tells."""

from __future__ import annotations

import time
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


class Meter:
    """Tells what was used since it was last asked.

    Args:
        powercap: Linux's folder of energy counters; those of whole processors are read, where that is allowed.
    """

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._counters = [
            (folder / "energy_uj", _number(folder / "max_energy_range_uj") or 0.0)
            for folder in sorted(powercap.glob("intel-rapl:*"))
            if folder.name.count(":") == 1 and _number(folder / "energy_uj") is not None
        ]
        self._cpu = time.process_time()
        self._energy = [_number(counter) for counter, _ in self._counters]

    def lap(self) -> tuple[float, float | None]:
        """CPU seconds of this process and joules of all processors since the last lap."""
        cpu, self._cpu = self._cpu, time.process_time()
        before, self._energy = self._energy, [_number(counter) for counter, _ in self._counters]
        joules = 0.0
        for then, now, (_, wraps) in zip(before, self._energy, self._counters, strict=True):
            if then is None or now is None:
                return self._cpu - cpu, None
            joules += (now - then if now >= then else now - then + wraps) / 1e6
        return self._cpu - cpu, joules if self._counters else None


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):  # many machines let only their administrator read it
        return None
