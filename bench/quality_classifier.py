"""Claim: the quality classifier tells textbook-like prose from junk of sources it has not seen: AUC 0.90 or more.

    python bench/quality_classifier.py [--per-source 300]

Good: longer docstrings of packages on this machine that explain (numpy, scipy, sklearn, networkx, sympy, the standard
library, torch …: those that are installed). Junk: real (licences, headers of C, message catalogues, metadata, tables,
minified scripts and styles, indexes) and made from a half of each good source that is not otherwise used: words
shuffled; a few sentences padded with navigation, cookie notes and link lists; machine-made prose, which a Markov chain
of two words writes. Each good source in turn is held out with all junk made from it, and each kind of real junk is held
out with one of them; what is trained on the rest scores them. As a gate at a probability of 0.5 it is asked about
all of them, and about 50 good and 50 junk drawn of all. The last line is JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import sysconfig
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

import prose
from phial.curate.quality import Training, auc, train
from phial.evals.statistics import wilson
from phial.record import Lineage, Record

PACKAGES = ("numpy", "scipy", "sklearn", "networkx", "sympy", "torch", "transformers", "pandas", "ray", "pyarrow")
MIDDLE = 0.5  # probability of being good
DRAWN = 50
JUNK = {
    "licences": ("LICENSE*", "COPYING*", "copyright", "NOTICE*"),
    "headers": ("*.h", "*.hpp", "*.pxd"),
    "metadata": ("METADATA", "RECORD", "*.toml", "*.cfg", "*.json", "*.ini"),
    "stubs": ("*.pyi",),
    "tables": ("*.csv", "*.tsv", "*.dat"),
    "scripts and styles": ("*.js", "*.css", "*.svg"),
}
NAVIGATION = (
    "Home | About | Contact | Login | Register",
    "We use cookies to improve your experience. By continuing you accept our policy.",
    "Share on: Facebook Twitter LinkedIn Email",
    "Copyright 2024. All rights reserved. Terms of use. Privacy.",
    "Related posts: Top 10 tips you must know. You won't believe number 7!",
    "Subscribe to our newsletter and get the best deals every week.",
    "Page 1 2 3 4 5 next last",
    "Click here to read more. Skip to content. Back to top.",
    "Posted in News, Featured. Tags: best, cheap, free, online, review.",
)


def good_sources(count: int) -> dict[str, list[str]]:
    """Docstrings of explaining packages, by package."""
    roots = prose.folders()
    folders = {name: root / name for root in roots for name in PACKAGES if (root / name).is_dir()}
    folders["standard library"] = Path(sysconfig.get_paths()["stdlib"])
    found: dict[str, list[str]] = {}
    for name, folder in folders.items():
        texts = itertools.islice(prose.docstrings(folder, 120), 2 * count)
        chosen = list(dict.fromkeys(texts))
        if len(chosen) >= count // 3:
            found[name] = chosen
    return found


def real_junk(count: int) -> dict[str, list[str]]:
    """Pieces of files that nobody reads, by kind."""
    files: defaultdict[str, list[Path]] = defaultdict(list)
    for root in prose.folders():
        for folder, _, names in os.walk(root):
            for kind, patterns in JUNK.items():
                files[kind] += [Path(folder, name) for name in names if any(fnmatch(name, one) for one in patterns)]
    found: dict[str, list[str]] = {}
    for kind, paths in files.items():
        random.Random(kind).shuffle(paths)
        texts: dict[str, None] = {}
        for path in paths:
            try:
                text = path.read_text(encoding="utf-8")[:3_000]
            except (OSError, ValueError):
                continue
            if len(text) > 300:
                texts[text] = None
            if len(texts) == count:
                break
        if len(texts) >= 20:
            found[kind] = list(texts)
    return found


def made_junk(texts: list[str], generator: random.Random) -> dict[str, list[str]]:
    """Shuffled, padded and machine-made junk of some texts, a third of them each."""
    third = len(texts) // 3
    shuffled = []
    for text in texts[:third]:
        words = text.split()
        generator.shuffle(words)
        shuffled.append(" ".join(words))
    padded = []
    for text in texts[third : 2 * third]:
        sentences = text.replace("\n", " ").split(". ")
        lines = generator.choices(NAVIGATION, k=generator.randint(5, 15)) + generator.sample(
            sentences, min(2, len(sentences))
        )
        generator.shuffle(lines)
        padded.append("\n".join(lines))
    chain: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for text in texts:
        words = text.split()
        for a, b, c in zip(words, words[1:], words[2:], strict=False):
            chain[a, b].append(c)
    starts = list(chain)
    machine = []
    for _ in range(third):
        words = list(generator.choice(starts))
        while len(words) < 150:
            words.append(generator.choice(chain[words[-2], words[-1]] or [generator.choice(starts)[0]]))
        machine.append(" ".join(words))
    return {"shuffled": shuffled, "padded": padded, "machine-made": machine}


def record(text: str, source: str, mark: float) -> Record:
    """One marked record."""
    return Record("organic", source, "LicenseRef-local", Lineage("bench", "1"), text=text, scores={"mark": mark})


def main() -> None:
    """Hold every source out in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-source", type=int, default=300)
    options = parser.parse_args()
    generator = random.Random(0)
    good: dict[str, list[Record]] = {}
    made: dict[tuple[str, str], list[Record]] = {}
    for name, texts in good_sources(options.per_source).items():
        half = len(texts) // 2
        good[name] = [record(text, name, 5) for text in texts[:half]]
        for kind, junk in made_junk(texts[half:], generator).items():
            made[kind, name] = [record(text, f"{kind} {name}", 0) for text in junk]
    real = {kind: [record(text, kind, 0) for text in texts] for kind, texts in real_junk(options.per_source).items()}
    print("good:", {name: len(one) for name, one in good.items()})
    print("junk:", {name: len(one) for name, one in real.items()}, flush=True)
    scores: list[np.ndarray] = []
    marks: list[np.ndarray] = []
    by_source: dict[str, float] = {}
    by_kind: defaultdict[str, list[float]] = defaultdict(list)
    kinds = list(real)
    for number, name in enumerate(good):
        unseen = kinds[number % len(kinds)]
        rest = [one for other, records in good.items() if other != name for one in records]
        rest += [one for (_, other), records in made.items() if other != name for one in records]
        rest += [one for kind, records in real.items() if kind != unseen for one in records]
        model = train(rest, lambda records: [one.scores["mark"] for one in records], Training(folds=3)).classifier
        held = {"good": good[name], unseen: real[unseen]} | {kind: made[kind, name] for kind, of in made if of == name}
        found = {kind: model.score([one.content for one in records]) for kind, records in held.items()}
        junk = np.concatenate([values for kind, values in found.items() if kind != "good"])
        for kind, values in found.items():
            if kind != "good":
                by_kind[kind].append(area(found["good"], values))
        by_source[name] = round(area(found["good"], junk), 4)
        scores += [found["good"], junk]
        marks += [np.ones(len(found["good"]), bool), np.zeros(len(junk), bool)]
        print(f"without {name} and {unseen}: {by_source[name]}", flush=True)
    score, is_good = np.concatenate(scores), np.concatenate(marks)
    result = {
        "auc": round(auc(score, is_good), 4),
        "least of a source": min(by_source.values()),
        "sources": by_source,
        "junk": {kind: round(statistics.mean(values), 4) for kind, values in by_kind.items()},
        "gate": gate(score[is_good], score[~is_good], generator),
    }
    print(json.dumps(result))


def gate(good: np.ndarray, junk: np.ndarray, generator: random.Random) -> dict[str, object]:
    """What a threshold of 0.5 catches and refuses, of all and of a draw; printed with 95 % intervals."""
    drawn = {"drawn": [generator.sample(list(one), min(len(one), DRAWN)) for one in (good, junk)], "all": [good, junk]}
    facts: dict[str, object] = {"threshold": MIDDLE}
    for name, (kept, thrown) in drawn.items():
        caught = wilson(sum(value < MIDDLE for value in thrown), len(thrown))
        refused = wilson(sum(value < MIDDLE for value in kept), len(kept))
        print(
            f"gate, {name}: caught {caught.right}/{caught.total} [{caught.low:.0%}, {caught.high:.0%}], good refused "
            f"{refused.right}/{refused.total} [{refused.low:.0%}, {refused.high:.0%}]"
        )
        facts[name] = {"caught": caught.share, "good_refused": refused.share}
    return facts


def area(good: np.ndarray, junk: np.ndarray) -> float:
    """AUC of two sets of scores."""
    return auc(np.concatenate((good, junk)), np.concatenate((np.ones(len(good), bool), np.zeros(len(junk), bool))))


if __name__ == "__main__":
    main()
