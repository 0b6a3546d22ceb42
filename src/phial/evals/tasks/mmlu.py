"""MMLU (Hendrycks et al. 2020): 57 subjects, four options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phial.errors import PhialError
from phial.evals import choices, compat
from phial.evals.answers import letter_grade
from phial.evals.choices import last_line_letter, letter_gold, lettered
from phial.evals.files import FILE, rows
from phial.evals.items import checked, field, place, protocol_of, spread
from phial.evals.presets import GREEDY, PHI_4
from phial.evals.task import Item, Messages, Protocol, Task

_SHOTS = 5

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot chat with reasoning, 'Answer: LETTER' asked for", GREEDY),
    "phi-4": Protocol("phi-4", "simple-evals' wording at temperature 0.5; the last 'Answer:' counts", PHI_4),
    "phi-3": Protocol("phi-3", "5-shot, the likeliest of the letters A to D, no chat format", GREEDY),
    "simple-evals": Protocol(
        "simple-evals", "temperature 0.5, first 'Answer:' once markup is dropped", PHI_4,
        extractor="compat:simple-evals",
    ),
    "lm-eval": Protocol("lm-eval", "5-shot, the likeliest of ' A' to ' D', no chat format", GREEDY),
}  # fmt: skip
EXTRACTORS = {"phial": choices.letter, "compat:simple-evals": compat.simple_evals_mmlu}
OF_LIKELIHOOD = ("phi-3", "lm-eval")


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """The test split, split by subject and by the authors' four fields.

    Args:
        folder: with `data/test/SUBJECT_test.csv` of hendrycks/test (in `data.tar` or `mmlu.zip`, which may stay
            packed; no header: question, four options, letter), `all/test-*.parquet` of the Hub's cais/mmlu (question,
            subject, choices, answer from 0), or simple-evals' `mmlu.csv` (Question, A to D, Answer, Subject).
            Protocols of likelihood also read the five examples a subject in `data/dev/` or `all/dev-*.parquet`.
        protocol: one of `PROTOCOLS`.
        limit: so many items, at even distances, so that all subjects are in.
    """
    chosen = protocol_of(PROTOCOLS, protocol, "mmlu")
    found, sha256 = _rows(folder, "test")
    introductions = _introductions(folder) if protocol in OF_LIKELIHOOD else {}
    items = []
    for index, row in spread(list(enumerate(found)), limit):
        subject, question, options = _subject(row), str(field(row, "question", "Question")), _options(row)
        items.append(
            Item(
                f"{subject}-{index}",
                _prompt(question, options, subject, introductions),
                letter_gold(field(row, "answer", "Answer"), 4, row),
                {"subject": subject, "field": FIELDS.get(subject, "other")},
                tuple(f" {letter}" for letter in "ABCD") if introductions else (),
                {"options": options},
            )
        )
    return Task("mmlu", chosen, checked(items, folder), EXTRACTORS, letter_grade, sha256)


def _rows(folder: Path, split: str) -> tuple[list[dict[str, Any]], str]:
    plain = (f"data/{split}/*.csv", f"{split}/*.csv", f"*.zip::data/{split}/*.csv", f"*.tar::data/{split}/*.csv")
    headed = (f"all/{split}-*.parquet", f"data/{split}-*.parquet", f"{split}-*.parquet", "mmlu.csv")
    if any(next(folder.glob(name), None) for name in headed):
        return rows(folder, headed, ())
    return rows(folder, plain, ("question", "A", "B", "C", "D", "answer"), headers=False)


def _subject(row: Mapping[str, Any]) -> str:
    told = row.get("subject") or row.get("Subject")
    return str(told or Path(row[FILE]).name.rpartition("_")[0]).replace(" ", "_")


def _options(row: Mapping[str, Any]) -> list[str]:
    options = [str(option) for option in row.get("choices") or [field(row, letter) for letter in "ABCD"]]
    if len(options) != 4:
        raise PhialError(f"{len(options)} options", where=place(row), do="give the published file")
    return options


def _prompt(question: str, options: Sequence[str], subject: str, introductions: Mapping[str, str]) -> Messages | str:
    if not introductions:
        return (("user", last_line_letter(question, options)),)
    if subject not in introductions:
        raise PhialError(f"no examples of subject {subject!r}", do="give the whole dev split")
    return introductions[subject] + _question(question, options)


def _introductions(folder: Path) -> dict[str, str]:
    """The heading and five examples with their letters, by subject."""
    found, _ = _rows(folder, "dev")
    by_subject: dict[str, list[str]] = {}
    for row in found:
        options = _options(row)
        letter = letter_gold(field(row, "answer", "Answer"), 4, row)
        example = f"{_question(str(field(row, 'question', 'Question')), options)} {letter}\n\n"
        by_subject.setdefault(_subject(row), []).append(example)
    return {
        subject: (
            f"The following are multiple choice questions (with answers) about {subject.replace('_', ' ')}.\n\n"
            + "".join(examples[:_SHOTS])
        )
        for subject, examples in by_subject.items()
    }


def _question(question: str, options: Sequence[str]) -> str:
    return f"{question.strip()}\n{lettered(options, '{letter}. {option}')}\nAnswer:"


# The authors' categories.
_STEM = (
    "abstract_algebra astronomy college_biology college_chemistry college_computer_science college_mathematics "
    "college_physics computer_security conceptual_physics electrical_engineering elementary_mathematics "
    "high_school_biology high_school_chemistry high_school_computer_science high_school_mathematics "
    "high_school_physics high_school_statistics machine_learning"
)
_HUMANITIES = (
    "formal_logic high_school_european_history high_school_us_history high_school_world_history international_law "
    "jurisprudence logical_fallacies moral_disputes moral_scenarios philosophy prehistory professional_law "
    "world_religions"
)
_SOCIAL_SCIENCES = (
    "econometrics high_school_geography high_school_government_and_politics high_school_macroeconomics "
    "high_school_microeconomics high_school_psychology human_sexuality professional_psychology public_relations "
    "security_studies sociology us_foreign_policy"
)
FIELDS = {
    subject: name
    for name, subjects in (("stem", _STEM), ("humanities", _HUMANITIES), ("social sciences", _SOCIAL_SCIENCES))
    for subject in subjects.split()
}
