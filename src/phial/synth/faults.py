"""What can go wrong between a flow and its teacher.

A `TeacherFault` concerns one record: the run drops the record, says why, and goes on. Any other `PhialError` of a
teacher (a wrong key, a spent budget, a missing recording) concerns all of them and ends the run.
"""

from __future__ import annotations

import asyncio

from phial.errors import PhialError


class TeacherFault(PhialError):
    """One record can't be made, or not now.

    Attributes:
        reason: a few words to count by, such as "over the context".
    """

    def __init__(self, reason: str, what: str, *, where: str = "", do: str = "") -> None:
        self.reason = reason
        super().__init__(what, where=where, do=do)


class Refused(TeacherFault):
    """The teacher will not answer this request, however often it is sent; nothing was paid."""


class Unusable(TeacherFault):
    """The teacher answered, and neither its answer nor its repair has the form that was asked for."""


class Unanswered(TeacherFault):
    """Every attempt failed; a later one may not."""


class BudgetSpent(PhialError):
    """Another request could exceed the run's budget."""


class MissingReply(PhialError):
    """A replay met a request that was never recorded."""


class Busy(Exception):
    """An endpoint asked to be left alone for a while (429); says nothing about the request."""


class Failed(Exception):
    """One attempt brought no usable answer.

    Args:
        detail: what happened, without secrets.
        perhaps_paid: whether the endpoint may have computed, and charged for, an answer.

    Attributes:
        url: of the endpoint, where there are several.
    """

    def __init__(self, detail: str, *, perhaps_paid: bool) -> None:
        self.detail, self.perhaps_paid, self.url = detail, perhaps_paid, ""
        super().__init__(detail)


class Throttled(Exception):
    """A server asked to be left alone.

    Args:
        retry_after: seconds that it asked for, or None.
    """

    def __init__(self, retry_after: float | None) -> None:
        self.retry_after = retry_after
        super().__init__()


class CancelledUnsent(asyncio.CancelledError):
    """A request was cancelled before anything of it was sent, so nothing can have been paid."""
