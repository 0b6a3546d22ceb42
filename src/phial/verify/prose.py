"""Is this text fit to learn from, as far as it can be told without a model.

What is refused here is what teachers do when they fail: they break off, run in circles, fall into another script,
apologise, answer the prompt instead of doing what it says, or leave holes to be filled in.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter

from phial.record import Verdict

_GATE = "prose"
_LOOP_WORDS = 6  # words of a phrase that must not come again and again
_LOOP_TIMES = 4
_REPEATED_LINES = 0.3  # share of lines that stand elsewhere, too
_LEAST_RATIO = 0.22  # compressed to written; prose has 0.35 to 0.6, a text in circles below 0.15
_RATIO_FROM = 400  # characters; shorter texts compress little
_ECHOED_WORDS = 12
_FOREIGN_SHARE = 0.02

_ASSISTANT = re.compile(
    r"\bas an? (?:ai|artificial intelligence|language model|large language model)\b|\bi am an ai\b|\bi'm an ai\b"
    r"|\bmy (?:training data|knowledge cutoff)\b"
    r"|^(?:i'm sorry|i am sorry|sorry|i apologi[sz]e),?(?: but)? (?:i|as)\b"
    r"|^(?:sure|certainly|of course|absolutely|great question)\b[!,.]"
    # Only as the first line: within a text, "Here's an example of how to seek:" is how books speak, too.
    r"|\A\s*here(?:'s| is| are) (?:the|a|an|your|my|some) [^\n]{0,60}:\s*$|^here(?:'s| is) your [^\n]{0,60}:\s*$"
    r"|\b(?:i hope this helps|let me know if you|feel free to ask)\b",
    re.IGNORECASE | re.MULTILINE,
)
_HOLE = re.compile(
    r"\[(?:your|insert|name|topic|add|placeholder)\b[^\]\n]{0,40}\]|\blorem ipsum\b"
    r"|<(?:insert|your|placeholder)\b[^>\n]{0,40}>"
    r"|^\s*(?:#|//)?\s*(?:todo|fixme)\b|\{\{[^{}\n]{1,40}\}\}|^\s*(?:#|//)\s*(?:your code here|\.\.\.\s*rest of)",
    re.IGNORECASE | re.MULTILINE,
)
_CONTROL = re.compile(r"<\|[a-z_]{2,20}\|>|\[/?INST\]|</?s>|\ufffd|[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ENDS = re.compile(r"[.!?:;\u2026\"'\u201d\u2019)\]}`*>|]$|\d$")
# Greek, Cyrillic, Hebrew, Arabic, Thai, Japanese, Chinese, Korean.
_FOREIGN = re.compile(
    r"[\u0370-\u03ff\u0400-\u04ff\u0590-\u05ff\u0600-\u06ff\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]"
)


def check_prose(
    text: str, prompt: str = "", least_words: int = 20, most_words: int = 4000, latin: bool = True
) -> Verdict:
    """Whether a text may be kept; the first fault that is found is told.

    Args:
        text: what was written.
        prompt: what was asked for; long stretches of it must not come back.
        least_words: shortest text.
        most_words: longest text.
        latin: whether letters of other scripts are a fault (a few Greek ones in formulas are not).
    """
    fault = _fault(text, prompt, least_words, most_words, latin)
    return Verdict(_GATE, not fault, fault or f"{len(text.split())} words")


def _fault(text: str, prompt: str, least_words: int, most_words: int, latin: bool) -> str:
    words = text.split()
    if len(words) < least_words:
        return f"too short: {len(words)} words"
    if len(words) > most_words:
        return f"too long: {len(words)} words"
    for what, pattern in (("speaks as an assistant", _ASSISTANT), ("has a hole", _HOLE), ("control text", _CONTROL)):
        if match := pattern.search(text):
            return f"{what}: {match[0].strip()!r}"
    letters = sum(character.isalpha() for character in text)
    if latin and len(_FOREIGN.findall(text)) > _FOREIGN_SHARE * letters:
        return "falls into another script"
    if text.count("```") % 2 or not _ENDS.search(text.rstrip()):
        return f"cut off: ends with {text.rstrip()[-30:]!r}"
    return _circles(text, words) or _echo(words, prompt.split())


def _circles(text: str, words: list[str]) -> str:
    lines = [line.strip() for line in text.splitlines() if len(line.split()) > 3]
    repeated = sum(count for count in Counter(lines).values() if count > 1)
    if len(lines) > 3 and repeated > _REPEATED_LINES * len(lines):
        return f"repeats itself: {repeated} of {len(lines)} lines stand more than once"
    phrases = Counter(tuple(words[place : place + _LOOP_WORDS]) for place in range(len(words) - _LOOP_WORDS + 1))
    [(phrase, times)] = phrases.most_common(1) or [((), 0)]
    # A long text may come back to a phrase, a short one that does runs in circles.
    if times >= max(_LOOP_TIMES, len(words) // 100):
        return f"repeats itself: {' '.join(phrase)!r} {times} times"
    if len(text) >= _RATIO_FROM:
        raw = text.encode("utf-8", "replace")
        ratio = len(zlib.compress(raw)) / len(raw)
        if ratio < _LEAST_RATIO:
            return f"repeats itself: compresses to {ratio:.2f}"
    return ""


def _echo(words: list[str], asked: list[str]) -> str:
    known = {tuple(asked[place : place + _ECHOED_WORDS]) for place in range(len(asked) - _ECHOED_WORDS + 1)}
    for place in range(len(words) - _ECHOED_WORDS + 1):
        if tuple(words[place : place + _ECHOED_WORDS]) in known:
            return f"repeats the prompt: {' '.join(words[place : place + _ECHOED_WORDS])!r}"
    return ""
