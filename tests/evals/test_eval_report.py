"""The page of an evaluation and the exports: what they say, that the page loads nothing and no text in it acts."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.evals.compare import compare_all
from phial.evals.contamination import Contamination, Evidence
from phial.evals.export import export
from phial.evals.log import Run, Sample, line, read
from phial.evals.report.facts import gather, marks
from phial.evals.report.logs import read_logs
from phial.evals.report.page import samples_link, write_report
from phial.evals.report.samples import BETTER, CLEAN, DIRTY, DISAGREE, NONE, PARTIAL, TRUNCATED, WORSE, pack
from phial.evals.scores import mean_at
from phial.evals.statistics import gap
from phial.page.printable import printable

HOSTILE = (
    "</script></title><script>document.title='owned'</script><img src=x onerror=alert(1)> \u202e\x00\ud800 {{ 7*7 }}"
)
VOID = {"meta", "input", "br", "rect", "line", "circle", "polyline", "polygon"}


def run(**changes: Any) -> Run:
    return replace(
        Run(
            task="sums",
            protocol="phial",
            description="zero-shot",
            sha256="ab" * 32,
            items=6,
            model="small",
            identity={},
            sampling={"temperature": 0.0, "max_tokens": 64, "seed": 3},
            repeats=1,
            system="Be brief.",
            extractor="phial",
            made={"at": "2026-11-22T01:00:00+00:00"},
        ),
        **changes,
    )


def sample(item: int, right: bool, **changes: Any) -> Sample:
    return replace(
        Sample(
            item=f"sum-{item}",
            repeat=0,
            prompt=(("user", f"What is {item} + 1?"),),
            reply=f"Let me see. The answer is {item + right}.",
            reasoning="",
            finish="stop",
            prompt_tokens=9,
            tokens=10 + item,
            seconds=0.5,
            options=(),
            gold=str(item + 1),
            tags={"kind": "even" if item % 2 == 0 else "odd"},
            answer=str(item + right),
            rule="last-number",
            truncated=False,
            score=float(right),
            cpu_seconds=1.0,
        ),
        **changes,
    )


def write(path: Path, about: Run, samples: list[Sample]) -> Path:
    path.write_text("".join(line(one) for one in (about, *samples)), encoding="utf-8")
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write(tmp_path / "small.jsonl", run(), [sample(item, item < 3) for item in range(6)])


@pytest.fixture
def large(tmp_path: Path) -> Path:
    lost = sample(5, False, answer=None, rule="", truncated=True, finish="length")
    return write(tmp_path / "large.jsonl", run(model="large"), [*(sample(item, item != 0) for item in range(5)), lost])


class Page(HTMLParser):
    """A page's tags, attributes and text, and whether what opens also closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())


def unpacked(letters: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(letters)), parse_constant=lambda name: pytest.fail(name))


def test_the_page_says_what_the_logs_say(small: Path, large: Path, tmp_path: Path) -> None:
    page = Page(write_report([small, large], tmp_path / "page.html").read_text(encoding="utf-8"))
    score = mean_at(read(large))
    assert f"{100 * score.value:.1f} % [{100 * score.low:.1f}, {100 * score.high:.1f}]" in page.text
    assert "greedy, max tokens 64, one reply an item, system message “Be brief.”, read by phial" in page.text
    assert "data sha256 abababababab" in page.text
    assert "sums, by kind" in page.text and "Against small" in page.text
    assert ("a", "href", samples_link(task="sums", model="large", outcome="truncated")) in page.attributes
    assert "seed" not in page.text.split("greedy", 1)[1].split("data sha256")[0]


def test_the_page_loads_nothing_and_runs_only_its_own_script(small: Path, large: Path, tmp_path: Path) -> None:
    text = write_report([small, large], tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not {"link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert not [one for one in page.attributes if one[1].startswith("on") or one[1] in ("src", "style", "srcset")]
    assert all(value.startswith("#") for _, name, value in page.attributes if name == "href")
    assert not re.search(r"https?://|url\(|@import", text)
    policy = next(
        value for tag, name, value in page.attributes if (tag, name) == ("meta", "content") and "default" in value
    )
    running = [content for attributes, content in page.scripts if attributes.get("type") != "text/plain"]
    assert len(running) == 1
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)
    assert style
    for directive, content in (("script-src", running[0]), ("style-src", style[1])):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_no_text_acts(tmp_path: Path) -> None:
    about = run(task=HOSTILE, model=HOSTILE, protocol=HOSTILE, description=HOSTILE, system=HOSTILE, sha256=HOSTILE)
    about = replace(about, identity={HOSTILE: HOSTILE}, made={HOSTILE: HOSTILE}, extractor=HOSTILE, items=2)
    hostile = dict.fromkeys(("reply", "reasoning", "finish", "gold", "answer", "rule", "detail"), HOSTILE)
    one = sample(0, True, **hostile, prompt=((HOSTILE, HOSTILE),), tags={HOSTILE: HOSTILE}, parts={HOSTILE: (1, 2)})
    other = replace(one, item=HOSTILE, prompt=HOSTILE, score=0.0, tags={HOSTILE: "b"}, gold={HOSTILE: [HOSTILE]})
    log = write(tmp_path / "log.jsonl", about, [one, other])
    text = write_report([log], tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "img" not in page.tags
    assert len([1 for attributes, _ in page.scripts if attributes.get("type") != "text/plain"]) == 1
    assert "49" not in page.text and "{{ 7*7 }}" in page.text
    assert not re.search("[\u202e\x00\ud800]", text)
    assert "owned" not in "".join(content for _, content in page.scripts)


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=300) | st.text(alphabet="<>/script\u202e\x00&\"'\ud800 ", max_size=60))
def test_texts_come_out_of_the_page_as_they_went_in(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("logs") / "log.jsonl"
    write(path, run(items=1), [sample(0, True, reply=text, prompt=(("user", text),), options=((float("nan"), 2),))])
    packed = pack(read_logs([path]), {})
    stored = json.loads(json.dumps(text))
    assert unpacked(packed.texts[0])[0][0] == printable(stored)
    assert unpacked(packed.prompts[0])[0] == [["system", "Be brief."], ["user", printable(stored)]]
    assert set(packed.index + packed.texts[0]) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
    )


def test_the_index_tells_samples_apart(small: Path, large: Path) -> None:
    logs = read_logs([small, large])
    index = unpacked(pack(logs, marks(logs, None, {})).index)
    assert index["models"] == ["small", "large"]
    assert index["model"] == [0, 1] * 6
    assert index["outcome"] == [1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0]
    assert [mark & (BETTER | WORSE) for mark in index["mark"][1::2]] == [WORSE, 0, 0, BETTER, BETTER, 0]
    assert index["mark"][-1] == NONE | TRUNCATED
    assert len(set(index["item"])) == 6 and index["items"][0][1] == "sum-0"
    assert [index["tags"][place] for place in index["items"][1][4]] == ["kind: odd"]


def test_many_samples_come_in_parts(tmp_path: Path) -> None:
    texts = [f"{number} " + hashlib.sha256(str(number).encode()).hexdigest() * 200 for number in range(100)]
    samples = [sample(number, True, reply=text, prompt=text) for number, text in enumerate(texts)]
    packed = pack(read_logs([write(tmp_path / "log.jsonl", run(items=100), samples)]), {})
    index = unpacked(packed.index)
    for starts, parts, at in ((index["texts"], packed.texts, 0), (index["prompts"], packed.prompts, None)):
        things = [unpacked(part) for part in parts]
        assert len(things) > 1
        assert starts == [sum(map(len, things[:place])) for place in range(len(things))]
        assert [one if at is None else one[at] for part in things for one in part] == texts


def test_a_very_long_text_is_cut_in_its_middle(tmp_path: Path) -> None:
    long = sample(0, True, reply="a" * 10_000_000 + "b")
    packed = pack(read_logs([write(tmp_path / "log.jsonl", run(items=1), [long])]), {})
    reply = unpacked(packed.texts[0])[0][0]
    assert reply.startswith("aaa") and reply.endswith("ab") and "9,976,001 characters" in reply and len(reply) < 25_000


def test_comparisons_are_those_of_the_logs(small: Path, large: Path) -> None:
    facts = gather(read_logs([small, large]), "large", {})
    (expected,) = compare_all([(read(small), read(large))])
    rows = {row["name"]: row for row in facts["contests"][0]["rows"]}
    assert rows["large"]["against"] is None and facts["baseline"] == 1
    against = rows["small"]["against"]
    assert (against["gap"]["share"], against["p"], against["adjusted"]) == (
        expected.gap.value,
        expected.p,
        expected.adjusted,
    )
    assert (against["better"], against["worse"]) == (1, 2)


def test_logs_of_the_same_replies_are_one_run(small: Path, large: Path, tmp_path: Path) -> None:
    log = read(small)
    blind = [replace(one, answer=None, rule="", score=0.0) if one.item == "sum-1" else one for one in log.samples]
    other = write(tmp_path / "other.jsonl", replace(log.run, extractor="compat:lm-eval"), blind)
    logs = read_logs([small, large, other])
    assert len(logs.contests[0].entries) == 2
    reading = gather(logs, None, {})["contests"][0]["readings"][0]
    assert [row["extractor"] for row in reading["rows"]] == ["phial", "compat:lm-eval"]
    assert reading["rows"][1]["answers"] == reading["rows"][1]["grades"] == 1
    assert reading["rows"][1]["score"]["share"] == pytest.approx(2 / 6)
    index = unpacked(pack(logs, {}).index)
    assert [place for place, mark in enumerate(index["mark"]) if mark & DISAGREE] == [2]
    page = Page(write_report([small, large, other], tmp_path / "page.html").read_text(encoding="utf-8"))
    assert ("a", "href", samples_link(task="sums", model="small", mark="disagree")) in page.attributes


def test_runs_of_one_model_are_told_apart(small: Path, tmp_path: Path) -> None:
    log = read(small)
    warm = write(
        tmp_path / "warm.jsonl",
        replace(log.run, sampling={**log.run.sampling, "temperature": 1.0}),
        [replace(one, seconds=0.7) for one in log.samples],
    )
    quantized = write(
        tmp_path / "quantized.jsonl", replace(log.run, identity={"quantization": "int4"}), list(log.samples)
    )
    assert set(read_logs([small, warm, quantized]).models) == {
        "small, quantization None, temperature 0.0",
        "small, quantization None, temperature 1.0",
        "small, quantization int4",
    }


def test_other_data_or_protocols_are_not_compared(small: Path, tmp_path: Path) -> None:
    log = read(small)
    changed = write(tmp_path / "changed.jsonl", replace(log.run, sha256="cd" * 32, model="large"), list(log.samples))
    asked = write(tmp_path / "asked.jsonl", replace(log.run, protocol="lm-eval", model="large"), list(log.samples))
    facts = gather(read_logs([small, changed, asked]), None, {})
    assert [one["title"] for one in facts["contests"]] == [
        "sums, phial, data abababab",
        "sums, phial, data cdcdcdcd",
        "sums, lm-eval",
    ]
    assert facts["comparisons"] == 0


def test_repeats_make_curves_and_clusters(tmp_path: Path) -> None:
    samples = [
        sample(item, (item + repeat) % 3 > 0, repeat=repeat, joules=2.0) for item in range(6) for repeat in range(4)
    ]
    log = write(tmp_path / "log.jsonl", run(repeats=4, sampling={"temperature": 0.5}), samples)
    contest = gather(read_logs([log]), None, {})["contests"][0]
    assert [point[0] for point in contest["replies"][0]["passed"]] == [1, 2, 4]
    assert contest["rows"][0]["score"]["total"] == 6 and contest["rows"][0]["joules"]["share"] == 2.0
    assert "4 replies an item" in contest["settings"]
    page = Page(write_report([log], tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "polygon" in page.tags and "By replies" in page.text


def test_scores_with_and_without_what_was_seen_in_training(small: Path, tmp_path: Path) -> None:
    log = read(small)
    kinds = {"dirty": log.samples[:2], "partial": log.samples[2:3], "clean": log.samples[3:5]}
    scores = {kind: mean_at(replace(log, samples=samples)) for kind, samples in kinds.items()}
    evidence = tuple(
        Evidence(one.item, kind, "13-gram", 0.9, HOSTILE, "ff" * 32, 3, 20, HOSTILE, 1)
        for kind in ("dirty", "partial")
        for one in kinds[kind]
    )
    found = Contamination(
        clean=scores["clean"],
        partial=scores["partial"],
        dirty=scores["dirty"],
        unjudged=("sum-5",),
        gap=gap(scores["dirty"], scores["clean"]),
        evidence=evidence,
        searched=1234,
        skipped=(f"notes.bin: {HOSTILE}",),
        rule="13-grams",
    )
    page = Page(write_report([small], tmp_path / "page.html", None, {small: found}).read_text(encoding="utf-8"))
    assert (
        "Seen in training" in page.text
        and "1,234 training texts searched; 13-grams; 1 items have no words" in page.text
    )
    assert "100.0 %" in page.text and "img" not in page.tags
    index = unpacked(pack(read_logs([small]), marks(read_logs([small]), None, {small: found})).index)
    assert index["mark"] == [DIRTY, DIRTY, PARTIAL, CLEAN, CLEAN, 0]


def test_an_unfinished_log_says_so(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", run(items=9), [sample(item, True) for item in range(4)])
    page = Page(write_report([log], tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "small has answered 4 of the 9 replies" in page.text


@pytest.mark.parametrize("which", ["none", "twice", "baseline", "empty", "folder"])
def test_what_cannot_be_reported_is_refused(small: Path, large: Path, tmp_path: Path, which: str) -> None:
    empty = write(tmp_path / "empty.jsonl", run(), [])
    paths = {"none": [], "twice": [small, small], "empty": [small, empty]}.get(which, [small, large])
    to = tmp_path / "no" / "page.html" if which == "folder" else tmp_path / "page.html"
    with pytest.raises(PhialError):
        write_report(paths, to, "huge" if which == "baseline" else None)
    assert not to.exists()


def test_lm_eval_lines(small: Path, large: Path) -> None:
    path = export(large, "lm-eval")
    assert path.name == "samples_large.jsonl"
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    assert [one["acc"] for one in lines] == [one.score for one in read(large).samples]
    assert all(one["metrics"] == ["acc"] and one["filter"] == "phial" for one in lines)
    assert lines[1]["resps"] == [["Let me see. The answer is 2."]] and lines[1]["filtered_resps"] == ["2"]
    assert lines[5]["filtered_resps"] == ["[invalid]"]
    prompt = lines[1]["arguments"]["gen_args_0"]["arg_0"]
    assert [message["role"] for message in json.loads(prompt)] == ["system", "user"]
    assert lines[1]["prompt_hash"] == hashlib.sha256(prompt.encode()).hexdigest()


def test_lm_eval_lines_of_repeats_and_options(tmp_path: Path) -> None:
    samples = [sample(0, bool(repeat), repeat=repeat, reply="\ud800") for repeat in range(2)]
    samples.append(sample(1, True, prompt="1 + 1 =", options=((-1.5, 1), (-0.5, 1))))
    path = export(write(tmp_path / "log.jsonl", run(repeats=2), samples), "lm-eval", tmp_path / "out.jsonl")
    first, second = (json.loads(text) for text in path.read_text(encoding="utf-8").splitlines())
    assert first["resps"] == [["\ud800", "\ud800"]] and first["filtered_resps"] == [["0", "1"]] and first["acc"] == 0.5
    assert second["filtered_resps"] == [["-1.5", "False"], ["-0.5", "False"]]


def test_what_cannot_be_exported_is_refused(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PhialError, match="no form"):
        export(small, "csv")
    with pytest.raises(PhialError, match=r"\.eval"):
        export(small, "inspect", tmp_path / "log.json")
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(PhialError) as caught:
        export(small, "inspect")
    assert "phial-lm[inspect]" in "\n".join(caught.value.lines())


@pytest.mark.oracle
def test_inspect_reads_the_same_scores(small: Path, large: Path, tmp_path: Path) -> None:
    inspected = pytest.importorskip("inspect_ai.log")
    odd = [
        sample(0, True, reply="\ud800\x00", reasoning="hm", gold={"a": 1}),
        sample(1, False, prompt="1 +", score=0.5),
    ]
    third = write(tmp_path / "odd.jsonl", run(items=2, repeats=1), odd)
    for path in (small, large, third):
        log, read_back = read(path), inspected.read_eval_log(str(export(path, "inspect")))
        assert read_back.status == "success" and read_back.eval.task == "sums"
        scores = {(one.id, one.epoch): one.scores["phial"] for one in read_back.samples}
        assert {(one.item, one.repeat + 1): one.score for one in log.samples} == {
            key: score.as_float() for key, score in scores.items()
        }
        assert [scores[one.item, one.repeat + 1].answer for one in log.samples] == [one.answer for one in log.samples]
        assert read_back.results.scores[0].metrics["mean"].value == mean_at(log).value


@pytest.mark.oracle
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    driver = pytest.importorskip("playwright.sync_api")
    browser_path = os.environ.get("PHIAL_CHROMIUM") or shutil.which("chromium")
    if browser_path is None:
        pytest.skip("no Chromium")
    paths = []
    for model, share in (("small", 3), ("large", 2)):
        samples = [
            replace(sample(item, item % share > 0, reply=f"{HOSTILE} reply {item} ."), item=f"{HOSTILE}{item}")
            for item in range(5000)
        ]
        paths.append(write(tmp_path / f"{model}.jsonl", run(model=model, items=5000), samples))
    page = write_report(paths, tmp_path / "page.html")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        try:
            check_in_browser(browser, page)
        finally:
            browser.close()


def check_in_browser(browser: Any, page: Path) -> None:
    """The list, the filters, the keyboard, links into the list and a narrow screen."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("request", lambda request: complaints.append(request.url) if request.url != page.as_uri() else None)
    tab.goto(page.as_uri())
    told = tab.locator("#told")
    tab.wait_for_function("document.getElementById('told').textContent !== ''")
    assert told.inner_text() == "10,000 of 10,000 samples"
    assert tab.locator(".row").count() < 60
    tab.evaluate("document.getElementById('list').scrollTop = 1e9")
    tab.wait_for_function("[...document.querySelectorAll('.row')].some((row) => row.at === 9999)")

    def settled(text: str) -> None:
        tab.wait_for_function("(text) => document.getElementById('told').textContent === text", arg=text)

    tab.click("#chips button[value=wrong]")
    settled("4,167 of 10,000 samples")
    tab.fill("#by-text", "REPLY 4996 ")
    settled("1 of 10,000 samples")
    tab.wait_for_selector("#sheet mark")
    tab.click("#clear")
    settled("10,000 of 10,000 samples")
    tab.focus("#list")
    tab.keyboard.press("End")
    tab.wait_for_function("document.getElementById('sheet').textContent.includes('reply 4999')")
    assert tab.locator("#list").get_attribute("aria-activedescendant") == "row-9999"
    tab.keyboard.press("ArrowUp")
    assert tab.locator(".row[aria-selected=true]").get_attribute("aria-posinset") == "9999"
    tab.click("#compared a >> nth=0")
    settled("833 of 10,000 samples")
    assert tab.input_value("#by-mark") == "better" and tab.input_value("#by-model") == "large"
    assert tab.title() != "owned" and not complaints, complaints
    for width in (360, 1280):
        tab.set_viewport_size({"width": width, "height": 740})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
