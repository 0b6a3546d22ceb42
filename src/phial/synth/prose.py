"""What is plainly wrong with a teacher's words, before anybody judges what they say."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection

WORD = re.compile(r"[^\W\d_]+")
MOST_COPIED = 0.3  # share of `copied` up to which a text is an own one; quotations and idioms stay below
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")
# An apology or a persona instead of an answer; a form that was not filled in.
_NO_ANSWER = re.compile(
    r"\bas an ai\b|\bai language model\b|\bi(?:'m| am) (?:sorry|unable)\b|\bi can(?:'t|not) (?:help|assist|provide)\b"
    r"|\[(?:insert|your)\b[^\]]*\]|\{\{|\{%|\blorem ipsum\b",
    re.IGNORECASE,
)
# What stands alone must not speak of a text that its reader does not have; "the text of a message" is no such thing.
_SOURCE = r"(?:text|passage|article|document|excerpt|notes|snippet)"
_TELLS = (
    r"explains?|says?|describes?|mentions?|states?|discusses|talks?|shows?|tells?|introduces|begins with|starts with"
    r"|is about|you (?:have )?provided"
)
_REFERS = re.compile(
    rf"\baccording to (?:the|this) {_SOURCE}\b|\bin (?:this|the given|the above) {_SOURCE}\b"
    rf"|\b(?:the|this) (?:given |above )?{_SOURCE} (?:also |then |above |below )?(?:{_TELLS})\b",
    re.IGNORECASE,
)
# A third of running English is these words; a text with hardly any is a list, code, or another language.
_FUNCTION_WORDS = frozenset({
    "the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "as", "with", "on", "by", "this", "be",
    "are", "at", "from", "or", "an", "which", "can", "we", "you", "if", "not", "have", "has", "was", "their",
    "they", "its", "when", "how", "what", "each", "one", "all", "will", "more", "use",
    "because", "but", "so", "do", "does", "then", "than", "there", "these", "those", "also", "such", "into", "only",
})  # fmt: skip
_LEAST_FUNCTION_WORDS = 0.12
_LEAST_WORDS_JUDGED = 12
_REPETITIVE = 0.18  # compressed size over size; running English of some length is above 0.3, a loop below 0.1
_LONGEST_COMPRESSED = 100_000
_PIECE = 8  # words; shared by chance hardly ever


def fault(text: str, least: int, most: int) -> str:
    """Look at a text that should be English prose.

    Args:
        text: with or without formulas and code among the words.
        least: characters.
        most: characters.

    Returns:
        The first reason not to keep it: "empty", "too short", "too long", "no text", "no answer", "repeats itself" or
        "no English prose"; "" where there is none.
    """
    size = len(text.strip())
    if not size:
        return "empty"
    if size < least:
        return "too short"
    if size > most:
        return "too long"
    if _NO_TEXT.search(text):
        return "no text"
    if _NO_ANSWER.search(text):
        return "no answer"
    raw = text[:_LONGEST_COMPRESSED].encode(errors="replace")
    if len(raw) >= 400 and len(zlib.compress(raw)) / len(raw) < _REPETITIVE:
        return "repeats itself"
    words = [word.lower() for word in WORD.findall(text)]
    common = sum(word in _FUNCTION_WORDS for word in words)
    foreign = sum(not word.isascii() for word in words)
    if foreign >= len(words) / 2 or (len(words) >= _LEAST_WORDS_JUDGED and common < _LEAST_FUNCTION_WORDS * len(words)):
        return "no English prose"
    return ""


def refers(text: str) -> str:
    """The words that speak of a text outside this one; "" where there are none."""
    found = _REFERS.search(text)
    return found[0] if found else ""


def content_words(text: str) -> set[str]:
    """The words of a text that carry its subject, roughly stemmed."""
    words = (word.lower() for word in WORD.findall(text))
    return {_stem(word) for word in words if len(word) > 2 and word not in _FUNCTION_WORDS}


def shared(words: Collection[object], others: Collection[object]) -> float:
    """The share of `words` that are among `others`; 0 for no words."""
    return sum(word in others for word in words) / len(words) if words else 0.0


def agreement(first: str, second: str) -> float:
    """F1 of two short texts' content words; 0 where both hold numbers and none in common."""
    counted = [set(re.findall(r"\d+(?:\.\d+)?", text)) for text in (first, second)]
    if counted[0] and counted[1] and not counted[0] & counted[1]:
        return 0.0
    one, other = content_words(first), content_words(second)
    both = len(one & other)
    return 2 * both / (len(one) + len(other)) if both else 0.0


def copied(text: str, source: str) -> float:
    """The share of a text's runs of eight words that its source has, too."""
    runs, known = _runs(text), _runs(source)
    return shared(runs, known)


def _runs(text: str) -> set[tuple[str, ...]]:
    words = [word.lower() for word in re.findall(r"\w+", text)]
    return {tuple(words[place : place + _PIECE]) for place in range(len(words) - _PIECE + 1)}


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
