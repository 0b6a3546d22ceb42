"""The chat formats of the Phi families, of two families that often teach, and of phial's own models."""

from __future__ import annotations

from dataclasses import replace

from phial.tokens import templates
from phial.tokens.chat_format import ChatFormat, Series, Turn


def _marked(names: tuple[str, ...], newline: str) -> dict[str, Turn]:
    return {name: Turn(f"<|{name}|>{newline}", "<|end|>", newline) for name in names}


PHIAL = ChatFormat(
    "phial",
    templates.PHIAL,
    _marked(("system", "user", "assistant"), "\n"),
    start="<s>",
    finish="<|endoftext|>",
    template_finishes=False,
    joined=False,
)

# No chat template was published with phi-1, phi-1.5 and phi-2. phi-2's card shows "Instruct: ...\nOutput:"; that a
# further turn follows on a new line is a convention of phial.
INSTRUCT = ChatFormat(
    "phi-2",
    templates.INSTRUCT,
    {"user": Turn("Instruct: ", "\n"), "assistant": Turn("Output:", "<|endoftext|>", "\n")},
    lead=" ",
)

PHI3 = ChatFormat(
    "phi-3",
    templates.PHI3,
    _marked(("system", "user", "assistant"), "\n"),
    finish="<|endoftext|>",
)

# The vision models' processor encodes each stretch of text between images by itself, with its own "<s>"; their
# template does not show it.
PHI3_VISION = replace(PHI3, name="phi-3-vision", start="<s>", image=("<|image_{}|>", "<|image|>", "<s>\n"))

PHI3_SMALL = ChatFormat(
    "phi-3-small",
    templates.PHI3_SMALL,
    _marked(("system", "user", "assistant"), "\n"),
    start="<|endoftext|>",
    finish="<|endoftext|>",
)

_PHI4_ROLES = {name: Turn(f"<|im_start|>{name}<|im_sep|>", "<|im_end|>") for name in ("system", "user", "assistant")}

PHI4 = ChatFormat("phi-4", templates.PHI4, _PHI4_ROLES)

# The message that Phi-4-reasoning was trained with, word for word as its template has it.
PHI4_REASONING_SYSTEM = (
    "You are Phi, a language model trained by Microsoft to help users. Your role as an assistant involves thoroughly "
    "exploring questions through a systematic thinking process before providing the final precise and accurate "
    "solutions. This requires engaging in a comprehensive cycle of analysis, summarizing, exploration, reassessment, "
    "reflection, backtracing, and iteration to develop well-considered thinking process. Please structure your "
    "response into two main sections: Thought and Solution using the specified format: <think> {Thought section} "
    "</think> {Solution section}. In the Thought section, detail your reasoning process in steps. Each step should "
    "include detailed considerations such as analysing questions, summarizing relevant findings, brainstorming new "
    "ideas, verifying the accuracy of the current steps, refining any errors, and revisiting previous steps. In the "
    "Solution section, based on various attempts, explorations, and reflections from the Thought section, "
    "systematically present the final solution that you deem correct. The Solution section should be logical, "
    "accurate, and concise and detail necessary steps needed to reach the conclusion. Now, try to solve the following "
    "question through the above guidelines:"
)

PHI4_REASONING = ChatFormat(
    "phi-4-reasoning",
    templates.phi4_reasoning(PHI4_REASONING_SYSTEM),
    _PHI4_ROLES,
    system=PHI4_REASONING_SYSTEM,
    system_rule="refused",
    think=("<think>", "</think>"),
    no_think="<think></think>",
)

# The published template frames a result like any other role, as <|tool|>...<|end|>.
PHI4_MINI = ChatFormat(
    "phi-4-mini",
    templates.PHI4_MINI,
    _marked(("system", "user", "assistant", "tool"), ""),
    finish="<|endoftext|>",
    tools=Series("<|tool|>[", ", ", "]<|/tool|>"),
    bare_tools=True,
    calls=Series("<|tool_call|>[", ", ", "]<|/tool_call|>"),
    results=Series("", "<|end|><|tool|>", ""),
    image=("<|image_{}|>", "<|endoftext10|>", ""),
)

_MATHS_EXPERT = "Your name is Phi, an AI math expert developed by Microsoft."

# Its <think> tags are ordinary text: the o200k vocabulary has no token for them.
PHI4_MINI_REASONING = ChatFormat(
    "phi-4-mini-reasoning",
    templates.phi4_mini_reasoning(_MATHS_EXPERT),
    _marked(("system", "user", "assistant"), ""),
    finish="<|endoftext|>",
    system=_MATHS_EXPERT,
    system_rule="follows",
    think=("<think>\n", "\n</think>\n\n"),
    no_think="<think>\n\n</think>\n\n",
)

_QWEN2_SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."

QWEN2 = ChatFormat(
    "qwen2",
    templates.qwen2(_QWEN2_SYSTEM),
    {name: Turn(f"<|im_start|>{name}\n", "<|im_end|>", "\n") for name in ("system", "user", "assistant")}
    | {"tool": Turn("<|im_start|>user\n", "<|im_end|>", "\n")},
    system=_QWEN2_SYSTEM,
    tools=Series(
        "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
        "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n",
        "\n",
        "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
        "<tool_call></tool_call> XML tags:\n<tool_call>\n"
        '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>',
    ),
    calls=Series("<tool_call>\n", "\n</tool_call>\n<tool_call>\n", "\n</tool_call>", gap="\n"),
    results=Series("<tool_response>\n", "\n</tool_response>\n<tool_response>\n", "\n</tool_response>"),
)

LLAMA3 = ChatFormat(
    "llama-3",
    templates.LLAMA3,
    {
        name: Turn(f"<|start_header_id|>{name}<|end_header_id|>\n\n", "<|eot_id|>")
        for name in ("system", "user", "assistant")
    },
    start="<|begin_of_text|>",
    trim=True,
)
