"""What one family's chat format is made of, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Turn:
    """How one role's message is framed.

    Attributes:
        open: written before the content.
        close: written after it; the assistant learns to write it.
        after: written after that; nobody learns it.
    """

    open: str
    close: str
    after: str = ""


@dataclass(frozen=True)
class Series:
    """How a list of texts (tools as JSON, tool calls as JSON, tool results) is written.

    Attributes:
        before: comes before the first.
        between: comes between two.
        after: comes after the last.
        gap: comes before all of it where a message has other content.
    """

    before: str
    between: str
    after: str
    gap: str = ""


@dataclass(frozen=True)
class ChatFormat:
    """A chat format. Every string is phial's own and may hold control tokens; messages never can.

    Attributes:
        name: the family.
        template: the same format in Jinja, for engines that want it so.
        roles: the roles it knows.
        start: comes before the first message.
        finish: ends a training conversation; not part of a prompt.
        template_finishes: the Jinja template writes `finish` too, where no answer is asked for.
        system: a system message of the family's own, "" for none.
        system_rule: what becomes of the caller's system message where `system` is set: it takes its place
            ("replaces"), follows it after a space ("follows"), or is an error ("refused").
        trim: content loses the spaces around it.
        joined: the frame's text is encoded together with the content beside it, as a tokenizer that reads the
            rendered text does. phial's own models have always seen them apart.
        lead: written before the assistant's content, and learned.
        think: opens and closes the reasoning of an assistant, where the family reasons.
        no_think: follows the generation prompt to leave the reasoning out.
        tools: writes the tools at the end of the system message.
        bare_tools: tools are written without the {"type": "function", "function": ...} around them.
        calls: writes an assistant's tool calls.
        results: writes consecutive tool results, inside the "tool" role's frame.
        image: the text that stands for the k-th image (with {}), the control token that it becomes, and what follows.
    """

    name: str
    template: str
    roles: Mapping[str, Turn]
    start: str = ""
    finish: str = ""
    template_finishes: bool = True
    system: str = ""
    system_rule: Literal["replaces", "follows", "refused"] = "replaces"
    trim: bool = False
    joined: bool = True
    lead: str = ""
    think: tuple[str, str] | None = None
    no_think: str = ""
    tools: Series | None = None
    bare_tools: bool = False
    calls: Series | None = None
    results: Series | None = None
    image: tuple[str, str, str] | None = None
