"""Hallucination pairs: which conversations and pairs a question gives, by how often the teacher knows it."""

from itertools import cycle
from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.record import Record
from phial.synth.flows.hallucination_pairs import declines, hallucination_pairs, matches

QUESTION = "Who wrote the play Hamlet?"
REFUSAL = "I do not know who wrote it. You could look it up in a library catalogue."
BOGUS = {
    "question": QUESTION,
    "bogus_question": "Who wrote the play The Nine Lanterns of Oswick?",
    "invented": "The Nine Lanterns of Oswick",
}
SEED = {"text": QUESTION, "answer": "Shakespeare"}


def answers(*texts: str, **changed):
    replies = cycle(texts)
    bogus = {key: BOGUS[key] for key in ("bogus_question", "invented")}
    tasks = {"hallucination-answer": lambda _: next(replies), "refusal": REFUSAL, "bogus-question": bogus}
    return scripted(tasks | {name.replace("_", "-"): value for name, value in changed.items()})


def chats(made: list[Record]) -> list[tuple[str, ...]]:
    return [tuple(content for _, content in record.messages) for record in made if record.messages]


def pairs(made: list[Record]) -> list[tuple[str, str]]:
    return [(record.preference.chosen[0][1], record.preference.rejected[0][1]) for record in made if record.preference]


BOGUS_CHAT = (BOGUS["bogus_question"], REFUSAL)


def test_what_is_sometimes_known_gives_everything(tmp_path: Path) -> None:
    source = answers("William Shakespeare.", "Marlowe", "shakespeare", "It was Shakespeare", "Ben Jonson")
    made, drops = make(hallucination_pairs, seed(**SEED), source, tmp_path)
    assert not drops
    assert chats(made) == [(QUESTION, "Shakespeare"), BOGUS_CHAT]
    assert pairs(made) == [("Shakespeare", REFUSAL), (REFUSAL, "Marlowe")]
    pair = next(record for record in made if record.preference)
    assert pair.kind == "preference" and pair.preference and pair.preference.prompt == (("user", QUESTION),)
    assert pair.lineage.params["first_tokens"] == 5 and pair.lineage.params["known_share"] == 0.6
    assert all(verdict.passed for verdict in pair.lineage.verdicts)


def test_what_is_always_known_is_answered_and_never_known_declined(tmp_path: Path) -> None:
    made, _ = make(hallucination_pairs, seed(**SEED), answers("Shakespeare"), tmp_path / "known")
    assert chats(made) == [(QUESTION, "Shakespeare"), BOGUS_CHAT]
    assert pairs(made) == [("Shakespeare", REFUSAL)]
    made, _ = make(hallucination_pairs, seed(**SEED), answers("Marlowe"), tmp_path / "unknown")
    assert chats(made) == [(QUESTION, REFUSAL), BOGUS_CHAT]
    assert pairs(made) == [(REFUSAL, "Marlowe")]


def test_who_declines_by_himself_is_not_wrong(tmp_path: Path) -> None:
    made, _ = make(hallucination_pairs, seed(**SEED), answers("I don't know."), tmp_path)
    assert pairs(made) == [] and chats(made)[0] == (QUESTION, REFUSAL)


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ("It was Shakespeare.", "no refusal"),
        ("I do not know, but it was Shakespeare.", "tells the answer"),
        ("I do not know. " + "One could ask many different people about it " * 20, "refusal too long"),
        ("", "no refusal"),
    ],
)
def test_a_refusal_that_is_none_makes_no_pair(refusal: str, reason: str, tmp_path: Path) -> None:
    made, drops = make(hallucination_pairs, seed(**SEED), answers("Shakespeare", "Marlowe", refusal=refusal), tmp_path)
    assert pairs(made) == [] and chats(made) == [(QUESTION, "Shakespeare")]
    assert [drop.reason for drop in drops] == [reason, reason]


@pytest.mark.parametrize(
    ("bogus", "reason"),
    [
        ({"bogus_question": "It was written long ago by The Nine Lanterns", "invented": "The Nine"}, "no question"),
        ({"bogus_question": QUESTION, "invented": "Hamlet"}, "nothing invented"),
        ({"bogus_question": BOGUS["bogus_question"], "invented": "Zork"}, "nothing invented"),
        ({"bogus_question": "How tall is the tower of Zork?", "invented": "Zork"}, "another question"),
        ({"bogus_question": "Who wrote the play Shakespeare?", "invented": "Shakespeare"}, "nothing invented"),
    ],
)
def test_a_bogus_question_that_is_none_is_refused(bogus: dict, reason: str, tmp_path: Path) -> None:
    source = answers("Shakespeare", bogus_question=bogus)
    made, drops = make(hallucination_pairs, seed(**SEED), source, tmp_path)
    assert [drop.reason for drop in drops] == [reason]
    assert BOGUS_CHAT not in chats(made)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers(name: str, tmp_path: Path) -> None:
    hostile = HOSTILE[name]
    source = answers("Shakespeare", "Marlowe", refusal=hostile, bogus_question=hostile)
    made, drops = make(hallucination_pairs, seed(**SEED), source, tmp_path)
    assert pairs(made) == [] and chats(made) == [(QUESTION, "Shakespeare")] and len(drops) == 2
    made, _ = make(hallucination_pairs, seed(**SEED), answers(hostile), tmp_path / "answers")
    assert all(hostile not in chat for chat in chats(made))


def test_without_a_known_answer_nobody_is_asked(tmp_path: Path) -> None:
    made, [drop] = make(hallucination_pairs, seed(QUESTION), scripted({}), tmp_path)
    assert not made and drop.reason == "no known answer"


@pytest.mark.parametrize(
    ("answer", "reference", "same"),
    [
        ("William Shakespeare", "Shakespeare", True),
        ("The json module.", "json", True),
        ("`json`", "json", True),
        ("ujson", "json", False),
        ("Either json or pickle or marshal or shelve or dbm, perhaps sqlite3", "json", False),
        ("12.0", "12", True),
        ("112", "12", False),
        ("", "12", False),
        ("x" * 100_000, "x", False),
    ],
)
def test_answer_keys(answer: str, reference: str, same: bool) -> None:
    assert matches(answer, reference) == same


def test_who_declines() -> None:
    assert all(map(declines, (REFUSAL, "I'm not sure.", "I have never heard of it.", "I don\u2019t know that.")))
    assert not any(map(declines, ("Shakespeare", "He knew it.", "It is known.", "")))
