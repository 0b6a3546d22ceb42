"""The commands that make a run again: the recipe as settings over an embedded one, and as TOML."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from phial.recipe.schema import Recipe, embedded_recipes, read_recipe


def commands(recipe: Recipe, run: str, workspace: str) -> dict[str, Any]:
    """What to type to make the run again and to use it.

    Returns:
        "make", "chat", "runs", and "file": the recipe file to write first, or "" when an embedded recipe of that name
        and settings are enough.
    """
    made = [f"phial make {recipe.name}"]
    file = ""
    if recipe.name in embedded_recipes():
        base = read_recipe(recipe.name, []).model_dump(mode="json")
        settings = [f"{key}={value}" for key, value in _changes(base, recipe.model_dump(mode="json"), "")]
        made += [f"--set {shlex.quote(setting)}" for setting in settings]
    else:
        file = f"{recipe.name}.toml"
        made = [f"phial make {file}"]
    made.append(f"--to {shlex.quote(workspace)}")
    return {
        "make": " \\\n  ".join(made),
        "chat": f"phial chat {run} --to {shlex.quote(workspace)}",
        "runs": f"phial runs --to {shlex.quote(workspace)}",
        "file": file,
    }


def _changes(base: Mapping[str, Any], wanted: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    for key, value in wanted.items():
        if base[key] == value:
            continue
        # Sections are entered; a table within one (curate.shares) is replaced whole, since --set can't remove keys.
        if isinstance(value, dict) and not place:
            yield from _changes(base[key], value, f"{key}.")
        else:
            yield f"{place}{key}", toml_value(value)


def recipe_toml(facts: Mapping[str, Any]) -> str:
    """A recipe's facts, every default spelled out, as a TOML file."""
    lines = [f"{key} = {toml_value(value)}" for key, value in facts.items() if not isinstance(value, dict)]
    for section, values in facts.items():
        if isinstance(values, dict):
            lines += ["", f"[{section}]", *(f"{key} = {toml_value(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """One TOML value; JSON's strings, numbers and lists of them are TOML too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(one) for one in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
