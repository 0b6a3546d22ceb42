"""Memory and time from a bf16 folder on the disk to the first token, against transformers in the same run.

    python bench/loading.py [--preset NAME] [--layers 3] [--full] [--rounds 3] [--to FOLDER]

Writes a folder of random weights, one shard at a time, and starts child processes that take turns. Memory is the growth
of the resident set's peak over what `import torch` takes, mapped pages counted, up to the first token; the limit is the
file's own size, for every weight must be read. Time begins at the call that loads, imports done, with the file in the
system's cache. Prints JSON last.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from phial.model.presets import preset

PROMPT = list(range(100, 116))
SHARD_BYTES = 1 << 30
MOST_MEMORY, MOST_TIME = 1.15, 0.7


def write_folder(folder: Path, name: str, layers: int | None) -> int:
    """Write a random bf16 checkpoint.

    Returns:
        Bytes of its weights.
    """
    import torch
    from safetensors.torch import save_file

    from phial.model.huggingface import write_huggingface
    from phial.model.layout import published_shapes

    config = preset(name).config
    config = replace(config, num_hidden_layers=layers or config.num_hidden_layers)
    noise = torch.empty(1 << 22).normal_(0, 0.02, generator=torch.Generator().manual_seed(0)).bfloat16()
    shards: list[dict[str, torch.Tensor]] = [{}]
    places: dict[str, int] = {}
    size = total = 0

    def flush() -> None:
        save_file(shards[-1], folder / f"{len(shards)}.safetensors", metadata={"format": "pt"})
        shards[-1] = {}

    for key, shape in published_shapes(config).items():
        count = torch.Size(shape).numel()
        if size and size + 2 * count > SHARD_BYTES:
            flush()
            shards.append({})
            size = 0
        values = noise.repeat(-(-count // len(noise)))[:count].view(shape)
        shards[-1][key] = values + 1 if "norm" in key and key.endswith("weight") else values.clone()
        places[key] = len(shards)
        size, total = size + 2 * count, total + 2 * count
    flush()
    files = {index: f"model-{index:05d}-of-{len(shards):05d}.safetensors" for index in range(1, len(shards) + 1)}
    for index, file in files.items():
        (folder / f"{index}.safetensors").rename(folder / file)
    index_facts = {"metadata": {"total_size": total}, "weight_map": {key: files[at] for key, at in places.items()}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index_facts))
    facts = write_huggingface(config) | {"torch_dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(facts))
    return total


def memory(field: str) -> int:
    """A line of /proc/self/status in bytes, such as VmRSS or VmHWM."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def ours(folder: str) -> Callable[[], int]:
    """Imports done, a function that loads with phial and gives the first token."""
    import torch

    import phial
    from phial.model.cache import KeyValueCache

    load = phial.load

    @torch.no_grad()
    def run() -> int:
        model = load(folder, dtype="bfloat16").model
        return int(model.extend(torch.tensor([PROMPT]), KeyValueCache(model.config, 1, dtype=torch.bfloat16)).argmax())

    return run


def theirs(folder: str) -> Callable[[], int]:
    """The same with transformers."""
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder)
    kind = transformers.AutoModelForCausalLM._model_mapping[type(config)]  # its module is imported here, not timed

    @torch.no_grad()
    def run() -> int:
        model = kind.from_pretrained(folder, dtype=torch.bfloat16)
        return int(model(torch.tensor([PROMPT]), logits_to_keep=1).logits[0, -1].argmax())

    return run


def child(side: str, folder: str) -> None:
    """Run one side in this process and print what it took."""
    import torch  # noqa: F401

    before = memory("VmRSS")
    run = ours(folder) if side == "phial" else theirs(folder)
    start = time.perf_counter()
    token = run()
    seconds = time.perf_counter() - start
    print(json.dumps({"token": token, "seconds": seconds, "bytes": memory("VmHWM") - before}))


def main() -> int:
    """Measure both sides and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="Phi-3.5-mini-instruct", help="shape of the model, one of `phial models`")
    parser.add_argument("--layers", type=int, default=3, help="cut to so many layers")
    parser.add_argument("--full", action="store_true", help="Phi-4-mini, every layer: 7.7 GB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--to", type=Path, help="where the folder is written; a temporary place by default")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return 0
    name, layers = ("Phi-4-mini-instruct", None) if arguments.full else (arguments.preset, arguments.layers)
    found: dict[str, list[dict[str, float]]] = {"phial": [], "transformers": []}
    with tempfile.TemporaryDirectory(dir=arguments.to) as folder:
        total = write_folder(Path(folder), name, layers)
        print(f"{name}, {layers or 'all'} layers: {total / 1e9:.2f} GB of bf16")
        for file in Path(folder).glob("*.safetensors"):
            with file.open("rb") as opened:
                while opened.read(1 << 24):
                    pass
        for _ in range(arguments.rounds):
            for side, results in found.items():
                command = [sys.executable, __file__, "--child", side, folder]
                environment = os.environ | {"HF_HUB_OFFLINE": "1"}
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
                results.append(json.loads(done.stdout.splitlines()[-1]))
    rows = {}
    for side, results in found.items():
        seconds = statistics.median(result["seconds"] for result in results)
        share = max(result["bytes"] for result in results) / total
        rows[side] = {"seconds": round(seconds, 3), "memory_share": round(share, 3)}
        print(f"{side:12}  first token after {seconds:6.2f} s   peak memory {share:5.2f} x file size")
    ratio = rows["phial"]["seconds"] / rows["transformers"]["seconds"]
    good = rows["phial"]["memory_share"] <= MOST_MEMORY and ratio <= MOST_TIME
    same = len({result["token"] for results in found.values() for result in results}) == 1
    print(
        json.dumps({"preset": name, "bytes": total, **rows, "ratio": round(ratio, 3), "same_token": same, "good": good})
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
