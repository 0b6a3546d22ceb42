"""Claim: int4 weights made here are closer to the float model than llama.cpp's Q4_0 at no more bits.

    python bench/quantization.py MODEL.gguf --text FILE [--tokens 4096] [--calibration 8192] [--only q4_0,rtn32,gptq128]
        [--int8] [--forms "gptq g64 token rotated,rtn g32 group"] [--damping 0.3] [--peer PYTHON]

The float model is the dequantized file plus seeded uniform noise of half a quantization step of each weight to either
side, so that no method finds the old grid again; what the noise does to the perplexity is printed first. Every method
quantizes that. The text's first part calibrates, its last part is held out. KL and agreement are measured
teacher-forced by torch with dequantized weights: with float activations, and with int8 activations as each engine's
kernels round them (llama.cpp: a scale for 32 values). `--peer` is a Python with llama-cpp-python: its own quantizer
makes the files "Q4_0" and "Q4_K_M" as it ships them (more bits for the head); "q4_0" is its rounding of every matrix.
`--forms` measures methods in forms as llamacpp.py takes them, activations and all: the speed and the quality of one
form stand side by side by the same words. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import gguf
import numpy as np
import torch
from torch import Tensor

from phial.model.checkpoint import fill
from phial.model.config import ModelConfig
from phial.model.gguf_files import GGUFFile
from phial.quant.form import form_of, parse_form
from phial.quant.gptq import gptq_parts
from phial.quant.quantize import Settings, collect, round_parts
from phial.quant.quantized import QuantizedModel, matrices_of
from phial.quant.report import HeldOut, compare_logits, float_logits, held_out, streamed_logits
from phial.quant.rotate import rotated_inputs, rotated_parameters
from phial.quant.streamed import FloatReadable, Inputs, StreamedModel, as_windows, simulated
from phial.quant.weights import DecoderParameters, FileParameters, Parameters
from phial.tokens.gguf_tokenizer import read_gguf_tokenizer

METHODS = {
    "rtn128": Settings(),
    "rtn32": Settings(group_size=32),
    "rtn128 search": Settings(search=True),
    "rtn32 search": Settings(group_size=32, search=True),
    "rotated rtn128": Settings(rotate=True),
    "rotated rtn32": Settings(rotate=True, group_size=32),
    "gptq128": Settings("gptq"),
    "gptq32": Settings("gptq", group_size=32),
    "rotated gptq128": Settings("gptq", rotate=True),
    "rotated gptq32": Settings("gptq", rotate=True, group_size=32),
}


class NoisyFile(GGUFFile):
    """A GGUF file whose quantized tensors are read with noise of half a step to either side."""

    def __init__(self, path: Path, seed: int) -> None:
        super().__init__(path)
        self.seed, self.noise = seed, 0.5

    def copy(self, name: str, out: Tensor) -> None:
        """Read a tensor and blur it."""
        super().copy(name, out)
        info = self.header.tensors[name]
        if info.type_name in ("F32", "F16", "BF16") or not self.noise:
            return
        raw = np.frombuffer(self._map[info.offset : info.offset + info.bytes], np.uint8).reshape(-1, info.block_bytes)
        width = out.shape[-1]
        generator = torch.Generator().manual_seed(self.seed + sum(map(ord, name)))
        for start in range(0, len(out), 4096):
            part = out[start : start + 4096]
            blocks = raw[start * width // info.block : (start + len(part)) * width // info.block]
            step = torch.from_numpy(steps_of(blocks, info.type_name, info.block)).view(part.shape)
            part += (torch.rand(part.shape, generator=generator) * 2 - 1) * self.noise * step


def steps_of(blocks: np.ndarray, kind: str, size: int) -> np.ndarray:
    """The quantization step of every weight of GGUF blocks, float32 [blocks, size]."""

    def half(start: int) -> np.ndarray:
        return np.ascontiguousarray(blocks[:, start : start + 2]).view(np.float16).astype(np.float32)

    match kind:
        case "Q4_0" | "Q5_0" | "Q8_0" | "Q4_1" | "Q5_1":
            steps = half(0)
        case "Q4_K" | "Q5_K":
            scales, _ = gguf.quants.Q4_K.get_scale_min(np.ascontiguousarray(blocks[:, 4:16]))
            steps = half(0) * scales
        case "Q6_K":
            steps = half(208) * np.ascontiguousarray(blocks[:, 192:208]).view(np.int8)
        case _:
            raise SystemExit(f"no steps known of {kind}")
    return np.abs(np.repeat(steps, size // steps.shape[1], axis=1)).astype(np.float32)


class LlamaCppRounded:
    """Parameters with every matrix rounded as llama.cpp's Q4_0 does."""

    def __init__(self, parameters: Parameters) -> None:
        self.config, self.parameters = parameters.config, parameters

    def get(self, name: str) -> Tensor:
        """A parameter."""
        tensor = self.parameters.get(name)
        if not matrices_of(name, tuple(tensor.shape)) and name != "embed_tokens.weight":
            return tensor
        kind = gguf.GGMLQuantizationType.Q4_0
        return torch.from_numpy(gguf.quants.dequantize(gguf.quants.quantize(tensor.numpy(), kind), kind))


QUANTIZE = """
import ctypes, sys, llama_cpp
parameters = llama_cpp.llama_model_quantize_default_params()
parameters.ftype, parameters.nthread = getattr(llama_cpp, "LLAMA_FTYPE_MOSTLY_" + sys.argv[3].upper()), 2
sys.exit(llama_cpp.llama_model_quantize(sys.argv[1].encode(), sys.argv[2].encode(), ctypes.byref(parameters)))
"""


def write_float(path: Path, file: NoisyFile, tie: bool) -> None:
    """The float model as a GGUF file, for llama.cpp's quantizer."""
    reader = gguf.GGUFReader(file.path)
    writer = gguf.GGUFWriter(path, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        subtype = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=subtype)
    for name, shape in file.shapes.items():
        if tie and name == "output.weight":
            continue
        out = torch.empty(shape)
        file.copy("output.weight" if tie and name == "token_embd.weight" else name, out)
        writer.add_tensor(name, out.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def by_llama_cpp(folder: Path, peer: str, kind: str) -> tuple[float, FileParameters]:
    """Bits a weight, and the weights, of a file that llama.cpp made."""
    path = folder / f"{kind}.gguf"
    command = [peer, "-c", QUANTIZE, str(folder / "float.gguf"), str(path), kind]
    subprocess.run(command, check=True, capture_output=True)
    file = GGUFFile(path)
    matrices = [info for info in file.header.tensors.values() if len(info.shape) > 1]
    bits = 8 * sum(info.bytes for info in matrices) / sum(int(np.prod(info.shape)) for info in matrices)
    return bits, FileParameters(file.config, file, dict(file.sources()))


class Held:
    """Parameters that are made once."""

    def __init__(self, parameters: Parameters) -> None:
        self.config = parameters.config
        self.tensors = {name: parameters.get(name) for name in self.config.shapes}

    def get(self, name: str) -> Tensor:
        """A parameter."""
        return self.tensors[name]


def load(path: Path, seed: int, noise: float, tie: bool) -> tuple[DecoderParameters, object]:
    """The float model, and its tokenizer; tied again where the file stores one matrix in two qualities."""
    with NoisyFile(path, seed) as file:
        file.noise = noise
        model = fill(file.config, file, "float32", torch.device("cpu"), file.sources())
        tokenizer = read_gguf_tokenizer(file.header.metadata, str(path))
    parameters = DecoderParameters(model)
    if tie and not file.config.tie_word_embeddings:
        parameters._parameters["embed_tokens.weight"] = parameters._parameters.pop("lm_head.weight")
        parameters.config = replace(file.config, tie_word_embeddings=True)
    return parameters, tokenizer


def make(parameters: Parameters, settings: Settings, windows: list[Tensor]) -> QuantizedModel:
    """A quantized model."""
    config: ModelConfig = parameters.config
    rotated = rotated_inputs(config) if settings.rotate else frozenset()
    source = rotated_parameters(parameters) if settings.rotate else parameters
    if settings.method == "rtn":
        return collect(source, round_parts(source, settings), settings, rotated)
    return collect(source, gptq_parts(source, settings, windows, rotated), settings, rotated)


def score(reference: object, candidate: StreamedModel, text: HeldOut) -> dict[str, float]:
    """KL, agreement and perplexity."""
    logits = streamed_logits(candidate, text.windows)
    parts = [compare_logits(reference(ids), logits(ids), ids) for ids in text.windows]
    tokens = sum(part.tokens for part in parts)
    return {
        "kl": sum(part.kl for part in parts) / tokens,
        "same": sum(part.same for part in parts) / tokens,
        "beyond_margin": 1 - sum(part.misses_beyond_margin for part in parts) / tokens,
        "perplexity": float(np.exp(sum(part.loss for part in parts) / tokens)),
        "float_perplexity": float(np.exp(sum(part.float_loss for part in parts) / tokens)),
    }


def in_forms(
    parameters: Parameters, methods: list[str], windows: list[Tensor], damping: float
) -> Iterator[tuple[str, str, float, StreamedModel]]:
    """As `candidates`, of "gptq g64 token rotated" and the like: quantized so, with the activations that it says."""
    for words in methods:
        method, _, form = words.strip().partition(" ")
        model = make(parameters, parse_form(form).settings(parameters.config, method, damping), windows)
        yield f"{method} {form_of(model)}", "of the form", model.bits_per_weight, simulated(model)


def candidates(
    parameters: Parameters, names: list[str], windows: list[Tensor], int8: bool, peer: str | None, folder: Path
) -> Iterator[tuple[str, str, float, StreamedModel]]:
    """Name, activations, bits a weight and the model of everything that is compared."""
    for name in ("Q4_0", "Q4_K_M") if peer else ():
        bits, made = by_llama_cpp(folder, peer, name)
        yield name, "float", bits, StreamedModel(FloatReadable(made))
        if int8:
            # Q4_K's own kernels take a scale for 256 activations; 32 is kinder to it
            yield name, "int8 a 32", bits, StreamedModel(FloatReadable(made), Inputs(groups=32))
    for name in names:
        if name == "q4_0":
            rounded = FloatReadable(Held(LlamaCppRounded(parameters)))
            yield name, "float", 4.5, StreamedModel(rounded)
            if int8:
                yield name, "int8 a 32", 4.5, StreamedModel(rounded, Inputs(groups=32))
            continue
        started = time.perf_counter()
        model = make(parameters, METHODS[name], windows)
        print(f"  {name}: quantized in {time.perf_counter() - started:.0f} s", flush=True)
        yield name, "float", model.bits_per_weight, simulated(model, int8=False)
        if int8:
            yield name, "int8 a token", model.bits_per_weight, simulated(model)
            grouped = replace(model, by_group=True)
            yield name, f"int8 a {METHODS[name].group_size}", model.bits_per_weight, simulated(grouped)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--calibration", type=int, default=8192)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(["q4_0", *METHODS]))
    parser.add_argument("--forms", default="", help="methods and forms, with commas between")
    parser.add_argument("--damping", type=float, default=0.3, help="GPTQ's, with --forms")
    parser.add_argument("--peer", help="a Python with llama-cpp-python")
    parser.add_argument("--untied", action="store_true", help="keep a head that the file stores beside the embedding")
    parser.add_argument("--int8", action="store_true", help="measure with int8 activations too")
    args = parser.parse_args()
    text = args.text.read_text()
    clean, tokenizer = load(args.model, args.seed, 0.0, not args.untied)
    held = held_out(tokenizer, text[-8 * args.tokens :], f"the end of {args.text.name}", args.tokens, args.window)
    windows = as_windows(tokenizer.encode(text[: 8 * args.calibration]), args.window, args.calibration)
    noisy, _ = load(args.model, args.seed, 0.5, not args.untied)
    reference = float_logits(noisy, held)
    blur = score(float_logits(clean, held), StreamedModel(FloatReadable(noisy)), held)
    del clean
    change = f"from {blur['float_perplexity']:.3f} to {blur['perplexity']:.3f}"
    print(f"{args.model.name}: noise changes the perplexity {change}")
    print(f"held out: {sum(map(len, held.windows)):,} tokens; calibration: {sum(map(len, windows)):,}", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        if args.peer:
            with NoisyFile(args.model, args.seed) as file:
                write_float(Path(place) / "float.gguf", file, not args.untied)
        names = [name for name in args.only.split(",") if name]
        methods = [words for words in args.forms.split(",") if words]
        compared = chain(
            candidates(noisy, names, windows, args.int8, args.peer, Path(place)),
            in_forms(noisy, methods, windows, args.damping),
        )
        for name, activations, bits, model in compared:
            found = {"method": name, "activations": activations, "bits": bits} | score(reference, model, held)
            rows.append(found)
            print(
                f"{name:18} {activations:13} {bits:.3f} bits  KL {found['kl']:.5f}  same first {found['same']:.4f} "
                f"(beyond margin {found['beyond_margin']:.4f})  perplexity {found['perplexity']:.3f}",
                flush=True,
            )
    print(json.dumps({"model": args.model.name, "noise": blur, "rows": rows}))


if __name__ == "__main__":
    main()
