"""The training mixture: so many characters of each kind, no kind repeated more often than its cap."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phial.errors import PhialError
from phial.record import Record


@dataclass(frozen=True, slots=True)
class MixtureRow:
    """One kind in a mixture; sizes are in characters, a proxy for tokens.

    Attributes:
        available: characters there are.
        taken: characters in the mixture, repeats counted.
        records: records in the mixture, repeats counted.
        epochs: taken / available.
        target_share: the share asked for, all shares scaled to sum to 1.
        share: taken / the whole mixture.
    """

    kind: str
    available: int
    taken: int
    records: int
    epochs: float
    target_share: float
    share: float


def mix(
    records_by_kind: Mapping[str, Sequence[Record]],
    shares: Mapping[str, float],
    total_characters: int,
    epochs_cap: float | Mapping[str, float],
    seed: int,
) -> tuple[list[Record], list[MixtureRow]]:
    """Draw a mixture by target shares of characters, as the report states its mixture by shares of tokens.

    Each kind is gone through in a fresh seeded order per epoch until its target is met as nearly as whole records
    allow, or its cap is. What a capped kind falls short is not given to the others: the mixture is then smaller than
    asked and the table says so. One kind's draw does not depend on the other kinds.

    Args:
        records_by_kind: what there is; a kind without a share is not drawn.
        shares: share of each kind, at least 0; they are scaled to sum to 1.
        total_characters: size of the mixture.
        epochs_cap: most epochs of any kind, or by kind (every kind with a share needs one); fractions are allowed.
        seed: gives the draw and the final order, the same on every machine.

    Returns:
        The records in training order (a record of e epochs is there e times), and the table in the order of `shares`.

    Raises:
        PhialError: a share is negative or of a kind that has no text, all are 0, or a size or cap is not positive.
    """
    whole = math.fsum(shares.values())
    if not all(math.isfinite(share) and share >= 0 for share in shares.values()) or whole <= 0:
        raise PhialError(f"bad mixture shares {dict(shares)}", where="mix", do="give numbers >= 0, one of them > 0")
    if total_characters <= 0:
        raise PhialError(f"a mixture of {total_characters} characters", where="mix", do="give a positive size")
    drawn: dict[str, list[Record]] = {}
    for kind, share in shares.items():
        records = [record for record in records_by_kind.get(kind, ()) if record.content] if share > 0 else []
        if share > 0 and not records:
            raise PhialError(
                f"the mixture asks for {share / whole:.1%} of {kind!r} and there is none",
                where="mix",
                do=f"make some, or leave it out of the shares; there is {', '.join(records_by_kind) or 'nothing'}",
            )
        drawn[kind] = _draw(records, total_characters * share / whole, _cap(kind, epochs_cap), f"{seed}/{kind}")
    taken = {kind: _characters(records) for kind, records in drawn.items()}
    total_taken = sum(taken.values())
    table: list[MixtureRow] = []
    for kind, share in shares.items():
        available = _characters(records_by_kind.get(kind, ()))
        table.append(
            MixtureRow(
                kind=kind,
                available=available,
                taken=taken[kind],
                records=len(drawn[kind]),
                epochs=taken[kind] / available if available else 0.0,
                target_share=share / whole,
                share=taken[kind] / total_taken if total_taken else 0.0,
            )
        )
    ordered = [record for kind in sorted(drawn) for record in drawn[kind]]
    random.Random(f"{seed}").shuffle(ordered)
    return ordered, table


def _cap(kind: str, epochs_cap: float | Mapping[str, float]) -> float:
    if isinstance(epochs_cap, Mapping):
        if kind not in epochs_cap:
            raise PhialError(f"no epochs cap for {kind!r}", where="mix", do=f"give one beside {', '.join(epochs_cap)}")
        cap = epochs_cap[kind]
    else:
        cap = epochs_cap
    if not cap > 0 or math.isinf(cap):
        raise PhialError(f"epochs cap {cap} for {kind!r}", where="mix", do="give a positive number")
    return cap


def _characters(records: Sequence[Record]) -> int:
    return sum(len(record.content) for record in records)


def _draw(records: Sequence[Record], target: float, cap: float, seed: str) -> list[Record]:
    limit = cap * _characters(records)
    drawn: list[Record] = []
    taken = epoch = 0
    while taken < min(target, limit):
        order = list(records)
        # A string seed goes through SHA-512, so the order is one on every platform and Python.
        random.Random(f"{seed}/{epoch}").shuffle(order)
        for record in order:
            size = len(record.content)
            if taken + size > limit or taken + size - target > target - taken:  # past the cap, or farther from target
                return drawn
            drawn.append(record)
            taken += size
        epoch += 1
    return drawn
