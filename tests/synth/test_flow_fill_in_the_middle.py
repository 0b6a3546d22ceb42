"""Fill in the middle: a solution is kept if its middle does what the removed one did."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.fences import fenced
from phial.synth.flows.fill_in_the_middle import CODE_MARK, fill_in_the_middle, text_middle_is_right
from phial.synth.gap import Gap, cut_code, cut_text
from phial.synth.request import TeacherRequest

CODE = '''def span(values):
    """Return how far apart the least and the greatest value are, 0 for none."""
    if not values:
        return 0
    least = min(values)
    greatest = max(values)
    return greatest - least
'''
TESTS = ["assert span([]) == 0", "assert span([4]) == 0", "assert span([3, 9, 5]) == 6", "assert span([-2, 2]) == 4"]
CALLS = "span([])\nspan([4])\nspan([3, 9, 5])\nspan([-2, 2])\nspan([1, 1])"
TEXT = (
    "A train leaves at 9 and covers 60 km in each hour. It has to go 180 km. So the journey takes 180 / 60 = 3 hours. "
    "It starts at 9, and 9 + 3 = 12. The train comes in at noon."
)
THOUGHT = "Before the gap the empty case is dealt with, and after it two names are used that are not there yet."


def right_code(request: TeacherRequest) -> str:
    """Puts back what is missing, whatever was taken out."""
    shown = request.messages[-1][1].split("```python\n")[1].split("\n```")[0]
    before, after = shown.split(CODE_MARK)
    middle = CODE[len(before.rstrip(" ")) : len(CODE.rstrip("\n")) - len(after.strip("\n")) if after.strip() else None]
    return f"{THOUGHT}\n\n{fenced(middle, 'python')}"


def right_text(request: TeacherRequest) -> str:
    before, after = request.messages[-1][1].split("alone, in")[1].split("\n\n", 1)[1].split("[...]")
    middle = TEXT[len(before) : len(TEXT) - len(after.strip())]
    return f"{THOUGHT}\n\n**Missing:** {middle}"


def test_a_right_middle_of_code_is_kept(tmp_path: Path) -> None:
    for number in range(6):  # six different cuts
        record = seed(f"{CODE}\n\n# {number}\n", tests=TESTS)
        [made], drops = make(fill_in_the_middle, seed(CODE, tests=TESTS), scripted({"fill-in-the-middle": right_code}),
                             tmp_path / str(number))  # fmt: skip
        assert not drops and record.lineage.params["tests"]
        (_, question), (_, answer) = made.messages or ()
        assert CODE_MARK in question and made.lineage.params["removed"] not in question
        assert answer.startswith(THOUGHT) and made.lineage.verdicts[0].gate == "middle"


def test_calls_judge_where_there_are_no_tests(tmp_path: Path) -> None:
    source = scripted({"fill-in-the-middle": right_code, "calls": CALLS})
    [made], _ = make(fill_in_the_middle, seed(CODE), source, tmp_path)
    assert made.lineage.verdicts[0].detail.startswith("behaviour: 5 of 5 calls agree")


BRANCH = '''def fee(n):
    """Return n, and a fine where it is negative."""
    if n < 0:
        n = abs(n) * 1000
        n = n // 2 + 1000
    return n
'''


@pytest.mark.parametrize("tests", [[], ["assert fee(0) == 0", "assert fee(7) == 7", "assert fee(3) == 3"]])
def test_calls_and_tests_that_do_not_reach_the_middle_prove_nothing(tests: list[str], tmp_path: Path) -> None:
    def fill(request: TeacherRequest, right: bool) -> str:
        before, after = request.messages[-1][1].split("```python\n")[1].split("\n```")[0].split(CODE_MARK)
        middle = BRANCH[len(before.rstrip(" ")) : BRANCH.index(after.strip("\n").splitlines()[0])]
        return f"{THOUGHT}\n\n{fenced(middle if right else '        n = 12345 * n', 'python')}"

    calls = "fee(0)\nfee(7)\nfee(3)\nfee(5)"
    for right in (True, False):
        source = scripted({"fill-in-the-middle": lambda request, right=right: fill(request, right), "calls": calls})
        made, drops = make(fill_in_the_middle, seed(BRANCH, tests=tests), source, tmp_path / str(right))
        assert len(made) == right and [drop.reason for drop in drops] == ["middle is wrong"] * (not right)
        assert not right or made[0].lineage.verdicts[0].detail.startswith("syntax")


def test_the_first_right_sample_is_kept(tmp_path: Path) -> None:
    wrong = iter([f"{THOUGHT}\n{fenced('    pass')}", "No block at all, only words that go on for a while."])
    source = scripted({"fill-in-the-middle": lambda request: next(wrong, None) or right_code(request)})
    [made], drops = make(fill_in_the_middle, seed(CODE, tests=TESTS), source, tmp_path)
    assert made.lineage.params["sample"] == 2 and not drops


def test_a_middle_of_a_text_is_judged_by_numbers_and_words(tmp_path: Path) -> None:
    [made], _ = make(fill_in_the_middle, seed(TEXT), scripted({"fill-in-the-middle": right_text}), tmp_path)
    assert made.lineage.params["removed"].strip() in made.messages[1][1]  # type: ignore[index]
    assert text_middle_is_right("So the journey takes 180 / 60 = 3 hours.", "The journey takes 3 hours, 180 / 60.")[0]
    assert not text_middle_is_right("So the journey takes 180 / 60 = 4 hours.", "The journey takes 3 hours, 180 / 60.")[
        0
    ]
    assert not text_middle_is_right("Whales sing for 3 hours, 180 / 60.", "The journey of trains takes 180 / 60 = 3.")[
        0
    ]


@pytest.mark.parametrize(
    "reply",
    [
        f"{THOUGHT}\n{fenced('    pass')}",
        f"{THOUGHT}\n{fenced('    least = greatest = 0')}",
        f"{THOUGHT}\n{fenced('import os')}\n{fenced('    os.fork()')}",
        f"{THOUGHT}\n{fenced('    exit(0)')}",
        f"{THOUGHT}\n{fenced('def span(values):' + chr(10) + '    return 0')}",
        fenced("    least = min(values)"),
        *HOSTILE.values(),
    ],
)
def test_wrong_and_hostile_middles_are_dropped(tmp_path: Path, reply: str) -> None:
    for record in (seed(CODE, tests=TESTS), seed(TEXT)):
        source = scripted({"fill-in-the-middle": reply})
        made, [drop] = make(fill_in_the_middle, record, source, tmp_path / record.id[:8], {"samples": 1})
        assert not made and drop.reason == "middle is wrong"


def test_a_whole_function_is_taken_for_its_middle() -> None:
    from phial.synth.flows.fill_in_the_middle import read_middle
    from phial.synth.reply import Reply

    gap = Gap("def f(x):\n", "    y = x + 1\n", "    return y\n")
    text = f"{THOUGHT}\n" + fenced("def f(x):\n    y = 1 + x\n    return y")
    reply = Reply(text, None, "", "stop", 1, 1, 0.0, ("key",), False)
    assert read_middle(reply, gap, code=True) == (THOUGHT + "\n", "    y = 1 + x")


def test_what_is_too_short_has_no_middle(tmp_path: Path) -> None:
    for text in ("", "One sentence.", "def f(x):\n    y = x\n    z = y\n    return z\n"):
        made, [drop] = make(fill_in_the_middle, seed(text), scripted({}), tmp_path)
        assert not made and drop.reason == "no middle"


@given(st.integers(0, 10_000))
def test_a_cut_can_be_put_back(number: int) -> None:
    gap = cut_code(CODE, Random(number))
    assert gap and gap.filled(gap.middle) == CODE and gap.middle not in gap.shown(CODE_MARK)
    assert '"""' not in gap.middle
    gap = cut_text(TEXT, Random(number))
    assert gap and gap.before + gap.middle + gap.after == TEXT and gap.before and gap.after
