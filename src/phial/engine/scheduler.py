"""Continuous batching: every step is planned, reserved and run, and only then becomes part of any sequence.

A sequence only has computed tokens that chase its known tokens. A prompt, the rest of it behind a shared prefix, one
new token, guesses to check, and a sequence that lost its place: all are tokens to compute, under one budget a step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from phial.engine.backend import Backend, NoRoom, Reloading
from phial.engine.drawing import draw_checked, draw_together
from phial.engine.plan import Limits, Part, make_plan, next_part
from phial.engine.resident import Residents
from phial.engine.sequence import Live
from phial.engine.turn import Turn
from phial.engine.waiting import Waiting
from phial.errors import PhialError
from phial.model.config import uses_long_factors

_MARGIN = 16  # tokens that every running sequence should be able to add before another one is let in


class Scheduler:
    """Owns the sequences of one backend. Any thread may call `submit`, `cancel` and `step`; steps happen one by one."""

    def __init__(self, backend: Backend, limits: Limits | None = None) -> None:
        self.backend = backend
        self.limits = limits or Limits()
        self.turn = Turn()
        self.running: list[Live] = []
        self.waiting = Waiting()
        self.residents = Residents(backend, self.limits.tokens)
        self._inbox: deque[Live] = deque()
        self._unwanted: deque[Live] = deque()
        self._arrivals = 0
        longrope = backend.config.longrope
        self._original = None if longrope is None else longrope.original_max_position_embeddings
        self._blocked: tuple[Live | None, int] = (None, 0)

    @property
    def idle(self) -> bool:
        """Whether a step would find nothing to do."""
        return not (self.running or self.waiting or self._inbox or self._unwanted)

    def submit(self, live: Live) -> None:
        """Have a sequence, and its siblings, take their turn."""
        self._inbox.append(live)

    def cancel(self, live: Live) -> None:
        """Have a sequence end, at the latest when the next step begins."""
        live.cancelled = True
        self._unwanted.append(live)

    def settle(self) -> None:
        """Let in what was submitted, and end what was cancelled."""
        with self.turn:
            self._settle()

    def step(self) -> bool:
        """Compute up to the budget, and draw the tokens whose turn it is; whether there was anything to do.

        Whatever goes wrong with one sequence ends that one, with the error as its reason. An interrupt leaves all of
        them as they were before the step.
        """
        with self.turn:
            busy = bool(self._inbox or self._unwanted)
            if busy:
                self._settle()
            if self.waiting:
                self._admit()
            plan = make_plan(self.running, self.limits.tokens, self._original)
            if plan:
                self._commit(self._run(plan))
            return busy or bool(plan)

    def fork(self, live: Live, begin: Callable[[list[int]], Live]) -> None:
        """Begin a sequence with what another one holds, or as a new one where it holds nothing or there is no place.

        Args:
            live: the one that goes on as before.
            begin: makes the new sequence from prompt and answer of the other, between two steps.
        """
        with self.turn:
            self._settle()
            child = begin(list(live.ids))
            self._arrivals += 1
            child.arrival = (self._arrivals, child.sample)
            free = len(self.running) < self.limits.sequences
            if live.handle is not None and free and self._long(child) == live.long:
                child.long, child.computed = live.long, live.computed
                child.handle = self.backend.fork(live.handle)
                self.running.append(child)
            else:
                self.waiting.push(child)

    def fail_all(self, error: Exception) -> None:
        """End everything that is running, for a fault that is no single sequence's."""
        with self.turn:
            for live in list(self.running):
                self._fail(live, error)

    def exchange(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Give the backend other weights; what was computed with the old ones is computed again.

        Raises:
            PhialError: the backend keeps its weights, or the tensors do not fit.
        """
        backend = self.backend
        if not isinstance(backend, Reloading):
            raise PhialError("this backend keeps its weights", where="engine", do="make a new engine")
        with self.turn:
            for live in list(self.running):
                self._send_back(live)
            with self.residents.away():
                backend.load_weights(tensors)

    def _send_back(self, live: Live) -> None:
        """Take a sequence's place in the cache away; it will be computed again."""
        if live.handle is not None:
            self.backend.free(live.handle)
        live.handle, live.computed = None, 0
        self.running.remove(live)
        self.waiting.push_back(live)

    def _settle(self) -> None:
        while self._inbox:
            live = self._inbox.popleft()
            self._arrivals += 1
            for one in (live, *live.siblings):
                one.arrival = (self._arrivals, one.sample)
            self.waiting.push(live)
        while self._unwanted:
            self._end_unwanted(self._unwanted.popleft())

    def _end_unwanted(self, live: Live) -> None:
        if live.finish_reason:
            return
        heirs = [sibling for sibling in live.siblings if not (sibling.finish_reason or sibling.cancelled)]
        place = self.running.index(live) if live.handle is not None else None
        queued = place is None and self.waiting.remove(live)
        if heirs:  # the prompt is still wanted, by another answer
            heir, *heir.siblings = heirs
            heir.handle, heir.computed, heir.long, live.handle = live.handle, live.computed, live.long, None
            if place is not None:
                self.running[place] = heir
            elif queued:
                self.waiting.push_back(heir)
        elif place is not None:
            self._release(live)
        live.siblings = []
        live.finish("cancelled")
        live.tell()

    def _long(self, live: Live) -> bool:
        exact = live.request.rope_switch == "exact"
        return uses_long_factors(self.backend.config, len(live.ids) if exact else live.limit)

    def _admit(self) -> None:
        while (live := self.waiting.peek()) and len(self.running) < self.limits.sequences:
            if self.running and len(self.running) + 1 + len(live.siblings) > self.limits.sequences:
                return
            room = self.backend.room()
            if self._blocked[0] is live and room <= self._blocked[1] and self.running:
                return
            if not self._place(live):
                self.waiting.remove(live)
                continue
            promised = sum(len(other.ids) - other.computed + _MARGIN for other in self.running)
            if self.running and len(live.ids) - live.computed + promised > self.backend.room():
                assert live.handle is not None
                self.backend.free(live.handle)
                live.handle, live.computed = None, 0
                self._blocked = (live, room)
                return
            self.waiting.pop()
            self.running.append(live)
            self.running.sort()

    def _place(self, live: Live) -> bool:
        """Open a sequence in the backend, with what it can share; whether that went well."""
        try:
            live.long = self._long(live)
            live.handle, live.computed = self.residents.open(live.ids, live.long, live.salt)
        except Exception as error:
            self._fail(live, error)
            return False
        return True

    def _run(self, plan: list[Part]) -> list[tuple[Part, np.ndarray]]:
        """Logits of each part; parts whose sequence had to give way or failed are left out."""
        while plan:
            try:
                return list(zip(plan, self.backend.run([part.work for part in plan]), strict=True))
            except NoRoom as error:
                plan = self._make_room(plan, error)
            except Exception:
                return self._run_apart(plan)
            except BaseException:
                self._undo(plan)
                raise
        return []

    def _make_room(self, plan: list[Part], error: Exception) -> list[Part]:
        if any(part.guesses for part in plan):
            return [next_part(part.live, len(part.work.ids) - part.guesses) for part in plan]
        if len(self.running) > 1:
            youngest = self.running[-1]
            self._send_back(youngest)
            return [part for part in plan if part.live is not youngest]
        [part] = plan
        if len(part.work.ids) > 1 and self.backend.room() > 0:
            return [next_part(part.live, len(part.work.ids) // 2)]
        refusal = PhialError(
            f"a sequence of {len(part.live.ids):,} tokens does not fit the cache",
            where="engine",
            do="give the cache more memory, or shorten the prompt or the answer",
        )
        refusal.__cause__ = error
        self._fail(part.live, refusal)
        return []

    def _run_apart(self, plan: list[Part]) -> list[tuple[Part, np.ndarray]]:
        """One part at a time after a fault, so that only those fail that are at fault."""
        self._undo(plan)
        results = []
        for part in plan:
            try:
                [rows] = self.backend.run([part.work])
                results.append((part, rows))
            except NoRoom:
                self._undo([part])  # it keeps its place, and has its turn in the next step
            except Exception as error:
                self._fail(part.live, error)
        return results

    def _undo(self, plan: list[Part]) -> None:
        for part in plan:
            self.backend.trim(part.work.sequence, part.live.computed)

    def _commit(self, results: Sequence[tuple[Part, np.ndarray]]) -> None:
        together: list[Live] = []
        rows: list[np.ndarray] = []
        told: list[Live] = []
        for part, logits in results:
            live = part.live
            if part.guesses:
                self._check(part, logits)
                told.append(live)
                continue
            live.computed += len(part.work.ids)
            if part.work.wanted == 0:
                live.tell(progress=True)
                continue
            for one in self._with_siblings(live) if live.siblings else (live,):
                if one.plain:
                    together.append(one)
                    rows.append(logits)
                else:
                    draw_checked(one, logits, ())
                    told.append(one)
        if together:
            draw_together(together, rows)
        self._settle_all(together + told if told else together)

    def _check(self, part: Part, logits: np.ndarray) -> None:
        live, known = part.live, len(part.live.ids)
        right = draw_checked(live, logits, part.work.ids[len(part.work.ids) - part.guesses :])
        if live.finish_reason is None:
            assert live.drafts is not None
            live.computed = known + right
            self.backend.trim(part.work.sequence, live.computed)
            live.drafts.learn(part.guesses, right)

    def _with_siblings(self, live: Live) -> list[Live]:
        """All answers to a prompt that is now computed, each with a place of its own."""
        siblings, live.siblings = live.siblings, []
        placed = []
        for sibling in siblings:
            if sibling.finish_reason:
                continue
            assert live.handle is not None
            sibling.computed, sibling.long = live.computed, live.long
            try:
                sibling.handle = self.backend.fork(live.handle)
            except Exception as error:
                self._fail(sibling, error)
                continue
            placed.append(sibling)
        self.running += placed
        self.running.sort()
        return [live, *placed]

    def _settle_all(self, lives: Sequence[Live]) -> None:
        """What follows from new tokens: the end, a place with the other LongRoPE factors, and news for the client."""
        for live in lives:
            if live.finish_reason and live.handle is not None:
                self._release(live)
            elif self._original is not None and live.handle is not None and not live.long and self._long(live):
                self.backend.free(live.handle)
                live.handle = None
                self._place(live)
        fault: Exception | None = None
        for live in lives:
            if live.emit or live.finish_reason:
                try:
                    live.tell()
                except Exception as error:  # of a caller's own function; the others are to hear their news all the same
                    fault = fault or error
        if fault:
            raise fault

    def _release(self, live: Live) -> None:
        if live in self.running:
            self.running.remove(live)
        if live.handle is not None:
            self.backend.free(live.handle)
            live.handle = None

    def _fail(self, live: Live, error: Exception) -> None:
        for one in (live, *live.siblings):
            if not one.finish_reason or one is live:
                one.finish("error", error)
                self._release(one)
                one.tell()
