"""The table of released models: totals as published, sizes that add up."""

import json

import pytest

from phial.errors import PhialError
from phial.model.catalogue import entry, print_models, weight_bytes
from phial.model.presets import PRESETS, VARIANTS, preset


@pytest.mark.parametrize("known", (*PRESETS, *VARIANTS), ids=lambda known: known.name)
def test_totals_are_the_published_ones(known) -> None:
    assert known.config.parameters == known.published
    assert entry(known).bfloat16 == 2 * known.published


def test_the_cache_of_a_token_follows_the_key_value_heads() -> None:
    assert entry(preset("Phi-3-mini-4k-instruct")).cache_bytes == 2 * 2 * 32 * 32 * 96
    assert entry(preset("phi-4")).cache_bytes == 2 * 2 * 40 * 10 * 128


def test_memory_shrinks_with_the_bits() -> None:
    config = preset("phi-4").config
    blocks = config.parameters - 2 * config.vocab_size * config.hidden_size
    assert weight_bytes(config, 8) == pytest.approx(config.parameters, rel=0.01)
    assert weight_bytes(config, 4) == pytest.approx(config.parameters - blocks / 2 + blocks / 64, rel=0.01)


def test_a_name_is_found_with_and_without_its_maker() -> None:
    assert preset("microsoft/Phi-4") is preset("PHI-4")
    with pytest.raises(PhialError, match="no model 'phi-9'"):
        preset("phi-9")


def test_the_table_and_the_json_show_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    print_models(as_json=True)
    lines = json.loads(capsys.readouterr().out)
    print_models(as_json=False)
    table = capsys.readouterr().out
    assert [line["name"] for line in lines] == [known.name for known in (*PRESETS, *VARIANTS)]
    for line in lines:
        assert line["name"] in table
        assert f"{line['parameters']:,}" in table
    moe = next(line for line in lines if "MoE" in line["name"])
    assert moe["active_parameters"] < moe["parameters"] / 5
