import json
import re

import numpy as np
import pytest
from checkpoints import tiny_tokenizer
from hashing import HashingBackend, hashing_config

from phial.engine.engine import Engine
from phial.engine.grammar import Grammar
from phial.engine.request import Generation, Request, Sampling, Thinking
from phial.engine.speculate import Drafts, PromptLookup
from phial.errors import PhialError

pytest.importorskip("llguidance")
TOKENIZER = tiny_tokenizer()
SCHEMA = {
    "type": "object",
    "properties": {"name": {"enum": ["Ada", "Bob"]}, "age": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def answers(grammar: Grammar, n: int = 6, drafts: bool = False, thinking: Thinking | None = None) -> list[Generation]:
    """Of a model that has no idea."""
    make = (lambda: Drafts(PromptLookup(), cost=0.01)) if drafts else None
    engine = Engine(HashingBackend(hashing_config()), TOKENIZER, drafts=make)
    sampling = Sampling(temperature=1.0, max_tokens=100)
    return engine.submit(Request([5, 6], sampling, n=n, constraint=grammar, thinking=thinking)).result()


@pytest.mark.parametrize("drafts", [False, True])
def test_answers_keep_to_a_schema(drafts: bool) -> None:
    whole = [a for a in answers(Grammar("json", json.dumps(SCHEMA)), 16, drafts) if a.finish_reason == "stop"]
    assert len(whole) > 8
    for answer in whole:
        value = json.loads(answer.text)
        assert set(value) == {"name", "age"} and value["name"] in ("Ada", "Bob") and 0 <= value["age"] <= 99


def test_answers_keep_to_a_regular_expression_and_to_a_lark_grammar() -> None:
    for answer in answers(Grammar("regex", "[ab]{3}-[0-9]+")):
        assert re.fullmatch("[ab]{3}-[0-9]+", answer.text) or answer.finish_reason == "length"
    for answer in answers(Grammar("lark", 'start: "one" | "two" " " "pens"')):
        assert answer.text in ("one", "two pens")


def test_the_grammar_begins_behind_the_thinking() -> None:
    for answer in answers(Grammar("regex", "yes|no"), thinking=Thinking(9)):
        thought, _, final = answer.text.partition("</think>")
        assert final in ("yes", "no") and thought


@pytest.mark.parametrize(
    "grammar",
    [("json", "[1]"), ("json", "{"), ("json", '{"type": "nothing"}'), ("regex", "["), ("lark", "start: ?? |")],
)
def test_unusable_grammars_are_refused(grammar: tuple) -> None:
    with pytest.raises(PhialError) as caught:
        answers(Grammar(*grammar))
    assert caught.value.where == "grammar"


def test_large_and_deep_grammars_are_refused_before_they_are_parsed() -> None:
    with pytest.raises(PhialError, match="characters"):
        Grammar("regex", "a" * 70_000)
    with pytest.raises(PhialError, match="nested"):
        Grammar("json", '{"not":' * 40 + "{}" + "}" * 40)


def test_ids_beyond_the_tokenizer_are_masked() -> None:
    matcher = Grammar("regex", "a").start(TOKENIZER)
    logits = np.zeros(400, dtype=np.float32)
    matcher.mask(logits)
    assert np.flatnonzero(np.isfinite(logits)).tolist() == TOKENIZER.encode("a")
