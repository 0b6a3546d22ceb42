"""Claim: data quality, not quantity, makes the model: equal-token arms on the same problems.

    python bench/quality_arms.py --to runs/arms --tokens 1200000 --seeds 3

Arms: the nano recipe; answers without worked steps; 20 % wrong answers; exercises without passages; near-duplicates of
a tenth of the data; and the control trained on organic text. Every arm has the same shape, token budget and
fine-tuning tokens. Printed: in-range exact match by arm and seed, and nano minus arm with a 95 % interval over seeds
(Student's t on paired differences). Finished stages are reused, so a stopped run goes on. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from phial.recipe.progress import Reporter
from phial.recipe.runner import make
from phial.recipe.schema import read_recipe

ARMS = {
    "nano": [],
    "answers-only": ["ablation.kind=answers-only"],
    "wrong-answers": ["ablation.kind=wrong-answers", "ablation.share=0.2"],
    "no-passages": ["ablation.kind=no-passages"],
    "near-duplicates": ["ablation.kind=near-duplicates", "ablation.share=0.1"],
}
# Few families, so that each of the many small trainings gets past its first lessons.
FAMILIES = ["addition_together", "subtraction_give", "multiplication_groups"]
STUDENT_95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}


def interval(differences: list[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval of paired differences."""
    mean = statistics.fmean(differences)
    if len(differences) < 2:
        return mean, float("nan"), float("nan")
    half = STUDENT_95[len(differences) - 1] * statistics.stdev(differences) / math.sqrt(len(differences))
    return mean, mean - half, mean + half


def main() -> None:
    """Make every arm with every seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path("runs/arms"))
    parser.add_argument("--tokens", type=int, default=1_200_000)
    parser.add_argument("--seeds", type=int, default=3, choices=(1, 2, 3, 4, 5))
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    arguments = parser.parse_args()
    scores: dict[str, list[float]] = {}

    def make_arm(arm: str, seed: int) -> dict[str, float]:
        overrides = [
            f"seed={seed}",
            "threads=1",
            f"synth.families={FAMILIES}",
            "synth.exercises=12000",
            "synth.passages=2400",
            "synth.sft=600",
            f"synth.heldout={arguments.items + 60}",
            f"pretrain.tokens={arguments.tokens}",
            "sft.tokens=60000",
            f"evaluate.items={arguments.items}",
            "evaluate.sampled=0",
            f"control.enabled={'true' if arm == 'nano' else 'false'}",
            *ARMS[arm],
            *arguments.settings,
        ]
        run = make(read_recipe("nano", overrides), arguments.to, Reporter())
        measured = {arm: "evaluate"} | ({"control": "evaluate-control"} if arm == "nano" else {})
        return {
            name: run.artifacts[stage].manifest.metrics["in-range"]["score"]["share"]
            for name, stage in measured.items()
        }

    for seed in range(arguments.seeds):
        results = [make_arm("nano", seed)]  # makes the data that the other arms share
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results += pool.map(make_arm, [arm for arm in ARMS if arm != "nano"], [seed] * len(ARMS))
        for result in results:
            for name, share in result.items():
                scores.setdefault(name, []).append(share)
    print(f"\nin-range exact match, {arguments.items} items, {arguments.tokens:,} tokens, {arguments.seeds} seeds")
    gaps = {}
    for arm, values in scores.items():
        mean, low, high = interval([a - b for a, b in zip(scores["nano"], values, strict=True)])
        gaps[arm] = {"mean": mean, "low": low, "high": high}
        shown = " ".join(f"{100 * value:5.1f}" for value in values)
        gap = "" if arm == "nano" else f"nano minus arm {100 * mean:+6.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
        print(f"{arm:<16} {shown}   {gap}")
    print(json.dumps({"claim": "quality arms", "tokens": arguments.tokens, "scores": scores, "nano_minus": gaps}))


if __name__ == "__main__":
    main()
