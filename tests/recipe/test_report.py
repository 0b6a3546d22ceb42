"""The report page: what it shows, that it loads nothing, and that no text in it can act."""

from __future__ import annotations

import json
import re
import shlex
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_run import HOSTILE, made_run

from phial.page.charts import Line, line_chart, score_bar, ticks
from phial.page.wording import interval, percent, seconds
from phial.recipe.report.commands import commands, recipe_toml
from phial.recipe.report.facts import gather, thinned
from phial.recipe.report.page import write_report
from phial.recipe.schema import read_recipe
from phial.tokens.shards import read_shard
from phial.tokens.tokenizer import load_tokenizer
from phial.train.loader import Loader, Position

VOID = {"meta", "link", "br", "hr", "img", "input", "rect", "line", "circle", "polyline"}


class Page(HTMLParser):
    """Collects a page's text, tags and attributes, and insists that what opens also closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.classes: set[str] = set()
        self.styles: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.classes |= {word for name, value in attrs if name == "class" for word in (value or "").split()}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.styles if self.open and self.open[-1] == "style" else self.words).append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def written(folder: Path, **options: Any) -> tuple[Page, dict[str, Any]]:
    context = made_run(folder / "runs", **options)
    write_report(context)
    page = (context.draft.path / "report.html").read_text(encoding="utf-8")
    return Page(page), json.loads((context.draft.path / "report.json").read_text(encoding="utf-8"))


def shown(score: dict[str, Any]) -> str:
    return " ".join(f"{percent(score['share'])} {interval(score)}".split())


def test_every_score_is_shown_with_its_interval_and_n(tmp_path: Path) -> None:
    page, facts = written(tmp_path, benchmarks=True)
    for entry in (*facts["scores"], *facts["benchmarks"]):
        for branch in ("run", "control"):
            score = entry[branch]["score"]
            assert f"{shown(score)} {score['right']} of {score['total']}" in page.text
    for entry in (*facts["families"]["in-range"], *facts["steps"]["in-range"]):
        assert f"{shown(entry['run'])} {shown(entry['control'])} {entry['run']['total']}" in page.text
    assert "66.7 %" in page.text and "gsm8k" in page.text
    assert "(n = 6 each; 95 % intervals)" in page.text


def test_a_floor_is_shown_as_it_is(tmp_path: Path) -> None:
    page, facts = written(tmp_path, right=0)
    assert "0.0 % [0.0, 39.0] 0 of 6" in page.text
    assert facts["samples"]["right"] == {"of": 0, "shown": []}
    assert "No reply in the log was right." in page.text


def test_the_page_loads_and_runs_nothing(tmp_path: Path) -> None:
    page, _ = written(tmp_path)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base", "image", "use"} & set(page.tags)
    names = {name for _, name, _ in page.attributes}
    assert not {"src", "href", "srcset", "action", "background", "style"} & names
    assert not [name for name in names if name.startswith("on")]
    style = "".join(page.styles)
    assert style and "url(" not in style and "@import" not in style and "http" not in style
    assert "prefers-color-scheme: dark" in style
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_hostile_text_is_only_text(tmp_path: Path) -> None:
    page, facts = written(tmp_path)
    assert any(sample["reply"] == HOSTILE for sample in facts["samples"]["wrong"]["shown"])
    # Questions, replies, a verdict, a family and a funnel example hold it; none is cut short or read as markup.
    assert page.text.count(HOSTILE) > 20
    assert "49" not in page.text.replace("{{ 7 * 7 }}", "").split()


def test_without_a_control_nothing_speaks_of_one(tmp_path: Path) -> None:
    page, facts = written(tmp_path, settings=["control.enabled=false"])
    assert list(facts["training"]) == ["run"]
    assert all(entry["control"] is None and entry["gap"] is None for entry in facts["scores"])
    assert "control" not in page.classes
    without_commands = page.text.replace("control.enabled", "").replace("[control]", "")
    assert "control" not in without_commands.lower()


def test_without_a_sandbox_the_page_says_so(tmp_path: Path) -> None:
    page, _ = written(tmp_path)
    assert "This machine offered no sandbox, so 40 code exercises were not run" in page.text


def test_an_ablation_is_named_at_the_top(tmp_path: Path) -> None:
    context = made_run(tmp_path, settings=["ablation.kind='wrong-answers'"])
    context.inputs["ablate"] = context.inputs["curate"]  # type: ignore[index]
    write_report(context)
    text = Page((context.draft.path / "report.html").read_text(encoding="utf-8")).text
    assert "made worse on purpose (wrong answers, share 0.2)" in text


def test_samples_are_a_seeded_choice(tmp_path: Path) -> None:
    context = made_run(tmp_path)
    once, again = (gather(context.recipe, context.inputs, "nano-1", "runs", {})["samples"] for _ in range(2))
    assert once == again
    assert (once["right"]["of"], once["wrong"]["of"]) == (12, 6)
    assert len(once["right"]["shown"]) == 12
    assert {sample["work"] for sample in once["wrong"]["shown"]} == {
        f"work of {split}-{index}" for split in ("in-range", "unseen-range", "unseen-family") for index in (4, 5)
    }


def test_sampled_decoding_is_compared_on_the_same_problems(tmp_path: Path) -> None:
    _, facts = written(tmp_path, right=1)
    assert facts["sampled"]["run"]["score"]["total"] == facts["sampled"]["greedy"]["run"]["total"] == 3
    assert facts["sampled"]["greedy"]["run"]["right"] == 1


def test_the_example_leads_from_its_seed_to_its_tokens_and_steps(tmp_path: Path) -> None:
    context = made_run(tmp_path)
    found = gather(context.recipe, context.inputs, "nano-1", "runs", {})["example"]
    tokenizer = load_tokenizer(context.inputs["tokenizer"].path)
    shard = read_shard(context.inputs["tokenize"].path / "pretrain")
    place = found["places"][0]
    ids = [token["id"] for token in found["tokens"]]
    assert ids == shard.ids[place["row"], place["offset"] : place["offset"] + place["length"]].tolist()
    assert tokenizer.decode(ids) == found["text"]
    assert found["params"]["seed"] == 0 and found["version"] == "3"
    assert found["files"] == ["synth-00000000/exercises.parquet", "curate-00000000/train.parquet"]
    question = found["text"].partition("\nAnswer\n")[0]
    assert "".join(t["text"] for t in found["tokens"] if not t["scored"]).startswith(f"<s>{question}")
    # The steps are those in which the loader itself hands the row out.
    loader, row = Loader(shard, 1, Position(context.recipe.seed)), shard.ids[place["row"]].tolist()
    steps = [step for step in range(1, found["trained"]["of"] + 1) if loader.next().ids[0].tolist() == row[:-1]]
    assert found["trained"]["of"] == 8 and found["trained"]["steps"] == steps != []


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["pretrain.tokens=70000", "control.enabled=false", "threads=2"],
        [
            "curate.shares={exercise=1.0}",
            "evaluate.benchmarks='a folder/with \"quotes\"'",
            "seeds.sources=['packages']",
        ],
    ],
)
def test_the_command_makes_the_same_recipe(settings: list[str]) -> None:
    recipe = read_recipe("nano", settings)
    words = shlex.split(commands(recipe, "nano-1", "runs")["make"].replace("\\\n", " "))
    assert words[:3] == ["phial", "make", "nano"] and words[-2:] == ["--to", "runs"]
    given_settings = [after for word, after in pairwise(words) if word == "--set"]
    assert len(given_settings) == len(settings)
    assert read_recipe("nano", given_settings) == recipe


def test_a_recipe_of_ones_own_is_given_as_toml(tmp_path: Path) -> None:
    recipe = read_recipe("nano", ["name='mine'", "seed=5"])
    made = commands(recipe, "mine-1", "runs")
    assert made["make"].split()[:3] == ["phial", "make", "mine.toml"]
    path = tmp_path / made["file"]
    path.write_text(recipe_toml(recipe.model_dump(mode="json")), encoding="utf-8")
    assert read_recipe(str(path), []) == recipe


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=2000))
def test_thinning_keeps_the_end_and_invents_no_height(values: list[float]) -> None:
    points = [(index + 1, value) for index, value in enumerate(values)]
    thin = thinned(points)
    assert len(thin) <= 300 and thin[-1][0] == len(values)
    assert min(values) - 1e-6 <= min(y for _, y in thin) and max(y for _, y in thin) <= max(values) + 1e-6
    if len(values) <= 300:
        assert thin == points


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(2, 8))
def test_ticks_enclose_the_data(low: float, width: float, count: int) -> None:
    high = low + width
    marks = ticks(low, high, count)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert marks[0] <= low + slack and marks[-1] >= high - slack
    assert 2 <= len(marks) <= 2 * count + 3
    assert all(first < second for first, second in pairwise(marks))


def test_charts_escape_labels_and_bear_a_single_or_no_point() -> None:
    chart = line_chart([Line("run", "<b>", [(5.0, 2.0)]), Line("control", "none", [])], "tokens", "<loss>")
    assert "<b>" not in chart and "&lt;b&gt;" in chart and "nan" not in chart
    assert "<svg" in line_chart([], "tokens", "loss")
    bar = score_bar("run", {"share": 0.0, "low": 0.0, "high": 0.39})
    assert re.search(r'x2="39\.00%"', bar) and 'width="0.00%"' in bar


@pytest.mark.parametrize(
    ("value", "text"), [(3.14, "3.1 s"), (61, "1 min 1 s"), (59.99, "1 min 0 s"), (7322, "2 h 2 min")]
)
def test_durations(value: float, text: str) -> None:
    assert seconds(value).replace("\u00a0", " ") == text
