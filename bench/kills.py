"""Claim: kill -9 at any moment of `phial make`, run it again, and the content hashes are the undisturbed ones.

    python bench/kills.py --kills 20

Each trial starts `phial make` on a small recipe in a fresh workspace, kills its whole process group after a random time
drawn over the undisturbed run's length, runs it again to the end, and compares every stage's content hash with the
undisturbed run's. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETTINGS = {
    "synth.exercises": 2000,
    "synth.passages": 400,
    "synth.code": 24,
    "synth.sft": 200,
    "synth.heldout": 120,
    "seeds.limit_bytes": 500_000,
    "model.hidden_size": 64,
    "model.intermediate_size": 128,
    "model.num_hidden_layers": 2,
    "pretrain.tokens": 120_000,
    "pretrain.save_seconds": 0.5,
    "sft.tokens": 40_000,
    "sft.save_seconds": 0.5,
    "evaluate.items": 120,
    "evaluate.sampled": 40,
}


def command(workspace: Path) -> list[str]:
    """The `phial make` of a trial."""
    settings = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    return [sys.executable, "-m", "phial", "make", "nano", "--to", str(workspace), *settings]


def hashes(workspace: Path) -> dict[str, str]:
    """Content hash of every artifact, by folder name."""
    from phial.artifact import read_manifest

    folders = [path for path in (workspace / "artifacts").iterdir() if path.is_dir()]
    return {path.name: read_manifest(path).content_hash for path in folders if not path.name.endswith(".partial")}


def main() -> None:
    """Run the trials and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    generator = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        clean = Path(folder) / "undisturbed"
        started = time.monotonic()
        subprocess.run(command(clean), check=True, capture_output=True)
        length = time.monotonic() - started
        expected = hashes(clean)
        print(f"undisturbed: {length:.1f} s, {len(expected)} artifacts")
        equal = 0
        for trial in range(arguments.kills):
            workspace = Path(folder) / f"trial-{trial}"
            moment = generator.uniform(0, length)
            process = subprocess.Popen(
                command(workspace), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                process.wait(timeout=moment)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            standing = (
                sorted(path.name for path in (workspace / "artifacts").glob("*.partial")) if workspace.exists() else []
            )
            subprocess.run(command(workspace), check=True, capture_output=True)
            found = hashes(workspace)
            different = sorted(name for name in expected if found.get(name) != expected[name])
            equal += not different
            verdict = f"DIFFERENT: {', '.join(different)}" if different else "equal"
            print(
                f"kill {trial + 1} after {moment:5.1f} s in {', '.join(standing) or 'no stage'}: {verdict}", flush=True
            )
    print(json.dumps({"claim": "kill-resume", "kills": arguments.kills, "equal": equal, "artifacts": len(expected)}))
    sys.exit(equal != arguments.kills)


if __name__ == "__main__":
    main()
