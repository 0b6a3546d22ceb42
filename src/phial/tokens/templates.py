"""The chat formats in Jinja, for engines that render a checkpoint's `chat_template.jinja`."""

from __future__ import annotations

# Phi-3's own layout, so that other engines that know Phi-3 talk to these models unchanged.
PHIAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)

_FINISH = "{% else %}{{ eos_token }}{% endif %}"

# Content is text, or a list of text and image parts; images are numbered through the conversation.
_PARTS = (
    "{% macro parts(content) %}{% if content is string %}{{ content }}{% else %}{% for part in content %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}{% set images.count = images.count + 1 %}"
    "{{ '<|image_' ~ images.count ~ '|>' }}SEPARATOR{% endif %}{% endfor %}{% endif %}{% endmacro %}"
    "{% set images = namespace(count=0) %}"
)

_PHI3_TURNS = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' }}{{ parts(message['content']) }}"
    "{{ '<|end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}"
) + _FINISH

PHI3 = _PARTS.replace("SEPARATOR", "{{ '\\n' }}") + _PHI3_TURNS

PHI3_SMALL = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}"
) + _FINISH

# A turn's reasoning is shown while that turn goes on; `current.start` is the last message of the user.
_CURRENT = (
    "{% set current = namespace(start=-1) %}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{% set current.start = loop.index0 %}{% endif %}{% endfor %}"
)

PHI4 = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '<|im_sep|>' + message['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
)

_PHI4_REASONING = (
    "{{ '<|im_start|>system<|im_sep|>SYSTEM<|im_end|>' }}" + _CURRENT + "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '<|im_sep|>' }}"
    "{% if message['reasoning_content'] and loop.index0 > current.start %}"
    "{{ '<think>' + message['reasoning_content'] + '</think>' }}{% endif %}"
    "{{ message['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think></think>' }}{% endif %}{% endif %}"
)

# Tools are JSON objects here; the published template takes one JSON text and writes it as it is.
_MINI_TOOLS = (
    "{% if tools %}{{ '<|tool|>[' }}{% for tool in tools %}{{ (tool['function'] if 'function' in tool else tool) | "
    "tojson }}{% if not loop.last %}{{ ', ' }}{% endif %}{% endfor %}{{ ']<|/tool|>' }}{% endif %}"
)
_MINI_CALLS = (
    "{% if message['tool_calls'] %}{{ '<|tool_call|>[' }}{% for call in message['tool_calls'] %}"
    "{{ {'name': call['function']['name'], 'arguments': call['function']['arguments']} | tojson }}"
    "{% if not loop.last %}{{ ', ' }}{% endif %}{% endfor %}{{ ']<|/tool_call|>' }}{% endif %}"
)

PHI4_MINI = (
    _PARTS.replace("SEPARATOR", "")
    + "{% if tools and (not messages or messages[0]['role'] != 'system') %}{{ '<|system|>' }}"
    + _MINI_TOOLS
    + "{{ '<|end|>' }}{% endif %}{% for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    + "{{ parts(message['content']) }}"
    + "{% if message['role'] == 'system' and loop.first %}"
    + _MINI_TOOLS
    + "{% endif %}"
    + _MINI_CALLS
    + "{{ '<|end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}"
    + _FINISH
)

_PHI4_MINI_REASONING = (
    "{{ '<|system|>SYSTEM' }}"
    "{% if messages and messages[0]['role'] == 'system' %}{{ ' ' + messages[0]['content'] }}{% endif %}{{ '<|end|>' }}"
    + _CURRENT
    + "{% for message in messages %}{% if message['role'] != 'system' %}{{ '<|' + message['role'] + '|>' }}"
    "{% if message['reasoning_content'] and loop.index0 > current.start %}"
    "{{ '<think>\\n' + message['reasoning_content'] + '\\n</think>\\n\\n' }}{% endif %}"
    "{{ message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
    + _FINISH
)

INSTRUCT = (
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ 'Instruct: ' + message['content'] | trim + '\\n' }}"
    "{% else %}{{ 'Output: ' + message['content'] | trim + eos_token + '\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Output:' }}{% endif %}"
)

_QWEN2_TOOLS_BEFORE = (
    "\\n\\n# Tools\\n\\nYou may call one or more functions to assist with the user query.\\n\\n"
    "You are provided with function signatures within <tools></tools> XML tags:\\n<tools>\\n"
)
_QWEN2_TOOLS_AFTER = (
    "\\n</tools>\\n\\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\\n<tool_call>\\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\\n</tool_call>'
)
_QWEN2 = (
    "{{ '<|im_start|>system\\n' }}"
    "{% if messages and messages[0]['role'] == 'system' %}{{ messages[0]['content'] }}"
    "{% else %}{{ 'SYSTEM' }}{% endif %}"
    "{% if tools %}{{ '" + _QWEN2_TOOLS_BEFORE + "' }}{% for tool in tools %}{{ tool | tojson }}"
    "{% if not loop.last %}{{ '\\n' }}{% endif %}{% endfor %}{{ '" + _QWEN2_TOOLS_AFTER + "' }}{% endif %}"
    "{{ '<|im_end|>\\n' }}"
    "{% for message in messages %}{% if message['role'] == 'tool' %}"
    "{% if loop.first or loop.previtem['role'] != 'tool' %}{{ '<|im_start|>user\\n' }}{% else %}{{ '\\n' }}{% endif %}"
    "{{ '<tool_response>\\n' + message['content'] + '\\n</tool_response>' }}"
    "{% if loop.last or loop.nextitem['role'] != 'tool' %}{{ '<|im_end|>\\n' }}{% endif %}"
    "{% elif message['role'] != 'system' or not loop.first %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] }}{% if message['tool_calls'] %}"
    "{% if message['content'] %}{{ '\\n' }}{% endif %}{% for call in message['tool_calls'] %}"
    "{{ '<tool_call>\\n{\"name\": ' + call['function']['name'] | tojson + ', \"arguments\": ' }}"
    "{{ call['function']['arguments'] | tojson + '}\\n</tool_call>' }}{% if not loop.last %}{{ '\\n' }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|im_end|>\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim }}"
    "{{ '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)


def phi4_reasoning(system: str) -> str:
    """Phi-4-reasoning's template around its fixed system message."""
    return _PHI4_REASONING.replace("SYSTEM", system)


def phi4_mini_reasoning(system: str) -> str:
    """Phi-4-mini-reasoning's template around the start of its system message."""
    return _PHI4_MINI_REASONING.replace("SYSTEM", system)


def qwen2(system: str) -> str:
    """Qwen2.5's template around its default system message."""
    return _QWEN2.replace("SYSTEM", system)
