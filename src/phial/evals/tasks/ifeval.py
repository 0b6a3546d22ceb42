"""IFEval (Zhou et al. 2023): instructions that a program can check, such as "no commas" or "at least 300 words"."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from phial.engine.request import Sampling
from phial.errors import PhialError
from phial.evals.files import rows
from phial.evals.ifeval_reading import OURS, Reading, official
from phial.evals.ifeval_rules import RULES, keeps, keeps_loosely
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "phial",
            "the prompt as chat, greedy; all instructions kept, strictly; fastText for languages, own sentence rule",
            Sampling(max_tokens=1280),
        ),
        Protocol(
            "phi-4",
            "the prompt as chat, greedy; all instructions kept, strictly, by the official checkers' reading",
            Sampling(max_tokens=2048),
        ),
        Protocol(
            "phi-4-reasoning",
            "5 answers an item, temperature 0.8, after the thinking; strictly, by the official checkers' reading",
            Sampling(temperature=0.8, top_p=0.95, top_k=50, max_tokens=32_768),
            repeats=5,
        ),
        Protocol(
            "lm-eval",
            "the prompt as chat, greedy, 1,280 tokens; strictly, by the official checkers' reading",
            Sampling(max_tokens=1280),
        ),
    )
}
_NAMES = ("input_data.jsonl*", "ifeval_input_data.jsonl*", "train-*.parquet", "data/train-*.parquet")
_LONGEST = 200_000  # characters that are read; longer replies are loops, and cost the official tokenizers minutes


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """IFEval, 541 prompts with 834 instructions.

    Reads `input_data.jsonl` of google-research/instruction_following_eval on GitHub, or the Hub's google/IFEval
    (`ifeval_input_data.jsonl`, or its parquet, where every row has every argument and the unused ones are null); all
    have the columns key, prompt, instruction_id_list and kwargs.

    Two items ask for the frequency of a character that is no letter. The official checkers count a letter drawn at
    random in its place; here it is counted itself.

    Raises:
        PhialError: the files are not the published ones, or the protocol reads as the official checkers do and their
            libraries are not installed.
    """
    found, sha256 = rows(folder, _NAMES, ("key", "prompt", "instruction_id_list", "kwargs"), limit)
    seen: set[str] = set()
    items: list[Item] = []
    for row in found:
        where = f"{folder}, item {row['key']}"
        names, arguments = list(row["instruction_id_list"]), list(row["kwargs"])
        if str(row["key"]) in seen or len(names) != len(arguments) or not names or unknown(names):
            fault = (
                "is there twice" if str(row["key"]) in seen else f"has rules {names} with {len(arguments)} arguments"
            )
            raise PhialError(f"an item {fault}", where=where, do="give the published file")
        seen.add(str(row["key"]))
        given = [_given(name, values, where) for name, values in zip(names, arguments, strict=True)]
        rules = list(zip(names, given, strict=True))
        items.append(Item(str(row["key"]), (("user", row["prompt"]),), names, data={"rules": rules}))
    reading = OURS if protocol == "phial" else official()
    grade_as = partial(grade, reading=reading)
    return Task("ifeval", PROTOCOLS[protocol], tuple(items), {"phial": extract}, grade_as, sha256)


def unknown(names: list[str]) -> list[str]:
    """The instructions that are none of IFEval's."""
    return [name for name in names if name not in RULES]


_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "change_case:capital_word_frequency": ("capital_frequency", "capital_relation"),
    "combination:repeat_prompt": ("prompt_to_repeat",),
    "detectable_content:number_placeholders": ("num_placeholders",),
    "detectable_content:postscript": ("postscript_marker",),
    "detectable_format:multiple_sections": ("section_spliter", "num_sections"),
    "detectable_format:number_bullet_lists": ("num_bullets",),
    "detectable_format:number_highlighted_sections": ("num_highlights",),
    "keywords:existence": ("keywords",),
    "keywords:forbidden_words": ("forbidden_words",),
    "keywords:frequency": ("keyword", "frequency", "relation"),
    "keywords:letter_frequency": ("letter", "let_frequency", "let_relation"),
    "language:response_language": ("language",),
    "length_constraints:nth_paragraph_first_word": ("num_paragraphs", "nth_paragraph", "first_word"),
    "length_constraints:number_paragraphs": ("num_paragraphs",),
    "length_constraints:number_sentences": ("num_sentences", "relation"),
    "length_constraints:number_words": ("num_words", "relation"),
    "startend:end_checker": ("end_phrase",),
}


def _given(name: str, values: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """The arguments of a rule; parquet files have the other rules' too, as nulls."""
    wanted = _ARGUMENTS.get(name, ())
    given = {key: value for key, value in (values or {}).items() if value is not None}
    missing = [key for key in wanted if key not in given]
    if missing:
        raise PhialError(f"{name} has no {', '.join(missing)}", where=where, do="give the published file")
    return {key: given[key] for key in wanted}


def extract(reply: str, item: Item) -> Extraction:
    """The reply as it is, even an empty one: it breaks every rule, and counts."""
    return Extraction(reply[:_LONGEST], "whole-reply")


def grade(answer: str, item: Item, reading: Reading) -> Grade:
    """1 where all instructions are kept strictly, which is the official prompt-level strict accuracy.

    The parts: "prompt loose", "instruction strict", "instruction loose", and strictly kept instructions by kind
    ("length_constraints" …).
    """
    rules = item.data["rules"]
    strict = [keeps(answer, name, arguments, reading) for name, arguments in rules]
    loose = [keeps_loosely(answer, name, arguments, reading) for name, arguments in rules]
    parts: dict[str, tuple[float, float]] = {
        "prompt loose": (float(all(loose)), 1.0),
        "instruction strict": (float(sum(strict)), float(len(rules))),
        "instruction loose": (float(sum(loose)), float(len(rules))),
    }
    for (name, _), kept in zip(rules, strict, strict=True):
        kind = name.partition(":")[0]
        share, weight = parts.get(kind, (0.0, 0.0))
        parts[kind] = (share + kept, weight + 1.0)
    broken = [name for (name, _), kept in zip(rules, strict, strict=True) if not kept]
    return Grade(float(not broken), f"broken: {', '.join(broken)}" if broken else "", parts)
