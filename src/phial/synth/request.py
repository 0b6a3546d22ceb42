"""What a teacher is asked, in a form that does not depend on the server that answers, and the key it is known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from pydantic import BaseModel

from phial.synth.faults import Refused

# What a server adds at most: around a message, and once (a default system prompt, the description of a tool).
_TOKENS_A_MESSAGE = 16
_TOKENS_A_REQUEST = 512


@dataclass(frozen=True)
class Identity:
    """Whose answers these are; part of every request's key, as the address of the server is not.

    Attributes:
        name: what the user calls the teacher.
        model: the name that the server knows the model by.
        revision: changes when the weights behind the name do.
    """

    name: str
    model: str
    revision: str = ""


@dataclass(frozen=True)
class TeacherRequest:
    """One request.

    Attributes:
        messages: (role, content) in turn.
        max_tokens: longest answer.
        temperature: of the sampling; None leaves it to the server.
        top_p: of the sampling; None leaves it to the server.
        stop: strings that end the answer.
        schema: the form of the answer, or None for free text.
        extra: fields of the server's own, such as {"reasoning_effort": "low"}.
        sample: which of several answers to the same words.
        task: what is asked for in a word; recorded, never sent, no part of the key.
    """

    messages: tuple[tuple[str, str], ...]
    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    schema: type[BaseModel] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    sample: int = 0
    task: str = ""

    @cached_property
    def body(self) -> dict[str, Any]:
        """What decides the answer, JSON-able; what is left to the server is left out."""
        fields = {
            "messages": [list(message) for message in self.messages],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "stop": list(self.stop) or None,
            "schema": None if self.schema is None else json_schema(self.schema),
            "extra": dict(self.extra) or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @cached_property
    def prompt_bytes(self) -> int:
        """Of the messages, in UTF-8."""
        return sum(len(content.encode()) for _, content in self.messages)

    @cached_property
    def most_prompt_tokens(self) -> int:
        """No tokenizer makes more tokens of the prompt: a byte each, and what the server adds."""
        size = _TOKENS_A_REQUEST + self.prompt_bytes
        size += sum(len(role) + _TOKENS_A_MESSAGE for role, _ in self.messages)
        return size if self.schema is None else size + len(json.dumps(json_schema(self.schema)))

    def canonical(self, identity: Identity) -> str:
        """The request and who is asked as one line of JSON, the same in every process.

        Raises:
            Refused: the words are no valid text.
        """
        facts = {
            "body": self.body,
            "teacher": identity.name,
            "model": identity.model,
            "revision": identity.revision,
            "sample": self.sample,
        }
        line = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        try:
            line.encode()
        except UnicodeEncodeError as error:
            do = "clean the seed text"
            raise Refused("no valid text", "a prompt holds a lone surrogate", where="teacher", do=do) from error
        return line


def request_key(canonical: str) -> str:
    """sha256 of a canonical request, in hexadecimal."""
    return hashlib.sha256(canonical.encode()).hexdigest()


@lru_cache(maxsize=256)
def json_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a pydantic model."""
    return schema.model_json_schema()
