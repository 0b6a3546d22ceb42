"""The `rope_scaling` of a config.json: LongRoPE in its published spellings, and Llama 3's rule as fixed factors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from phial.errors import PhialError
from phial.model.config import LongRope, ModelConfig

_LONGROPE_NAMES = ("longrope", "su", "yarn")  # what Phi checkpoints have called it
_OWN_SCALES = ("phimoe", "phi3small")  # these name the two scales; the others have one attention_factor


def read_rope_scaling(
    facts: Mapping[str, Any], rope: Mapping[str, Any], theta: float, frequencies: int, where: str
) -> LongRope | None:
    """The factors that a config.json asks for; None for plain rotary positions.

    Args:
        facts: the parsed file.
        rope: its rotary settings, in either form.
        theta: base of the frequencies.
        frequencies: how many of them one head has.
        where: the file, for errors.

    Raises:
        PhialError: another kind of scaling, or a missing or malformed value.
    """
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind in ("default", None):
        return None
    if kind == "llama3":
        return _llama3(facts, rope, theta, frequencies, where)
    if kind not in _LONGROPE_NAMES or "long_factor" not in rope:
        raise PhialError(f"rope type {kind!r} is not supported", where=where, do="give a model without it")
    original = _original(facts, rope, where)
    factors = []
    for name in ("short_factor", "long_factor"):
        found = rope.get(name)
        if not isinstance(found, list) or not all(isinstance(f, (int, float)) for f in found):
            raise PhialError(f"{name} is no list of numbers", where=where, do="give one factor a frequency")
        factors.append(tuple(float(f) for f in found))
    scales = [rope.get(name) for name in ("short_mscale", "long_mscale")]
    if rope.get("attention_factor") is not None:
        scales = [rope["attention_factor"]] * 2
    return LongRope(factors[0], factors[1], original, *(None if s is None else float(s) for s in scales))


def _original(facts: Mapping[str, Any], rope: Mapping[str, Any], where: str) -> int:
    original = rope.get("original_max_position_embeddings") or facts.get("original_max_position_embeddings")
    if isinstance(original, bool) or not isinstance(original, int) or original <= 1:
        raise PhialError("original_max_position_embeddings is missing", where=where, do="give it beside the factors")
    return original


def _llama3(facts: Mapping[str, Any], rope: Mapping[str, Any], theta: float, frequencies: int, where: str) -> LongRope:
    """Llama 3.1's rule: long waves are stretched by a factor, short ones are kept, those between are interpolated.

    The factors are the same at every length.
    """
    original, found = _original(facts, rope, where), []
    for name in ("factor", "low_freq_factor", "high_freq_factor"):
        value = rope.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e6:
            raise PhialError(f"{name} of the llama3 scaling is {value!r}", where=where, do="give a positive number")
        found.append(float(value))
    factor, low, high = found
    if low >= high:
        raise PhialError("low_freq_factor is not below high_freq_factor", where=where, do="get the file again")
    factors = []
    for index in range(frequencies):
        waves = original * theta ** (-index / frequencies) / (2 * math.pi)  # wave lengths in the original context
        kept = min(max((waves - low) / (high - low), 0.0), 1.0)
        factors.append(1.0 / ((1 - kept) / factor + kept))
    return LongRope(tuple(factors), tuple(factors), original, 1.0, 1.0)


def write_rope_scaling(config: ModelConfig) -> dict[str, Any] | None:
    """The `rope_scaling` of a configuration, in the old form."""
    rope = config.longrope
    if rope is None:
        return None
    facts: dict[str, Any] = {
        "type": "su" if config.layout == "phi3_v" else "longrope",  # the vision models' own code knows the old name
        "short_factor": list(rope.short_factor),
        "long_factor": list(rope.long_factor),
    }
    if rope.short_scale is None or rope.long_scale is None:
        return facts
    if config.layout in _OWN_SCALES or rope.short_scale != rope.long_scale:
        facts |= {"short_mscale": rope.short_scale, "long_mscale": rope.long_scale}
    else:
        facts |= {"rope_type": "longrope", "attention_factor": rope.long_scale}
    return facts | {"original_max_position_embeddings": rope.original_max_position_embeddings}
