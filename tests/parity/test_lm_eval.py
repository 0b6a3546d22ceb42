"""The extractors that read as lm-eval does, against lm-eval itself, reply by reply.

lm-eval needs another version of a library that algebra uses, so it lives in an environment of its own:
PHIAL_LM_EVAL_PYTHON names its interpreter (lm-eval[math] 0.4.13).
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from phial.evals import compat, compat_forms
from phial.evals.task import Extraction, Grade, Item
from phial.evals.tasks import drop

BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))
import replies  # noqa: E402

PYTHON = os.environ.get("PHIAL_LM_EVAL_PYTHON")
pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not PYTHON, reason="PHIAL_LM_EVAL_PYTHON is not set")]

Pairs = list[tuple[str, str]]
NUMBERS: Pairs = [*replies.numbers(500), *((nasty, "5") for nasty in replies.NASTY)]
LETTERS: Pairs = [*replies.letters(300), *((nasty, "A") for nasty in replies.NASTY)]
EXPRESSIONS: Pairs = [*replies.expressions(600), *((nasty, "5") for nasty in replies.NASTY)]


OPTIONS = ("10 cm", "The spin is 1/2.", "10 cm  or [title]more", "a (b) c")


def theirs(kind: str, pairs: Sequence[tuple[Any, Any]]) -> list[tuple[Any, bool]]:
    assert PYTHON
    questions = "".join(json.dumps([kind, *pair]) + "\n" for pair in pairs)
    script = str(BENCH / "lm_eval_filters.py")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [PYTHON, script], input=questions, text=True, capture_output=True, check=True, env=environment
    )
    return [(found, right) for found, right in map(json.loads, done.stdout.splitlines())]


@pytest.mark.parametrize(
    ("kind", "extract", "grade", "pairs"),
    [
        ("gsm8k-strict", compat.lm_eval_gsm8k_strict, compat_forms.gsm8k_grade, NUMBERS),
        ("gsm8k-flexible", compat.lm_eval_gsm8k_flexible, compat_forms.gsm8k_grade, NUMBERS),
        ("mmlu-pro", compat.lm_eval_mmlu_pro, compat_forms.letter_grade, LETTERS),
        ("gpqa-strict", compat.lm_eval_gpqa_strict, compat_forms.letter_grade, LETTERS),
        ("hendrycks", compat.lm_eval_hendrycks_math, compat_forms.hendrycks_grade, EXPRESSIONS),
        ("aime", compat.lm_eval_aime, compat_forms.hendrycks_grade, EXPRESSIONS),
        ("minerva", compat.lm_eval_minerva_math, None, EXPRESSIONS),
    ],
)
def test_every_reply_is_read_and_graded_as_lm_eval_does(
    kind: str,
    extract: Callable[[str, Item], Extraction],
    grade: Callable[[str, Item], Grade] | None,
    pairs: Pairs,
) -> None:
    disagreements = []
    answers = theirs(kind, pairs)
    assert 0.02 < sum(right for _, right in answers) / len(pairs) < 0.95
    for (reply, gold), (found, right) in zip(pairs, answers, strict=True):
        item = Item("one", (("user", "?"),), gold)
        answer = extract(reply, item).answer
        given = compat_forms.minerva_form(answer) if kind == "minerva" and answer is not None else answer
        if found is not None and (given or "[invalid]") != (found or "[invalid]").replace(
            "[invalidanswer]", "[invalid]"
        ):
            disagreements.append((reply, given, found))
        elif grade and bool(answer is not None and grade(answer, item).score) != right:
            disagreements.append((reply, gold, answer, right))
    assert not disagreements, f"{len(disagreements)} of {len(pairs)}"


def test_options_that_are_told_word_for_word_are_read_as_lm_eval_does() -> None:
    draw = random.Random(0)
    frames = ("I say {}", "So {} it is: ({})", "**Answer:** {}", "answer: {}\n", "{}, not {}", "{}")
    said = [*OPTIONS, *map(str.upper, OPTIONS), "B", "(B)", "(E)", "(b)", "C.", ": D", "10 cm or more", *replies.NASTY]
    pairs = []
    for index in range(400):
        frame = frames[index % len(frames)]
        told = frame.format(*(draw.choice(said) for _ in range(frame.count("{}"))))
        pairs.append((told, (draw.choice("ABCD"), draw.sample(OPTIONS, 4))))
    prepared = [
        (told, (letter, [_as_lm_eval_prepares(option) for option in options])) for told, (letter, options) in pairs
    ]
    answers = theirs("gpqa-flexible", prepared)
    assert 0.05 < sum(right for _, right in answers) / len(pairs) < 0.95
    for (told, (letter, options)), (found, right) in zip(pairs, answers, strict=True):
        item = Item("one", (("user", "?"),), letter, data={"options": options})
        answer = compat.lm_eval_gpqa_flexible(told, item).answer
        assert (answer or "[invalid]") == found, told
        assert bool(answer is not None and compat_forms.letter_grade(answer, item).score) == right, told


def _as_lm_eval_prepares(option: str) -> str:
    return option.strip().replace(" [title]", ". ").replace("  ", " ")


def test_drop_has_the_f1_of_lm_eval() -> None:
    draw = random.Random(0)
    words = ["the", "a", "Saints", "saints'", "10", "10.0", "1,000", "-", "3-yard", "yards", "June", ".", "%", "5%"]

    def spans(most: int) -> list[str]:
        return [" ".join(draw.choices(words, k=draw.randint(1, 4))) for _ in range(draw.randint(1, most))]

    pairs = []
    for _ in range(2_000):
        gold = spans(4)
        given = [draw.choice([draw.choice(gold), *spans(1)]) for _ in gold] + spans(2)[: draw.randint(0, 1)]
        pairs.append((given, gold))
    for (given, gold), (f1, exact) in zip(pairs, theirs("drop", pairs), strict=True):
        assert drop.metrics(given, gold) == (float(exact), pytest.approx(f1, abs=1e-9)), (given, gold)
