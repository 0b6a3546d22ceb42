"""The 25 rules of IFEval (Zhou et al. 2023): whether a reply keeps an instruction that a program can check."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from phial.errors import PhialError
from phial.evals.ifeval_reading import Reading

Rule = Callable[[str, Mapping[str, Any], Reading], bool]

OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_STOPS = frozenset(".,?!'\"")


def keeps(reply: str, instruction: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    """Whether a reply keeps one instruction as it stands; an empty one keeps none.

    Args:
        instruction: "punctuation:no_comma" …
        arguments: of the instruction, as published.
    """
    return bool(reply.strip()) and RULES[instruction](reply, arguments, reading)


def keeps_loosely(reply: str, instruction: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    """Whether a reply keeps one instruction without its first line, its last, both or none, and with `*` or without."""
    return any(keeps(text, instruction, arguments, reading) for text in variants(reply))


def variants(reply: str) -> list[str]:
    """The texts of which the loose rule asks that one keeps the instruction, the reply first; each once."""
    lines = reply.split("\n")
    cut = [reply, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return list(
        dict.fromkeys([cut[0], cut[0].replace("*", ""), *cut[1:], *(text.replace("*", "") for text in cut[1:])])
    )


def _compare(count: int, relation: str, bound: int) -> bool:
    if relation not in ("less than", "at least"):
        raise PhialError(f"no relation {relation!r}", where="ifeval", do="give the published file")
    return count < bound if relation == "less than" else count >= bound


def _response_language(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    return reading.language(reply) in (arguments["language"], None)


def _number_sentences(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    return _compare(reading.sentences(reply), arguments["relation"], arguments["num_sentences"])


def _number_words(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    return _compare(reading.length(reply), arguments["relation"], arguments["num_words"])


def _number_paragraphs(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    """Paragraphs lie between `***`; an empty one may only stand first or last."""
    parts = reply.split("***")
    # A blank on either side belongs to the divider, so "*** ***" has nothing between, and so has " ".
    empty = [not part.strip() for part in parts]
    if any(empty[1:-1]):
        return False
    return len(parts) - empty[0] - (empty[-1] if len(parts) > 1 else 0) == arguments["num_paragraphs"]


def _nth_paragraph_first_word(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    """Paragraphs lie between empty lines; those without text do not count, but they do when the nth is looked up."""
    paragraphs = reply.split("\n\n")
    count = sum(1 for paragraph in paragraphs if paragraph.strip())
    nth = arguments["nth_paragraph"]
    if nth > count:
        return False
    words = paragraphs[nth - 1].split(maxsplit=1)
    if not words:
        return False
    word = words[0].lstrip("'").lstrip('"')
    end = next((place for place, character in enumerate(word) if character in _STOPS), len(word))
    return count == arguments["num_paragraphs"] and word[:end].lower() == arguments["first_word"].lower()


def _number_placeholders(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    """Placeholders stand in square brackets on one line, from the first `[` to the first `]` behind it."""
    count = 0
    for line in reply.split("\n"):
        end = 0
        while (start := line.find("[", end)) >= 0 and (end := line.find("]", start) + 1) > 0:
            count += 1
    return count >= arguments["num_placeholders"]


def _postscript(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    marker = arguments["postscript_marker"].strip()
    patterns = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    return re.search(patterns.get(marker, re.escape(marker.lower())), reply.lower()) is not None


def _number_bullet_lists(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    """Lines that begin with `-`, or with `*` and then no other `*`; a `*` alone on its line takes in the next line."""
    lines = reply.split("\n")
    count = sum(line.lstrip().startswith("-") for line in lines)
    number = 0
    while number < len(lines):
        line = lines[number].lstrip()
        number += 1
        if line == "*" and number < len(lines):
            count, number = count + 1, number + 1
        elif line.startswith("*") and line != "*" and line[1] != "*":
            count += 1
    return count == arguments["num_bullets"]


def _constrained_response(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    return any(option in reply for option in OPTIONS)


def _number_highlighted_sections(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    """Texts between single stars, and those between double stars once more."""
    single = re.findall(r"\*([^\n*]*)\*", reply)
    double = re.findall(r"\*\*([^\n*]*)\*\*", reply)
    return sum(bool(text.strip()) for text in (*single, *double)) >= arguments["num_highlights"]


def _multiple_sections(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    found = re.findall(rf"{re.escape(arguments['section_spliter'].strip())}\s?\d+", reply)
    return len(found) >= arguments["num_sections"]


def _json_format(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    text = reply.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def _title(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    """Something between the first `<<` and the last `>>` of a line."""
    for line in reply.split("\n"):
        start, end = line.find("<<"), line.rfind(">>")
        if 0 <= start < end - 2 and line[start : end + 2].lstrip("<").rstrip(">").strip():
            return True
    return False


def _existence(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    return all(re.search(re.escape(word), reply, re.IGNORECASE) for word in arguments["keywords"])


def _frequency(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    count = sum(1 for _ in re.finditer(re.escape(arguments["keyword"].strip()), reply, re.IGNORECASE))
    return _compare(count, arguments["relation"], arguments["frequency"])


def _forbidden_words(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    return not any(re.search(rf"\b{re.escape(word)}\b", reply, re.IGNORECASE) for word in arguments["forbidden_words"])


def _letter_frequency(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    count = reply.lower().count(arguments["letter"].strip().lower())
    return _compare(count, arguments["let_relation"], arguments["let_frequency"])


def _capital_word_frequency(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    count = sum(word.isupper() for word in reading.words(reply))
    return _compare(count, arguments["capital_relation"], arguments["capital_frequency"])


def _english_capital(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    return reply.isupper() and reading.language(reply) in ("en", None)


def _english_lowercase(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    return reply.islower() and reading.language(reply) in ("en", None)


def _no_comma(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    return "," not in reply


def _two_responses(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    """Two different texts with `******` between; an empty one may only stand first or last."""
    parts = [part.strip() for part in reply.split("******")]
    texts = [part for part in parts if part]
    return all(parts[1:-1]) and len(texts) == 2 and texts[0] != texts[1]


def _repeat_prompt(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    return reply.strip().lower().startswith(arguments["prompt_to_repeat"].strip().lower())


def _end_checker(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    return reply.strip().strip('"').lower().endswith(arguments["end_phrase"].strip().lower())


def _quotation(reply: str, arguments: Mapping[str, Any], reading: Reading) -> bool:
    text = reply.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


RULES: Mapping[str, Rule] = {
    "change_case:capital_word_frequency": _capital_word_frequency,
    "change_case:english_capital": _english_capital,
    "change_case:english_lowercase": _english_lowercase,
    "combination:repeat_prompt": _repeat_prompt,
    "combination:two_responses": _two_responses,
    "detectable_content:number_placeholders": _number_placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:constrained_response": _constrained_response,
    "detectable_format:json_format": _json_format,
    "detectable_format:multiple_sections": _multiple_sections,
    "detectable_format:number_bullet_lists": _number_bullet_lists,
    "detectable_format:number_highlighted_sections": _number_highlighted_sections,
    "detectable_format:title": _title,
    "keywords:existence": _existence,
    "keywords:forbidden_words": _forbidden_words,
    "keywords:frequency": _frequency,
    "keywords:letter_frequency": _letter_frequency,
    "language:response_language": _response_language,
    "length_constraints:nth_paragraph_first_word": _nth_paragraph_first_word,
    "length_constraints:number_paragraphs": _number_paragraphs,
    "length_constraints:number_sentences": _number_sentences,
    "length_constraints:number_words": _number_words,
    "punctuation:no_comma": _no_comma,
    "startend:end_checker": _end_checker,
    "startend:quotation": _quotation,
}
