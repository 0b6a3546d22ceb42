"""From a checkpoint to a quantized folder with its report."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phial.embedded import embedded_model
from phial.errors import PhialError
from phial.model.files import read_config, read_tokenizer
from phial.quant.folder import read_quantized
from phial.quant.make import Texts, describe, make_quantized
from phial.quant.quality import read_report
from phial.quant.quantize import Settings
from phial.quant.report import held_out
from phial.quant.rotate import rotated_parameters
from phial.quant.streamed import as_windows
from phial.quant.weights import open_parameters
from phial.recipe.quantization import find_weights, quantize_model

TEXT = "Ada has 12 pens. Ben gives her {} pens. How many pens does Ada have now? The answer is {}. "


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "sums.txt"
    path.write_text("".join(TEXT.format(n, n + 12) for n in range(300)))
    return path


@pytest.mark.parametrize(
    ("settings", "budget"),
    [
        (Settings(group_size=32), None),
        (Settings("gptq", group_size=64, rotate=True, by_group=True), None),
        (Settings(group_size=64), 5.0),
    ],
)
def test_a_checkpoint_becomes_a_folder(settings: Settings, budget: float | None, text: Path, tmp_path: Path) -> None:
    said: list[str] = []
    report = quantize_model(
        embedded_model(), tmp_path / "q", settings, bits_per_weight=budget, text=text, calibration_tokens=1024,
        held_out_tokens=512, progress=said.append,
    )  # fmt: skip
    model = read_quantized(tmp_path / "q")
    assert read_report(tmp_path / "q") == report
    assert model.by_group == settings.by_group and bool(model.rotated) == settings.rotate
    with open_parameters(embedded_model()) as parameters:
        folded = rotated_parameters(parameters).folded() if settings.rotate else {}
        assert set(model.folded) == set(folded) and len(folded) in (0, 2 + 2 * model.config.num_hidden_layers)
        assert all(np.array_equal(model.folded[name], array) for name, array in folded.items())
    assert report.tokens > 200 and report.top1_agreement > 0.65 and report.mean_kl < 1
    assert report.text == "sums.txt" and "int8" in report.activations
    assert said[-1] == "measuring"
    lifted = [matrix for matrix in model.matrices.values() if matrix.bits == 8]
    assert bool(lifted) == (budget is not None)
    assert budget is None or (report.bits_per_weight <= budget and "int8 for" in report.method)
    read_tokenizer(tmp_path / "q", model.config)
    assert (tmp_path / "q" / "chat_template.jinja").read_text()


def test_any_score_can_stand_in_the_report(text: Path, tmp_path: Path) -> None:
    tokenizer = read_tokenizer(embedded_model(), read_config(embedded_model()))
    ids = tokenizer.encode(text.read_text())
    texts = Texts([], held_out(tokenizer, text.read_text(), "sums", 100, 50))
    assert texts.held_out.text_bytes == sum(
        len(tokenizer.decode(window[1:].tolist()).encode()) for window in as_windows(ids, 50, 100)
    )
    with open_parameters(embedded_model()) as parameters:
        from phial.quant.report import measure_streamed

        def measure(*given):
            return replace(
                measure_streamed(*given[:3], method=given[3]), task="sums", task_score=0.5, float_task_score=1.0
            )

        report = make_quantized(parameters, tmp_path / "q", texts, measure=measure)
    assert read_report(tmp_path / "q").task_score == 0.5
    assert report.lines()[-1].split() == ["sums", "0.500", "(float", "1.000)"]
    with open_parameters(embedded_model()) as parameters, pytest.raises(PhialError, match="no calibration text"):
        make_quantized(parameters, tmp_path / "p", texts, Settings("gptq"))


def test_a_model_that_is_quantized_is_not_quantized_again(text: Path, tmp_path: Path) -> None:
    quantize_model(embedded_model(), tmp_path / "q", Settings(), text=text, held_out_tokens=100)
    with pytest.raises(PhialError, match="already"):
        quantize_model(find_weights(str(tmp_path / "q"), tmp_path), tmp_path / "again", Settings())
    with pytest.raises(PhialError, match="no run"):
        find_weights("nothing", tmp_path)


def test_settings_say_what_was_done() -> None:
    assert describe(Settings("gptq", rotate=True, bits={"lm_head": 8}), 9) == (
        "GPTQ, int4 in groups of 128, scales searched, rotated, int8 for 1 of 9 matrices"
    )
    for wrong in ({"group_size": 48}, {"method": "awq"}, {"bits": {"lm_head": 3}}):
        with pytest.raises(PhialError):
            Settings(**wrong)


def test_the_verb_prints_the_short_report(text: Path, tmp_path: Path) -> None:
    words = ["quantize", str(embedded_model()), "--text", str(text), "--group-size", "32", "--to", "q"]
    done = subprocess.run([sys.executable, "-m", "phial", *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "bits a weight" in done.stdout and "mean KL" in done.stdout
    again = subprocess.run([sys.executable, "-m", "phial", *words], capture_output=True, text=True, cwd=tmp_path)
    assert again.returncode == 1 and "exists" in again.stderr and "Traceback" not in again.stderr
