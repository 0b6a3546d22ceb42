"""AMC 10 and 12: papers of 25 multiple-choice problems, scored as the contest does, out of 150."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phial.evals import extract
from phial.evals.answers import maths_grade, number_gold
from phial.evals.choices import LETTERS, lettered
from phial.evals.files import rows
from phial.evals.items import checked, field, place, protocol_of
from phial.evals.presets import GREEDY, PHI_4, PHI_4_REASONING
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

POINTS_RIGHT, POINTS_BLANK = 6.0, 1.5
BLANK = "blank"

# The Phi-4 report tells the rules of the contest and asks for a letter or "blank" in a box; the words are ours.
ASK = (
    "This is a problem of the AMC contest. A right answer scores 6 points, a blank one 1.5, a wrong one 0. Reason step "
    "by step. End with your answer in a box: \\boxed{{A}}, \\boxed{{B}}, \\boxed{{C}}, \\boxed{{D}} or \\boxed{{E}}, "
    "or \\boxed{{blank}} to leave it blank.\n\n{problem}"
)
ASK_NUMBER = (
    "This is a problem of the AMC contest. A right answer scores 6 points, a blank one 1.5, a wrong one 0. Reason step "
    "by step. End with your answer, a number, in a box, or with \\boxed{{blank}} to leave it blank.\n\n{problem}"
)

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot chat, letter or 'blank' in a box, contest score 6 / 1.5 / 0", GREEDY),
    "phi-4": Protocol(
        "phi-4",
        "zero-shot at temperature 0.5, 10 answers a problem, letter or 'blank' in a box, contest score; rules, not "
        "another model, read the letter",
        PHI_4,
        repeats=10,
    ),
    "phi-4-reasoning": Protocol(
        "phi-4-reasoning", "as phi-4, sampled as on the model card, 5 answers a problem", PHI_4_REASONING, repeats=5
    ),
}


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    r"""The papers in a folder, split by paper; the figure "contest" times 150 is the contest's score.

    A blank counts only where the reply says so; a reply without an answer earns nothing.

    Args:
        folder: with `*.jsonl` or `*.csv`, a problem a line: paper ("2024-10A"), number (1 to 25), problem, answer (A to
            E), and options where the problem does not have them in its text, in a jsonl; or with the Hub's
            AI-MO/aimo-validation-amc (`data/train-*.parquet`: id, problem, answer, url), whose answers are numbers.
        protocol: one of `PROTOCOLS`.
        limit: the first so many items.
    """
    names = ("*.jsonl", "*.csv", "data/train-*.parquet", "data/test-*.parquet", "*.parquet")
    found, sha256 = rows(folder, names, ("problem", "answer"), limit)
    items = checked((_item(row, index) for index, row in enumerate(found)), folder)
    return Task("amc", protocol_of(PROTOCOLS, protocol, "amc"), items, {"phial": read}, grade, sha256, blank=_no_answer)


def read(reply: str, item: Item) -> Extraction:
    """A letter, or a number where the right answer is one, or "blank"."""
    for text, rule in ((extract.boxed(reply), "boxed"), extract.stated(reply) or ("", "")):
        if text and re.fullmatch(r"(?:\\text\s*\{)?\W*(?:leave )?blank\W*", text, re.IGNORECASE):
            return Extraction(BLANK, f"{rule}-blank")
    return extract.letter(reply, LETTERS[:5]) if item.gold in LETTERS[:5] else extract.number(reply)


def grade(answer: str, item: Item) -> Grade:
    """6 points where it is right, 1.5 where it is blank."""
    if answer == BLANK:
        return Grade(0.0, "left blank", {"contest": (POINTS_BLANK, POINTS_RIGHT)})
    made = maths_grade(answer, item)
    return Grade(made.score, made.detail, {"contest": (made.score * POINTS_RIGHT, POINTS_RIGHT)})


def _no_answer(item: Item) -> Grade:
    return Grade(0.0, "", {"contest": (0.0, POINTS_RIGHT)})


def _item(row: Mapping[str, Any], index: int) -> Item:
    answer = str(field(row, "answer")).strip().strip("()").upper()
    letter = answer if len(answer) == 1 and answer in LETTERS[:5] else ""
    problem = str(field(row, "problem"))
    if options := row.get("options"):
        problem += "\n\n" + lettered(options, "({letter}) {option}")
    contest = re.search(r"(20\d\d)_AMC_(1[02][AB])", str(row.get("url") or ""))
    paper = str(row.get("paper") or (f"{contest[1]}-{contest[2]}" if contest else ""))
    number = row.get("number") or row.get("id") or index
    return Item(
        f"amc-{paper}-{number}",
        (("user", (ASK if letter else ASK_NUMBER).format(problem=problem)),),
        letter or number_gold(answer, place(row)),
        {"paper": paper} if paper else {},
    )
