"""Answers of a given form: read as an object of a pydantic model, or told what is wrong with them."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from phial.synth.request import json_schema

_FAULTS_SHOWN = 8
Form = TypeVar("Form", bound=BaseModel)


def read_object(schema: type[Form], text: str) -> tuple[Form | None, str]:
    """Read an answer.

    Args:
        schema: the form.
        text: a JSON object, alone or in a code fence or among words.

    Returns:
        The object and "", or None and what is wrong.
    """
    start, end = text.find("{"), text.rfind("}")
    if not 0 <= start < end:
        return None, "there is no JSON object"
    try:
        return schema.model_validate_json(text[start : end + 1]), ""
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [f"{'.'.join(map(str, fault['loc'])) or 'the object'}: {fault['msg']}" for fault in faults]
        return None, "; ".join(lines[:_FAULTS_SHOWN])


def complaint(schema: type[BaseModel], fault: str) -> str:
    """What a teacher is told whose answer had another form."""
    return f"That does not fit: {fault}.\n{instruction(schema)}"


def instruction(schema: type[BaseModel]) -> str:
    """Asks for a form in words."""
    form = json.dumps(json_schema(schema), ensure_ascii=False)
    return f"Answer with one JSON object and nothing else. It must be valid under this JSON schema:\n{form}"
