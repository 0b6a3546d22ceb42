"""Chat templates in Jinja: rendered in a sandbox, and compared with the formats written here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phial.errors import PhialError
from phial.tokens.chat_format import ChatFormat
from phial.tokens.families import Family
from phial.tokens.message import Image, Message, ToolCall, template_messages

MAX_TEMPLATE = 1 << 18  # characters; the longest published ones have some 20,000
MAX_RENDERED = 1 << 22  # characters
SECONDS = 5  # of processor time
_PATIENCE = 60  # seconds by the clock that a crowded machine may take to start a process
MEMORY = 1 << 29  # bytes

_CHILD = Path(__file__).with_name("render_child.py")
_ADVICE = "use the family's own format"


@dataclass(frozen=True)
class Difference:
    """A conversation that two templates write differently.

    Attributes:
        case: what the conversation tries.
        ours: what the format of this project writes.
        theirs: what the other template writes, or why it writes nothing.
    """

    case: str
    ours: str
    theirs: str


@dataclass(frozen=True)
class Case:
    """A conversation to render.

    Attributes:
        name: what it tries.
        messages: the conversation.
        tools: as OpenAI writes them.
        generation_prompt: ask for the assistant's opening.
        thinking: the template's `enable_thinking`; None leaves it undefined.
    """

    name: str
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    generation_prompt: bool = True
    thinking: bool | None = None


def render_template(template: str, family: Family, case: Case) -> str:
    """Render a chat template that nobody vouches for.

    It runs in Jinja's sandbox inside a process of its own, which the system stops after SECONDS of processor time or
    MEMORY bytes.

    Args:
        template: Jinja text.
        family: gives `bos_token` and `eos_token`.
        case: the conversation.

    Raises:
        PhialError: the template is too long, fails, or does not come to an end.
    """
    [reply] = _render(template, family, [case])
    if "error" in reply:
        raise PhialError(f"the chat template fails: {reply['error']}", where="chat template", do=_ADVICE)
    return reply["text"]


def compare_template(template: str, family: Family, cases: Sequence[Case] = ()) -> list[Difference]:
    """Where a checkpoint's own template writes something else than the family's format.

    Args:
        template: the checkpoint's, not trusted.
        family: with the format that phial uses.
        cases: conversations to try; ones that touch everything the format has if left out.

    Returns:
        The conversations that come out differently, none if the templates are equal on all of them.

    Raises:
        PhialError: the template is too long, or does not come to an end.
    """
    cases = cases or _cases(family.chat)
    ours = _render(family.chat.template, family, cases)
    theirs = _render(template, family, cases)
    return [
        Difference(case.name, *(reply.get("text", reply.get("error", "")) for reply in pair))
        for case, *pair in zip(cases, ours, theirs, strict=True)
        if pair[0] != pair[1]
    ]


def _render(template: str, family: Family, cases: Sequence[Case]) -> list[dict[str, str]]:
    if len(template) > MAX_TEMPLATE:
        what = f"a chat template of {len(template)} characters; {MAX_TEMPLATE} at most"
        raise PhialError(what, where="chat template", do=_ADVICE)
    task = {
        "template": template,
        "variables": [_variables(family, case) for case in cases],
        "seconds": SECONDS,
        "bytes": MEMORY,
        "characters": MAX_RENDERED,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_CHILD)],
            input=json.dumps(task).encode(),
            capture_output=True,
            timeout=_PATIENCE + 4 * SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PhialError("the chat template does not end", where="chat template", do=_ADVICE) from error
    if done.returncode:
        what = f"the chat template was stopped at {SECONDS} s or {MEMORY >> 20} MiB"
        raise PhialError(what, where="chat template", do=_ADVICE)
    return json.loads(done.stdout)


def _variables(family: Family, case: Case) -> dict[str, Any]:
    messages = template_messages(case.messages)
    variables: dict[str, Any] = {
        "messages": messages,
        "add_generation_prompt": case.generation_prompt,
        "bos_token": family.bos,
        "eos_token": family.eos,
    }
    if case.tools:
        variables["tools"] = list(case.tools)
        if messages[0]["role"] == "system":  # where Phi-4-mini's own template looks for them, as JSON text
            bare = [tool.get("function", tool) for tool in case.tools]
            messages[0]["tools"] = json.dumps(bare, ensure_ascii=False)
    if case.thinking is not None:
        variables["enable_thinking"] = case.thinking
    return variables


def _cases(chat: ChatFormat) -> list[Case]:
    """Conversations that touch everything a format has."""
    asked, said, again = Message("user", "Add 1 and 2."), Message("assistant", "3"), Message("user", "And 3?\n")
    system = Message("system", "Be brief.")
    call = Message("assistant", "", tool_calls=(ToolCall("add", {"a": 1, "b": "ü\n"}),))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    tool = {"type": "function", "function": {"name": "add", "description": "Adds <&>.", "parameters": schema}}
    cases = [
        Case("a question", (asked,)),
        Case("a conversation", (asked, said, again)),
        Case("a conversation to learn", (asked, said, again, said), generation_prompt=False),
    ]
    if "system" in chat.roles and chat.system_rule != "refused":
        cases.append(Case("a system message", (system, asked)))
    if chat.think:
        thought = Message("assistant", "3", reasoning="1 and 2 make 3.")
        cases.append(Case("reasoning of the past", (asked, thought, again)))
    if chat.tools:
        cases.append(Case("tools", (system, asked), (tool,)))
    if chat.calls:
        cases.append(Case("a tool call", (system, asked, call), (tool,), generation_prompt=False))
    if chat.results:
        cases.append(Case("tool results", (asked, call, Message("tool", "3"), Message("tool", "4"))))
    if chat.image:
        cases.append(Case("an image", (Message("user", (Image(), "What is it?")),)))
    return cases
