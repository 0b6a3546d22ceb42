"""How fast this machine runs a model, beside what its memory and its integer units could give."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from phial.engine.backend import Work
from phial.engine.int4_backend import Int4Backend
from phial.errors import PhialError
from phial.kernels.arena import Arena, padded
from phial.kernels.int4_library import ThreadPool, int4_build, int4_kernels
from phial.kernels.packing import PackedMatrix
from phial.model.config import ModelConfig
from phial.model.presets import preset
from phial.quant.folder import is_quantized, read_quantized
from phial.quant.form import Form, form_of, parse_form, standard_form
from phial.quant.quantized import HEAD, SIGNS, QuantizedModel, float_shapes, float_type, matrix_shapes
from phial.quant.rotate import rotated_inputs

MEASURES = ("decode 16", "decode 2048", "streams 8", "prefill 128", "prefill 512")
_STREAM = 256 << 20  # bytes, beyond every cache
_NOISE = 16 << 20  # bytes of random weights, which are repeated
_TURNS = 2_000_000
_ROUNDS = 3
_REST = 64  # tokens of a stream beside what is measured
MOST_STREAMS = 1024
_STREAM_CONTEXT = 16  # tokens that each of several streams holds


@dataclass(frozen=True)
class Limits:
    """What the threads reach: bytes a second read once from first to last, multiply-adds a second out of registers."""

    bytes: float
    multiplications: float


@dataclass(frozen=True)
class Rate:
    """One measure.

    Attributes:
        name: "decode N" and "streams N": one token a stream after N or 16 others; "prefill N": a prompt.
        tokens: a second.
        bytes: of weights and of what attention reads of the cache, a second.
        multiplications: of the matrices, a second.
        share: of the scarcer limit.
    """

    name: str
    tokens: float
    bytes: float
    multiplications: float
    share: float


def machine_limits(threads: int | None = None) -> Limits:
    """Measure the limits on as many threads; one a core by default. The portable build has no second: infinite."""
    library, pool = int4_kernels(), ThreadPool(threads)
    stream = np.ones(_STREAM, np.uint8)
    reading, adding = [], []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        library.read_once(pool.handle, stream.ctypes.data, stream.nbytes)
        reading.append(time.perf_counter() - started)
        started = time.perf_counter()
        count = library.peak(pool.handle, _TURNS)
        adding.append(count / (time.perf_counter() - started))
    pool.close()
    most = statistics.median(adding)
    return Limits(_STREAM / statistics.median(reading), most if most > 0 else float("inf"))


def random_quantized(config: ModelConfig, form: Form | None = None) -> QuantizedModel:
    """A model whose weights look like any others to a kernel, in `standard_form` if none is given.

    Raises:
        PhialError: a model that can't have this form.
    """
    form = form or standard_form(config)
    rng, shapes, bits = np.random.default_rng(0), matrix_shapes(config), form.bits(config)
    size = form.group_size
    noise = np.frombuffer(rng.bytes(_NOISE), np.uint8)
    normal = rng.standard_normal(_NOISE // 4, np.float32) * np.float32(0.02)

    def groups_of(rows: int, columns: int) -> tuple[int, int]:
        return -(-rows // 8), -(-columns // size)

    def room(name: str, shape: tuple[int, int]) -> int:
        count = math.prod(groups_of(*shape))
        return padded(count * size * bits.get(name, 4)) + padded(count * 16)

    arena = Arena(sum(room(name, shape) for name, shape in shapes.items()))

    def packed(name: str, rows: int, columns: int) -> PackedMatrix:
        blocks, groups = groups_of(rows, columns)
        weights = arena.zeros((blocks, groups, size * bits.get(name, 4) // 32, 32), np.uint8)
        _repeat(noise, weights.reshape(-1))
        scales = arena.zeros((blocks, groups, 8), np.float16)
        scales[...] = 0.004
        return PackedMatrix(weights, scales, None, rows, columns, bits.get(name, 4), size)

    def floats(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if "norm" in name:
            return np.ones(shape, np.float32)
        out = np.empty(shape, float_type(name, shape))
        _repeat(normal, out.reshape(-1))
        return out

    gains = [SIGNS, *(name for name in config.shapes if name.endswith("norm.weight"))]
    return QuantizedModel(
        config,
        {name: packed(name, *shape) for name, shape in shapes.items()},
        {name: floats(name, shape) for name, shape in float_shapes(config).items()},
        form.by_group,
        rotated_inputs(config) if form.rotated else frozenset(),
        dict.fromkeys(gains, np.ones(config.hidden_size, np.float32)) if form.rotated else {},
    )


def _repeat(values: np.ndarray, out: np.ndarray) -> None:
    """Fill out with values, over and over: gigabytes of fresh random numbers would take minutes."""
    for start in range(0, len(out), len(values)):
        out[start : start + len(values)] = values[: len(out) - start]


def seconds(backend: Int4Backend, measure: str) -> float:
    """One measure, in seconds a step (a token of every stream, or a prompt).

    Raises:
        PhialError: a measure that is not known, or a cache that is too small for it.
    """
    kind, _, number = measure.partition(" ")
    if kind not in ("decode", "streams", "prefill") or not number.isdecimal() or int(number) < 1:
        raise PhialError(f"measure {measure!r}", where="bench engine", do=f"choose from {', '.join(MEASURES)}")
    count = int(number)
    context, streams, steps = {
        "decode": (count, 1, 16 if count < 1000 else 8), "streams": (_STREAM_CONTEXT, count, 6), "prefill": (0, 1, 1),
    }[kind]  # fmt: skip
    if (context + (count if kind == "prefill" else steps)) > backend.max_length:
        do = "give a larger cache or a shorter measure"
        raise PhialError(f"{measure} does not fit {backend.max_length} tokens", where="bench engine", do=do)
    sequences = [backend.open(salt=b"%d" % row)[0] for row in range(streams)]
    vocab = backend.config.vocab_size
    try:
        for sequence in sequences:
            for start in range(0, context, 512):
                ids = [(300 + place) % vocab for place in range(start, min(start + 512, context))]
                backend.run([Work(sequence, ids, wanted=0)])
        if kind == "prefill":
            work = [Work(sequences[0], [(300 + place) % vocab for place in range(count)])]
            started = time.perf_counter()
            backend.run(work)
            return time.perf_counter() - started
        started = time.perf_counter()
        for step in range(steps):
            backend.run([Work(sequence, [(400 + step + row) % vocab]) for row, sequence in enumerate(sequences)])
        return (time.perf_counter() - started) / steps
    finally:
        for sequence in sequences:
            backend.free(sequence)
        backend.forget()


def rate(model: QuantizedModel, measure: str, taken: float, limits: Limits, cache_bits: int = 16) -> Rate:
    """A measure's seconds as rates; see `Rate`."""
    kind, _, number = measure.partition(" ")
    count = 1 if kind == "decode" else int(number)
    cached = 0 if kind == "prefill" else count * _STREAM_CONTEXT if kind == "streams" else int(number)
    rows = 1 if kind == "prefill" else count  # tokens whose logits are made
    active = 1.0 if model.config.experts is None else 2 / model.config.experts.count
    body = weights = 0.0
    for name, matrix in model.matrices.items():
        if name != HEAD:
            share = active if ".moe." in name else 1.0
            body += share * matrix.rows * matrix.columns
            weights += matrix.nbytes * min(1.0, share * count)
    head = model.matrices[HEAD]
    work = body * count + head.rows * head.columns * rows
    read = weights + head.nbytes + _cache_bytes(model.config, cached, cache_bits)
    bound = max(read / limits.bytes, work / limits.multiplications)
    return Rate(measure, count / taken, read / taken, work / taken, bound / taken)


def _cache_bytes(config: ModelConfig, tokens: int, bits: int) -> float:
    """Keys and values that a step reads of so many tokens; about, where the attention is block-sparse."""
    near = min(tokens, config.sliding_window or tokens)
    a_layer = 2 * config.num_key_value_heads * (config.head_dim * bits / 8 + (4 if bits == 8 else 0))
    total = 0.0
    for layer in range(config.num_hidden_layers):
        sparse = None if config.is_dense(layer) else config.blocksparse
        local = near if sparse is None else min(near, sparse.local_blocks * sparse.block_size)
        total += a_layer * (local + (0 if sparse is None else (near - local) / sparse.stride))
    return total


def bench_engine(
    name: str,
    layers: int | None,
    threads: int | None,
    cache_bits: int,
    measures: Sequence[str] = MEASURES,
    json_output: bool = False,
    form: str | None = None,
) -> None:
    """Measure a quantized folder, or the shape of a released model with random weights, and print a table.

    Args:
        name: of the folder or model.
        layers: to cut a shape to.
        threads: one a core by default.
        cache_bits: 16 or 8.
        measures: as `seconds` takes them.
        json_output: print one JSON object instead.
        form: of the random weights, as `parse_form` reads it; `standard_form` if none is given.

    Raises:
        PhialError: no such folder, model or form, or no compiled kernels.
    """
    model = _model(name, layers, form)
    tokens = max(_tokens(measure, model.config) for measure in measures)
    backend = Int4Backend(model, tokens, cache_bits, threads)
    limits = machine_limits(threads)
    rates = []
    for measure in measures:
        seconds(backend, measure)  # the first one warms up
        taken = statistics.median(seconds(backend, measure) for _ in range(_ROUNDS))
        rates.append(rate(model, measure, taken, limits, cache_bits))
    if json_output:
        facts = {"model": name, "layers": model.config.num_hidden_layers, "build": int4_build()}
        facts |= {"form": str(form_of(model))}
        print(json.dumps(facts | {"limits": asdict(limits), "rates": [asdict(found) for found in rates]}))
        return
    print(f"{name}, {model.config.num_hidden_layers} layers, {int4_build()}")
    print(f"{form_of(model)}: {model.bits_per_weight:.3f} bits a weight")
    print(f"this machine: {limits.bytes / 1e9:.1f} GB/s, {limits.multiplications / 1e9:.0f} GMAC/s")
    for found in rates:
        print(
            f"{found.name:12} {found.tokens:9.2f} tokens/s  {found.bytes / 1e9:6.1f} GB/s  "
            f"{found.multiplications / 1e9:7.1f} GMAC/s  {found.share:4.0%} of the limit"
        )


def _tokens(measure: str, config: ModelConfig) -> int:
    """Tokens that the cache must hold for a measure; whether there is such a measure, `seconds` says."""
    kind, _, number = measure.partition(" ")
    count, most = int(number) if number.isdecimal() else 1, MOST_STREAMS
    if kind != "streams":
        most = config.max_position_embeddings - _REST
    if count > most:
        do = f"give at most {most:,}"
        raise PhialError(f"measure {measure!r}", where="bench engine", do=do)
    return count * _REST if kind == "streams" else count + _REST


def _model(name: str, layers: int | None, form: str | None) -> QuantizedModel:
    path = Path(name)
    if path.is_dir():
        if form is not None:
            raise PhialError("a folder has its form", where="--form", do="leave it out, or name a released model")
        if not is_quantized(path):
            raise PhialError(f"{name} is not quantized", where="bench engine", do=f"run phial quantize {name} first")
        return read_quantized(path)
    config = preset(name).config
    config = replace(config, vision=None, num_hidden_layers=layers or config.num_hidden_layers)
    return random_quantized(config, None if form is None else parse_form(form))
