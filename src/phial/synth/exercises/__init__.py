"""Procedural beginner exercises in Python: a docstring, its function, and tests from an independent reference."""

from __future__ import annotations

from random import Random

from phial.synth.exercises import lists, numbers, strings
from phial.synth.exercises.template import Exercise, Family, build

FAMILIES: dict[str, Family] = {
    family.name: family for family in (*numbers.FAMILIES, *lists.FAMILIES, *strings.FAMILIES)
}
_ORDER = tuple(FAMILIES.values())

__all__ = ["FAMILIES", "Exercise", "Family", "generate"]


def generate(index: int, seed: int) -> Exercise:
    """The exercise with this number; families take turns, so any run of len(FAMILIES) indices has each of them once.

    The same arguments give the same exercise in every process. Two indices may give the same exercise.

    Args:
        index: 0 or more.
        seed: any integer; another seed draws other exercises.
    """
    family = _ORDER[index % len(_ORDER)]
    return build(family, Random(f"{family.name}/{family.version}/{seed}/{index}"))
