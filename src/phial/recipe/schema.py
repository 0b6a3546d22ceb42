"""What a recipe may say: pydantic models, one a section; an unknown key is an error that names the nearest one."""

from __future__ import annotations

import difflib
import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError

from phial.errors import PhialError
from phial.recipe.data_schema import DataRecipe, called
from phial.recipe.section import Section


class Seeds(Section):
    """Organic text and code from this machine.

    Attributes:
        sources: "stdlib-source", "stdlib-docstrings", "stdlib-doctests", "packages".
        limit_bytes: stop after this much text.
    """

    sources: tuple[Literal["stdlib-source", "stdlib-docstrings", "stdlib-doctests", "packages"], ...] = (
        "stdlib-docstrings",
        "stdlib-doctests",
        "stdlib-source",
    )
    limit_bytes: int = Field(24_000_000, gt=0)


class Synth(Section):
    """The procedural teacher.

    Attributes:
        exercises: worked problems.
        passages: explanations, each followed by exercises of its idea.
        code: Python exercises, executed before they are kept.
        sft: conversations for the chat format.
        heldout: problems of each held-out split (in range, unseen ranges, unseen families).
        families: names of the problem families to train on; all of them for none.
    """

    exercises: int = Field(48_000, gt=0)
    passages: int = Field(9_000, ge=0)
    code: int = Field(600, ge=0)
    sft: int = Field(3_000, gt=0)
    heldout: int = Field(1_200, gt=0)
    families: tuple[str, ...] = ()


class Curate(Section):
    """Gates between the teacher and training.

    Attributes:
        common_records: a 13-gram in more records than this is common and allowed.
        contaminated_ratio: share of an item's 7-grams from which a record is dropped.
        info_ratio: share from which a record is marked and kept.
        shares: mixture of kinds, by characters.
        epochs_cap: most repetitions of a kind within the mixture.
    """

    common_records: int = Field(8, gt=0)
    contaminated_ratio: float = Field(0.7, gt=0, le=1)
    info_ratio: float = Field(0.4, gt=0, le=1)
    shares: dict[Literal["passage", "exercise", "code", "organic"], float] = Field(
        default_factory=lambda: {"exercise": 0.72, "passage": 0.22, "code": 0.06}
    )
    epochs_cap: float = Field(8.0, ge=1)


class Ablation(Section):
    """One thing made worse on purpose, at equal tokens, to see what data quality is worth.

    Attributes:
        kind: "answers-only" strips worked steps, "wrong-answers" spoils a share of the answers, "no-passages" leaves
            the explanations out, "near-duplicates" repeats a tenth of the data with small changes.
        share: share of wrong answers, or of the data that is repeated.
    """

    kind: Literal["none", "answers-only", "wrong-answers", "no-passages", "near-duplicates"] = "none"
    share: float = Field(0.2, gt=0, lt=1)


class TokenizerSection(Section):
    """Byte-level BPE; `organic_share` of its training text is organic, so that the control is not handicapped."""

    vocab_size: int = Field(1024, ge=262, le=200_000)
    organic_share: float = Field(0.2, ge=0, le=1)


class Model(Section):
    """Shape of the Phi-3 block decoder; names as in Hugging Face configs."""

    hidden_size: int = Field(128, gt=0)
    intermediate_size: int = Field(320, gt=0)
    num_hidden_layers: int = Field(4, gt=0)
    num_attention_heads: int = Field(4, gt=0)
    num_key_value_heads: int = Field(2, gt=0)
    rope_theta: float = Field(10_000.0, gt=0)
    max_position_embeddings: int = Field(256, ge=32)


class Train(Section):
    """One training stage; budgets in tokens (row positions)."""

    tokens: int = Field(..., gt=0)
    batch_rows: int = Field(4, gt=0)
    micro_rows: int = Field(16, gt=0)
    matrix_lr: float = Field(0.012, gt=0)
    scalar_lr: float = Field(0.01, gt=0)
    warmup: float = Field(0.02, ge=0, lt=1)
    warmdown: float = Field(0.6, gt=0, le=1)
    document_mask: bool = True
    evaluations: int = Field(10, gt=0)
    save_seconds: float = Field(15.0, gt=0)


class Evaluate(Section):
    """Held-out problems asked of the finished model.

    Attributes:
        items: problems of each split, answered greedily.
        sampled: problems of the in-range split answered by sampling as well.
        temperature: of those samples.
        max_tokens: longest answer.
        benchmarks: folder with published files (gsm8k/, svamp/), or empty.
        benchmark_items: most items of each published set.
    """

    items: int = Field(1_000, gt=0)
    sampled: int = Field(200, ge=0)
    temperature: float = Field(0.7, gt=0)
    max_tokens: int = Field(200, gt=0)
    benchmarks: str = ""
    benchmark_items: int = Field(1_319, gt=0)


class Control(Section):
    """The rival: the same model, tokens and fine-tuning, pretrained on the organic seeds only."""

    enabled: bool = True


class Recipe(Section):
    """A whole recipe for a model."""

    name: str = Field(..., pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = Field(0, ge=0, lt=2**31)
    threads: int = Field(0, ge=0, description="CPU threads; 0 = all cores")
    dtype: Literal["float32", "float16"] = "float32"
    seeds: Seeds = Seeds()
    synth: Synth = Synth()
    curate: Curate = Curate()
    ablation: Ablation = Ablation()
    tokenizer: TokenizerSection = TokenizerSection()
    model: Model = Model()
    pretrain: Train
    sft: Train
    evaluate: Evaluate = Evaluate()
    control: Control = Control()


AnyRecipe = Recipe | DataRecipe
AnySection = TypeVar("AnySection", bound=Section)


def read_recipe(source: str, settings: list[str]) -> AnyRecipe:
    """Read a recipe and apply `a.b=c` settings.

    Args:
        source: a path to a TOML file, or the name of an embedded recipe ("nano", "tutor").
        settings: overrides; the value is read as TOML, or as text if it is none. One of several flows goes by its
            label: "flow.textbook-section.accept=50".

    Returns:
        A recipe for data where it has flows, for a model where it has none.

    Raises:
        PhialError: the file is missing or no TOML, or a key or value is not allowed.
    """
    text, where = _recipe_text(source)
    try:
        facts = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PhialError(f"not a TOML file: {error}", where=where, do="mend the line it names") from error
    for setting in settings:
        _apply(facts, setting)
    return checked(DataRecipe, facts, where) if "flow" in facts else checked(Recipe, facts, where)


def checked(kind: type[AnySection], facts: dict[str, Any], where: str) -> AnySection:
    """Facts as a section, or a recipe.

    Args:
        kind: of section.
        facts: by key.
        where: they come from, for the error.

    Raises:
        PhialError: a key or value is not allowed; every fault is told.
    """
    try:
        return kind.model_validate(facts)
    except ValidationError as error:
        raise PhialError("\n".join(_explain(fault, kind) for fault in error.errors()), where=where) from error


def recipe_folder(source: str) -> Path:
    """What the paths in a recipe are relative to: its own folder, or the working one for an embedded recipe."""
    return Path(source).resolve().parent if Path(source).is_file() else Path.cwd()


def embedded_recipes() -> dict[str, str]:
    """Name to text of the recipes in the package."""
    folder = resources.files("phial.recipe") / "recipes"
    return {p.name.removesuffix(".toml"): p.read_text() for p in folder.iterdir() if p.name.endswith(".toml")}


def _recipe_text(source: str) -> tuple[str, str]:
    path = Path(source)
    embedded = embedded_recipes()
    if source in embedded and not path.is_file():
        return embedded[source], f"embedded recipe {source}"
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except OSError as error:
        names = ", ".join(sorted(embedded))
        raise PhialError(f"can't read the recipe: {error}", do=f"give a .toml file or one of: {names}") from error
    except UnicodeDecodeError as error:
        raise PhialError(f"recipe is not UTF-8 (byte {error.start})", where=source, do="save it as UTF-8") from error


def _apply(facts: dict[str, Any], setting: str) -> None:
    name, equals, value = setting.partition("=")
    if not equals or not all(name.split(".")):
        raise PhialError(
            f"--set {setting!r} is not of the form section.key=value", do="e.g. --set pretrain.tokens=100000"
        )
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    *parents, key = name.split(".")
    place: Any = facts
    for parent in parents:
        place = _entry(place, parent, setting) if isinstance(place, list) else place.setdefault(parent, {})
        if not isinstance(place, dict | list):
            raise PhialError(f"--set {setting!r}: {parent!r} is no section", do="see the recipe's sections")
    if isinstance(place, list):
        raise PhialError(f"--set {setting!r}: which {parents[-1]!r}?", do=f"write {parents[-1]}.LABEL.{key}=...")
    place[key] = parsed


def _entry(entries: list[Any], name: str, setting: str) -> dict[str, Any]:
    """The one of several equal sections that goes by this name."""
    known = {called(entry.get("name", ""), entry.get("label", "")): entry for entry in entries}
    if name not in known:
        raise PhialError(f"--set {setting!r}: there is no {name!r}", do=f"name one of {', '.join(known)}")
    return known[name]


def _explain(fault: Any, section: type[Section]) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "value_error":  # of a validator, whose words say it all
        return f"{place or 'recipe'}: {fault['ctx']['error']}"
    if fault["type"] != "extra_forbidden":
        shown = "" if fault["type"] == "missing" else f" (got {json.dumps(fault['input'], default=str)})"
        return f"{place}: {fault['msg'].lower()}{shown}"
    near = difflib.get_close_matches(fault["loc"][-1], _keys(fault["loc"][:-1], section), n=1, cutoff=0.4)
    return f"{place}: unknown key" + (f"; did you mean {near[0]!r}?" if near else "")


def _keys(place: tuple[Any, ...], section: type[Section]) -> list[str]:
    """The keys of the section at a place; a number in it is that of one of several equal sections."""
    model: type[BaseModel] = section
    for part in place:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        found = _section_of(field.annotation) if field else None
        if found is None:
            return []
        model = found
    return list(model.model_fields)


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """The section in an annotation: it is one, or a list of them, or may be none."""
    kinds = (annotation, *get_args(annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
