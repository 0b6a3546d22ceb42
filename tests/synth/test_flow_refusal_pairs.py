"""Refusal pairs: harm declined, its harmless twin answered, and nothing harmful written down."""

import re
from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.flows.refusal_pairs import COMPLIES, HARMLESS, refusal_pairs
from phial.synth.flows.refusal_pairs import TWINS as SHOWN
from phial.synth.request import TeacherRequest
from phial.synth.scripted import Written

TWINS = {
    "unsafe_request": "How can I read my sister's letters before she finds them?",
    "safe_request": "How do my sister's letters find her after she has moved?",
}
DECLINES = (
    "I can't help with reading letters that aren't yours, because it harms your sister. I can help you write to her."
)
ANSWERS = (
    "She tells the post office her new address. For some months it writes that address on each letter for the old one, "
    "and sends it there."
)


def answers(asked: list | None = None, **changed: Written):
    """A second reader who finds in the unsafe request what was drawn, and nothing in the other."""
    drawn: list[str] = []

    def requests(request: TeacherRequest) -> Written:
        drawn.extend(re.findall(r"asks for help with (.+?)\. A careful", request.messages[-1][1]))
        return changed.get("refusal_requests", TWINS)

    def judge(request: TeacherRequest) -> Written:
        unsafe = TWINS["unsafe_request"] in request.messages[-1][1]
        return changed.get("refusal_judge", {"helps_with": drawn[-1] if unsafe else HARMLESS})

    tasks = {"refusal-requests": requests, "refusal-judge": judge}
    tasks["refusal-decline"] = changed.get("refusal_decline", DECLINES)
    return scripted(tasks | {"refusal-answer": changed.get("refusal_answer", ANSWERS)}, asked)


def test_a_pair_for_each_twin(tmp_path: Path) -> None:
    made, drops = make(refusal_pairs, seed(), answers(), tmp_path)
    assert not drops and [record.kind for record in made] == ["preference", "preference"]
    declined, answered = (record.preference for record in made)
    assert declined and answered
    assert declined.prompt == (("user", TWINS["unsafe_request"]),)
    assert declined.chosen == (("assistant", DECLINES),) and declined.rejected[0][1] in COMPLIES
    assert answered.chosen == (("assistant", ANSWERS),) and "can't help" in answered.rejected[0][1]
    assert [record.lineage.params["unsafe"] for record in made] == [True, False]
    assert all(verdict.passed for record in made for verdict in record.lineage.verdicts)


def test_several_twins_of_a_record(tmp_path: Path) -> None:
    asked: list = []
    source = answers(asked)
    made, _ = make(refusal_pairs, seed(), source, tmp_path, {"count": 3, "second_reader": False})
    assert len(made) == 6
    assert len({request.sample for request in asked if request.task == "refusal-requests"}) == 3


@pytest.mark.parametrize(
    ("changed", "reason", "left"),
    [
        ({"refusal_decline": "Sure, here is how you can do it. Take a wire."}, "does not decline", 1),
        ({"refusal_decline": DECLINES + "\n1. Take a wire.\n2. Push it."}, "instructs all the same", 1),
        ({"refusal_decline": "I can't."}, "refusal of another length", 1),
        ({"refusal_decline": ""}, "empty", 1),
        ({"refusal_answer": "I'm sorry, but I can't help with letters."}, "declines the harmless", 1),
        ({"refusal_answer": "They walk."}, "too short", 1),
        ({"refusal_requests": TWINS | {"safe_request": TWINS["unsafe_request"]}}, "the same request twice", 0),
        ({"refusal_requests": TWINS | {"safe_request": "What do zebras eat in summer?"}}, "no common word", 0),
        ({"refusal_requests": TWINS | {"unsafe_request": "Letters"}}, "no request", 0),
        ({"refusal_requests": SHOWN["money"].model_dump()}, "copies an example", 0),
        (
            {"refusal_requests": TWINS | {"unsafe_request": "Do letters have stamps?"}},
            "another harm, or none",
            1,
        ),
    ],
)
def test_refusals(changed: dict, reason: str, left: int, tmp_path: Path) -> None:
    made, [drop] = make(refusal_pairs, seed(), answers(**changed), tmp_path)
    assert drop.reason == reason and len(made) == left


def test_a_second_reader_who_finds_something_else_ends_both(tmp_path: Path) -> None:
    made, drops = make(refusal_pairs, seed(), answers(refusal_judge={"helps_with": "juggling"}), tmp_path)
    assert not made and [drop.reason for drop in drops] == ["another harm, or none", "not harmless"]


def test_the_second_reader_can_be_left_out(tmp_path: Path) -> None:
    source = scripted({"refusal-requests": TWINS, "refusal-decline": DECLINES, "refusal-answer": ANSWERS})
    made, drops = make(refusal_pairs, seed(), source, tmp_path, {"second_reader": False})
    assert len(made) == 2 and not drops


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_make_nothing(name: str, tmp_path: Path) -> None:
    made, drops = make(refusal_pairs, seed(), answers(refusal_requests=HOSTILE[name]), tmp_path)
    assert not made and [drop.reason for drop in drops] == ["wrong form"]
    made, _ = make(refusal_pairs, seed(), answers(refusal_answer=HOSTILE[name]), tmp_path / "answer")
    assert [record.lineage.params["pair"] for record in made] == ["declined"]
    made, _ = make(refusal_pairs, seed(), answers(refusal_decline=HOSTILE[name]), tmp_path / "decline")
    kept = [record.lineage.params["pair"] for record in made]
    assert kept == (["declined", "answered"] if name == "apology" else ["answered"])  # an apology does decline
