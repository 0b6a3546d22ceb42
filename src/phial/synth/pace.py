"""How many requests an endpoint is sent at a time: more while all goes well, half when it is too many (AIMD)."""

from __future__ import annotations

import random

_FIRST_REST, _LONGEST_REST = 0.5, 60.0
# A dead endpoint fails at once and so always has the least load; after so many failures in a row it rests. One that
# drops half of all connections hardly ever fails so often in a row, and goes on.
_FAILURES_BEFORE_REST = 8
_SHRUNK_BY_THROTTLE, _SHRUNK_BY_FAILURE = 0.5, 0.9


class Pace:
    """The window of one endpoint and model.

    Args:
        start: requests in flight at first.
        limit: requests in flight at most.
    """

    def __init__(self, start: int, limit: int) -> None:
        self.window = float(min(start, limit))
        self.in_flight = 0
        self.rests_until = 0.0
        self._limit = limit
        self._doubling = True
        self._epoch = 0
        self._failures_in_row = self._rests_in_row = 0

    @property
    def load(self) -> float:
        """Of 1, how much of the window is used."""
        return self.in_flight / self.window

    def is_free(self, now: float) -> bool:
        """Whether one more request may be sent."""
        return self.in_flight + 1 <= self.window and now >= self.rests_until

    def take(self) -> int:
        """Count a request in.

        Returns:
            The epoch to hand back when it ends: the window shrinks once for all that were sent before it shrank.
        """
        self.in_flight += 1
        return self._epoch

    def leave(self) -> None:
        """Count a request out."""
        self.in_flight -= 1

    def succeeded(self) -> None:
        """A request was answered: the window doubles a round trip at first, later it grows by one."""
        self._failures_in_row = self._rests_in_row = 0
        self.window = min(self._limit, self.window + (1.0 if self._doubling else 1.0 / self.window))

    def throttled(self, epoch: int, now: float, retry_after: float | None) -> None:
        """It was too many.

        Args:
            epoch: of the request.
            now: seconds.
            retry_after: seconds that the endpoint asked for.
        """
        self._shrink(epoch, _SHRUNK_BY_THROTTLE)
        if retry_after is None:
            self._rest(now)
        else:
            self.rests_until = max(self.rests_until, now + retry_after)

    def failed(self, epoch: int, now: float) -> None:
        """A request failed for another reason: less load may help, and so may a rest."""
        self._failures_in_row += 1
        self._shrink(epoch, _SHRUNK_BY_FAILURE)
        if self._failures_in_row >= _FAILURES_BEFORE_REST:
            self.window, self._doubling = 1.0, True  # one request tells whether it is well again
            self._rest(now)

    def _shrink(self, epoch: int, factor: float) -> None:
        self._doubling = False
        if epoch == self._epoch:
            self._epoch += 1
            self.window = max(1.0, self.window * factor)

    def _rest(self, now: float) -> None:
        if now < self.rests_until:  # those that were under way together fail together
            return
        self._rests_in_row += 1
        rest = min(_LONGEST_REST, _FIRST_REST * 2.0 ** min(self._rests_in_row - 1, 16))
        self.rests_until = now + rest * random.uniform(0.75, 1.0)
