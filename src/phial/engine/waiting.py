"""Who comes next: first come, first served, but tenants take turns, and who was sent back goes first."""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque

from phial.engine.sequence import Live


class Waiting:
    """Sequences that have no place in the cache."""

    def __init__(self) -> None:
        self._returned: list[Live] = []  # a heap, oldest first
        self._tenants: OrderedDict[bytes, deque[Live]] = OrderedDict()  # the tenant whose turn it is first
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, live: Live) -> None:
        """A new sequence, behind the others of its tenant."""
        self._tenants.setdefault(live.request.salt, deque()).append(live)
        self._count += 1

    def push_back(self, live: Live) -> None:
        """A sequence that has lost its place."""
        heapq.heappush(self._returned, live)
        self._count += 1

    def peek(self) -> Live | None:
        """The next one, without taking it."""
        if self._returned:
            return self._returned[0]
        return next(iter(self._tenants.values()))[0] if self._tenants else None

    def pop(self) -> Live:
        """Take the next one."""
        self._count -= 1
        if self._returned:
            return heapq.heappop(self._returned)
        salt, queue = next(iter(self._tenants.items()))
        live = queue.popleft()
        if queue:
            self._tenants.move_to_end(salt)
        else:
            del self._tenants[salt]
        return live

    def remove(self, live: Live) -> bool:
        """Take out one that is no longer wanted; whether it was here."""
        queue = self._tenants.get(live.request.salt, deque())
        if live in queue:
            queue.remove(live)
            if not queue:
                del self._tenants[live.request.salt]
        elif live in self._returned:
            self._returned.remove(live)
            heapq.heapify(self._returned)
        else:
            return False
        self._count -= 1
        return True
