"""Claim: a model larger than memory gives a token from its memory-mapped folder, holding little memory of its own.

    python bench/larger_than_memory.py [--preset phi-4] [--layers N] [--limit-gb 2.0] --to FOLDER

Writes random bf16 weights in the released model's layout (29 GB for Phi-4), loads the folder with `phial.load` in a
process of its own, reads a short prompt and gives one token, with the file's pages out of the system's cache where that
may be asked for. Anonymous memory is what belongs to the process alone; mapped pages can be dropped at any time. The
physical limit is the time that the disk takes to deliver the file once. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from loading import memory, write_folder

PROMPT = list(range(100, 108))


def child(folder: str) -> None:
    """Load and give one token; print what it took."""
    import torch

    import phial
    from phial.model.cache import KeyValueCache

    load = phial.load
    peaks, done = {"RssAnon": 0, "VmSwap": 0, "VmRSS": 0}, threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            for field in peaks:
                peaks[field] = max(peaks[field], memory(field))

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    model = load(folder, dtype="bfloat16").model
    loaded = time.perf_counter() - started
    times = []
    with torch.no_grad():
        cache = KeyValueCache(model.config, 1, dtype=torch.bfloat16)
        ids = torch.tensor([PROMPT])
        for _ in range(2):  # the prompt, then one more token
            started = time.perf_counter()
            token = int(model.extend(ids, cache).argmax())
            times.append(time.perf_counter() - started)
            ids = torch.tensor([[token]])
    done.set()
    watcher.join()
    print(json.dumps({"load": loaded, "first_token": times[0], "next_token": times[1], **peaks}))


def drop_cache(folder: Path) -> float:
    """Ask the system to forget the files' pages, read them once, forget again; returns the seconds of the reading."""
    files = sorted(folder.glob("*.safetensors"))

    def forget() -> None:
        for file in files:
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    forget()
    started = time.perf_counter()
    for file in files:
        with file.open("rb", buffering=0) as opened:
            while opened.read(1 << 24):
                pass
    seconds = time.perf_counter() - started
    forget()
    return seconds


def main() -> int:
    """Write, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="phi-4")
    parser.add_argument("--layers", type=int, help="cut to so many layers")
    parser.add_argument("--limit-gb", type=float, default=2.0, help="anonymous memory allowed, in GB")
    parser.add_argument("--to", type=Path, help="where the folder is written; a temporary place by default")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return 0
    with tempfile.TemporaryDirectory(dir=arguments.to) as folder:
        started = time.perf_counter()
        total = write_folder(Path(folder), arguments.preset, arguments.layers)
        written = time.perf_counter() - started
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        print(
            f"{arguments.preset}: {total / 1e9:.1f} GB of bf16 written in {written:.0f} s; memory {whole / 1e9:.1f} GB"
        )
        read = drop_cache(Path(folder))
        done = subprocess.run([sys.executable, __file__, "--child", folder], stdout=subprocess.PIPE, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
    print("load {load:.2f} s, first token {first_token:.1f} s, next {next_token:.1f} s".format(**found))
    print(f"anonymous memory {found['RssAnon'] / 1e9:.2f} GB, swap {found['VmSwap']} bytes")
    print(f"the disk delivers the file in {read:.1f} s")
    good = found["RssAnon"] <= arguments.limit_gb * 1e9 and found["VmSwap"] == 0
    facts = {"claim": "a model larger than memory", "preset": arguments.preset, "bytes": total, "memory": whole}
    print(json.dumps(facts | found | {"disk_seconds": read, "good": good}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
