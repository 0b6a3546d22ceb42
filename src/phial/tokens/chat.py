"""Conversations to ids with loss spans, for training and inference alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from phial.errors import PhialError
from phial.tokens import templates
from phial.tokens.chat_format import ChatFormat, Series, Turn
from phial.tokens.message import Message
from phial.tokens.pieces import Piece, encode_pieces
from phial.tokens.tokenizer import Tokenizer

TEMPLATE = templates.PHIAL


def encode_chat(
    tokenizer: Tokenizer,
    messages: Sequence[tuple[str, str] | Message],
    *,
    generation_prompt: bool = False,
    tools: Sequence[Mapping[str, Any]] = (),
    effort: str | None = None,
    chat: ChatFormat | None = None,
) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """Ids of a conversation and the token spans that the assistant wrote.

    What the messages say is encoded as ordinary text between control ids, so no text can become a control token. An
    image is one control id, for the engine to put its embeddings in the place of.

    Reasoning is shown in the turn that is going on, that is after the user's last message; what was thought before is
    left out. An answer whose reasoning is left out is no example of how to answer, so it carries no loss.

    Args:
        tokenizer: its special tokens frame the messages.
        messages: (role, content) pairs or messages.
        generation_prompt: end with the assistant's opening, for inference; otherwise with what ends a document, for
            training.
        tools: JSON schemas of the tools that the assistant may call, as OpenAI writes them.
        effort: "none" makes a reasoning model answer without a word of reasoning; no Phi model was trained on levels.
        chat: a format instead of the tokenizer's own.

    Returns:
        ids, and the [start, end) spans of what the assistant wrote, each with the token that closes it.

    Raises:
        PhialError: an unknown role, or tools, images, reasoning, effort or a system message that the family has no
            place for.
    """
    chat = tokenizer.family.chat if chat is None else chat
    conversation = [entry if isinstance(entry, Message) else Message(*entry) for entry in messages]
    pieces = _conversation(chat, conversation, tools)
    if generation_prompt:
        pieces.append(Piece(_turn(chat, "assistant").open))
        pieces.append(Piece(_effort(chat, effort)))
    else:
        pieces.append(Piece(chat.finish))
    return encode_pieces(tokenizer, pieces, chat.joined)


def _conversation(chat: ChatFormat, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[Piece]:
    if tools and chat.tools is None:
        raise _no_place(chat, "tools", "leave the tools out, or describe them in a message")
    messages, preamble = _with_system(chat, messages, bool(tools))
    last_user = max((index for index, message in enumerate(messages) if message.role == "user"), default=-1)
    pieces = [Piece(chat.start)]
    images = 0
    index = 0
    for role, group in groupby(messages, key=lambda message: message.role):
        turn = _turn(chat, role)
        run = list(group)
        if role == "tool" and chat.results is not None:
            results = [_words(chat, message, 0) for message in run]
            pieces += [Piece(turn.open), *_series(chat.results, results), Piece(turn.close), Piece(turn.after)]
            index += len(run)
            continue
        for message in run:
            content = _words(chat, message, images)
            images += sum(not isinstance(part, str) for part in message.parts)
            if role == "assistant":
                pieces += _answer(chat, turn, message, content, shown=index > last_user)
            else:
                if message.reasoning or message.tool_calls:
                    raise PhialError(
                        f"reasoning or tool calls of {role!r}", where="chat messages", do="only assistants"
                    )
                pieces += [Piece(turn.open), *([] if index else [Piece(preamble)]), *content]
                if index == 0 and tools and chat.tools is not None:
                    pieces += _series(chat.tools, [[Piece(_tool(chat, tool), words=True)] for tool in tools])
                pieces += [Piece(turn.close), Piece(turn.after)]
            index += 1
    return pieces


def _answer(chat: ChatFormat, turn: Turn, message: Message, content: list[Piece], shown: bool) -> list[Piece]:
    written: list[Piece] = []
    if message.reasoning and shown:
        if chat.think is None:
            raise _no_place(chat, "reasoning", "leave it out of the message")
        written += [Piece(chat.think[0]), Piece(message.reasoning, words=True), Piece(chat.think[1])]
    if chat.lead:
        written.append(Piece(chat.lead))
    written += content
    if message.tool_calls:
        if chat.calls is None:
            raise _no_place(chat, "tool calls", "leave them out of the messages")
        calls = [
            [Piece(_json({"name": c.name, "arguments": dict(c.arguments)}), words=True)] for c in message.tool_calls
        ]
        written += ([Piece(chat.calls.gap)] if content else []) + _series(chat.calls, calls)
    written.append(Piece(turn.close))
    learned = shown or not message.reasoning
    return [Piece(turn.open), *(piece.scored_as(learned) for piece in written), Piece(turn.after)]


def _with_system(chat: ChatFormat, messages: Sequence[Message], tools: bool) -> tuple[list[Message], str]:
    """The messages, first of all the system's where there must be one, and what the family itself says in it."""
    own = messages[0] if messages and messages[0].role == "system" else None
    first = [] if own else [Message("system")]
    if not chat.system:
        return [*(first if tools else []), *messages], ""
    if own is None:
        return [*first, *messages], chat.system
    if chat.system_rule == "refused":
        raise _no_place(chat, "a system message other than its own", "say it in the first user message")
    return list(messages), "" if chat.system_rule == "replaces" else f"{chat.system} "


def _words(chat: ChatFormat, message: Message, images: int) -> list[Piece]:
    pieces = []
    for part in message.parts:
        if isinstance(part, str):
            pieces.append(Piece(part.strip() if chat.trim or chat.lead else part, words=True))
            continue
        if chat.image is None or message.role != "user":
            raise _no_place(chat, f"images of the {message.role}", "give the message without images")
        images += 1
        text, token, after = chat.image
        pieces += [Piece(token, instead_of=text.format(images)), Piece(after)]
    return pieces


def _series(series: Series, items: Sequence[list[Piece]]) -> list[Piece]:
    pieces = [Piece(series.before)]
    for index, item in enumerate(items):
        pieces += [Piece(series.between), *item] if index else item
    return [*pieces, Piece(series.after)]


def _turn(chat: ChatFormat, role: str) -> Turn:
    if role not in chat.roles:
        raise PhialError(f"unknown role {role!r}", where="chat messages", do=f"use one of {', '.join(chat.roles)}")
    return chat.roles[role]


def _tool(chat: ChatFormat, tool: Mapping[str, Any]) -> str:
    return _json(tool.get("function", tool) if chat.bare_tools else tool)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise PhialError(f"no JSON value: {error}", where="tools or tool calls", do="use JSON values only") from error


def _effort(chat: ChatFormat, effort: str | None) -> str:
    if effort is None:
        return ""
    if not chat.no_think:
        raise _no_place(chat, "a reasoning effort", "leave the effort out")
    if effort != "none":
        raise PhialError(f"unknown effort {effort!r}", where="chat", do='use "none", or leave it out')
    return chat.no_think


def _no_place(chat: ChatFormat, what: str, advice: str) -> PhialError:
    return PhialError(f"the {chat.name} format has no place for {what}", where="chat messages", do=advice)
