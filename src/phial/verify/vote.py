"""Votes: which of several answers are the same one, which one most give, and whether that says anything.

Equality must be tested pair by pair, in both directions, and is not transitive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from phial.verify.maths import same

LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Plurality:
    """What a vote says of its question.

    Attributes:
        band: "kept"; "unanimous", so the question is too easy to teach anything; or "hopeless", so it is too hard or
            has no one answer.
        answer: of the plurality; empty where there is none.
        voters: places of the answers that agree on it.
        votes: sizes of all groups, the largest first.
        reason: for the band.
    """

    band: Literal["kept", "unanimous", "hopeless"]
    answer: str
    voters: tuple[int, ...]
    votes: tuple[int, ...]
    reason: str


def plurality(
    answers: Sequence[str | None],
    least_share: float = LEAST_SHARE,
    same: Callable[[str, str], bool] = same,
) -> Plurality:
    """Put a question into a band by independent answers to it (Phi-4 report, section 2.2, "Question datasets").

    Args:
        answers: what each sample states; None where it states nothing.
        least_share: of all samples, that the plurality must have; two votes are needed in any case.
        same: whether two answers are equal, whatever their order.
    """
    places = [place for place, answer in enumerate(answers) if answer]
    groups = [
        [places[member] for member in group] for group in clusters([answers[place] or "" for place in places], same)
    ]
    votes = tuple(len(group) for group in groups)
    if 2 * len(places) <= len(answers):
        return Plurality("hopeless", "", (), votes, f"{len(places)} of {len(answers)} samples state an answer")
    answer = answers[groups[0][0]] or ""
    told = f"{votes[0]} of {len(answers)} samples agree"
    if len(groups) == 1 and len(places) > 1:
        return Plurality("unanimous", answer, tuple(groups[0]), votes, told)
    if votes[0] < max(2, least_share * len(answers)):
        return Plurality("hopeless", "", (), votes, f"at most {votes[0]} of {len(answers)} samples agree")
    if len(votes) > 1 and votes[0] == votes[1]:
        return Plurality("hopeless", "", (), votes, f"two answers have {votes[0]} votes each")
    return Plurality("kept", answer, tuple(groups[0]), votes, told)


def clusters(answers: Sequence[str], same: Callable[[str, str], bool] = same) -> list[list[int]]:
    """Group equal answers; one joins a group only if it equals every member (0.3333 and 0.33333 do not meet in 1/3).

    Args:
        answers: as they were stated.
        same: whether two are equal; must not depend on their order.

    Returns:
        Places of the answers by group: the largest first, of equally large ones the one that began first.
    """
    groups: list[list[int]] = []
    for place, answer in enumerate(answers):
        for group in groups:
            distinct = dict.fromkeys(answers[member] for member in group)
            if all(same(answer, member) for member in distinct):
                group.append(place)
                break
        else:
            groups.append([place])
    return sorted(groups, key=lambda group: (-len(group), group[0]))
