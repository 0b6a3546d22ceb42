"""Answered, graded and logged: order, resumption after any kill, refusals, and grading again."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from respondents import PROTOCOL, SAMPLING, Scripted, grade, last_word, sums, with_options

from phial.errors import PhialError
from phial.evals.grading import rescore
from phial.evals.line_file import LineFile
from phial.evals.log import line, read
from phial.evals.respondent import Reply
from phial.evals.run import REPLIES, evaluate, seed_of
from phial.evals.task import Grade, Item, Protocol, Task


def path_of(folder: Path) -> Path:
    return folder / "logs" / "sums.made.jsonl"


def test_every_item_is_asked_so_often_graded_and_logged(tmp_path: Path) -> None:
    seen: list[int] = []
    log = evaluate(Scripted(), sums(20), path_of(tmp_path), seen.append)
    assert seen == list(range(1, 41))
    assert [(one.item, one.repeat) for one in log.samples] == [(f"sum-{i}", k) for k in (0, 1) for i in range(20)]
    assert 0 < sum(one.score for one in log.samples) < 40
    assert all(one.score == (one.answer == one.gold) and one.rule == "last-word" for one in log.samples)
    assert log.samples[3].prompt == (("user", "3 + 1 = ?"),) and log.run.system == "Be brief."
    assert log.samples[3].tags == {"parity": "1"} and log.samples[3].tokens == 9
    assert (log.run.sha256, log.run.items, log.run.sampling["stop"]) == ("5" * 64, 20, ["\n\n"])
    read_back = read(path_of(tmp_path))
    assert set(map(line, read_back.samples)) == set(map(line, log.samples)) and read_back.run == log.run
    assert log.samples[0].cpu_seconds is None
    assert [file.name for file in path_of(tmp_path).parent.iterdir()] == ["sums.made.jsonl"]


def test_scores_do_not_depend_on_the_order_of_answers_or_on_what_else_is_asked(tmp_path: Path) -> None:
    first, second = (evaluate(Scripted(order=i), sums(20), tmp_path / str(i)) for i in (1, 2))
    assert first.samples == second.samples
    fewer = evaluate(Scripted(), sums(5), tmp_path / "fewer")
    assert {line(one) for one in fewer.samples} < {line(one) for one in first.samples}
    assert len({seed_of(7, item.id, k) for item in sums(20).items for k in range(3)}) == 60


@pytest.mark.parametrize("dies_at", [0, 1, 13, 39])
def test_a_run_that_died_asks_only_what_is_missing(tmp_path: Path, dies_at: int) -> None:
    whole = evaluate(Scripted(), sums(20), tmp_path / "whole")
    dying, again = Scripted(dies_at=dies_at), Scripted(order=5)
    with pytest.raises(KeyboardInterrupt):
        evaluate(dying, sums(20), path_of(tmp_path))
    assert evaluate(again, sums(20), path_of(tmp_path)).samples == whole.samples
    assert sorted(dying.asked + again.asked) == sorted({*dying.asked, *again.asked})
    assert len(dying.asked) == dies_at and len(again.asked) == 40 - dies_at
    nobody = Scripted()
    assert evaluate(nobody, sums(20), path_of(tmp_path)).samples == whole.samples and nobody.asked == []


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from respondents import Scripted, right, sums
from phial.evals.run import evaluate
count = 0
def script(question):
    global count
    count += 1
    if count == 30:
        os.kill(os.getpid(), 9)
    return right(question)
evaluate(Scripted(script), sums(20), Path(sys.argv[1]))
"""


def test_kill_9_loses_no_answer(tmp_path: Path) -> None:
    path = path_of(tmp_path)
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path), str(Path(__file__).parent)], check=False)
    assert ended.returncode == -signal.SIGKILL
    again = Scripted()
    log = evaluate(again, sums(20), path)
    assert log.samples == evaluate(Scripted(), sums(20), tmp_path / "whole").samples
    assert len(again.asked) == 11  # the 29 before the kill were kept, graded or not


@pytest.mark.parametrize("torn", [b'{"item": "sum-3", "rep', b"\0\0\0\0", b"{"])
def test_a_torn_last_line_is_cut(tmp_path: Path, torn: bytes) -> None:
    whole = evaluate(Scripted(), sums(8), path_of(tmp_path))
    lines = path_of(tmp_path).read_bytes().splitlines(keepends=True)
    for kept in (0, 1, 5):
        path_of(tmp_path).write_bytes(b"".join(lines[:kept]) + torn)
        path_of(tmp_path).with_name(path_of(tmp_path).name + REPLIES).write_bytes(torn)
        again = Scripted()
        assert evaluate(again, sums(8), path_of(tmp_path)).samples == whole.samples
        assert len(again.asked) == 16 - max(0, kept - 1)


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    evaluate(Scripted(), sums(3), path_of(tmp_path))
    lines = path_of(tmp_path).read_text().splitlines()
    for damage in ("{", "[]", '{"item": "sum-1"}', lines[3].replace('"options": []', '"options": [[1]]')):
        path_of(tmp_path).write_text("\n".join([*lines[:3], damage, *lines[4:]]) + "\n")
        for reading in (lambda: evaluate(Scripted(), sums(3), path_of(tmp_path)), lambda: read(path_of(tmp_path))):
            with pytest.raises(PhialError, match="damaged") as caught:
                reading()
            assert "line 4" in caught.value.where


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (sums(3, sha256="6" * 64), 'sha256: "5555'),
        (sums(2), "items: 3 there, 2 now"),
        (sums(3, replace(PROTOCOL, sampling=replace(SAMPLING, max_tokens=17))), "max_tokens: 16 there, 17 now"),
        (sums(3, replace(PROTOCOL, name="phi-4")), 'protocol: "made" there, "phi-4" now'),
        (sums(3, replace(PROTOCOL, repeats=1)), "repeats: 2 there, 1 now"),
        (sums(3, replace(PROTOCOL, extractor="compat:first")), "extractor"),
    ],
)  # fmt: skip
def test_another_run_is_refused_and_the_difference_named(tmp_path: Path, task: Task, said: str) -> None:
    evaluate(Scripted(), sums(3), path_of(tmp_path))
    before = path_of(tmp_path).read_bytes()
    with pytest.raises(PhialError, match=said):
        evaluate(Scripted(), task, path_of(tmp_path))
    assert path_of(tmp_path).read_bytes() == before


def test_another_model_of_the_same_name_is_refused(tmp_path: Path) -> None:
    evaluate(Scripted(), sums(3), path_of(tmp_path))
    other = Scripted()
    other.identity = {"sha256": "b", "opened": False}
    with pytest.raises(PhialError, match='identity sha256: "a" there, "b" now'):
        evaluate(other, sums(3), path_of(tmp_path))
    other = Scripted()
    other.address = "elsewhere"  # a replica is the same model
    evaluate(other, sums(3), path_of(tmp_path))


def test_a_log_has_one_writer(tmp_path: Path) -> None:
    with LineFile(path_of(tmp_path)), pytest.raises(PhialError, match="another process is writing"):
        evaluate(Scripted(), sums(3), path_of(tmp_path))


def test_a_grader_that_fails_costs_no_answer(tmp_path: Path) -> None:
    def broken(answer: str, item: Item) -> Grade:
        if item.id == "sum-4":
            raise ZeroDivisionError("in the grader")
        return grade(answer, item)

    first, second = Scripted(), Scripted()
    with pytest.raises(ZeroDivisionError) as caught:
        evaluate(first, replace(sums(20), grade=broken), path_of(tmp_path))
    assert "item 'sum-4'" in caught.value.__notes__[0]
    assert len(evaluate(second, sums(20), path_of(tmp_path)).samples) == 40
    assert len(first.asked) + len(second.asked) == 40


@pytest.mark.parametrize("score", [math.nan, 1.5, -1.0])
def test_a_grade_is_between_0_and_1(tmp_path: Path, score: float) -> None:
    with pytest.raises(ValueError, match="graded item"):
        evaluate(Scripted(), replace(sums(1), grade=lambda answer, item: Grade(score)), path_of(tmp_path))


def test_thinking_is_no_answer(tmp_path: Path) -> None:
    texts = {
        "sum-0": Reply("<think>1</think>It is 1", finish="stop"),
        "sum-1": Reply("<think>It is 2", finish="length"),
        "sum-2": Reply("It is 3", reasoning="4?"),
        "sum-3": Reply("", reasoning="It is 4", finish="length"),
        "sum-4": Reply("", finish="stop"),
        "sum-5": Reply(finish="prompt-too-long"),
        "sum-6": Reply(finish="refused"),
    }
    protocol = replace(PROTOCOL, repeats=1)
    log = evaluate(Scripted(lambda question: texts[question.item]), sums(7, protocol), path_of(tmp_path))
    found = [(one.answer, one.score, one.truncated, one.detail) for one in log.samples]
    assert found == [
        ("1", 1.0, False, "equal"),
        (None, 0.0, True, "truncated"),
        ("3", 1.0, False, "equal"),
        (None, 0.0, True, "truncated"),
        (None, 0.0, False, "an empty reply"),
        (None, 0.0, False, "prompt-too-long"),
        (None, 0.0, False, "refused"),
    ]


def test_replies_tell_that_a_server_opened_the_thinking(tmp_path: Path) -> None:
    """Two replies close what they did not open; so the third, which was cut off, was still thinking."""
    replies = [Reply("a</think>1"), Reply("b</think>2"), Reply("It is 3", finish="length")]
    protocol = replace(PROTOCOL, repeats=1)
    task = sums(3, protocol)
    log = evaluate(Scripted(lambda q: replies[int(q.item[4:])]), task, path_of(tmp_path))
    assert [one.answer for one in log.samples] == ["1", "2", None] and log.samples[2].truncated
    assert read(path_of(tmp_path)) == log == evaluate(Scripted(), task, path_of(tmp_path))
    assert rescore(log, task, "phial") == log
    plain = [Reply("a</think>1"), Reply("2"), Reply("It is 3", finish="length")]  # one stray tag tells nothing
    log = evaluate(Scripted(lambda q: plain[int(q.item[4:])]), task, tmp_path / "plain")
    assert [one.answer for one in log.samples] == ["1", "2", "3"]


def test_a_log_is_graded_again_by_another_extractor(tmp_path: Path) -> None:
    log = evaluate(Scripted(), sums(10), path_of(tmp_path))
    other = rescore(log, sums(10), "compat:first")
    assert other.run.extractor == "compat:first" and {one.rule for one in other.samples} == {"first-word"}
    assert [one.answer for one in other.samples] == [one.item[4:] for one in other.samples]
    assert rescore(other, sums(10), "phial") == log
    with pytest.raises(PhialError, match="no extractor 'x'"):
        rescore(log, sums(10), "x")
    with pytest.raises(PhialError, match="sha256"):
        rescore(log, sums(10, sha256="6" * 64), "phial")
    with pytest.raises(PhialError, match="not in the task"):
        rescore(log, sums(9), "phial")


OPTIONS = tuple(Item(str(i), "The sky is", "blue", options=(" blue", " green")) for i in range(4))


def test_the_likeliest_option_is_the_answer_and_nan_is_none(tmp_path: Path) -> None:
    replies = [with_options(-1, -2), with_options(-2, -1), with_options(math.nan, -1), with_options(-1, -math.inf)]
    task = Task("sky", Protocol("made", "", SAMPLING), OPTIONS, {"phial": last_word}, grade, "7" * 64)
    log = evaluate(Scripted(lambda q: replies[int(q.item)]), task, path_of(tmp_path))
    assert [(one.answer, one.score) for one in log.samples] == [("blue", 1), ("green", 0), (None, 0), (None, 0)]
    assert log.samples[2].detail == "a log probability is not a number"
    kept = read(path_of(tmp_path)).samples
    assert sorted(one.options for one in kept if one.answer) == [((-2.0, 1), (-1.0, 1)), ((-1.0, 1), (-2.0, 1))]
    assert "NaN" not in path_of(tmp_path).read_text() and "Infinity" not in path_of(tmp_path).read_text()
    for text in path_of(tmp_path).read_text().splitlines():
        json.loads(text, parse_constant=lambda name: pytest.fail(name))


@pytest.mark.parametrize("text", ["é\u2028\x85\n\x00", "\ud800 half", "5\r\n6", "\ufeff"])
def test_any_text_of_a_model_is_kept(tmp_path: Path, text: str) -> None:
    protocol = replace(PROTOCOL, repeats=1)
    log = evaluate(Scripted(lambda question: Reply(text)), sums(1, protocol), path_of(tmp_path))
    assert log.samples[0].reply == text == read(path_of(tmp_path)).samples[0].reply


def test_a_reply_of_10_megabytes_is_graded(tmp_path: Path) -> None:
    protocol = replace(PROTOCOL, repeats=1)
    big = "<think>" + "so 7 " * 2_000_000 + "</think> 1"
    log = evaluate(Scripted(lambda question: Reply(big)), sums(1, protocol), path_of(tmp_path))
    assert log.samples[0].score == 1 and len(log.samples[0].reply) > 10_000_000


def test_a_blank_is_graded_by_the_task(tmp_path: Path) -> None:
    def blank(item: Item) -> Grade:
        return Grade(0.0, parts={"contest": (1.5, 6)})

    protocol = replace(PROTOCOL, repeats=1)
    log = evaluate(Scripted(lambda question: Reply("")), replace(sums(1, protocol), blank=blank), path_of(tmp_path))
    assert read(path_of(tmp_path)) == log and log.samples[0].parts == {"contest": (1.5, 6.0)}


def test_a_task_is_refused_that_has_no_items_or_an_id_twice() -> None:
    task = sums(2)
    with pytest.raises(PhialError, match="no items"):
        replace(task, items=())
    with pytest.raises(PhialError, match="'sum-0'"):
        replace(task, items=(*task.items, task.items[0]))
    with pytest.raises(PhialError, match="wants the extractor 'x'"):
        replace(task, protocol=replace(PROTOCOL, extractor="x"))
