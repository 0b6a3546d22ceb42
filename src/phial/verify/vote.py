"""Which of several answers are the same one, where equality must be tested pair by pair and is not transitive."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from phial.verify.maths import same


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
            if all(answer == member or same(answer, member) for member in distinct):
                group.append(place)
                break
        else:
            groups.append([place])
    return sorted(groups, key=lambda group: (-len(group), group[0]))
