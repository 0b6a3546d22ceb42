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
MAX_RENDERED = 1 << 25  # characters
SECONDS = 5  # of processor time
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


def render_template(
    template: str,
    family: Family,
    messages: Sequence[Message],
    *,
    generation_prompt: bool = False,
    tools: Sequence[Mapping[str, Any]] = (),
    thinking: bool | None = None,
) -> str:
    """Render a chat template that nobody vouches for.

    It runs in Jinja's sandbox inside a process of its own, which the system stops after SECONDS of processor time or
    MEMORY bytes.

    Args:
        template: Jinja text.
        family: gives `bos_token` and `eos_token`.
        messages: the conversation.
        generation_prompt: ask for the assistant's opening.
        tools: as OpenAI writes them.
        thinking: the template's `enable_thinking`; not defined if left out.

    Raises:
        PhialError: the template is too long, fails, or does not come to an end.
    """
    variables: dict[str, Any] = {
        "messages": template_messages(messages),
        "add_generation_prompt": generation_prompt,
        "bos_token": family.bos,
        # phial's name for the token that ends documents; where it only ends turns, templates do not write it.
        "eos_token": family.chat.finish or family.eos,
    }
    if tools:
        variables["tools"] = list(tools)
    if thinking is not None:
        variables["enable_thinking"] = thinking
    if len(template) > MAX_TEMPLATE:
        what = f"a chat template of {len(template)} characters; {MAX_TEMPLATE} at most"
        raise PhialError(what, where="chat template", do=_ADVICE)
    task = {"template": template, "variables": variables, "seconds": SECONDS, "bytes": MEMORY}
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_CHILD)],
            input=json.dumps(task).encode(),
            capture_output=True,
            timeout=4 * SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PhialError("the chat template does not end", where="chat template", do=_ADVICE) from error
    if done.returncode:
        what = f"the chat template was stopped at {SECONDS} s or {MEMORY >> 20} MiB"
        raise PhialError(what, where="chat template", do=_ADVICE)
    if len(done.stdout) > 6 * MAX_RENDERED:  # JSON may take six bytes for a character
        raise PhialError("the chat template writes too much", where="chat template", do=_ADVICE)
    reply = json.loads(done.stdout)
    if "error" in reply:
        raise PhialError(f"the chat template fails: {reply['error']}", where="chat template", do=_ADVICE)
    return reply["text"]


def compare_template(template: str, family: Family) -> list[Difference]:
    """Where a checkpoint's own template writes something else than the family's format.

    Args:
        template: the checkpoint's, not trusted.
        family: with the format that phial uses.

    Returns:
        The conversations that come out differently, none if the templates are equal on all of them.
    """
    differences = []
    for case, messages, tools, prompt in _cases(family.chat):
        ours, theirs = (_outcome(text, family, messages, tools, prompt) for text in (family.chat.template, template))
        if ours != theirs:
            differences.append(Difference(case, ours, theirs))
    return differences


def _outcome(
    template: str, family: Family, messages: list[Message], tools: list[Mapping[str, Any]], prompt: bool
) -> str:
    try:
        return render_template(template, family, messages, generation_prompt=prompt, tools=tools)
    except PhialError as error:
        return error.what


def _cases(chat: ChatFormat) -> list[tuple[str, list[Message], list[Mapping[str, Any]], bool]]:
    """Conversations that touch everything a format has."""
    asked, said, again = Message("user", "Add 1 and 2."), Message("assistant", "3"), Message("user", "And 3?\n")
    system = Message("system", "Be brief.")
    call = Message("assistant", "", tool_calls=(ToolCall("add", {"a": 1, "b": "ü\n"}),))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    tool = {"type": "function", "function": {"name": "add", "description": "Adds <&>.", "parameters": schema}}
    cases: list[tuple[str, list[Message], list[Mapping[str, Any]], bool]] = [
        ("a question", [asked], [], True),
        ("a conversation", [asked, said, again], [], True),
        ("a conversation to learn", [asked, said, again, said], [], False),
    ]
    if "system" in chat.roles and chat.system_rule != "refused":
        cases.append(("a system message", [system, asked], [], True))
    if chat.think:
        thought = Message("assistant", "3", reasoning="1 and 2 make 3.")
        cases.append(("reasoning of the past", [asked, thought, again], [], True))
    if chat.tools:
        cases.append(("tools", [system, asked], [tool], True))
    if chat.calls:
        cases.append(("a tool call", [asked, call], [tool], False))
    if chat.results:
        results = [Message("tool", "3"), Message("tool", "4")]
        cases.append(("tool results", [asked, call, *results], [], True))
    if chat.image:
        cases.append(("an image", [Message("user", (Image(), "What is it?"))], [], True))
    return cases
