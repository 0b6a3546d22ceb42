"""DROP (Dua et al. 2019): questions about a passage whose answers are numbers, dates or spans; F1 and exact match."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from phial.errors import PhialError
from phial.evals import compat, extract
from phial.evals.files import KEY, rows
from phial.evals.items import checked, field, place, protocol_of, spread
from phial.evals.presets import GREEDY, PHI_4
from phial.evals.task import Extract, Extraction, Grade, Item, Protocol, Task

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot chat, 'Answer:' asked for, official F1", GREEDY),
    "phi-4": Protocol(
        "phi-4", "simple-evals' wording at temperature 0.5, 3 examples drawn by own seed, official F1", PHI_4
    ),
    "simple-evals": Protocol(
        "simple-evals", "as phi-4; first 'Answer:', else the whole reply", PHI_4, extractor="compat:simple-evals"
    ),
    "eureka": Protocol(
        "eureka", "zero-shot, last 'My answer is', official F1, where Eureka has its own", GREEDY,
        extractor="compat:eureka",
    ),
}  # fmt: skip
EXTRACTORS: Mapping[str, Extract] = {
    "phial": lambda reply, item: read(reply),
    "compat:simple-evals": compat.simple_evals_drop,
    "compat:eureka": compat.eureka_drop,
}
_SHOTS, _SHOT_SEED = 3, 42
_MOST_SPANS = 40
_PUNCTUATION = frozenset(string.punctuation)


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """The development set, which is what is reported, split by the kind of answer.

    Args:
        folder: with `drop_dataset_dev.json` (or the authors' `drop_dataset.zip`), `data/validation-*.parquet` of the
            Hub's ucinlp/drop (query_id, passage, question, answers_spans), or simple-evals' `drop_v0_dev.jsonl.gz`
            (context, ref_text, parted by "|"). The Hub's does not tell several spans of one answer from those of
            several annotators, so there each of them counts as right. Protocols with examples need simple-evals'
            files, of which `drop_v0_train.jsonl.gz` has them ready (context, completion).
        protocol: one of `PROTOCOLS`.
        limit: so many items, at even distances.
    """
    chosen = protocol_of(PROTOCOLS, protocol, "drop")
    names = (
        *("drop_v0_dev.jsonl*", "drop_dataset_dev.json", "drop_dataset.zip::drop_dataset/drop_dataset_dev.json"),
        *("data/validation-*.parquet", "validation-*.parquet"),
    )
    found, sha256 = rows(folder, names, ())
    every = [item for row in found for item in _items(row, protocol)]
    if protocol in ("phi-4", "simple-evals"):
        train, _ = rows(folder, ("drop_v0_train.jsonl*",), ("context", "completion"))
        draw = random.Random(_SHOT_SEED)
        every = [_with_examples(item, draw.sample(train, _SHOTS)) for item in every]
    return Task("drop", chosen, checked(spread(every, limit), folder), EXTRACTORS, grade, sha256)


def read(reply: str) -> Extraction:
    """What a reply states as its answer; its last line where it states none."""
    content = extract.boxed(reply)
    if content is not None:
        return Extraction(re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", content), "boxed")
    if statement := extract.stated(reply[-100_000:]):
        return Extraction(*statement)
    lines = [line.strip(" \t*_`#") for line in reply[-2_000:].splitlines() if line.strip(" \t*_`#")]
    return Extraction(lines[-1], "last-line") if lines else Extraction(None)


def grade(answer: str, item: Item) -> Grade:
    """The official F1, the best over all right answers; "exact" is the official exact match."""
    given = [span for span in re.split(r"\s*\|\s*", answer[:5_000]) if span][:_MOST_SPANS] or [answer[:5_000]]
    scores = [metrics(given, gold) for gold in item.gold]
    exact, f1 = max(exact for exact, _ in scores), max(f1 for _, f1 in scores)
    return Grade(f1, "" if exact else f"{answer[:60]!r}", {"exact": (exact, 1.0)})


def metrics(given: Sequence[str], gold: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 of spans against spans, as the authors' evaluator has them.

    Spans become bags of words in lower case, without articles and punctuation, numbers as floats. Bags are paired so
    that the sum of F1 is greatest; a bag whose right one has numbers counts only if it has one of them.

    Returns:
        0 or 1, and 0 to 1 with the evaluator's rounding to 0.01, halves to even.
    """
    ours, right = [_normalised(span) for span in given], [_normalised(span) for span in gold]
    exact = float(set(ours) == set(right) and len(ours) == len(right))
    bags, right_bags = [set(span.split()) for span in ours], [set(span.split()) for span in right]
    scores = [[_overlap(bag, gold_bag) for bag in bags] for gold_bag in right_bags]
    return exact, round(100 * (best_pairing(scores) / max(len(bags), len(right_bags)))) / 100


def best_pairing(scores: Sequence[Sequence[float]]) -> float:
    """The greatest sum of scores when each row gets at most one column and each column one row (Kuhn 1955).

    Args:
        scores: [rows, columns], 0 or more.
    """
    if len(scores) > len(scores[0]):
        scores = [list(column) for column in zip(*scores, strict=True)]
    rows, columns = len(scores), len(scores[0])
    row_price, column_price = [0.0] * (rows + 1), [0.0] * (columns + 1)
    owner = [0] * (columns + 1)  # of each column, 0 for none
    for row in range(1, rows + 1):
        owner[0], column = row, 0
        slack, came_from, used = [float("inf")] * (columns + 1), [0] * (columns + 1), [False] * (columns + 1)
        while owner[column]:
            used[column] = True
            step, following = float("inf"), 0
            for other in range(1, columns + 1):
                if not used[other]:
                    cost = -scores[owner[column] - 1][other - 1] - row_price[owner[column]] - column_price[other]
                    if cost < slack[other]:
                        slack[other], came_from[other] = cost, column
                    if slack[other] < step:
                        step, following = slack[other], other
            for other in range(columns + 1):
                if used[other]:
                    row_price[owner[other]] += step
                    column_price[other] -= step
                else:
                    slack[other] -= step
            column = following
        while column:
            owner[column], column = owner[came_from[column]], came_from[column]
    return sum(scores[owner[column] - 1][column - 1] for column in range(1, columns + 1) if owner[column])


def _overlap(bag: set[str], gold: set[str]) -> float:
    numbers = {word for word in gold if _is_number(word)}
    if numbers and not numbers & bag:
        return 0.0
    common = len(bag & gold)
    precision = common / len(bag) if bag else 1.0
    recall = common / len(gold) if gold else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _normalised(text: str) -> str:
    words = (_normal_word(word) for word in re.split(" |-", text.lower()))
    return " ".join(word for word in words if word)


def _normal_word(word: str) -> str:
    if not _is_number(word):
        word = "".join(character for character in word if character not in _PUNCTUATION)
    word = str(float(word)) if _is_number(word) else word
    return " ".join(re.sub(r"\b(?:a|an|the)\b", " ", word).split())


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _items(row: Mapping[str, Any], protocol: str) -> Iterator[Item]:
    """The questions of a row: one, or all about a passage in the authors' file."""
    if "qa_pairs" in row:
        for pair in row["qa_pairs"]:
            golds = [_spans(answer, row) for answer in (pair["answer"], *(pair.get("validated_answers") or ()))]
            yield _item(str(field(pair, "query_id")), _ask(row["passage"], pair["question"], protocol), golds)
    elif "ref_text" in row:
        name = str(row.get("id") or row.get("query_id") or f"drop-{row['_line']}")
        text = str(field(row, "context"))
        golds = [[part] for part in str(field(row, "ref_text")).split("|") if part.strip()]
        yield _item(name, f'{text}\n\nThink step by step, then write a line of the form "Answer: $ANSWER" at the end '
                    "of your response.", golds)  # fmt: skip
    else:
        spans = [str(span) for span in field(row, "answers_spans")["spans"]]
        kinds = list(row["answers_spans"].get("types") or ())
        # The Hub's copy lists all annotators' answers one after the other: several spans of one, or several numbers.
        golds = [[span] for span in spans] if set(kinds) != {"span"} else [spans, *([span] for span in spans)]
        yield _item(
            str(field(row, "query_id")), _ask(str(field(row, "passage")), str(field(row, "question")), protocol), golds
        )


def _item(name: str, prompt: str, golds: list[list[str]]) -> Item:
    golds = [gold for gold in golds if any(span.strip() for span in gold)]
    kind = "" if not golds else "spans" if len(golds[0]) > 1 else "number" if _is_number(golds[0][0]) else "span"
    return Item(name, (("user", prompt),), golds, {"answer": kind} if kind else {})


def _ask(passage: str, question: str, protocol: str) -> str:
    if protocol == "eureka":
        return (
            "Use the following passage to answer the question. End your response by saying 'My answer is...'.\n"
            f"Passage: {passage}\nQuestion: {question}"
        )
    return (
        f"{passage}\n\nQuestion: {question}\n\nThink step by step. End with a line of the form 'Answer: ANSWER', with "
        "nothing but the answer; if it has several parts, put a | between them."
    )


def _with_examples(item: Item, examples: Sequence[Mapping[str, Any]]) -> Item:
    """In simple-evals' layout."""
    shown = "".join(f"\n---\n{row['context']} {row['completion']}\n" for row in examples)
    text = (
        "You will be asked to read a passage and answer a question. Some examples of passages and Q&A are provided "
        f"below.\n\n# Examples{shown}\n# Your Task\n\n---\n{item.prompt[0][1]}"
    )
    return Item(item.id, (("user", text),), item.gold, item.tags)


def _spans(answer: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """An answer of the authors' file: a number, spans, or a date of day, month and year."""
    if answer.get("number"):
        return [str(answer["number"])]
    if answer.get("spans"):
        return [str(span) for span in answer["spans"]]
    date = answer.get("date")
    if not isinstance(date, Mapping):
        raise PhialError(
            "an answer that is no number, span or date", where=f"{place(row)}, {row.get(KEY, '')}",
            do="give the published file",
        )  # fmt: skip
    return [" ".join(str(date.get(part) or "") for part in ("day", "month", "year")).strip()]
