"""Joules from a tree of powercap files."""

from __future__ import annotations

from pathlib import Path

import pytest

from phial.evals.energy import start


def zone(root: Path, folder: str, name: str, energy: int, limit: int = 262_143_328_850) -> Path:
    path = root / folder
    path.mkdir(parents=True)
    (path / "name").write_text(name + "\n")
    (path / "energy_uj").write_text(f"{energy}\n")
    (path / "max_energy_range_uj").write_text(f"{limit}\n")
    return path


def test_packages_are_added_and_what_lies_within_them_is_not(tmp_path: Path) -> None:
    packages = [zone(tmp_path, f"intel-rapl:{number}", f"package-{number}", 1_000_000) for number in (0, 1)]
    inner = zone(tmp_path, "intel-rapl:0:0", "core", 500_000)
    board = zone(tmp_path, "intel-rapl:2", "psys", 9_000_000)
    other_way = zone(tmp_path, "intel-rapl-mmio:0", "package-0", 1_000_000)
    (tmp_path / "intel-rapl").mkdir()
    meter = start(tmp_path)
    assert [one.name for one in meter.zones] == ["package-0", "package-1"]
    for path, added in ((packages[0], 2_500_000), (packages[1], 500_000), (inner, 9), (board, 7), (other_way, 5)):
        (path / "energy_uj").write_text(str(int((path / "energy_uj").read_text()) + added))
    assert meter.joules() == 3.0


def test_a_counter_that_went_round_goes_on(tmp_path: Path) -> None:
    path = zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000, limit=10_000_000)
    meter = start(tmp_path)
    (path / "energy_uj").write_text("2000000")
    assert meter.joules() == 3.0


def test_a_board_without_packages_is_counted(tmp_path: Path) -> None:
    path = zone(tmp_path, "amd-rapl:0", "psys", 0)
    meter = start(tmp_path)
    (path / "energy_uj").write_text("4000000")
    assert meter.joules() == 4.0


@pytest.mark.parametrize("content", ["", "nonsense"])
def test_a_machine_that_does_not_tell_says_nothing(tmp_path: Path, content: str) -> None:
    assert start(tmp_path / "none").joules() is None
    assert start(tmp_path).joules() is None
    path = zone(tmp_path, "intel-rapl:0", "package-0", 5)
    (path / "energy_uj").write_text(content)
    assert start(tmp_path).joules() is None


def test_a_counter_that_is_gone_is_no_number(tmp_path: Path) -> None:
    path = zone(tmp_path, "intel-rapl:0", "package-0", 5)
    meter = start(tmp_path)
    (path / "energy_uj").unlink()
    assert meter.joules() is None
