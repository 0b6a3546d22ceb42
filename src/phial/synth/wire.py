"""The three interfaces that servers speak: a request as their JSON, and their JSON as an answer."""

from __future__ import annotations

import json
from typing import Any

from phial.synth.endpoint import Endpoint
from phial.synth.faults import Failed
from phial.synth.reply import Answer
from phial.synth.request import TeacherRequest, json_schema
from phial.synth.structure import instruction

_FINISH = {
    "content_filter": "filter",
    "refusal": "filter",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "stop",
    "tool_calls": "stop",
    "eos": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
_TOOL = "reply"
_NEXT_TURN = "\n\nUser:"


def body(request: TeacherRequest, model: str, endpoint: Endpoint, key: str) -> dict[str, Any]:
    """A request as an endpoint wants it.

    Args:
        request: what is asked.
        model: the server's name of it.
        endpoint: whose interface.
        key: of the request; a seeded endpoint is sent a seed made of it.
    """
    fields: dict[str, Any] = {"model": model, endpoint.limit_field: request.max_tokens}
    if request.temperature is not None:
        fields["temperature"] = request.temperature
    if request.top_p is not None:
        fields["top_p"] = request.top_p
    if endpoint.seeded:
        fields["seed"] = int(key[:8], 16) & 0x7FFFFFFF
    messages = list(request.messages)
    if request.schema and (endpoint.structured == "prompt" or endpoint.api == "completions"):
        role, content = messages[-1]
        messages[-1] = (role, f"{content}\n\n{instruction(request.schema)}")
    elif request.schema and endpoint.api == "chat":
        form = json_schema(request.schema)
        named = {"name": request.schema.__name__, "schema": form, "strict": _is_strict(form)}
        fields["response_format"] = {"type": "json_schema", "json_schema": named}
    elif request.schema:
        fields["tools"] = [
            {"name": _TOOL, "description": "Gives the answer.", "input_schema": json_schema(request.schema)}
        ]
        fields["tool_choice"] = {"type": "tool", "name": _TOOL}
    stop = list(request.stop)
    if endpoint.api == "completions":
        fields["prompt"] = _transcript(messages)
        stop += [_NEXT_TURN] if len(messages) > 1 else []
    elif endpoint.api == "anthropic":
        fields["system"] = "\n\n".join(content for role, content in messages if role == "system")
        fields["messages"] = [{"role": role, "content": content} for role, content in messages if role != "system"]
        if not fields["system"]:
            del fields["system"]
    else:
        fields["messages"] = [{"role": role, "content": content} for role, content in messages]
    if stop:
        fields["stop_sequences" if endpoint.api == "anthropic" else "stop"] = stop
    return fields | dict(request.extra)


def answer(data: Any, endpoint: Endpoint) -> Answer:
    """What a server's JSON says.

    Raises:
        Failed: it has no answer in it.
    """
    if not isinstance(data, dict):
        raise Failed("reply is no JSON object", perhaps_paid=True)
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    said = _anthropic(data) if endpoint.api == "anthropic" else _openai(data)
    cached = [_count(usage.get(name)) or 0 for name in ("cache_creation_input_tokens", "cache_read_input_tokens")]
    prompt = _count(usage.get("prompt_tokens", usage.get("input_tokens")))
    text, reasoning, finish = map(endpoint.redact, said)
    try:
        (text + reasoning + finish).encode()
    except UnicodeEncodeError:
        raise Failed("reply holds a lone surrogate", perhaps_paid=True) from None
    return Answer(
        text,
        reasoning,
        _FINISH.get(finish, finish)[:40],
        None if prompt is None else prompt + sum(cached),
        _count(usage.get("completion_tokens", usage.get("output_tokens"))),
        endpoint.public_url,
    )


def _openai(data: dict[str, Any]) -> tuple[str, str, str]:
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        raise Failed("reply without choices", perhaps_paid=True)
    finish = choice.get("finish_reason")
    finish = finish if isinstance(finish, str) else "stop"
    message = choice.get("message")
    if isinstance(message, dict):
        content, refusal = message.get("content"), message.get("refusal")
        reasoning = message.get("reasoning_content") or message.get("reasoning")
        if isinstance(refusal, str) and refusal:
            return refusal, "", "filter"
        if content is None:  # all of max_tokens went into reasoning, or a filter took the text away
            content = ""
    else:
        content, reasoning = choice.get("text"), None
    if not isinstance(content, str):
        raise Failed("reply without text", perhaps_paid=True)
    return content, reasoning if isinstance(reasoning, str) else "", finish


def _anthropic(data: dict[str, Any]) -> tuple[str, str, str]:
    blocks = data.get("content")
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise Failed("reply without content", perhaps_paid=True)
    texts: list[str] = []
    thoughts: list[str] = []
    for block in blocks:
        if block.get("type") == "text" and isinstance(block.get("text"), str):
            texts.append(block["text"])
        elif block.get("type") == "thinking" and isinstance(block.get("thinking"), str):
            thoughts.append(block["thinking"])
        elif block.get("type") == "tool_use":
            texts.append(json.dumps(block.get("input"), ensure_ascii=False))
    finish = data.get("stop_reason")
    return "".join(texts), "".join(thoughts), finish if isinstance(finish, str) else "stop"


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None


def _transcript(messages: list[tuple[str, str]]) -> str:
    """Messages as one text to go on with: a lone one as it is, several with their speakers."""
    if len(messages) == 1:
        return messages[0][1]
    return "\n\n".join([*(f"{role.capitalize()}: {content}" for role, content in messages), "Assistant:"])


def _is_strict(schema: Any) -> bool:
    """Whether a JSON schema keeps OpenAI's rules of strict ones: closed objects whose fields are all required."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    if "properties" in schema and (
        schema.get("additionalProperties") is not False or set(schema["properties"]) != set(schema.get("required", ()))
    ):
        return False
    return "default" not in schema and all(map(_is_strict, schema.values()))
