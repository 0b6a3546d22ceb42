"""The word-problem teacher: every family generates and verifies, splits do not meet, and planted faults are found."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.synth.problems import FAMILIES, SPLITS, UNSEEN, Family, Problem, generate, is_heldout, passage, verify
from phial.synth.problems.check import check_relations, compile_formula
from phial.synth.problems.lang import Step, Variant, span
from phial.synth.problems.lexicon import ANIMALS, CONTAINERS, FOODS, ITEMS, NAMES

ALL = {**FAMILIES, **UNSEEN}
VARIANTS = [(family, variant) for family in ALL.values() for variant in family.variants]
NAMED = [f"{family.name}-{variant.steps}" for family, variant in VARIANTS]
PLURALS = [many for _, many in (*ITEMS, *FOODS, *CONTAINERS)] + [
    *ANIMALS,
    "dollars",
    "hours",
    "days",
    "pages",
    "points",
]
ONE_OF_MANY = re.compile(rf"(?<![\d:/])\b[01] (?:{'|'.join(PLURALS)})\b")
BAD_ARTICLE = re.compile(r"\b[Aa] (?!one\b)[aeioAEIO]|\b[Aa]n [^aeiouhAEIOU]")
GENDERED = re.compile(r"\b(?:he|she|his|hers?|him)\b", re.IGNORECASE)

problems = st.builds(
    lambda pair, index, seed, split: (pair[0], generate(pair[0], index, seed, split, pair[1].steps)),
    st.sampled_from(VARIANTS),
    st.integers(0, 10**6),
    st.integers(0, 50),
    st.sampled_from(SPLITS),
)


def toy(**changes: object) -> Family:
    variant = Variant(
        steps=1,
        quantities={"a": span(2, 40), "b": span(2, 40)},
        wordings=("{name} has {a} and gets {b}. How many are there?",),
        work=(Step("total", "a + b", "{name}: {eq}."),),
        answer="b + a",
    )
    return Family("toy", "addition", 1, ("Add.",), (replace(variant, **changes),))


def test_there_are_training_and_unseen_families_under_their_own_names() -> None:
    assert len(FAMILIES) >= 30
    assert len(UNSEEN) >= 4
    assert not FAMILIES.keys() & UNSEEN.keys()
    assert all(name == family.name for name, family in ALL.items())


@pytest.mark.parametrize("family", ALL.values(), ids=ALL)
def test_a_family_has_ideas_wordings_and_every_difficulty(family: Family) -> None:
    steps = [variant.steps for variant in family.variants]
    assert {1, 2} <= set(steps)
    assert max(steps) >= 3
    assert len(set(family.idea)) >= 4
    assert max(map(len, family.idea)) <= 260
    assert [check_relations(idea) for idea in family.idea] == [None] * len(family.idea)
    for variant in family.variants:
        assert len(set(variant.wordings)) >= 5


@pytest.mark.parametrize(("family", "variant"), VARIANTS, ids=NAMED)
def test_a_variant_verifies_in_every_split_in_clean_english(family: Family, variant: Variant) -> None:
    for split in SPLITS:
        for index in range(12):
            problem = generate(family, index, 3, split, variant.steps)
            assert verify(problem, family) is None
            assert len(problem.question) <= (220 if variant.steps < 3 else 300), problem.question
            assert len(problem.work) <= 240, problem.work
            assert not re.search(r"[{}]|  ", problem.question + problem.work), problem
            assert problem.question[0].isupper() or problem.question[0].isdigit(), problem.question
            assert problem.question[-1] in ".?", problem.question
            text = f"{problem.question} {problem.work}"
            assert not ONE_OF_MANY.search(text), text
            assert not BAD_ARTICLE.search(text), text
            assert not GENDERED.search(text), text


@pytest.mark.parametrize(("family", "variant"), VARIANTS, ids=NAMED)
def test_a_variant_has_many_instances_and_its_splits_do_not_meet(family: Family, variant: Variant) -> None:
    train = [generate(family, index, 0, "train", variant.steps) for index in range(250)]
    held = {generate(family, index, 0, "heldout", variant.steps).numbers for index in range(12)}
    assert len({problem.question for problem in train}) >= 200
    numbers = {problem.numbers for problem in train}
    assert len(numbers) >= 45  # of a space of at least 60 tuples
    assert not numbers & held
    assert not any(is_heldout(family.name, variant.steps, drawn) for drawn in numbers)
    assert all(is_heldout(family.name, variant.steps, drawn) for drawn in held)
    spans = variant.quantities.values()
    for index in range(12):
        unseen = generate(family, index, 0, "range", variant.steps).numbers
        assert any(not s.low <= number <= s.high for s, number in zip(spans, unseen, strict=True))
    assert {problem.wording for problem in train} == set(range(len(variant.wordings)))
    assert any(problem.distracted for problem in train) == bool(variant.distractors)


def test_a_problem_is_the_same_in_every_process() -> None:
    code = (
        "from phial.synth.problems import FAMILIES, SPLITS, generate\n"
        "print([generate(family, 7, 1, split) for family in list(FAMILIES.values())[:12] for split in SPLITS])"
    )
    texts = set()
    for salt in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        texts.add(run.stdout.strip())
    here = [generate(family, 7, 1, split) for family in list(FAMILIES.values())[:12] for split in SPLITS]
    assert texts == {repr(here)}


def test_index_seed_and_split_all_change_the_draw_and_none_draws_every_variant() -> None:
    family = FAMILIES["addition_together"]
    base = generate(family, 0, 0)
    assert generate(family, 0, 0) == base
    assert len({base, generate(family, 1, 0), generate(family, 0, 1), generate(family, 0, 0, "heldout")}) == 4
    assert {generate(family, index, 0).steps for index in range(40)} == {1, 2, 3}


def test_a_passage_explains_an_idea_and_sets_an_exercise() -> None:
    family = FAMILIES["money_change"]
    passages = [passage(family, index, 0) for index in range(40)]
    assert {text for text, _ in passages} == set(family.idea)
    assert all(verify(problem, family) is None for _, problem in passages)


@settings(max_examples=150, deadline=None)
@given(drawn=problems, data=st.data())
def test_the_evaluator_finds_planted_faults(drawn: tuple[Family, Problem], data: st.DataObject) -> None:
    family, problem = drawn
    assert verify(problem, family) is None

    wrong = str(Fraction(problem.answer) + 1) if re.fullmatch(r"-?\d+(?:/\d+)?", problem.answer) else "Nobody"
    closing = f"The answer is {problem.answer}."
    assert verify(replace(problem, work=problem.work.replace(closing, f"The answer is {wrong}.")), family)
    assert verify(replace(problem, answer=wrong), family)
    lie = replace(problem, answer=wrong, work=problem.work.replace(closing, f"The answer is {wrong}."))
    assert "should be" in (verify(lie, family) or "")

    about = re.sub(r"^About \w+\. ", "", problem.work)
    assert verify(replace(problem, work=f"About Nobody. {about}"), family)
    if about != problem.work:
        assert "first person" in (verify(replace(problem, work=about), family) or "")

    equations = list(re.finditer(r"= (\d+)(?![\d/. ]*[-+*/=\d])", problem.work))
    if equations:
        place = data.draw(st.sampled_from(equations))
        broken = f"{problem.work[: place.start(1)]}{int(place[1]) + 1}{problem.work[place.end(1) :]}"
        assert verify(replace(problem, work=broken), family), broken

    shown = data.draw(st.sampled_from(list(re.finditer(r"\d+", problem.question))))
    question = f"{problem.question[: shown.start()]}{int(shown[0]) + 1}{problem.question[shown.end() :]}"
    if not problem.distracted:  # the number of a distractor is free
        assert verify(replace(problem, question=question), family), question
    assert verify(replace(problem, question=problem.question[:-1]), family)
    assert verify(replace(problem, numbers=(*problem.numbers, 5)), family)
    assert verify(replace(problem, numbers=(*problem.numbers[:-1], problem.numbers[-1] + 100_000)), family)
    assert verify(replace(problem, steps=99), family)
    assert verify(replace(problem, difficulty=99), family)
    assert verify(replace(problem, wording=-1), family)


def test_a_wrong_closed_form_or_a_wrong_step_is_found() -> None:
    for family in (toy(answer="a - b"), toy(work=(Step("total", "a + b + 1", "{name}: {eq}."),))):
        assert "should be" in (verify(generate(family, 0, 0), family) or "")
    spoken = toy(work=(Step("total", "a + b", "{a} + {b} = {a}."),))
    assert "false relation" in (verify(generate(spoken, 0, 0), spoken) or "")


@pytest.mark.parametrize(
    "text",
    [
        "Cost: 3 * 4 = 12. Left: 20 - 12 = 8. The answer is 8.",
        "7 < 9 < 12, so 12 > 7.",
        "1/2 + 1/3 = 3/6 + 2/6 = 5/6.",
        "(2 + 3) * 4 = 20 and 2 + 3 * 4 = 14.",
        "x + 3 = 12, so x = 12 - 3 = 9.",
        "0.5 * 8 = 4.",
        "7 / 2 = 7/2.",
        "There are 3 and 4, nothing to compare.",
    ],
)
def test_true_relations_are_accepted(text: str) -> None:
    assert check_relations(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "3 * 4 = 13.",
        "3 + 4 = 7 = 8.",
        "7 < 9 < 8.",
        "1/2 + 1/3 = 2/5.",
        "2 + 3 * 4 = 20.",
        "x + 3 = 12.",
        "x + 3 = 12, so x = 12 - 4 = 8.",
        "3 +4 = 7.",
        "3 * 4 =12.",
        "3 + 4 = 7 + 1",
        "5 / 0 = 5.",
        "* 3 + 4 = 7.",
        "(3 + 4 = 7.",
        "some = 4.",
    ],
)
def test_false_or_unreadable_relations_are_found(text: str) -> None:
    assert check_relations(text) is not None


@given(left=st.integers(0, 500), right=st.integers(1, 500), sign=st.sampled_from("+-*/"), off=st.integers(-3, 3))
def test_relations_agree_with_exact_arithmetic(left: int, right: int, sign: str, off: int) -> None:
    truth = {"+": left + right, "-": left - right, "*": left * right, "/": Fraction(left, right)}[sign]
    assert (check_relations(f"So {left} {sign} {right} = {truth + off}.") is None) == (off == 0)


@pytest.mark.parametrize("text", ["__import__('os')", "a.real", "[a]", "a ** b", "lambda: a", "c", "print(a)", "1.5"])
def test_the_closed_form_language_is_closed(text: str) -> None:
    with pytest.raises(ValueError, match="closed-form"):
        compile_formula(text, ("a", "b"))


@given(a=st.integers(-50, 50), b=st.integers(1, 50))
def test_the_closed_form_language_is_exact(a: int, b: int) -> None:
    formula = compile_formula("max(a, 3) * 2 - (a // b if a > b else -a) + a / b", ("a", "b"))
    assert formula((a, b), {}) == max(a, 3) * 2 - (a // b if a > b else -a) + Fraction(a, b)
    assert compile_formula("'{name}' if a > b else 'no'", ("a", "b"))((a, b), {"name": "Ana"}) in ("Ana", "no")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wordings": ("{name} has {a}. How many?",)}, r"does not name \['b'\]"),
        ({"wordings": ("{who} has {a} and {b}. How many?",)}, "who"),
        ({"wordings": ("There are {a} and {b}. How many?",)}, r"says \['name'\]"),
        ({"work": (Step("total", "a + c"),)}, "c is unknown"),
        ({"work": (Step("name", "a + b"),)}, "taken"),
        ({"where": "__import__('os')"}, "unknown"),
        ({"where": "a > 100"}, "no quantities for split train"),
    ],
)
def test_a_malformed_family_says_what_is_wrong_and_where(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        generate(toy(**changes), 0, 0)
    assert "family toy, 1 steps" in str(caught.value)


def test_bad_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown split 'test'"):
        generate(toy(), 0, 0, "test")
    with pytest.raises(ValueError, match="no variant of 9 steps"):
        generate(toy(), 0, 0, steps=9)
    with pytest.raises(ValueError, match="empty span"):
        span(9, 3)


def test_three_different_names_and_two_different_items_are_drawn() -> None:
    family = toy(wordings=("{name}, {other}, {third}: {item}, {item2}, {a}, {b}. How many?",))
    for index in range(300):
        people, things = generate(family, index, 0).question.split(": ")
        assert len(set(people.split(", ")) & set(NAMES)) == 3
        assert len(set(things.split(", ")[:2]) & {many for _, many in ITEMS}) == 2
