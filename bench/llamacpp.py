"""Claim: int4 inference on a CPU is faster than llama.cpp's Q4_0: decoding, eight streams at once, reading prompts.

    python bench/llamacpp.py [--shape Phi-3-mini-4k-instruct] [--layers 8] [--threads 2] [--rounds 3] [--peer PYTHON]

The shape of a released model with random weights, in both formats: ours int4 in groups of 128 (4.125 bits a weight) or
less, llama.cpp's Q4_0 (groups of 32, 4.5 bits), the format with its fastest kernels. Each side is a process that holds
its model; they take turns, measure by measure, and never run at once. Medians over rounds. llama.cpp comes from
llama-cpp-python, built for this machine, in this interpreter or in another that `--peer` names.

`GMAC/s` counts the multiplications of the matrices alone. The limits are measured on the same threads: memory read once
from first to last, and integer multiply-adds out of registers. The last line is JSON.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

MEASURES = ("decode 16", "decode 2048", "streams 8", "prefill 128", "prefill 512")


def shape_of(name: str, layers: int | None) -> dict[str, Any]:
    """Dimensions that both sides build."""
    from phial.model.presets import preset

    config = preset(name).config
    return {
        "vocab": config.vocab_size, "hidden": config.hidden_size, "inner": config.intermediate_size,
        "layers": layers or config.num_hidden_layers, "heads": config.num_attention_heads,
        "kv_heads": config.num_key_value_heads, "head_dim": config.head_dim, "rotary": config.rotary_dim,
        "tied": config.tie_word_embeddings, "name": name,
    }  # fmt: skip


def matrices(shape: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Rows and columns of a layer's matrices and of the head."""
    hidden, inner, head = shape["hidden"], shape["inner"], shape["head_dim"]
    qkv = (shape["heads"] + 2 * shape["kv_heads"]) * head
    return {
        "qkv": (qkv, hidden), "out": (hidden, shape["heads"] * head), "up": (2 * inner, hidden),
        "down": (hidden, inner), "head": (shape["vocab"], hidden),
    }  # fmt: skip


def ours(shape: dict[str, Any], threads: int, cache_bits: int, room: int) -> Callable[[str], float]:
    """A function that measures our side."""
    from phial.engine.int4_backend import Int4Backend
    from phial.engine.measure import random_quantized, seconds
    from phial.model.presets import preset

    config = replace(preset(shape["name"]).config, num_hidden_layers=shape["layers"], sliding_window=None, vision=None)
    group = shape["group"]  # with groups of 32 the activations too have a scale a group, as llama.cpp's have
    model = random_quantized(replace(config, max_position_embeddings=room), group, group == 32)
    backend = Int4Backend(model, room, cache_bits, threads)
    return lambda name: seconds(backend, name)


def write_gguf(path: Path, shape: dict[str, Any]) -> None:
    """A file of architecture phi3 with random Q4_0 weights."""
    import gguf

    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "phi3")
    writer.add_context_length(40_960)
    writer.add_rope_scaling_orig_ctx_len(40_960)
    writer.add_embedding_length(shape["hidden"])
    writer.add_feed_forward_length(shape["inner"])
    writer.add_block_count(shape["layers"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape["rotary"])
    writer.add_rope_freq_base(10_000.0)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_sliding_window(0)
    vocab = shape["vocab"]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([b"<unk>", b"<s>", b"</s>", *(b"t%d" % index for index in range(3, vocab))])
    writer.add_token_scores([0.0] * vocab)
    writer.add_token_types([2, 3, 3] + [1] * (vocab - 3))

    def matrix(name: str, rows: int, columns: int) -> None:
        blocks = np.empty((rows, columns // 32, 18), np.uint8)
        blocks[..., :2] = np.frombuffer(np.float16(0.004).tobytes(), np.uint8)
        blocks[..., 2:] = np.frombuffer(rng.bytes(rows * columns // 2), np.uint8).reshape(rows, columns // 32, 16)
        writer.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=gguf.GGMLQuantizationType.Q4_0)

    sizes, ones = matrices(shape), np.ones(shape["hidden"], np.float32)
    matrix("token_embd.weight", *sizes["head"])
    writer.add_tensor("output_norm.weight", ones)
    if not shape["tied"]:
        matrix("output.weight", *sizes["head"])
    names = {"qkv": "attn_qkv", "out": "attn_output", "up": "ffn_up", "down": "ffn_down"}
    for index in range(shape["layers"]):
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{index}.{norm}.weight", ones)
        for kind, name in names.items():
            matrix(f"blk.{index}.{name}.weight", *sizes[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def theirs(path: str, threads: int, cache_bits: int, room: int) -> Callable[[str], float]:
    """A function that measures llama.cpp."""
    import llama_cpp

    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
    if not model:
        raise SystemExit(f"llama.cpp does not load {path}")

    def context_of(streams: int) -> Any:
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx, settings.n_seq_max = room if streams == 1 else 64 * streams, streams
        settings.n_threads = settings.n_threads_batch = threads
        settings.n_batch = settings.n_ubatch = 512
        if cache_bits == 8:
            settings.type_k = settings.type_v = llama_cpp.GGML_TYPE_Q8_0
            settings.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
        return llama_cpp.llama_init_from_model(model, settings)

    contexts = {1: context_of(1), 8: context_of(8)}
    batch = llama_cpp.llama_batch_init(512, 0, 1)

    def run(ids: list[int], starts: list[int], rows: list[int]) -> None:
        count, place = len(ids) // len(rows), 0
        batch.n_tokens = len(ids)
        for row, start in zip(rows, starts, strict=True):
            for step in range(count):
                batch.token[place], batch.pos[place] = ids[place], start + step
                batch.n_seq_id[place], batch.seq_id[place][0] = 1, row
                batch.logits[place] = step == count - 1
                place += 1
        context = contexts[streams]
        if llama_cpp.llama_decode(context, batch) != 0:
            raise SystemExit("llama_decode failed")
        llama_cpp.llama_synchronize(context)

    streams = 1

    def measure(name: str) -> float:
        nonlocal streams
        streams = 8 if name == "streams 8" else 1
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(contexts[streams]), True)
        if name.startswith("prefill"):
            started = time.perf_counter()
            run(list(range(300, 300 + int(name.split()[1]))), [0], [0])
            return time.perf_counter() - started
        length, rows = (16 if streams == 8 else int(name.split()[1])), list(range(streams))
        for row in rows:
            for start in range(0, length, 512):
                run(list(range(300, 300 + min(512, length - start))), [start], [row])
        steps = 6 if streams == 8 else 16 if length < 1000 else 8  # as many as on our side
        started = time.perf_counter()
        for step in range(steps):
            run([400 + step] * len(rows), [length + step] * len(rows), rows)
        return (time.perf_counter() - started) / steps

    return measure


def child(facts: dict[str, Any]) -> None:
    """Answer names of measures with seconds, line by line."""
    arguments = (facts["threads"], facts["cache_bits"], facts["room"])
    measure = ours(facts["shape"], *arguments) if facts["side"] == "phial" else theirs(facts["path"], *arguments)
    print("ready", flush=True)
    for line in sys.stdin:
        print(measure(line.strip()), flush=True)


class Side:
    """A process that holds one side's model."""

    def __init__(self, python: str, facts: dict[str, Any]) -> None:
        command = [python, __file__, "--child", json.dumps(facts)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        if self._line() != "ready":
            raise SystemExit(f"{facts['side']} does not start: run it alone with {command}")

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def seconds(self, name: str) -> float:
        """One measure."""
        assert self.process.stdin is not None
        print(name, file=self.process.stdin, flush=True)
        return float(self._line())

    def peak(self) -> int:
        """Largest resident set so far, bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def main() -> None:
    """Measure both sides in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="Phi-3-mini-4k-instruct", help="one of `phial models`")
    parser.add_argument("--layers", type=int, help="cut to so many layers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--group-size", type=int, default=128, choices=(32, 64, 128), help="of our weights")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measures", default=",".join(MEASURES))
    parser.add_argument("--cache-bits", type=int, default=16, choices=(8, 16))
    parser.add_argument("--peer", default=sys.executable, help="interpreter that has llama-cpp-python")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(json.loads(arguments.child))
        return
    if importlib.util.find_spec("gguf") is None:
        raise SystemExit("install phial-lm[gguf] first")
    shape = shape_of(arguments.shape, arguments.layers) | {"group": arguments.group_size}
    names, bits = arguments.measures.split(","), 4 + 16 / arguments.group_size
    room = max(2_304, *(int(name.split()[1]) + 64 for name in names))
    facts = {"shape": shape, "threads": arguments.threads, "cache_bits": arguments.cache_bits, "room": room}
    found: dict[str, dict[str, list[float]]] = {name: {"phial": [], "llama.cpp": []} for name in names}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random-q4_0.gguf"
        write_gguf(path, shape)
        sides = {
            "phial": Side(sys.executable, facts | {"side": "phial"}),
            "llama.cpp": Side(arguments.peer, facts | {"side": "llama.cpp", "path": str(path)}),
        }
        for turn in range(arguments.rounds + 1):
            for name in names:
                for side, process in sides.items():
                    seconds = process.seconds(name)
                    if turn:  # the first round warms up
                        found[name][side].append(seconds)
        memory = {side: process.peak() for side, process in sides.items()}
        for process in sides.values():
            process.close()
    from phial.engine.measure import machine_limits
    from phial.kernels.int4_library import int4_build

    limits = machine_limits(arguments.threads)
    read, peak = limits.bytes, limits.multiplications
    sizes = matrices(shape)
    body = shape["layers"] * sum(rows * columns for kind, (rows, columns) in sizes.items() if kind != "head")
    head = sizes["head"][0] * sizes["head"][1]
    rows = {}
    print(f"{arguments.shape}, {shape['layers']} layers, {arguments.threads} threads, build {int4_build()}")
    print(f"limits: {read / 1e9:.1f} GB/s, {peak / 1e9:.0f} GMAC/s")
    for name in names:
        tokens = int(name.split()[1]) if name.startswith("prefill") else (8 if name == "streams 8" else 1)
        work = body * tokens + head * (1 if name.startswith("prefill") else tokens)
        medians = {side: statistics.median(values) for side, values in found[name].items()}
        bound = max((body + head) * bits / 8 / read, work / peak)
        ratio = medians["llama.cpp"] / medians["phial"]
        rows[name] = {
            **{side: round(tokens / seconds, 2) for side, seconds in medians.items()},
            "gmac_s": round(work / medians["phial"] / 1e9, 1), "ratio": round(ratio, 3),
            "share_of_limit": round(bound / medians["phial"], 3),
        }  # fmt: skip
        rates = {side: tokens / seconds for side, seconds in medians.items()}
        print(
            f"{name:12} phial {rates['phial']:8.2f} tokens/s   llama.cpp {rates['llama.cpp']:8.2f}   {ratio:5.2f}x   "
            f"{rows[name]['gmac_s']:6.1f} GMAC/s   {rows[name]['share_of_limit']:4.0%} of the limit"
        )
    print(f"peak memory: phial {memory['phial'] / 1e9:.2f} GB, llama.cpp {memory['llama.cpp'] / 1e9:.2f} GB")
    result = {"claim": "int4 inference against llama.cpp", "shape": arguments.shape, "layers": shape["layers"]}
    print(
        json.dumps(
            result
            | {"threads": arguments.threads, "group_size": arguments.group_size, "measures": rows, "memory": memory}
        )
    )


if __name__ == "__main__":
    main()
