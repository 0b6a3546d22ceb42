"""The procedural teacher of maths word problems: families of templates with worked steps and checked answers."""

from types import ModuleType
from typing import Final

from phial.synth.problems import (
    addition,
    algebra,
    averages,
    comparison,
    division,
    fractions,
    geometry,
    money,
    multiplication,
    percent,
    rates,
    sequences,
    subtraction,
    time,
    units,
    unseen,
    unseen_groups,
)
from phial.synth.problems.check import verify
from phial.synth.problems.lang import SPLITS, Family, Problem, generate, is_heldout, passage

_TOPICS: Final[tuple[ModuleType, ...]] = (
    addition,
    subtraction,
    multiplication,
    division,
    fractions,
    percent,
    money,
    time,
    rates,
    units,
    averages,
    comparison,
    algebra,
    geometry,
    sequences,
    unseen,
    unseen_groups,
)

FAMILIES: Final[dict[str, Family]] = {family.name: family for topic in _TOPICS for family in topic.FAMILIES}
UNSEEN: Final[dict[str, Family]] = {family.name: family for topic in _TOPICS for family in getattr(topic, "UNSEEN", ())}

__all__ = ["FAMILIES", "SPLITS", "UNSEEN", "Family", "Problem", "generate", "is_heldout", "passage", "verify"]
