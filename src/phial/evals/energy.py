"""Joules of a span of work, where the machine counts them: Linux' powercap files (RAPL) of Intel and AMD processors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Zone:
    """One counter of a package's energy.

    Attributes:
        folder: of its files.
        name: "package-0", "psys" …
        microjoules: when it was read.
        range: the count at which it begins again from 0, in microjoules.
    """

    folder: Path
    name: str
    microjoules: int
    range: int


@dataclass(frozen=True)
class Meter:
    """Counters as they stood at one moment; none where the machine does not tell."""

    zones: tuple[Zone, ...]

    def joules(self) -> float | None:
        """Energy of all packages since then, by everything that ran on the machine; None where it does not tell.

        Right as long as no counter went round twice, which takes minutes at the least; read it every minute.
        """
        total = 0
        for zone in self.zones:
            now = _number(zone.folder / "energy_uj")
            if now is None:
                return None
            total += now - zone.microjoules if now >= zone.microjoules else now + zone.range - zone.microjoules
        return total / 1e6 if self.zones else None


def start(powercap: Path = POWERCAP) -> Meter:
    """Read the counters of all processor packages.

    Only outermost zones count, for a package's holds those of its cores and memory; a zone of the whole board ("psys")
    is left out beside packages, which it holds too.
    """
    zones = []
    for folder in sorted(powercap.glob("*:*")):
        if folder.name.count(":") != 1 or folder.name.startswith("intel-rapl-mmio"):  # the same package by another way
            continue
        energy, limit = _number(folder / "energy_uj"), _number(folder / "max_energy_range_uj")
        if energy is not None and limit is not None:
            zones.append(Zone(folder, _name(folder), energy, limit))
    packages = tuple(zone for zone in zones if zone.name.startswith("package"))
    return Meter(packages or tuple(zones))


def _name(folder: Path) -> str:
    try:
        return (folder / "name").read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    """What a counter's file says; None where there is none or only root may read it."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
