"""Self-revision: marks decide, the best version stays, and the loop ends."""

from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.record import Lineage, Record
from phial.synth.flows.self_revision import (
    HEAP,
    JUDGED,
    Critique,
    best_of,
    critique_request,
    passes,
    self_revision,
    stop,
)
from phial.synth.request import TeacherRequest

LESSON = (
    "A queue is a line in which whoever comes first is served first. Think of people at a bakery: new ones stand at "
    "the end, and the one in front buys bread and leaves. If Ann, Ben and Cem come in this order, Ann is served first, "
    "then Ben, then Cem. A computer uses the same rule for pages that wait to be printed."
)
BETTER = LESSON + " Each printed page leaves the queue at its front, and a new page joins it at its end."
WORST = BETTER + " Whoever comes last waits longest."


def critique(*marks: int, faults: tuple[str, ...] = ("the example is short",)) -> dict:
    names = dict(zip(("accuracy", "reasoning", "clarity"), marks, strict=True))
    return {"check": "Who is first: right.", "faults": list(faults), **names, "advice": "Say where a new page goes."}


def answers(drafts: list[str], critiques: list[dict], asked: list[TeacherRequest] | None = None):
    """Each version written once, each critique given once."""
    texts, judged = iter(drafts), iter(critiques)
    return scripted(
        {
            "lesson": lambda _: next(texts),
            "lesson-revision": lambda _: next(texts),
            "lesson-critique": lambda _: next(judged),
        },
        asked,
    )


def test_a_lesson_is_revised_by_its_critique_and_the_better_version_kept(tmp_path: Path) -> None:
    asked: list[TeacherRequest] = []
    source = answers([LESSON, BETTER], [critique(3, 4, 4), critique(5, 4, 5)], asked)
    [record], drops = make(self_revision, seed(), source, tmp_path)
    assert not drops and record.text == BETTER and record.kind == "passage"
    assert record.scores == {"accuracy": 5.0, "reasoning": 4.0, "clarity": 5.0}
    assert [turn["text"] for turn in record.lineage.params["history"]] == [LESSON, BETTER]
    assert record.lineage.params["stopped"] == "good enough"
    assert len(record.lineage.request_keys) == 4
    revision = asked[2].messages[-1][1]
    assert "the example is short" in revision and "Say where a new page goes." in revision and LESSON in revision


def test_what_is_good_at_once_is_revised_all_the_same_unless_told(tmp_path: Path) -> None:
    source = answers([LESSON, BETTER], [critique(5, 5, 5), critique(4, 4, 4)])
    [record], _ = make(self_revision, seed(), source, tmp_path)
    assert record.text == LESSON, "the first version had the better marks"
    source = answers([LESSON], [critique(5, 5, 5)])
    [record], _ = make(self_revision, seed(), source, tmp_path / "other", {"least_rounds": 0})
    assert record.text == LESSON and len(record.lineage.request_keys) == 2


def test_a_passage_is_itself_the_draft(tmp_path: Path) -> None:
    passage = Record("passage", "test", "CC0-1.0", Lineage("seed", "1"), text=LESSON)
    [record], _ = make(self_revision, passage, answers([BETTER], [critique(3, 3, 3), critique(4, 4, 4)]), tmp_path)
    assert record.text == BETTER


def test_low_marks_are_refused_after_the_last_round(tmp_path: Path) -> None:
    source = answers([LESSON, BETTER, WORST], [critique(2, 4, 4), critique(3, 4, 4), critique(3, 5, 5)])
    made, [drop] = make(self_revision, seed(), source, tmp_path)
    assert not made and drop.reason == "low marks"
    assert "accuracy 3" in drop.detail and "2 revisions" in drop.detail and len(drop.request_keys) == 6


def test_it_stops_where_it_gets_no_better(tmp_path: Path) -> None:
    source = answers([LESSON, BETTER], [critique(3, 4, 4), critique(2, 4, 4)])
    made, [drop] = make(self_revision, seed(), source, tmp_path, {"rounds": 9})
    assert not made and "version 0" in drop.detail and "no better" in drop.detail


def test_a_spoilt_revision_leaves_the_version_before(tmp_path: Path) -> None:
    source = answers([LESSON, "Sure! Here it is."], [critique(4, 4, 4)])
    [record], _ = make(self_revision, seed(), source, tmp_path)
    assert record.text == LESSON and "spoilt" in record.lineage.params["stopped"]


def test_the_example_that_is_shown_is_no_lesson_of_ones_own(tmp_path: Path) -> None:
    made, [drop] = make(self_revision, seed(), answers([HEAP.replace("heap", "queue")], []), tmp_path)
    assert not made and drop.reason == "copies the example"


def test_the_editor_sees_judged_lessons_first() -> None:
    turns = critique_request("a nurse", LESSON)
    assert [role for role, _ in turns] == ["user", "assistant"] * len(JUDGED) + ["user"] and LESSON in turns[-1][1]
    for (lesson, judged), asked, answer in zip(JUDGED, turns[::2], turns[1::2], strict=False):
        assert lesson in asked[1] and Critique.model_validate_json(answer[1]) == judged
        assert passes(judged, 4) == (not judged.faults)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_drafts_and_critiques_make_nothing(name: str, tmp_path: Path) -> None:
    made, drops = make(self_revision, seed(), answers([HOSTILE[name]], []), tmp_path)
    assert not made and len(drops) == 1
    source = scripted({"lesson": LESSON, "lesson-critique": HOSTILE[name]})
    made, [drop] = make(self_revision, seed(), source, tmp_path / "other")
    assert not made and drop.reason == "wrong form"


@pytest.mark.parametrize(
    "changed", [{"accuracy": 9}, {"accuracy": 0}, {"accuracy": "very good"}, {"verdict": "accept"}]
)
def test_marks_outside_the_scale_are_no_marks(changed: dict, tmp_path: Path) -> None:
    source = scripted({"lesson": LESSON, "lesson-critique": critique(5, 5, 5) | changed})
    made, [drop] = make(self_revision, seed(), source, tmp_path)
    assert not made and drop.reason == "wrong form"


def test_wrong_calculations_are_seen_before_the_critic(tmp_path: Path) -> None:
    made, [drop] = make(self_revision, seed(), answers([f"{LESSON} Now 7 * 8 = 54."], []), tmp_path)
    assert not made and drop.reason == "wrong arithmetic"


@pytest.mark.parametrize(
    ("marks", "told", "best"),
    [
        ([(5, 5, 5)], "", 0),
        ([(2, 2, 2)], "", 0),
        ([(5, 5, 5), (5, 5, 5)], "good enough", 1),
        ([(3, 3, 3), (3, 3, 4)], "", 1),
        ([(3, 3, 3), (3, 3, 3)], "", 1),
        ([(3, 3, 4), (3, 3, 3)], "no better", 0),
        ([(3, 3, 3), (3, 3, 4), (3, 4, 4)], "2 revisions", 2),
        ([(4, 4, 4), (5, 5, 3)], "no better", 0),
    ],
)
def test_the_stop_rule(marks: list[tuple[int, int, int]], told: str, best: int) -> None:
    critiques = [Critique.model_validate(critique(*made)) for made in marks]
    assert stop(critiques, least=4, rounds=2, least_rounds=1) == told
    assert best_of(critiques) == best
