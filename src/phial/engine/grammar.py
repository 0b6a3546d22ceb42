"""Answers that keep to a JSON schema, a regular expression or a Lark grammar, by llguidance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

import numpy as np

from phial.errors import PhialError
from phial.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    import llguidance

# A grammar comes with a request. It is compiled on the thread that takes requests in, and parsed by recursion, so size
# and depth are bounded before it gets there, and the library's own limits bound what a step may take.
MAX_CHARACTERS = 1 << 16
MAX_DEPTH = 32
# JSON allows whitespace without end between its parts, and a model that is unsure writes it.
_JSON = {"whitespace_pattern": r"[ \n]{0,16}"}
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")

_tokenizers: WeakKeyDictionary[Tokenizer, llguidance.LLTokenizer] = WeakKeyDictionary()


@dataclass(frozen=True)
class Grammar:
    """A `Constraint`.

    Attributes:
        kind: what `text` is: a JSON schema, a regular expression that the whole answer must match, or a Lark grammar.
        text: the grammar.
    """

    kind: Literal["json", "regex", "lark"]
    text: str

    def __post_init__(self) -> None:
        if len(self.text) > MAX_CHARACTERS:
            _refuse(f"a grammar of {len(self.text):,} characters", f"give at most {MAX_CHARACTERS:,}")
        depth = deepest = 0
        for character in self.text:
            depth += (character in _OPENING) - (character in _CLOSING)
            deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            _refuse(f"a grammar of {deepest:,} nested brackets", f"nest at most {MAX_DEPTH}")

    def start(self, tokenizer: Tokenizer) -> GrammarMatcher:
        """A matcher at the beginning of an answer.

        Raises:
            PhialError: the grammar is unusable, or llguidance is not installed.
        """
        library = _library()
        if tokenizer not in _tokenizers:
            eos = list(tokenizer.stop_ids) or tokenizer.eos_id
            _tokenizers[tokenizer] = library.LLTokenizer(tokenizer.backend.to_str(), eos_token=eos)
        known = _tokenizers[tokenizer]
        matcher = library.LLMatcher(known, _compiled(self.kind, self.text), log_level=0)
        if matcher.is_error():
            _refuse(f"the {self.kind} grammar can't be used: {_first_line(matcher.get_error())}", "correct it")
        return GrammarMatcher(matcher, frozenset(known.eos_tokens))


class GrammarMatcher:
    """A `Matcher` over llguidance's."""

    def __init__(self, matcher: llguidance.LLMatcher, eos: frozenset[int]) -> None:
        self._matcher, self._eos = matcher, eos

    @property
    def finished(self) -> bool:
        """Whether the answer is complete, and nothing may follow."""
        return self._matcher.is_stopped()

    def mask(self, logits: np.ndarray) -> None:
        """Leave only what the grammar allows next; see `Matcher.mask`."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        allowed = np.unpackbits(bits, bitorder="little")[: len(logits)]
        logits[: len(allowed)][allowed == 0] = -np.inf
        logits[len(allowed) :] = -np.inf

    def copy(self) -> GrammarMatcher:
        """Another one at the same place; see `Matcher.copy`."""
        return GrammarMatcher(self._matcher.deep_copy(), self._eos)

    def accept(self, token: int) -> None:
        """Go on with a token; see `Matcher.accept`."""
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            _refuse(f"the grammar gave up: {_first_line(self._matcher.get_error())}", "simplify it")


@lru_cache(maxsize=64)
def _compiled(kind: str, text: str) -> str:
    matcher = _library().LLMatcher
    if kind == "regex":
        return matcher.grammar_from_regex(text)
    if kind == "lark":
        return matcher.grammar_from_lark(text)
    try:
        schema = json.loads(text)
        if not isinstance(schema, dict):
            raise ValueError("it is no object")
        return matcher.grammar_from_json_schema(text, overrides=_JSON)
    except ValueError as error:
        advice = "write it as in json-schema.org"
        raise PhialError(f"no JSON schema: {error}", where="grammar", do=advice) from error


def _library():  # type: ignore[no-untyped-def]
    try:
        import llguidance
    except ImportError as error:
        advice = "pip install 'phial-lm[engine]'"
        raise PhialError("grammars need llguidance", where="grammar", do=advice) from error
    return llguidance


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0][:300]


def _refuse(what: str, do: str) -> None:
    raise PhialError(what, where="grammar", do=do)
