"""One message of a conversation: who says what, with images, reasoning and tool calls."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phial.errors import PhialError


@dataclass(frozen=True)
class Image:
    """The place of an image in a message; its pixels go another way."""


@dataclass(frozen=True)
class ToolCall:
    """A tool that an assistant calls.

    Attributes:
        name: of the tool.
        arguments: JSON values by parameter.
    """

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Message:
    """What one role says.

    Attributes:
        role: "system", "user", "assistant" or "tool"; each family says which it knows.
        content: text, or text and images by turns.
        reasoning: what an assistant thought before it answered.
        tool_calls: tools that an assistant calls.
    """

    role: str
    content: str | tuple[str | Image, ...] = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def parts(self) -> tuple[str | Image, ...]:
        """The content as a sequence, without empty text."""
        parts = (self.content,) if isinstance(self.content, str) else self.content
        return tuple(part for part in parts if part != "")


_NUMBERED = re.compile(r"<\|image_([0-9]{1,6})\|>\n?", re.ASCII)


def numbered_images(text: str, count: int) -> tuple[tuple[str | Image, ...], tuple[int, ...]]:
    """Content of a message whose writer marks the places of images: `<|image_1|>`, `<|image_2|>`, ...

    For writers who know their images, as on a command line. Where a place belongs to a user's text, give parts
    instead. A line end behind a mark is part of it, since chat formats write their own.

    Args:
        text: with the marks.
        count: images there are.

    Returns:
        Text and images by turns, and for each place which image stands there, counted from 0.

    Raises:
        PhialError: a number without its image, an image without its mark, or a mark that comes twice.
    """
    cut = _NUMBERED.split(text)
    numbers = [int(number) for number in cut[1::2]]
    if sorted(numbers) != list(range(1, count + 1)):
        found = ", ".join(f"<|image_{number}|>" for number in numbers) or "none"
        raise PhialError(
            f"marks of {count} images: {found}", where="prompt", do="mark every image once, counted from 1"
        )
    parts = tuple(Image() if index % 2 else part for index, part in enumerate(cut))
    return tuple(part for part in parts if part != ""), tuple(number - 1 for number in numbers)


def read_messages(conversation: Sequence[Any]) -> list[Message]:
    """Messages of an OpenAI-style conversation.

    Args:
        conversation: objects with "role", "content" (text, null, or parts of type "text", "image" or "image_url"),
            "reasoning_content" and "tool_calls"; other keys are no part of a prompt.

    Raises:
        PhialError: an entry has another shape.
    """
    return [_read(entry, f"messages[{index}]") for index, entry in enumerate(conversation)]


def template_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The same conversation as Jinja templates expect it."""
    return [_as_object(message) for message in messages]


def _read(entry: Any, where: str) -> Message:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("role"), str):
        raise PhialError("a message needs a role", where=where, do='give {"role": ..., "content": ...}')
    content, reasoning = entry.get("content"), entry.get("reasoning_content") or ""
    if not isinstance(reasoning, str):
        raise PhialError("reasoning_content is no text", where=where, do="give text")
    calls = entry.get("tool_calls") or ()
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise PhialError("tool_calls is no list", where=where, do="give a list of calls")
    if content is None:
        content = ""
    elif not isinstance(content, str):
        if not isinstance(content, Sequence):
            raise PhialError("content is neither text nor a list of parts", where=where, do="give text")
        content = tuple(_read_part(part, where) for part in content)
    return Message(entry["role"], content, reasoning, tuple(_read_call(call, where) for call in calls))


def _read_part(part: Any, where: str) -> str | Image:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "text" and isinstance(part.get("text"), str):
        return part["text"]
    if kind in ("image", "image_url"):
        return Image()
    raise PhialError(f"content part of type {kind!r}", where=where, do="use text and image parts")


def _read_call(call: Any, where: str) -> ToolCall:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if isinstance(function, Mapping) and isinstance(function.get("name"), str):
        arguments = function.get("arguments", {})
        if isinstance(arguments, str):  # OpenAI sends them as JSON text
            try:
                arguments = json.loads(arguments or "{}")
            except (ValueError, RecursionError) as error:
                raise PhialError(
                    f"tool arguments are no JSON: {error}", where=where, do="send a JSON object"
                ) from error
        if isinstance(arguments, Mapping):
            return ToolCall(function["name"], arguments)
    raise PhialError("a tool call needs a name and arguments", where=where, do="send OpenAI's tool_calls")


def _as_object(message: Message) -> dict[str, Any]:
    content: Any = message.content
    if not isinstance(content, str):
        content = [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in message.parts]
    calls = [
        {"type": "function", "function": {"name": call.name, "arguments": dict(call.arguments)}}
        for call in message.tool_calls
    ]
    facts = {"role": message.role, "content": content}
    optional = {"reasoning_content": message.reasoning, "tool_calls": calls}
    return facts | {key: value for key, value in optional.items() if value}
