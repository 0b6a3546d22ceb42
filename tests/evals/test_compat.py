"""Extractors that read as other harnesses do: what they are known to get wrong, they get wrong here."""

from __future__ import annotations

import time

import pytest

from phial.evals import compat, compat_forms
from phial.evals.task import Extract, Item

NUMBER = Item(
    "one",
    (("user", "?"),),
    "29",
    data={"prefix": "Answer", "options": ["Ten cm", "ten", "(red) \u2014 blue", "10 cm or more"]},
)


@pytest.mark.parametrize(
    ("extract", "reply", "answer"),
    [
        (compat.lm_eval_gsm8k_strict, "#### 72\n#### 9", "72"),
        (compat.lm_eval_gsm8k_strict, "The answer is 72", None),
        (compat.lm_eval_gsm8k_flexible, "so $29.00", "$29.00"),
        (compat.lm_eval_gsm8k_flexible, "72, as I said ...", "..."),
        (compat.lm_eval_gsm8k_flexible, "I have 7", "7"),
        (compat.lm_eval_mmlu_pro, "the answer is (B). No: the answer is (C)", "B"),
        (compat.lm_eval_mmlu_pro, "Answer: B", None),
        (compat.lm_eval_hendrycks_math, "$x$ gives $5$", "x$ gives $5"),
        (compat.lm_eval_hendrycks_math, r"\boxed{5}", r"\boxed{5}"),
        (compat.lm_eval_aime, r"$x$ gives \boxed{70}", "70"),
        (compat.lm_eval_minerva_math, "Final Answer: The final answer is $5$. I hope it is correct.", "$5$"),
        (compat.lm_eval_minerva_math, r"\boxed{5}", None),
        (compat.lm_eval_gpqa_strict, "The answer is (B).", "(B)"),
        (compat.lm_eval_gpqa_flexible, "(B), no, (Z): (a)", "(Z)"),
        (compat.lm_eval_gpqa_flexible, "ten, or TEN CM: C", "(A)"),
        (compat.lm_eval_gpqa_flexible, "Red  blue or red blue, Answer: B", "(C)"),
        (compat.lm_eval_gpqa_flexible, "answer:\nC. answer: E", "(C)"),
        (compat.lm_eval_gpqa_flexible, "I don't know", None),
        (compat.simple_evals_math, "**Answer:** 5", "** 5"),
        (compat.simple_evals_math, "Answer: 4\nAnswer: 5", "4"),
        (compat.simple_evals_letter, "answer: b", "b"),
        (compat.simple_evals_letter, "**Answer: B**", "B"),
        (compat.simple_evals_letter, "**Answer:** B", None),
        (compat.simple_evals_mmlu, "**Answer:** $\\boxed{B}$", "B"),
        (compat.simple_evals_mmlu, "答案：Ｃ", "C"),  # noqa: RUF001
        (compat.simple_evals_mgsm, "Answer: -1,234.0", "1234"),
        (compat.simple_evals_mgsm, "It is 5", None),
        (compat.simple_evals_drop, "He ran 5 yards", "He ran 5 yards"),
        (compat.eureka_gsm8k, "#### $1,234g", "1234.0"),
        (compat.eureka_gsm8k, "#### 3 + 4 * 2", "11"),
        (compat.eureka_gsm8k, "#### __import__('os').getcwd()", None),
        (compat.eureka_gsm8k, "#### 72 eggs", None),
        (compat.eureka_gsm8k, "#### 9**9**9", None),
        (compat.eureka_number, "Final Answer: 70", "70.0"),
        (compat.eureka_number, "Final Answer: [70]", "70.0"),
        (compat.eureka_number, "**Final Answer:** 70", None),
        (compat.eureka_number, r"Final Answer: \boxed{70}", None),
        (compat.eureka_letter, "Final Answer: B", "B"),
        (compat.eureka_letter, "Final Answer: Berlin", None),
        (compat.eureka_drop, "My answer is Rome.", "Rome."),
        (compat.mmlu_pro, "answer is (B), not A", "B"),
        (compat.mmlu_pro, "Answer: A or Answer: C\nAnswer: D", "C"),
        (compat.mmlu_pro, "Answer: Answer: B", "B"),
        (compat.mmlu_pro, "I guess D or so, said A Person", "A"),
        (compat.mmlu_pro, "nothing here", None),
    ],
)
def test_replies_are_read_as_there(extract: Extract, reply: str, answer: str | None) -> None:
    assert extract(reply, NUMBER).answer == answer


ALL = [value for name, value in vars(compat).items() if name.split("_")[0] in ("lm", "simple", "eureka", "mmlu")]


@pytest.mark.parametrize("extract", ALL)
@pytest.mark.parametrize(
    "unit", ["a", "1", "$", "Answer: ", "answer: A\n", "####", "Final Answer: ", "answer:  ", "A "]
)
def test_long_replies_take_no_time(extract: Extract, unit: str) -> None:
    started = time.process_time()
    extract(unit * (2_000_000 // len(unit)), NUMBER)
    assert time.process_time() - started < 5


def test_there_are_as_many_as_are_told() -> None:
    assert len(ALL) == 18


def test_a_last_match_is_found_behind_any_border() -> None:
    for length in (65_530, 65_534, 65_536, 65_540, 600_000):
        reply = "7" + " " * length
        assert compat.lm_eval_gsm8k_flexible(reply, NUMBER).answer == "7"
        assert compat.lm_eval_gsm8k_flexible("12" + "3" * length, NUMBER).answer == "12" + "3" * length


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [("$29", "29", True), ("29.00", "29", False), ("1,234", "1234", True), ("29.", "29", True), ("NaN", "29", False)],
)
def test_lm_evals_numbers_are_strings(answer: str, gold: str, right: bool) -> None:
    assert compat_forms.gsm8k_grade(answer, Item("one", "?", gold)).score == right


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (r"\dfrac12", r"\frac{1}{2}"),
        ("1/2", r"\frac{1}{2}"),
        ("0.5", r"\frac{1}{2}"),
        (r"x = 5\text{ cm}", "5"),
        (r"\sqrt3", r"\sqrt{3}"),
        (r"336^\circ", "336"),
        (".5x", "0.5x"),
    ],
)
def test_hendrycks_form(text: str, form: str) -> None:
    assert compat_forms.hendrycks_form(text) == form


def test_hendrycks_form_stops_at_letters_over_numbers() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        compat_forms.hendrycks_form("x/2")
    assert compat_forms.hendrycks_grade("x/2", Item("one", "?", "x/2")).score == 1
    assert compat_forms.hendrycks_grade("x /2", Item("one", "?", "x/2")).score == 0


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("the answer $x = 12$", "12"),
        (r"5\text{ cm}", "5"),
        ("10,080", "10080"),
        (r"\left(1,2\right)", r"\left(1,2\right)"),
        (r"\frac12", r"\frac{1}{2}"),
    ],
)
def test_minerva_form(text: str, form: str) -> None:
    assert compat_forms.minerva_form(text) == form
