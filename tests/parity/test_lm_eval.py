"""The extractors that read as lm-eval does, against lm-eval itself, reply by reply.

lm-eval needs another version of a library that algebra uses, so it lives in an environment of its own:
PHIAL_LM_EVAL_PYTHON names its interpreter (lm-eval[math] 0.4.13).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from phial.evals import compat, compat_forms
from phial.evals.task import Extraction, Grade, Item

BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))
import replies  # noqa: E402

PYTHON = os.environ.get("PHIAL_LM_EVAL_PYTHON")
pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not PYTHON, reason="PHIAL_LM_EVAL_PYTHON is not set")]

Pairs = list[tuple[str, str]]
NUMBERS: Pairs = [*replies.numbers(500), *((nasty, "5") for nasty in replies.NASTY)]
LETTERS: Pairs = [*replies.letters(300), *((nasty, "A") for nasty in replies.NASTY)]
EXPRESSIONS: Pairs = [*replies.expressions(600), *((nasty, "5") for nasty in replies.NASTY)]


def theirs(kind: str, pairs: Pairs) -> list[tuple[str | None, bool]]:
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
    assert 0.05 < sum(right for _, right in answers) / len(pairs) < 0.95
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
