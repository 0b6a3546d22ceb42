"""Claim: decontamination reads 10 MB/s or more on a core, and finds every copied and nearly every edited item.

    python bench/decontamination.py [--megabytes 20] [--items 2000] [--rounds 3]

Items are sentences of prose on this machine that the documents do not have; documents are its other paragraphs. Copies
of items are planted, one a document, among them: exact (but for case and punctuation); edited, a word in every 10
replaced, so that no 13-gram is whole and many 7-grams are; paraphrased, every third word replaced and the halves
swapped. Both passes over the corpus are timed, the counting of common n-grams and the judging, in processor seconds.
Beside it the plainest rule of any tool, Python's hash of 13 words against a set, in one pass. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Sequence

import prose
from phial.curate.benchmarks import Index, build_index
from phial.curate.decontaminate import DecontaminationConfig, count_grams, judge
from phial.curate.ngrams import words_of
from phial.record import Lineage, Record

FORMS = ("exact", "edited", "paraphrased")
CONFIG = DecontaminationConfig()


def planted(item: str, form: str, generator: random.Random, vocabulary: Sequence[str]) -> str:
    """One item in another form."""
    words = item.split()
    if form == "exact":
        return (
            ", ".join((item.upper()[: len(item) // 2], item[len(item) // 2 :])).replace(",  ", "  ").replace(", ", "")
        )
    step = 10 if form == "edited" else 3
    words = [generator.choice(vocabulary) if at % step == step - 1 else word for at, word in enumerate(words)]
    if form == "paraphrased":
        words = words[len(words) // 2 :] + words[: len(words) // 2]
    return " ".join(words)


def plain(texts: Sequence[str], items: Sequence[str]) -> int:
    """Any shared run of 13 words, by Python's own hash."""

    def grams(text: str) -> set[int]:
        words = words_of(text)
        return {hash(tuple(words[at : at + 13])) for at in range(len(words) - 12)}

    known = set().union(*map(grams, items))
    return sum(not known.isdisjoint(grams(text)) for text in texts)


def ours(records: Sequence[Record], index: Index) -> dict[str, str]:
    """Both passes; what was dropped and what was flagged, by source."""
    counts = count_grams([record.content for record in records], index)
    kept, dropped, _ = judge(records, index, counts, CONFIG)
    found = {one.record.source: "dropped" for one in dropped}
    return found | {
        one.source: "flagged" for one in kept if one.scores["decontamination_7gram_ratio"] > CONFIG.info_ratio
    }


def main() -> None:
    """Make the corpus, time both, count what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    generator = random.Random(0)
    pool = prose.paragraphs(int(min(options.megabytes, 25) * 1e6))
    generator.shuffle(pool)
    long = [text for text in pool if 25 <= len(words_of(text)) <= 80]
    items = [" ".join(words_of(text)) for text in long[: options.items]]
    used = set(long[: options.items])
    # A paragraph that has an item's words in another setting would be a true find.
    index = build_index((str(number), "prose", item) for number, item in enumerate(items))
    rest = [text for text in pool if text not in used]
    kept, _, _ = judge(
        [Record("organic", "", "MIT", Lineage("bench", "1"), text=text) for text in rest],
        index,
        count_grams([], index),
        DecontaminationConfig(info_ratio=0.01, contaminated_ratio=0.02),
    )
    clean = [record.content for record in kept]
    vocabulary = sorted({word for text in clean[:2_000] for word in text.split()})
    texts = list(prose.documents(clean, int(options.megabytes * 1e6), 1))
    hosts = generator.sample(range(len(texts)), min(len(texts) // 10, 3 * len(items)))
    sources = [""] * len(texts)
    for number, host in enumerate(hosts):
        form, item = FORMS[number % 3], number // 3
        paragraph = planted(items[item], form, generator, vocabulary)
        texts[host] = f"{texts[host]}\n\n{paragraph}"
        sources[host] = f"{form} {item}"
    records = [
        Record("organic", source or f"clean {number}", "MIT", Lineage("bench", "1"), text=text)
        for number, (text, source) in enumerate(zip(texts, sources, strict=True))
    ]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    rates: dict[str, list[float]] = {"phial": [], "plain 13-grams": []}
    found: dict[str, str] = {}
    for _ in range(options.rounds):
        started = time.process_time()
        found = ours(records, index)
        rates["phial"].append(megabytes / (time.process_time() - started))
        started = time.process_time()
        plain(texts, items)
        rates["plain 13-grams"].append(megabytes / (time.process_time() - started))
    result: dict[str, object] = {"megabytes": round(megabytes, 1), "items": len(items)}
    for form in (*FORMS, "clean"):
        names = [record.source for record in records if record.source.startswith(f"{form} ")]
        said = [found.get(name) for name in names]
        result[form] = {
            "documents": len(names),
            "dropped": round(said.count("dropped") / max(1, len(said)), 4),
            "flagged": round(said.count("flagged") / max(1, len(said)), 4),
        }
        print(f"{form:12} {result[form]}")
    for side, values in rates.items():
        result[f"{side} MB/s"] = round(statistics.median(values), 1)
        print(f"{side:16} {result[f'{side} MB/s']} MB/s of one core")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
