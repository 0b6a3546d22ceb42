"""Judged tasks: two answers compared in both orders, criteria checked one by one, verdicts read."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from phial.errors import PhialError
from phial.evals.correctness import against_gold
from phial.evals.grading import graded
from phial.evals.log import Log, Run
from phial.evals.pairwise import agreeing_verdicts, grade_pair, last_verdict
from phial.evals.respondent import Reply
from phial.evals.style import style
from phial.evals.tasks import arena_hard, rubric

FOLDER = Path(os.environ.get("PHIAL_BENCHMARKS", "")) / "arena-hard"


def run_of(task, model="small"):
    protocol = task.protocol
    return Run(
        task.name, protocol.name, protocol.description, task.sha256, len(task.items), model, {}, {}, protocol.repeats,
        protocol.system, protocol.extractor,
    )  # fmt: skip


def logged(task, say, model="small"):
    """A whole log of a respondent that says say(item)."""
    replies = [Reply(say(item), "", "stop", 1, 1, 0.1) for item in task.items]
    return Log(run_of(task, model), tuple(graded(r, i, 0, task) for r, i in zip(replies, task.items, strict=True)))


@pytest.fixture
def arena(tmp_path):
    questions = [{"uid": f"q{n}", "category": "c", "cluster": "k", "prompt": f"Question {n}?"} for n in range(4)]
    turns = [[{"role": "assistant", "content": {"answer": f"base {n}"}}] for n in range(4)]
    answers = [{"uid": f"q{n}", "messages": turn} for n, turn in enumerate(turns)]
    (tmp_path / "question.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    (tmp_path / "v0.1_baseline_gpt-4-0314.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    return tmp_path


def test_both_orders_are_asked_and_the_score_follows_the_model(arena):
    task = arena_hard.load(arena)
    answers = logged(task, lambda item: f"<think>base 1 is better</think>mine {item.id}")
    asked = arena_hard.judged(answers, arena)
    assert len(asked.items) == 8
    for item in asked.items:
        text = item.prompt[0][1]
        first = text.partition("Assistant B's")[0]
        assert ("base" in first) == (item.gold["first"] == "baseline") and ("mine" in first) == (
            item.gold["first"] == "model"
        )
        assert "better" not in text and f"Question {item.gold['question'][1]}?" in text
    assert {item.id for item in asked.items} >= {"q0#0:baseline-first", "q0#0:model-first"}
    model, first = asked.items[1], asked.items[0]
    assert (first.gold["first"], model.gold["first"]) == ("baseline", "model")
    assert (grade_pair("A>>B", model).score, grade_pair("A>>B", first).score) == (1, 0)
    assert grade_pair("B>>A", first).parts == {"win rate": (3.0, 3.0), "first answer preferred": (0.0, 1.0)}
    assert grade_pair("A=B", first).parts == {"win rate": (0.5, 1.0)}
    # The judge's log says all that the table needs, so that its scores are a function of it.
    assert asked.sha256 != arena_hard.judged(logged(task, lambda item: "other"), arena).sha256


@pytest.mark.parametrize(
    ("reply", "own", "harness"),
    [
        ("My verdict: [[A>B]]", "A>B", "A>B"),
        ("[[A>B]] at first, but then [[B>>A]]", "B>>A", None),
        ("[[A=B]] and again [[A=B]]", "A=B", "A=B"),
        ("[[A<<B]]", "A<<B", "A<<B"),
        ("[[A>B>]] [[AAA]]", None, None),
        ("[A>B]", None, None),
    ],
)
def test_verdicts_are_read(arena, reply, own, harness):
    item = arena_hard.judged(logged(arena_hard.load(arena), lambda item: "x"), arena).items[0]
    assert last_verdict(reply, item).answer == own
    assert agreeing_verdicts(reply, item).answer == harness


def test_what_a_pairwise_judgement_refuses(arena):
    log = logged(arena_hard.load(arena), lambda item: "x")
    with pytest.raises(PhialError, match="3 replies"):
        arena_hard.judged(replace(log, samples=log.samples[:3]), arena)
    with pytest.raises(PhialError, match="a log of rubric"):
        arena_hard.judged(logged(rubric.make(), lambda item: "x"), arena)
    with pytest.raises(PhialError, match="judge_config"):
        arena_hard.judged(log, arena, "arena-hard")
    (arena / "judge_config.yaml").write_text('name: x\nsystem_prompt: "Please judge.\\n\\nSay \\"why\\"."\n')
    assert arena_hard.judged(log, arena, "arena-hard").protocol.system == 'Please judge.\n\nSay "why".'
    (arena / "v0.1_baseline_gpt-4-0314.jsonl").write_text(
        json.dumps({"uid": "q0", "choices": [{"turns": [{"content": "y"}]}]})
    )
    assert arena_hard.baseline(arena) == {"q0": "y"}
    with pytest.raises(PhialError, match="no answer to 'q1'"):
        arena_hard.judged(log, arena)
    (arena / "v0.1_baseline_gpt-4-0314.jsonl").write_text(json.dumps({"uid": "q0", "messages": []}))
    with pytest.raises(PhialError, match="no answer"):
        arena_hard.baseline(arena)


def test_an_empty_answer_is_judged_as_empty(arena):
    log = logged(arena_hard.load(arena), lambda item: "<think>never ended")
    assert not any(sample.score for sample in log.samples)
    assert all("(The answer is empty.)" in item.prompt[0][1] for item in arena_hard.judged(log, arena).items)


def test_style_is_counted_outside_of_code():
    text = "# Head\n\n- **one** two\n  * three\n1. four\n\n```\n# no header\n- no list\n```\n__five__ #six"
    assert style(text)[1:] == (1, 3, 2)
    assert style("one, two")[0] == 3
    assert style("") == (0, 0, 0, 0)
    for piece in ("\n", "*", "**a", "`", "__", "# ", " "):
        style(piece * 100_000)


def test_rubrics_are_whole():
    every = rubric.rubrics()
    assert len(every) >= 40 and len({one.name for one in every}) == len(every)
    assert {"reasoning", "coding", "instructions", "refusals", "style", "honesty"} <= {one.skill for one in every}
    for one in every:
        assert one.prompt and len(one.criteria) >= 2
        assert all(1 <= points <= 3 and text.endswith((".", "fine.")) for points, text in one.criteria)


def test_criteria_are_judged_one_by_one():
    log = logged(rubric.make(items=5), lambda item: "an answer")
    task = rubric.judged(log)
    item = task.items[0]
    assert item.gold == [3, 2, 1] and "3. It says why" in item.prompt[0][1] and "an answer" in item.prompt[0][1]
    found = task.extract("1: missed\nno, wait\n1: met\n**2: partly**\n3. missed", item)
    assert found.answer == "1 0.5 0"
    grade = task.grade(found.answer, item)
    assert grade.score == pytest.approx(4 / 6)
    assert grade.parts == {"points": (4.0, 6.0), "criteria met": (1.0, 3.0)}
    assert task.extract("1: met\n3: met", item).answer is None
    assert task.blank(item).parts == {}
    with pytest.raises(PhialError, match="log of"):
        rubric.judged(replace(log, run=replace(log.run, task="x")))
    with pytest.raises(PhialError, match="no rubric 'old'"):
        rubric.judged(replace(log, samples=(replace(log.samples[0], item="old"), *log.samples[1:])))


def test_a_judge_is_told_the_right_answer_and_sees_no_thinking(arena):
    answers = logged(arena_hard.load(arena), lambda item: f"<think>it is 7</think>The answer is {item.id}.")
    task = against_gold(answers, "checked")
    assert (task.name, len(task.items), task.items[0].gold) == ("checked", 4, "judged apart")
    text = task.items[2].prompt[0][1]
    assert "Question 2?" in text and "The answer is q2." in text and "it is 7" not in text and "judged apart" in text
    for reply, answer, parts in (
        ("Verdict: CORRECT", "CORRECT", {"not attempted": 0, "incorrect": 0, "correct given attempted": 1}),
        ("It is not CORRECT.\n**Verdict:** incorrect", "INCORRECT", {"incorrect": 1, "correct given attempted": 0}),
        ("NOT_ATTEMPTED", "NOT_ATTEMPTED", {"not attempted": 1, "incorrect": 0}),
        ("correctly so", None, {}),
    ):
        found = task.extract(reply, task.items[0]).answer
        assert found == answer
        if answer:
            grade = task.grade(answer, task.items[0])
            assert grade.score == (answer == "CORRECT")
            assert parts.items() <= {name: share for name, (share, _) in grade.parts.items()}.items()
            assert ("correct given attempted" in grade.parts) == (answer != "NOT_ATTEMPTED")


@pytest.mark.skipif(not FOLDER.is_dir(), reason="PHIAL_BENCHMARKS names no folder with arena-hard")
def test_the_published_files_are_whole():
    task = arena_hard.load(FOLDER)
    assert len(task.items) == 500 and {item.id for item in task.items} == arena_hard.baseline(FOLDER).keys()
