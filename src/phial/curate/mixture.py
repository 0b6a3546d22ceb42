"""How often each source of a corpus is gone through, so that the mixture has the shares that were asked for."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from phial.curate.funnel import Dropped
from phial.curate.stage import Outcome, judged, turned_away
from phial.errors import PhialError
from phial.record import Record

GATE = "mixture"
COPIES = "copies"
PLAN = "mixture.json"


@dataclass(frozen=True, slots=True)
class Share:
    """What is wanted of one source.

    Attributes:
        share: of the mixture, by size; all shares are scaled to sum to 1.
        most_epochs: how often it may be gone through.
    """

    share: float
    most_epochs: float

    def __post_init__(self) -> None:
        if not (
            math.isfinite(self.share) and self.share >= 0 and math.isfinite(self.most_epochs) and self.most_epochs > 0
        ):
            raise PhialError(f"bad {self}", where=GATE, do="give a share >= 0 and a finite number of epochs above 0")


# The final pretraining mixture of the Phi-4 report (arXiv 2412.08905, table 5): shares of tokens and epochs.
PHI_4: Mapping[str, Share] = {
    "web": Share(0.15, 1.2),
    "web-rewrite": Share(0.15, 5.2),
    "synthetic": Share(0.40, 13.8),
    "code": Share(0.20, 2.4),
    "acquired": Share(0.10, 1.7),
}


@dataclass(frozen=True, slots=True)
class Portion:
    """One source in a solved mixture; sizes in the unit of what was available.

    Attributes:
        available: one epoch of it.
        target: what its share of the mixture asks for.
        taken: what it gives.
        epochs: taken / available.
        share: taken / the whole mixture.
    """

    source: str
    available: float
    target: float
    taken: float
    epochs: float
    share: float


def solve(
    available: Mapping[str, float],
    wanted: Mapping[str, Share],
    total: float | None = None,
    *,
    short: Literal["smaller", "others"] = "smaller",
) -> list[Portion]:
    """How much of each source makes a mixture of the wanted shares.

    Args:
        available: size of one epoch of each source, in tokens or characters.
        wanted: shares and caps; a source that is not named is left out.
        total: size of the mixture; by default the largest in which every source keeps its exact share below its cap.
        short: what becomes of a target that a source's cap does not allow: the mixture gets "smaller", or the "others"
            give it, in the ratio of their shares, up to their own caps.

    Raises:
        PhialError: a source has a share and no text, no share is above 0, or the total is not positive.
    """
    whole = math.fsum(one.share for one in wanted.values())
    if whole <= 0 or (total is not None and not (math.isfinite(total) and total > 0)):
        raise PhialError(
            f"a mixture of {dict(wanted)} and size {total}", where=GATE, do="give a share and size above 0"
        )
    shares = {name: one.share / whole for name, one in wanted.items() if one.share > 0}
    for name in shares:
        if available.get(name, 0) <= 0:
            have = ", ".join(available) or "nothing"
            raise PhialError(
                f"{shares[name]:.1%} of {name!r} and there is none",
                where=GATE,
                do=f"make some, or leave it out; there is {have}",
            )
    caps = {name: wanted[name].most_epochs * available[name] for name in shares}
    if total is None:
        total = min(caps[name] / share for name, share in shares.items())
    taken = {name: min(share * total, caps[name]) for name, share in shares.items()}
    while short == "others":
        left = total - math.fsum(taken.values())
        free = {name: share for name, share in shares.items() if taken[name] < caps[name] * (1 - 1e-12)}
        if left <= 1e-9 * total or not free:
            break
        scale = math.fsum(free.values())
        for name, share in free.items():
            taken[name] = min(taken[name] + left * share / scale, caps[name])
    made = math.fsum(taken.values())
    return [
        Portion(
            source=name,
            available=available.get(name, 0.0),
            target=shares.get(name, 0.0) * total,
            taken=taken.get(name, 0.0),
            epochs=taken[name] / available[name] if name in taken else 0.0,
            share=taken.get(name, 0.0) / made,
        )
        for name in wanted
    ]


def copies(record_id: str, epochs: float, seed: int) -> int:
    """How often a record comes in a mixture that goes through its source so many times: the whole epochs, and one more
    for the records that a hash of id and seed picks."""
    whole = math.floor(epochs)
    drawn = hashlib.blake2b(f"{seed}/{record_id}".encode(), digest_size=8).digest()
    return whole + (int.from_bytes(drawn, "big") / 2**64 < epochs - whole)


@dataclass(frozen=True)
class Mixture:
    """Give every record the number of times it comes in training, as the score "copies"; 0 drops it.

    Sizes are in characters, a proxy for tokens. `arrange` writes the copies out.

    Attributes:
        wanted: shares and caps by kind of record.
        total: characters of the mixture, as in `solve`.
        short: as in `solve`.
        seed: picks the records of a broken epoch.
    """

    wanted: Mapping[str, Share]
    total: float | None = None
    short: Literal["smaller", "others"] = "smaller"
    seed: int = 1
    name: str = GATE
    version: int = 1

    def config(self) -> dict[str, Any]:
        """All of it."""
        facts = asdict(replace(self, wanted={}))
        return facts | {"wanted": {name: asdict(one) for name, one in self.wanted.items()}}

    def survey(self, records: Sequence[Record], folder: Path) -> None:
        """Write the characters of each kind."""
        sizes: Counter[str] = Counter()
        for record in records:
            sizes[record.kind] += len(record.content)
        (folder / "sizes.json").write_text(json.dumps(sizes))

    def conclude(self, surveys: Sequence[Path], folder: Path) -> None:
        """Write the solved mixture."""
        sizes: Counter[str] = Counter()
        for survey in surveys:
            sizes.update(json.loads((survey / "sizes.json").read_text()))
        portions = solve(sizes, self.wanted, self.total, short=self.short)
        (folder / PLAN).write_text(json.dumps([asdict(one) for one in portions], indent=1) + "\n")

    def judge_shard(self, records: Sequence[Record], conclusion: Path, shard: int) -> Outcome:
        """Drop for "not in the mixture" and "sampled down"."""
        epochs = {one["source"]: one["epochs"] for one in json.loads((conclusion / PLAN).read_text())}
        kept: list[Record] = []
        dropped: list[Dropped] = []
        for record in records:
            times = copies(record.id, epochs.get(record.kind, 0.0), self.seed)
            detail = f"{epochs.get(record.kind, 0.0):.3f} epochs of {record.kind}"
            if times:
                kept.append(judged(record, self.name, True, detail, scores={COPIES: float(times)}))
            else:
                reason = "sampled down" if epochs.get(record.kind) else "not in the mixture"
                dropped.append(turned_away(record, self.name, reason, detail))
        return Outcome(kept, dropped)
