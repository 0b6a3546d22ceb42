"""Quantized models in memory and as folders."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "model")]
from random_model import random_model
from small import CONFIGS

from phial.errors import PhialError
from phial.kernels.packing import PackedMatrix, dequantize
from phial.model.checkpoint import save_weights
from phial.quant.folder import drafting, is_quantized, read_quantized, write_quantized
from phial.quant.quality import QualityReport, read_report
from phial.quant.quantize import Settings, quantize
from phial.quant.quantized import QuantizedModel, embedding_rows, matrix_shapes, weight_count
from phial.quant.rtn import round_to_nearest
from phial.quant.weights import DecoderParameters, open_parameters

REPORT = QualityReport("rtn", "float32", "a text", 10, 40, 0.9, 0.25, 0.95, 0.01, 0.1, 5.1, 5.0, 0.6, 0.59, 1000, 4.125)


def same(left: QuantizedModel, right: QuantizedModel) -> None:
    assert (left.config, left.by_group, left.rotated) == (right.config, right.by_group, right.rotated)
    assert set(left.folded) == set(right.folded)
    assert set(left.matrices) == set(right.matrices) and set(left.floats) == set(right.floats)
    for name, matrix in left.matrices.items():
        other = right.matrices[name]
        assert (matrix.bits, matrix.group_size) == (other.bits, other.group_size)
        np.testing.assert_array_equal(matrix.weights, other.weights, err_msg=name)
        np.testing.assert_array_equal(matrix.scales, other.scales, err_msg=name)
    for name, array in left.floats.items():
        assert array.dtype == right.floats[name].dtype
        np.testing.assert_array_equal(array, right.floats[name], err_msg=name)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_parameter_is_quantized_or_kept(name: str) -> None:
    config = CONFIGS[name]
    model = random_model(config)
    quantized = quantize(DecoderParameters(model), Settings(group_size=32, bits={"layers.1.self_attn.o_proj": 8}))
    parameters = dict(model.named_parameters())
    seen = set()
    for matrix, (rows, columns) in matrix_shapes(config).items():
        owner, _, expert = matrix.rpartition(".")
        if "moe." in matrix:
            weight, key = parameters[owner][int(expert)], owner
        else:
            key = f"{matrix}.weight"
            key = key if key in parameters else "embed_tokens.weight"
            weight = parameters[key]
        seen.add(key)
        assert weight.shape == (rows, columns)
        packed = quantized.matrices[matrix]
        found, step = dequantize(packed), weight.abs().max().item() / 7
        assert packed.bits == (8 if matrix == "layers.1.self_attn.o_proj" else 4)
        # never worse than half a step of the coarsest scale, but for what the search clips
        assert np.abs(found - weight.detach().numpy()).mean() < step / 2
    for key, array in quantized.floats.items():
        seen.add(key)
        np.testing.assert_allclose(array, parameters[key].detach().numpy(), rtol=1e-3, atol=1e-4)
    assert seen == set(parameters)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_folder_gives_the_same_model(name: str, tmp_path: Path) -> None:
    quantized = quantize(DecoderParameters(random_model(CONFIGS[name])), Settings(group_size=64))
    write_quantized(tmp_path / "q", quantized, None, REPORT)
    assert is_quantized(tmp_path / "q")
    found = read_quantized(tmp_path / "q")
    same(found, quantized)
    assert read_report(tmp_path / "q") == REPORT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q"]
    assert all(matrix.weights.ctypes.data % 64 == 0 for matrix in found.matrices.values())


def test_files_give_what_the_decoder_gives(tmp_path: Path) -> None:
    for name in ("phi3", "phi3small", "phimoe", "qwen2"):
        model = random_model(CONFIGS[name]).bfloat16()
        folder = tmp_path / name
        folder.mkdir()
        save_weights(folder, model, "bfloat16")
        with open_parameters(folder) as parameters:
            same(quantize(parameters), quantize(DecoderParameters(model)))


@pytest.mark.parametrize(
    "form", [{"bits": 4}, {"bits": 8}, {"bits": 4, "zero_points": True}, {"bits": 8, "per_row": True}]
)
def test_chosen_rows_are_those_of_the_whole(form: dict[str, object]) -> None:
    rng = np.random.default_rng(0)
    matrix = round_to_nearest(rng.standard_normal((21, 100)).astype(np.float32), group_size=32, **form)
    ids = np.array([20, 0, 7, 8, 20, 13])
    np.testing.assert_array_equal(embedding_rows(matrix, ids), dequantize(matrix)[ids])


def test_embeddings_of_a_tied_and_an_untied_model() -> None:
    ids = np.array([3, 59, 3])
    for name in ("phi3", "phi3small"):
        model = random_model(CONFIGS[name])
        found = quantize(DecoderParameters(model), Settings(group_size=32)).embed(ids)
        wanted = model.embed(torch.from_numpy(ids)).detach().numpy()
        assert np.abs(found - wanted).max() < (0.002 if name == "phi3" else 0.15) * np.abs(wanted).max()


def test_the_search_lowers_the_squared_error() -> None:
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((64, 256)).astype(np.float32)
    importance = rng.random(256).astype(np.float32) ** 4
    plain, searched, weighted = (
        (dequantize(round_to_nearest(weight, **form)) - weight) ** 2
        for form in ({}, {"search": True}, {"search": True, "importance": importance})
    )
    assert searched.mean() < 0.95 * plain.mean()
    assert (weighted * importance).mean() < 0.97 * (searched * importance).mean()


def test_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quantized = quantize(DecoderParameters(random_model(CONFIGS["phi3"])))
    with drafting(tmp_path / "q", quantized.config) as draft:
        draft._writer.shard_bytes = 5000
        for parts in (quantized.matrices, quantized.floats):
            for name, part in parts.items():
                draft.add(name, part)
        same(draft.close(), quantized)
        draft.publish(REPORT, None)
    assert len(list((tmp_path / "q").glob("model-*-of-*.safetensors"))) > 2
    same(read_quantized(tmp_path / "q"), quantized)


def test_nothing_is_published_without_a_report(tmp_path: Path) -> None:
    quantized = quantize(DecoderParameters(random_model(CONFIGS["phi3"])))
    with pytest.raises(PhialError, match="measured nothing"):
        write_quantized(tmp_path / "q", quantized, None, replace(REPORT, tokens=0))
    with pytest.raises(PhialError, match="mean_kl is nan"):
        write_quantized(tmp_path / "q", quantized, None, replace(REPORT, mean_kl=float("nan")))
    with (
        pytest.raises(PhialError, match="needs its quality report"),
        drafting(tmp_path / "q", quantized.config) as draft,
    ):
        for name, part in (quantized.matrices | quantized.floats).items():
            draft.add(name, part)
        draft.close()
    assert not list(tmp_path.iterdir())
    write_quantized(tmp_path / "q", quantized, None, REPORT)
    with pytest.raises(PhialError, match="exists"):
        write_quantized(tmp_path / "q", quantized, None, REPORT)


DAMAGES = [
    *("short", "header", "empty", "absent", "report", "report damaged", "version", "group size", "bits", "targets"),
    *("groups", "no description", "rows", "layers", "scale"),
]


def damage(folder: Path, key: str) -> None:
    weights, config = folder / "model.safetensors", folder / "config.json"
    facts = json.loads(config.read_text())
    described = facts["quantization_config"]
    match key:
        case "short":
            weights.write_bytes(weights.read_bytes()[:-10])
        case "header":
            weights.write_bytes(b"\xff" * 16 + weights.read_bytes()[16:])
        case "empty":
            weights.write_bytes(b"")
        case "absent":
            weights.unlink()
        case "report":
            (folder / "report.json").unlink()
        case "report damaged":
            (folder / "report.json").write_text("{}")
        case "version":
            described["version"] = 99
        case "group size":
            described["config_groups"]["group_0"]["weights"]["group_size"] = 32
        case "bits":
            described["config_groups"]["group_0"]["weights"]["num_bits"] = "4"
        case "targets":
            described["config_groups"]["group_0"]["targets"].pop()
        case "groups":
            described["config_groups"] = [1]
        case "no description":
            del facts["quantization_config"]
        case "rows":
            facts["vocab_size"] = 100
        case "layers":
            facts["num_hidden_layers"] = 1
        case "scale":
            raw = bytearray(weights.read_bytes())
            start = 8 + int.from_bytes(raw[:8], "little")
            header = json.loads(raw[8:start])
            first = header["lm_head.weight_scale"]["data_offsets"][0]
            raw[start + first : start + first + 2] = np.float16("inf").tobytes()
            weights.write_bytes(raw)
    config.write_text(json.dumps(facts))


@pytest.mark.parametrize(
    "key",
    DAMAGES,
)
def test_damage_is_found(key: str, tmp_path: Path) -> None:
    folder = tmp_path / "q"
    write_quantized(folder, quantize(DecoderParameters(random_model(CONFIGS["phi3"]))), None, REPORT)
    read_quantized(folder)
    damage(folder, key)
    with pytest.raises(PhialError):
        read_quantized(folder)


def test_bits_per_weight_counts_the_scales() -> None:
    config = replace(CONFIGS["phi3"], hidden_size=128, intermediate_size=256)
    quantized = quantize(DecoderParameters(random_model(config)), Settings(search=False))
    assert isinstance(quantized.matrices["lm_head"], PackedMatrix)
    filled = sum(-(-rows // 8) * 8 * columns for rows, columns in matrix_shapes(config).values())
    assert quantized.bits_per_weight == pytest.approx(4.125 * filled / weight_count(config))


def test_an_infinite_weight_is_refused() -> None:
    model = random_model(CONFIGS["phi3"])
    with torch.no_grad():
        model.layers[1].mlp.down_proj.weight[3, 3] = torch.inf
    with pytest.raises(PhialError, match=r"layers\.1\.mlp\.down_proj"):
        quantize(DecoderParameters(model))
