"""Has this the form it must have: JSON of a declared schema, conversations, pairs of answers."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from phial.record import Messages, Preference, Verdict

_MAXIMUM_BYTES = 1_000_000
_FAULTS_SHOWN = 8
_GATE = "form"
Form = TypeVar("Form", bound=BaseModel)


class _Fault(ValueError):
    """Why a text is not accepted, though a lenient reader would take it."""


def read_json(text: str, schema: type[Form]) -> tuple[Form | None, Verdict]:
    """Read a text that must be one JSON object of a schema and nothing else.

    Stricter than JSON readers are: no key twice, no NaN or Infinity, no text around it, a size, and no value of a type
    that would have to be converted.

    Args:
        text: whoever wrote it.
        schema: pydantic model of the object.

    Returns:
        The object or None, and the verdict.
    """
    if len(text) > _MAXIMUM_BYTES:
        return None, Verdict(_GATE, False, f"{len(text):,} characters are too many")
    try:
        fields = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant)
        # Strict in JSON's own terms: a list is a tuple's form, a string a date's; "3" is no number.
        made = schema.model_validate_json(json.dumps(fields), strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        told = [f"{'.'.join(map(str, fault['loc'])) or 'the object'}: {fault['msg']}" for fault in faults]
        return None, Verdict(_GATE, False, "; ".join(told[:_FAULTS_SHOWN]))
    except RecursionError:
        return None, Verdict(_GATE, False, "nested too deeply")
    except ValueError as error:
        return None, Verdict(_GATE, False, str(error))
    return made, Verdict(_GATE, True, schema.__name__)


def conversation(messages: Messages) -> Verdict:
    """Whether a conversation can be trained on: user and assistant in turn after one system message or none."""
    fault = _turns_fault(messages) or ("" if messages[-1][0] == "assistant" else "the last turn is not the assistant's")
    return Verdict(_GATE, not fault, fault or f"{len(messages)} turns")


def preference(pair: Preference) -> Verdict:
    """Whether a pair of answers can be trained on: both continue the prompt, and they differ."""
    fault = "the prompt does not end with a user's turn"
    if pair.prompt and pair.prompt[-1][0] == "user":
        faults = [conversation((*pair.prompt, *answer)) for answer in (pair.chosen, pair.rejected)]
        fault = next((verdict.detail for verdict in faults if not verdict.passed), "")
    if not fault and pair.chosen == pair.rejected:
        fault = "both answers are the same"
    return Verdict(_GATE, not fault, fault or "pair")


def _turns_fault(messages: Messages) -> str:
    turns = messages[1:] if messages and messages[0][0] == "system" else messages
    if not turns:
        return "there are no turns"
    for place, (_, content) in enumerate(messages):
        if not content.strip():
            return f"turn {place + 1} is empty"
        try:
            content.encode()
        except UnicodeEncodeError:
            return f"turn {place + 1} is no valid text"
    for place, (role, _) in enumerate(turns):
        if role != ("user", "assistant")[place % 2]:
            return f"a turn of {role!r} stands where {('user', 'assistant')[place % 2]} should speak"
    return ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Fault("a key stands twice")
    return made


def _constant(word: str) -> float:
    raise _Fault(f"{word} is no JSON number")
