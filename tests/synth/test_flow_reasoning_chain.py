"""Reasoning chains: blocks of thinking and answer, the answer compared, the calculations checked."""

from itertools import chain, repeat
from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.flows.reasoning_chain import blocks, reasoning_chain
from phial.synth.reply import Reply

QUESTION = "A shelf holds 3 rows of 14 jars. 9 jars are sold. How many jars are left?"
THOUGHT = (
    "There are 3 rows of 14 jars: 3 * 14 = 42.\nOf these 9 jars are sold, so 42 - 9 = 33 jars are left.\n"
    "Check: 33 + 9 = 42, and 42 / 3 = 14."
)
GOOD = f"<think>\n{THOUGHT}\n</think>\n<answer>33</answer>"


def tries(*texts: str):
    replies = chain(texts, repeat(texts[-1]))
    return scripted({"reasoning-chain": lambda _: next(replies)})


def test_a_verified_chain_is_kept(tmp_path: Path) -> None:
    [record], drops = make(reasoning_chain, seed(QUESTION, answer="33"), tries(GOOD), tmp_path)
    assert not drops and record.messages == (("user", QUESTION), ("assistant", GOOD))
    assert [(verdict.gate, verdict.passed) for verdict in record.lineage.verdicts] == [
        ("answer", True),
        ("arithmetic", True),
    ]
    assert record.scores == {"tries": 1.0} and record.lineage.params["thought"] == THOUGHT


def test_the_first_verified_try_is_kept(tmp_path: Path) -> None:
    wrong = GOOD.replace("<answer>33", "<answer>34")
    [record], drops = make(reasoning_chain, seed(QUESTION, answer="33"), tries(wrong, wrong, GOOD), tmp_path)
    assert not drops and record.scores == {"tries": 3.0} and len(record.lineage.request_keys) == 3


def test_all_verified_chains_can_be_kept(tmp_path: Path) -> None:
    other = GOOD.replace("Check: 33 + 9 = 42", "To check: 9 + 33 = 42")
    settings = {"all": True, "samples": 4}
    made, drops = make(reasoning_chain, seed(QUESTION, answer="33"), tries(GOOD, other, GOOD, GOOD), tmp_path, settings)
    assert not drops and len(made) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.replace("<answer>33", "<answer>34"), "wrong answer"),
        (GOOD.replace("<answer>33", "<answer>"), "no answer"),
        (GOOD.replace("</think>", ""), "no answer"),
        (THOUGHT + "\nThe answer is 33.", "no blocks"),
        ("<think></think><answer>33</answer>", "no blocks"),
        ("<think>33</think><answer>33</answer>", "too short"),
        (GOOD.replace("3 * 14 = 42", "3 * 14 = 43"), "wrong arithmetic"),
        (f"<think>{GOOD}</think><answer>33</answer>", "nested blocks"),
        ("<think>" + "Let me think again. " * 200 + "</think><answer>33</answer>", "repeats itself"),
        (GOOD.replace("<answer>33", "<answer>nan"), "wrong answer"),
        (GOOD.replace("<answer>33", f"<answer>{'9' * 5000}"), "no answer alone"),
    ],
)
def test_refusals(text: str, reason: str, tmp_path: Path) -> None:
    made, [drop] = make(reasoning_chain, seed(QUESTION, answer="33"), tries(text), tmp_path)
    assert not made and drop.reason == reason
    assert len(drop.request_keys) == 3
    assert THOUGHT not in text or THOUGHT in drop.text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_chains_make_nothing(name: str, tmp_path: Path) -> None:
    for text in (HOSTILE[name], f"<think>{HOSTILE[name]}</think><answer>33</answer>"):
        made, drops = make(reasoning_chain, seed(QUESTION, answer="33"), tries(text), tmp_path / str(len(text)))
        assert not made and len(drops) == 1


def test_without_a_known_answer_nobody_is_asked(tmp_path: Path) -> None:
    made, [drop] = make(reasoning_chain, seed(QUESTION), scripted({}), tmp_path)
    assert not made and drop.reason == "no known answer"


@pytest.mark.parametrize(
    ("text", "reasoning", "found"),
    [
        (GOOD, "", (THOUGHT, "33")),
        (f"<think>{THOUGHT}</think>\nThe answer is 33.", "", (THOUGHT, "33")),
        (f"<think>{THOUGHT}</think>\nso \\boxed{{33}}", "", (THOUGHT, "33")),
        ("<answer>33</answer>", THOUGHT, (THOUGHT, "33")),
        ("The answer is 33.", THOUGHT, (THOUGHT, "33")),
        ("33", THOUGHT, (THOUGHT, "33")),
        ("33", "", ("", "")),
    ],
)
def test_blocks(text: str, reasoning: str, found: tuple[str, str]) -> None:
    assert blocks(Reply(text, None, reasoning, "stop", 0, 0, 0.0, (), False)) == found
