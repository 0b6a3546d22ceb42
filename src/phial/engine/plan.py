"""Who gets how many tokens of a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from phial.engine.backend import Work, chunk
from phial.engine.sequence import Live

_LEAST_CHUNK = 64  # tokens of a prompt that are worth a call


@dataclass(frozen=True)
class Limits:
    """How much one step and the cache take on.

    Attributes:
        tokens: new tokens a step, all sequences together; each running one gets its token in any case.
        sequences: in the cache at a time.
    """

    tokens: int = 256
    sequences: int = 256

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.sequences < 1:
            raise ValueError(f"a step of {self.tokens} tokens, {self.sequences} sequences")


class Part(NamedTuple):
    """A sequence's share of a step.

    Attributes:
        live: the sequence.
        work: known tokens that are not computed, then guesses.
        guesses: how many of the work's tokens are guesses.
    """

    live: Live
    work: Work
    guesses: int = 0


def make_plan(running: Sequence[Live], budget: int, original: int | None) -> list[Part]:
    """A token for every sequence that writes, then guesses, then prompts.

    Half of what is left for prompts goes to the oldest and half to all others alike, so that a short prompt need not
    wait until a long one is read; what they leave goes to the oldest again.

    Args:
        running: oldest first, each with a place in the cache.
        budget: tokens of the step.
        original: longest sequence with LongRoPE's short factors, where a model has them.
    """
    parts: list[Part] = []
    reading: list[Live] = []
    drafting: list[int] = []
    for live in running:
        if len(live.ids) - live.computed > 1:
            reading.append(live)
            continue
        assert live.handle is not None
        if live.drafts is not None and not live.siblings:  # those go on from the prompt, not from guesses behind it
            drafting.append(len(parts))
        parts.append(Part(live, Work(live.handle, live.ids[-1:], 1, (), live.adapter)))
    budget -= len(parts)
    share = budget // 2 if reading else budget
    for index in drafting:
        parts[index] = _with_guesses(parts[index], share, original)
        share -= parts[index].guesses
        budget -= parts[index].guesses
    if reading:
        parts += _read(reading, max(1, budget))
    return parts


def _read(reading: Sequence[Live], budget: int) -> list[Part]:
    sizes = [len(live.ids) - live.computed for live in reading]
    others = len(reading) - 1
    even = max(_LEAST_CHUNK, budget // 2 // max(1, others))
    shares = [min(sizes[0], budget - budget // 2 if others else budget)]
    left = budget - shares[0]
    for size in sizes[1:]:
        shares.append(min(size, even, left))
        left -= shares[-1]
    for index, size in enumerate(sizes):
        more = min(size - shares[index], left)
        shares[index] += more
        left -= more
    return [next_part(live, share) for live, share in zip(reading, shares, strict=True) if share]


def next_part(live: Live, size: int) -> Part:
    """The next tokens of a sequence that has more to compute."""
    assert live.handle is not None
    end = live.computed + size
    wanted = int(end == len(live.ids))
    return Part(live, chunk(live.handle, live.ids, live.computed, end, wanted, live.request.images, live.adapter))


def _with_guesses(part: Part, share: int, original: int | None) -> Part:
    live = part.live
    most = min(share, live.limit - len(live.ids) - 1)
    if original is not None and not live.long:  # a guess behind the crossing would be checked with the wrong factors
        most = min(most, original - len(live.ids))
    guesses = live.drafts.propose(live.ids, most) if live.drafts and most > 0 else ()
    if not guesses:
        return part
    work = Work(part.work.sequence, [*part.work.ids, *guesses], 1 + len(guesses), (), part.work.adapter)
    return Part(live, work, len(guesses))
