"""Exact and near duplicates over a whole corpus: one survivor of each cluster, whatever the order of the shards."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phial.curate.clusters import Bands, Clusters, cluster
from phial.curate.dedup import normalised_key
from phial.curate.funnel import Dropped
from phial.curate.ngrams import hash_texts
from phial.curate.stage import Outcome, judged, turned_away
from phial.errors import PhialError
from phial.record import Record

GATE = "duplicates"
SIGNATURES, IDENTITIES, DROPS = "signatures.npy", "identities.npy", "drops.npz"
IDENTITY = np.dtype([("id", "S32"), ("text", "S24"), ("words", "<i8")])


@dataclass(frozen=True)
class Duplicates:
    """Drop the records whose text another record has or nearly has.

    Exact: equal text once lowercased with its whitespace collapsed; messages are compared with their roles. Near: the
    Jaccard similarity of the sets of word n-grams is estimated by MinHash signatures (R-MinHash of `rensa`), and pairs
    are found by locality-sensitive hashing. Records that are similar, directly or through others, are one cluster; the
    one with the smallest id survives, and its id is the cluster's. Of records with one id the first shard's survives.

    Two records of similarity s become candidates with probability 1 - (1 - s^rows)^bands: 0.9998 at 0.7, and a pair is
    taken where the estimate reaches `threshold - margin`; its standard deviation is sqrt(s (1 - s) / permutations),
    0.03 at 0.7. So nearly all pairs from the threshold on are found, and of those well below it few.

    Attributes:
        near: whether near duplicates go as well.
        threshold: similarity from which two records are near duplicates.
        margin: by how much the estimate may fall short of it.
        shingle: words of an n-gram; a shorter text is one n-gram.
        permutations: values of a signature.
        bands: runs of a signature's values; each is a chance to become candidates.
        rows: values that must agree in a band.
        seed: of the signatures.
        memory: bytes that the conclusion may use for candidates at a time; the rest waits on the disk.
    """

    near: bool = True
    threshold: float = 0.7
    margin: float = 0.03
    shingle: int = 5
    permutations: int = 256
    bands: int = 32
    rows: int = 4
    seed: int = 1
    memory: int = 500_000_000
    name: str = GATE
    version: int = 1

    def __post_init__(self) -> None:
        if (
            not 0 < self.margin < self.threshold <= 1
            or min(self.shingle, self.bands, self.rows) < 1
            or self.bands * self.rows > self.permutations
        ):
            raise PhialError(
                f"bad settings {self}",
                where=GATE,
                do="keep 0 < margin < threshold <= 1, the rest positive and bands * rows <= permutations",
            )

    def config(self) -> dict[str, Any]:
        """All that decides the outcome, with the version of the signatures' algorithm."""
        facts = {name: value for name, value in asdict(self).items() if name != "memory"}
        return facts | ({"signatures": _rensa().ALGORITHM_VERSION} if self.near else {})

    def survey(self, records: Sequence[Record], folder: Path) -> None:
        """Write every record's id, hash of its normalised text and, for `near`, its signature."""
        identities = np.empty(len(records), IDENTITY)
        contents = [record.content for record in records]
        texts = hash_texts(contents)
        for number, record in enumerate(records):
            # numpy strips zero bytes from the end of a string: hexadecimal has none, and raw digests would lose theirs.
            key = hashlib.blake2b(normalised_key(record), digest_size=12).hexdigest().encode()
            identities[number] = (record.id[:32].encode(), key, 0)
        identities["words"] = texts.lengths
        np.save(folder / IDENTITIES, identities)
        if self.near:
            shingles, offsets = texts.shingles(self.shingle)
            np.save(folder / SIGNATURES, signatures(shingles, offsets, self.permutations, self.seed))

    def conclude(self, surveys: Sequence[Path], folder: Path) -> None:
        """Write which records of which shard are dropped, and for which survivor."""
        identities = [np.load(survey / IDENTITIES) for survey in surveys]
        lengths = np.array([len(one) for one in identities], np.int64)
        everyone = np.concatenate([*identities, np.empty(0, IDENTITY)])
        # Numbering by id makes the outcome independent of the order of shards: the smallest of a cluster survives.
        order = np.argsort(everyone["id"], kind="stable")
        everyone = everyone[order]
        number_of = np.empty(len(order), np.int64)
        number_of[order] = np.arange(len(order))
        clusters = Clusters(len(order))
        for column in ("id", "text"):
            clusters.join_equal(everyone[column])
        exact = clusters.roots().copy()
        starts = np.concatenate(([0], np.cumsum(lengths)))
        if self.near:
            bands = Bands(self.bands, self.rows, self.threshold - self.margin, self.memory)
            files = [survey / SIGNATURES for survey in surveys]
            numbers = [number_of[start:end] for start, end in pairwise(starts)]
            cluster(files, numbers, everyone["words"] > 0, bands, clusters, folder)
        roots = clusters.roots()
        losers = roots[number_of] != number_of
        places = np.flatnonzero(losers)
        shard = np.searchsorted(starts, places, "right") - 1
        survivor = roots[number_of[places]]
        np.savez(
            folder / DROPS,
            shard=shard,
            row=places - starts[shard],
            survivor=everyone["id"][survivor],
            exact=exact[number_of[places]] == exact[survivor],
            surviving=everyone["id"][np.unique(survivor)],
        )

    def judge_shard(self, records: Sequence[Record], conclusion: Path, shard: int) -> Outcome:
        """Drop what the conclusion says; what stays of a cluster says so."""
        with np.load(conclusion / DROPS) as drops:
            first, last = np.searchsorted(drops["shard"], [shard, shard + 1])
            rows, survivors = drops["row"][first:last].tolist(), drops["survivor"][first:last].tolist()
            exact, surviving = drops["exact"][first:last].tolist(), drops["surviving"]
        lost = {row: (survivor.decode(), same) for row, survivor, same in zip(rows, survivors, exact, strict=True)}
        ids = np.array([record.id[:32].encode() for record in records], "S32")
        of_cluster = np.isin(ids, surviving)
        kept: list[Record] = []
        dropped: list[Dropped] = []
        for row, record in enumerate(records):
            if row in lost:
                survivor, same = lost[row]
                dropped.append(turned_away(record, self.name, "same text" if same else "near duplicate", survivor))
            else:
                detail = f"survivor of {record.id[:32]}" if of_cluster[row] else "unique"
                kept.append(judged(record, self.name, True, detail))
        return Outcome(kept, dropped)


def signatures(
    shingles: NDArray[np.uint64], offsets: NDArray[np.int64], permutations: int, seed: int
) -> NDArray[np.uint32]:
    """R-MinHash signatures of sets of hashes  # [sets, permutations]

    Args:
        shingles: the sets, one after the other; repeats change nothing.
        offsets: set i is [offsets[i], offsets[i + 1])  # [sets + 1]

    Raises:
        PhialError: rensa is not installed.
    """
    count = len(offsets) - 1
    made = np.empty((count, permutations), np.uint32)
    step = 4096
    for start in range(0, count, step):
        part = offsets[start : start + step + 1]
        tokens = np.ascontiguousarray(shingles[part[0] : part[-1]])
        rows = (part - part[0]).astype(np.uint64)
        matrix = _rensa().digest_matrix_from_flat_token_hashes(tokens, rows, permutations, seed)
        made[start : start + len(part) - 1] = matrix.to_rows()
    return made


def _rensa() -> Any:
    try:
        from rensa import RMinHash  # pyrefly: ignore[missing-module-attribute]
    except ImportError as error:
        raise PhialError(
            "rensa is not installed", where="near duplicates", do="pip install 'phial-lm[data]', or near=False"
        ) from error
    return RMinHash
