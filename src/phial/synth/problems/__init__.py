"""The procedural teacher of maths word problems: families of templates with worked steps and checked answers."""

from typing import Final

from phial.synth.problems import addition
from phial.synth.problems.check import verify
from phial.synth.problems.lang import SPLITS, Family, Problem, generate, is_heldout, passage

_TOPICS: Final = (addition,)

FAMILIES: Final[dict[str, Family]] = {family.name: family for topic in _TOPICS for family in topic.FAMILIES}
UNSEEN: Final[dict[str, Family]] = {family.name: family for topic in _TOPICS for family in getattr(topic, "UNSEEN", ())}

__all__ = ["FAMILIES", "SPLITS", "UNSEEN", "Family", "Problem", "generate", "is_heldout", "passage", "verify"]
