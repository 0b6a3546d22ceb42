"""Reading recipes: what is refused, and what the refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from phial.errors import PhialError
from phial.recipe.schema import embedded_recipes, read_recipe

SMALL = 'name = "small"\n[pretrain]\ntokens = 100\n[sft]\ntokens = 10\n'


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def refusal(source: str, *settings: str) -> PhialError:
    with pytest.raises(PhialError) as caught:
        read_recipe(source, list(settings))
    return caught.value


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("pretrain.token=5", "pretrain.token: unknown key; did you mean 'tokens'?"),
        ("synth.excercises=5", "synth.excercises: unknown key; did you mean 'exercises'?"),
        ("pretrian.tokens=5", "pretrian: unknown key; did you mean 'pretrain'?"),
        ("model.zzz=5", "model.zzz: unknown key"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(small: Path, setting: str, words: str) -> None:
    error = refusal(str(small), setting)
    assert words in error.what.splitlines()
    assert error.where == str(small)


@pytest.mark.parametrize(
    ("setting", "place", "got"),
    [
        ("pretrain.tokens=-1", "pretrain.tokens", "-1"),
        ("pretrain.tokens=0", "pretrain.tokens", "0"),
        ("pretrain.tokens=many", "pretrain.tokens", '"many"'),
        ("sft.warmdown=1.5", "sft.warmdown", "1.5"),
        ("ablation.kind='sabotage'", "ablation.kind", '"sabotage"'),
        ("name='../up'", "name", '"../up"'),
        ("pretrain.matrix_lr=nan", "pretrain.matrix_lr", "NaN"),
    ],
)
def test_a_value_out_of_its_range_is_named_with_its_place(small: Path, setting: str, place: str, got: str) -> None:
    what = refusal(str(small), setting).what
    assert what.startswith(f"{place}: ") and f"(got {got})" in what


def test_every_fault_is_told_at_once(small: Path) -> None:
    lines = refusal(str(small), "pretrain.tokens=-1", "seedy=1").what.splitlines()
    assert {line.partition(":")[0] for line in lines} == {"pretrain.tokens", "seedy"}


def test_a_missing_budget_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "no-budget.toml"
    path.write_text('name = "a"\n[pretrain]\nbatch_rows = 4\n[sft]\ntokens = 10\n')
    assert "pretrain.tokens: field required" in refusal(str(path)).what


def test_settings_are_read_as_toml_and_otherwise_as_text(small: Path) -> None:
    settings = [
        "pretrain.tokens=7_000",
        "control.enabled=false",
        "evaluate.benchmarks=some/folder=x",
        "dtype=float16",
        "curate.shares={ exercise = 1.0 }",
        'seeds.sources=["packages"]',
    ]
    recipe = read_recipe(str(small), settings)
    assert recipe.pretrain.tokens == 7000
    assert recipe.control.enabled is False
    assert recipe.evaluate.benchmarks == "some/folder=x"
    assert recipe.dtype == "float16"
    assert recipe.curate.shares == {"exercise": 1.0}
    assert recipe.seeds.sources == ("packages",)


def test_a_later_setting_wins(small: Path) -> None:
    assert read_recipe(str(small), ["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize("setting", ["seed", "=5", "pretrain.=5", ".tokens=5", "pretrain..tokens=5"])
def test_a_setting_of_another_form_is_refused(small: Path, setting: str) -> None:
    error = refusal(str(small), setting)
    assert repr(setting) in error.what and "--set" in error.do


def test_a_setting_below_a_plain_key_is_refused(small: Path) -> None:
    assert "'name' is no section" in refusal(str(small), "name.first=5").what


def test_a_recipe_that_is_not_utf8_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'name = "caf\xe9"\n')
    error = refusal(str(path))
    assert "not UTF-8 (byte 11)" in error.what and error.where == str(path) and "UTF-8" in error.do


def test_a_recipe_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text('name = "a"\n[pretrain\n')
    error = refusal(str(path))
    assert "not a TOML file" in error.what and "line 2" in error.what and error.where == str(path)


def test_a_missing_recipe_names_the_embedded_ones(tmp_path: Path) -> None:
    error = refusal(str(tmp_path / "none.toml"))
    assert "can't read the recipe" in error.what and "nano" in error.do


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    assert "can't read the recipe" in refusal(str(tmp_path)).what


def test_every_embedded_recipe_is_valid_and_named_after_its_file() -> None:
    names = embedded_recipes()
    assert "nano" in names
    assert {read_recipe(name, []).name for name in names} == set(names)
