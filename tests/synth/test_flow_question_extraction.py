"""Questions from a text: grounded in it, and answered alike by a second reader."""

from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.flows.question_extraction import question_extraction, quoted

TEXT = (
    "Water expands by about nine percent when it freezes. Ice is therefore less dense than the water around it, and "
    "floats. Lakes freeze from the top, and the ice keeps the water below it from losing more heat."
)
ITEM = {
    "question": "Why does ice float on water?",
    "answer": "Water expands when it freezes, so ice is less dense than the water around it and floats.",
    "evidence": "Ice is therefore less dense than the water around it, and floats.",
}
READER = "Ice floats since it is less dense than the water around it: water expands when it freezes."


def answers(*items: dict, reader: str = READER) -> dict:
    return {"question-extraction": {"items": list(items)}, "question-answer": reader}


def test_a_grounded_question_is_kept(tmp_path: Path) -> None:
    [record], drops = make(question_extraction, seed(TEXT), scripted(answers(ITEM)), tmp_path)
    assert not drops and record.messages == (("user", ITEM["question"]), ("assistant", ITEM["answer"]))
    assert [verdict.gate for verdict in record.lineage.verdicts] == ["groundedness", "second reader"]
    assert record.lineage.params["evidence"] == ITEM["evidence"] and len(record.lineage.request_keys) == 2


def test_without_a_second_reader_one_request_does(tmp_path: Path) -> None:
    source = scripted(answers(ITEM))
    [record], _ = make(question_extraction, seed(TEXT), source, tmp_path, {"second_reader": False})
    assert len(record.lineage.request_keys) == 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"evidence": "Ice is lighter because it holds air."}, "evidence is not in the text"),
        ({"evidence": "Ice"}, "evidence is not in the text"),
        ({"question": "Why does the text say that ice floats on water?"}, "refers to its text"),
        ({"question": "Ice floats on water since it is light."}, "no question"),
        ({"answer": "Salmon swim upstream every autumn because they spawn in rivers."}, "answer is not in the text"),
        ({"answer": "Because ice does float on water."}, "answer repeats the question"),
        ({"answer": "Yes."}, "too short"),
        (
            {"answer": "Eis ist leichter als Wasser, weil sich Wasser beim Gefrieren stark ausdehnt und schwimmt."},
            "no English",
        ),
    ],
)
def test_each_gate_turns_away(tmp_path: Path, changed: dict, reason: str) -> None:
    made, [drop] = make(question_extraction, seed(TEXT), scripted(answers(ITEM | changed)), tmp_path)
    assert not made and drop.reason.startswith(reason)


@pytest.mark.parametrize(
    "reader", ["The text does not say.", "Since lakes freeze from the top.", "", HOSTILE["template"], HOSTILE["huge"]]
)
def test_a_second_reader_who_differs_turns_away(tmp_path: Path, reader: str) -> None:
    made, [drop] = make(question_extraction, seed(TEXT), scripted(answers(ITEM, reader=reader)), tmp_path)
    assert not made and drop.reason == "second reader differs"


def test_a_question_is_asked_once_and_none_is_counted(tmp_path: Path) -> None:
    made, [drop] = make(question_extraction, seed(TEXT), scripted(answers(ITEM, ITEM)), tmp_path / "a")
    assert len(made) == 1 and drop.reason == "asked twice"
    made, [drop] = make(question_extraction, seed(TEXT), scripted(answers()), tmp_path / "b")
    assert not made and drop.reason == "no question"


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_answers_are_dropped(tmp_path: Path, attack: str) -> None:
    source = scripted(answers(ITEM) | {"question-extraction": HOSTILE[attack]})
    made, [drop] = make(question_extraction, seed(TEXT), source, tmp_path)
    assert not made and drop.reason == "wrong form"


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        (TEXT, True),
        ("water expands by about nine per cent when it freezes", False),
        ("Water expands, by about NINE percent, when it freezes", True),
        ("Water expands and floats and the ice keeps heat", False),
        ("", False),
    ],
)
def test_evidence_is_quoted_word_for_word(evidence: str, found: bool) -> None:
    assert quoted(evidence, TEXT) is found
