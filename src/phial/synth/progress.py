"""How far a run of a flow is, and what it did."""

from __future__ import annotations

from dataclasses import dataclass

from phial.synth.budget import Limits, Spending
from phial.synth.ledger import Account

_REASONS_SHOWN = 3


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        seeds: finished.
        accepted: records so far.
        under_way: seeds begun and not finished.
        dropped: by reason, so far.
        unanswered: seeds that wait for another round.
        account: what the run has spent.
        limits: what it may spend.
        seconds: since this process began.
    """

    seeds: int
    accepted: int
    under_way: int
    dropped: dict[str, int]
    unanswered: int
    account: Account
    limits: Limits
    seconds: float

    def line(self) -> str:
        """One line for a display: yield, reasons, tokens and cost against the limits."""
        paid = self.account.spent + self.account.lost
        parts = [f"{self.accepted:,} accepted of {self.seeds:,} seeds", f"{self.under_way:,} under way"]
        if self.dropped:
            reasons = sorted(self.dropped.items(), key=lambda item: -item[1])[:_REASONS_SHOWN]
            parts.append("dropped: " + ", ".join(f"{reason} {count:,}" for reason, count in reasons))
        if self.unanswered:
            parts.append(f"{self.unanswered:,} wait for another try")
        parts.append(f"{paid.requests:,}{_of(self.limits.requests)} requests")
        parts.append(f"{paid.tokens:,}{_of(self.limits.tokens)} tokens")
        if paid.cost or self.limits.cost is not None:
            parts.append(f"cost {paid.cost:.2f}{_of(self.limits.cost)}")
        if self.account.lost.requests:
            parts.append(f"{self.account.lost.requests:,} perhaps paid in vain")
        return " · ".join(parts)


@dataclass(frozen=True)
class Report:
    """What a run did; written as run.json beside its records.

    Attributes:
        flow: name and version.
        seeds: that were worked on.
        accepted: records in records.parquet.
        spare: records beyond `accept`, of seeds that were under way when it was reached; their replies are recorded.
        dropped: by reason.
        unanswered: seeds that the teacher could not be asked about; run again for them.
        complete: whether every seed was worked on, or enough were.
        spent: over all processes of the run.
        lost: perhaps paid for, without an answer.
        doubted: replies whose token count is an estimate.
    """

    flow: str
    seeds: int
    accepted: int
    spare: int
    dropped: dict[str, int]
    unanswered: int
    complete: bool
    spent: Spending
    lost: Spending
    doubted: int


def _of(limit: float | None) -> str:
    return "" if limit is None else f" of {limit:,}"
