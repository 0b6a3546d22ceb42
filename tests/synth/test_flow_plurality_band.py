"""Plurality band: the band decides, the plurality answer replaces the reference, hostile samples decide nothing."""

from itertools import cycle
from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.record import Lineage, Record, read_records
from phial.synth.book import Book
from phial.synth.flows.plurality_band import plurality_band
from phial.synth.ledger import Ledger
from phial.synth.procedural import IDENTITY, Procedural
from phial.synth.run import Plan, run_flow
from phial.synth.teacher import LedgerTeacher
from phial.verify.vote import plurality

QUESTION = "A shelf holds 3 rows of 14 jars. 9 jars are sold. How many jars are left?"
RIGHT, OTHER, WORSE = "3 * 14 = 42 and 42 - 9 = 33.\nThe answer is 33.", "The answer is 42.", "The answer is 5."


def samples(*texts: str):
    replies = cycle(texts)
    return scripted({"plurality-sample": lambda request: next(replies)})


def test_a_divided_question_is_kept_with_the_plurality_answer(tmp_path: Path) -> None:
    source = samples(OTHER, RIGHT, RIGHT, WORSE, "The answer is 33.0.")
    [record], drops = make(plurality_band, seed(QUESTION, answer="42"), source, tmp_path)
    assert not drops and record.kind == "exercise"
    assert record.messages == (("user", QUESTION), ("assistant", RIGHT))
    assert record.lineage.params == {
        "answer": "33",
        "votes": (3, 1, 1),
        "samples": 5,
        "replaced": "42",
        "reference_agrees": False,
    }
    assert record.scores == {"agreement": 0.6}
    assert [verdict.gate for verdict in record.lineage.verdicts] == ["plurality band", "arithmetic"]
    assert len(record.lineage.request_keys) == 5


def test_samples_with_wrong_calculations_are_not_taught(tmp_path: Path) -> None:
    false = "3 * 14 = 41, so 33 are left.\nThe answer is 33."
    [record], _ = make(plurality_band, seed(QUESTION), samples(false, false, RIGHT, OTHER, WORSE), tmp_path)
    assert record.messages == (("user", QUESTION), ("assistant", RIGHT))
    made, drops = make(plurality_band, seed(QUESTION), samples(false, false, false, OTHER, WORSE), tmp_path / "other")
    assert not made and [drop.reason for drop in drops] == ["wrong arithmetic"]


def test_several_solutions_are_kept_once_each(tmp_path: Path) -> None:
    other = "42 - 9 = 33.\nThe answer is 33."
    source = samples(RIGHT, other, RIGHT, OTHER, WORSE)
    made, _ = make(plurality_band, seed(QUESTION), source, tmp_path, {"solutions": 3})
    assert [record.messages[1][1] for record in made if record.messages] == [RIGHT, other]


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ((RIGHT,), "too easy"),
        ((RIGHT, OTHER, WORSE, "The answer is 6.", "The answer is 7."), "hopeless"),
        ((RIGHT, RIGHT, OTHER, "The answer is 8.", WORSE), "hopeless"),
        ((RIGHT, RIGHT, "Who knows?", "Who knows?", "Who knows?"), "hopeless"),
    ],
)
def test_the_band(texts: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    made, [drop] = make(plurality_band, seed(QUESTION), samples(*texts), tmp_path)
    assert not made and drop.reason == reason
    assert drop.detail and len(drop.request_keys) == 5


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_samples_win_no_vote(name: str, tmp_path: Path) -> None:
    made, [drop] = make(plurality_band, seed(QUESTION), samples(HOSTILE[name]), tmp_path)
    assert not made and drop.reason == "hopeless"
    hostile = HOSTILE[name] + "\nThe answer is 5^{5^{5^{5}}}."
    made, _ = make(plurality_band, seed(QUESTION), samples(hostile, RIGHT, RIGHT, OTHER, RIGHT), tmp_path / "other")
    assert [record.lineage.params["answer"] for record in made] == ["33"]


@pytest.mark.parametrize("text", ["", " ", "why " * 1000])
def test_a_record_without_a_question_is_dropped_unasked(text: str, tmp_path: Path) -> None:
    made, [drop] = make(plurality_band, seed(text), scripted({}), tmp_path)
    assert not made and drop.reason == "no question"


def test_offline_the_band_keeps_divided_questions_of_the_book(tmp_path: Path) -> None:
    pages = Book().problems[:60]
    seeds = [
        Record("exercise", "book", "CC0-1.0", Lineage("book", "1", params={"answer": page.answer}), text=page.question)
        for page in pages
    ]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        teacher = LedgerTeacher(IDENTITY, Procedural(), ledger)
        report = run_flow(plurality_band, seeds, teacher, tmp_path / "run", Plan())
    kept = list(read_records(tmp_path / "run/records.parquet"))
    assert report.accepted == len(kept) > 5
    assert report.dropped["too easy"] > 10 and report.dropped["hopeless"] > 0
    agreed = sum(record.lineage.params["reference_agrees"] for record in kept)
    assert agreed / len(kept) > 0.7


@pytest.mark.parametrize(
    ("answers", "band", "votes"),
    [
        (["1", "1", "1", "1", "1"], "unanimous", (5,)),
        (["1", "1", "1", None, None], "unanimous", (3,)),
        (["1", "1", None, None, None], "hopeless", (2,)),
        (["1", "1", "1", "3", "4"], "kept", (3, 1, 1)),
        (["1", "1", "2", None], "kept", (2, 1)),
        (["1", "1", "2", "3", "4"], "hopeless", (2, 1, 1, 1)),
        (["1", "1", "2", "2", "3"], "hopeless", (2, 2, 1)),
        (["1", "2", "3"], "hopeless", (1, 1, 1)),
        (["1"], "hopeless", (1,)),
        ([], "hopeless", ()),
        (["nan", "nan", "nan"], "hopeless", (1, 1, 1)),
    ],
)
def test_bands(answers: list[str | None], band: str, votes: tuple[int, ...]) -> None:
    made = plurality(answers)
    assert (made.band, made.votes) == (band, votes)
    assert made.reason
