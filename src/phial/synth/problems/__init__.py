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

# Families that training never sees. Some compose trained skills anew (the topics' own UNSEEN), the others put a trained
# skill into a scene of its own, so that the score on unseen families tells both kinds of transfer.
_KEPT_OUT: Final = frozenset(
    {
        "addition_piles",
        "compare_changes",
        "division_groups",
        "even_and_odd",
        "fraction_left",
        "growing_pattern",
        "money_cost",
        "multiplication_rows",
        "percent_increase",
        "rates_price",
        "rates_work",
        "subtraction_needed",
        "time_minutes",
        "triangle_perimeter",
        "units_weight",
    }
)
_ALL: Final = tuple(family for topic in _TOPICS for family in topic.FAMILIES)

FAMILIES: Final[dict[str, Family]] = {family.name: family for family in _ALL if family.name not in _KEPT_OUT}
UNSEEN: Final[dict[str, Family]] = {
    family.name: family
    for family in (
        *(family for topic in _TOPICS for family in getattr(topic, "UNSEEN", ())),
        *(family for family in _ALL if family.name in _KEPT_OUT),
    )
}

__all__ = ["FAMILIES", "SPLITS", "UNSEEN", "Family", "Problem", "generate", "is_heldout", "passage", "verify"]
