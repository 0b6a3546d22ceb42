"""Replies to maths and multiple-choice questions as models write them, made from a seed, for comparisons of graders."""

from __future__ import annotations

import random
from collections.abc import Sequence

_WORDS = (
    "First we add the eggs.", "There are 3 boxes of 12 apples each.", "So 16 - 3 - 4 = 9.", "He pays $2 for each.",
    "Let $x$ be the number of coins, so $2x + 3 = 11$.", "This costs 1,250 dollars in all.", "Wait, let me check.",
    "Hence $\\frac{1}{2}\\cdot 8 = 4$.", "By Vieta's formulas, the sum is $-b/a$.", "Option A looks tempting.",
    "The answer is not obvious.", "We get 72, which is more than 48.", "In total, 5 + 6 = 11 pieces remain.",
)  # fmt: skip
_NUMBER_FRAMES = (
    "#### {0}", "#### {0}.", "####{0}", "####  {0}", "The answer is {0}.", "**Answer:** {0}", "Answer: {0}", "So ${0}.",
    "So the total is **{0}**.", "\\boxed{{{0}}}", "$\\boxed{{{0}}}$", "Therefore, she makes ${0} every day.", "{0}",
    "= {0}", "#### ${0}", "#### {0} dollars", "Answer: {0}, I think", "Final Answer: {0}", "...", "#### ", "$", ",",
    "The answer is {0}.\n\nQuestion: How many are 3 + 4?\nAnswer: 3 + 4 = 7\n#### 7", "#### {0}\n#### 99", "-{0}",
    "It is {0}%.", "That is {0}/2.", "My answer: {0}!", "{0} {0}", "#### -{0}", "<<{0}>>", "{0}.00", "\u0967\u0968 {0}",
)  # fmt: skip
_MATHS_FRAMES = (
    "Final Answer: The final answer is ${0}$. I hope it is correct.",
    "Final Answer: The final answer is {0}. I hope it is correct.",
    "Final Answer: The final answer is ${0}$",
    "Final Answer: The final answer is ${0}$. ",
    "Final Answer: The final answer is\n${0}$. I hope it is correct.",
    "so $\\boxed{{{0}}}$.", "$\\boxed{{{0}}}$", "\\boxed {0}", "${0}$", "$x = {0}$", "The answer is ${0}$.", "{0}",
    "$${0}$$", "We have $a = 1$ and so ${0}$", "Answer: ${0}$", "\\[ {0} \\]", "\\boxed{{{0}", "\\fbox{{{0}}}",
    "Final Answer: The final answer is $y={0}$. I hope it is correct. Final Answer: The final answer is $0$. I hope it "
    "is correct.",
)  # fmt: skip
_LETTER_FRAMES = (
    "The answer is ({0}).", "the answer is {0}", "Answer: {0}", "**Answer: {0}**", "answer is {0}), as said", "({0})",
    "The answer is: {0}", "The correct answer is ({0}). The answer is (A).", "{0}", "answer is \\({0}\\)",
    "None of them", "The answer is\n({0})", "I think that the answer is (\n{0})", "answer is  {0}",
    "The answer is Apples", "answer:\n{0}",
)  # fmt: skip
# (right answer, the same otherwise written, wrong ones)
EXPRESSIONS: Sequence[tuple[str, tuple[str, ...], tuple[str, ...]]] = (
    ("\\frac{1}{2}", ("\\dfrac{1}{2}", "\\frac12", "0.5", "1/2", ".5"), ("\\frac{1}{3}", "2", "-\\frac{1}{2}")),
    ("2\\sqrt{3}", ("\\sqrt{12}", "2 \\sqrt{3}", "2\\sqrt3"), ("3\\sqrt{2}", "\\sqrt{3}", "12")),
    ("[2,5)", ("[2, 5)", "\\left[2,5\\right)", "2 \\le x < 5"), ("(2,5)", "[2,5]", "(5,2]")),
    ("(1,2)", ("(1, 2)", "\\left(1,2\\right)"), ("(2,1)", "[1,2]", "3")),
    ("x^2+2x+1", ("(x+1)^2", "x^2 + 2x + 1", "1+2x+x^2"), ("x^2-2x+1", "x^2+2x", "(x+2)^2")),
    ("1234", ("1,234", "1{,}234", "1\\,234", "1234.0"), ("1243", "12.34", "234")),
    ("336", ("336^\\circ", "336^{\\circ}", "336 \\text{ degrees}"), ("334", "3.36", "360")),
    ("-7", ("-7.0", "- 7"), ("7", "-17", "0")),
    ("\\frac{3\\pi}{4}", ("\\frac{3}{4}\\pi", "3\\pi/4", "0.75\\pi"), ("\\frac{\\pi}{4}", "\\frac{4\\pi}{3}", "3")),
    ("6-5i", ("6 - 5i", "-5i+6"), ("6+5i", "5-6i", "6")),
    ("10\\%", ("10", "10%"), ("0.01", "20\\%", "90")),
    ("\\text{Evelyn}", ("Evelyn", "\\text{ Evelyn }"), ("Carla", "\\text{Evan}", "E")),
    ("\\{1,2,3\\}", ("\\{3,2,1\\}", "\\{ 1, 2, 3 \\}"), ("\\{1,2\\}", "6", "\\{1,2,4\\}")),
    ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", ("\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}",),
     ("\\begin{pmatrix}2\\\\1\\end{pmatrix}", "(2,1)", "3")),
    ("3\\text{ cm}", ("3", "3 \\text{ cm}", "3\\mbox{ cm}"), ("4", "30\\text{ cm}", "3.5")),
    ("x=5", ("5", "x = 5"), ("6", "x=6", "y=-5")),
    ("11_2", ("11_{2}",), ("10_2", "111_2", "12")),
    ("\\infty", ("\\infty",), ("-\\infty", "0", "1")),
)  # fmt: skip
NASTY = (
    "", " ", "$", "$$", "\\boxed{", "\\boxed{}", "\\frac", "\\sqrt", "5^{5^{5^{5}}}", "NaN", "nan", "inf", "x/2", "1/0",
    "\\text{ a}\\text{ b}", "{" * 20, "}" * 20, "\\frac{1}{0}", ".", ",", "-", "=", "a = b = c", "####", "[invalid]",
)  # fmt: skip


def numbers(count: int, seed: int = 0, frames: Sequence[str] = _NUMBER_FRAMES) -> list[tuple[str, str]]:
    """Replies to word problems, and the right number of each; two of five are wrong.

    Args:
        count: how many.
        seed: of the choice.
        frames: in which an answer stands.
    """
    draw = random.Random(f"numbers {seed}")
    made = []
    for index in range(count):
        gold = draw.choice((draw.randint(0, 99), draw.randint(100, 99_999), draw.randint(-50, 0)))
        shown = gold if draw.random() < 0.6 else gold + draw.choice((-10, -1, 1, 10, 100))
        written = draw.choice((str(shown), f"{shown:,}", f"{shown}.00", f"{shown}.5"))
        frame = frames[index % len(frames)].format(written)
        made.append((_told(draw, frame), str(gold)))
    return made


def letters(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Replies to questions of ten options, and the right letter of each."""
    draw = random.Random(f"letters {seed}")
    made = []
    for index in range(count):
        gold = draw.choice("ABCDEFGHIJ")
        shown = gold if draw.random() < 0.6 else draw.choice("ABCDEFGHIJKz")
        made.append((_told(draw, _LETTER_FRAMES[index % len(_LETTER_FRAMES)].format(shown)), gold))
    return made


def expressions(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Replies to competition problems, and the right answer of each; with what no answer should be, now and then."""
    draw = random.Random(f"expressions {seed}")
    made = []
    for index in range(count):
        gold, shown = _shown(draw, draw.choice(EXPRESSIONS))
        if draw.random() < 0.1:
            shown = draw.choice(NASTY)
        made.append((_told(draw, _MATHS_FRAMES[index % len(_MATHS_FRAMES)].format(shown)), gold))
    return made


def competition(count: int, seed: int, frames: Sequence[str]) -> list[tuple[str, str]]:
    """Replies to competition problems whose answers all have quantities of their own; three of ten are wrong."""
    draw = random.Random(f"competition {seed}")
    made = []
    for index in range(count):
        gold, shown = _shown(draw, _drawn(draw))
        made.append((_told(draw, frames[index % len(frames)].format(shown)), gold))
    return made


def _shown(draw: random.Random, family: tuple[str, tuple[str, ...], tuple[str, ...]]) -> tuple[str, str]:
    gold, others, wrong = family
    chance = draw.random()
    return gold, gold if chance < 0.4 else draw.choice(others) if chance < 0.7 else draw.choice(wrong)


def _drawn(draw: random.Random) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """A right answer, other ways to write it, and wrong ones; kinds as often as in MATH, roughly."""
    a, b, c = draw.randint(2, 40), draw.randint(2, 40), draw.randint(41, 97)
    kind = draw.choices(range(10), (40, 18, 9, 7, 8, 6, 4, 4, 2, 2))[0]
    return (
        (str(a * b), (f"{a * b}.0", f"{a * b:,}"), (str(a * b + 1), str(-a * b), str(a))),
        (
            f"\\frac{{{a}}}{{{c}}}",
            (f"\\dfrac{{{a}}}{{{c}}}", f"{a}/{c}"),
            (f"\\frac{{{a + 1}}}{{{c}}}", f"{c}/{a}", str(a)),
        ),
        (
            f"{a}\\sqrt{{{c}}}",
            (f"\\sqrt{{{a * a * c}}}", f"{a} \\sqrt{{{c}}}"),
            (f"{a + 1}\\sqrt{{{c}}}", f"\\sqrt{{{c}}}"),
        ),
        (
            f"\\frac{{{a}\\pi}}{{{c}}}",
            (f"\\frac{{{a}}}{{{c}}}\\pi", f"\\frac{{{a} \\pi}}{{{c}}}"),
            (f"\\frac{{\\pi}}{{{c}}}", str(a)),
        ),
        (f"x^2+{a + b}x+{a * b}", (f"(x+{a})(x+{b})", f"{a * b}+{a + b}x+x^2"), (f"x^2-{a + b}x+{a * b}", f"x^2+{a}x")),
        (f"({a},{b})", (f"({a}, {b})", f"\\left({a},{b}\\right)"), (f"({b + 1},{a})", f"[{a},{c}]", str(a))),
        (f"[{a},{c})", (f"[{a}, {c})", f"\\left[{a},{c}\\right)"), (f"({a},{c})", f"[{a},{c}]", f"[{b},{c + 1})")),
        (f"{a}-{b}i", (f"{a} - {b}i", f"-{b}i+{a}"), (f"{a}+{b}i", f"{b}-{c}i")),
        (f"\\{{{a},{b},{c}\\}}", (f"\\{{{c},{b},{a}\\}}",), (f"\\{{{a},{c + 1}\\}}", str(a))),
        (f"{a}^\\circ", (str(a), f"{a}^{{\\circ}}"), (str(a + 1), f"{c}^\\circ")),
    )[kind]


def _told(draw: random.Random, end: str) -> str:
    """Some sentences of reasoning before the end, and now and then one behind it."""
    sentences = draw.choices(_WORDS, k=draw.randint(0, 5))
    parts = [" ".join(sentences), end] if sentences else [end]
    if draw.random() < 0.15:
        parts.append(draw.choice(_WORDS))
    return draw.choice(("\n", "\n\n", " ")).join(parts)
