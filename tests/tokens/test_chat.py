"""Chats of every family: the same ids as the rendered template, loss on the assistant's words, nothing else."""

import re
from dataclasses import replace
from functools import lru_cache

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tokenizers import small_tokenizer

from phial.errors import PhialError
from phial.tokens.chat import TEMPLATE, encode_chat
from phial.tokens.families import FAMILIES, PHI3, PHI3_VISION, PHIAL
from phial.tokens.message import Image, Message, ToolCall, numbered_images, read_messages, template_messages
from phial.tokens.render_child import environment
from phial.tokens.tokenizer import Tokenizer

NAMES = [family.name for family in FAMILIES]
ADD = {"type": "function", "function": {"name": "add", "description": "Adds <&> é.", "parameters": {"type": "object"}}}
CALL = ToolCall("add", {"a": 1, "b": ["ü", None]})


def rendered_ids(tokenizer, messages, prompt, tools=(), thinking=None):
    """The family's Jinja template, rendered and tokenized with control tokens found in the text."""
    family = tokenizer.family
    text = (
        environment()
        .from_string(family.chat.template)
        .render(
            messages=template_messages(messages),
            add_generation_prompt=prompt,
            bos_token=family.bos,
            eos_token=family.eos,
            tools=list(tools),
            **({} if thinking is None else {"enable_thinking": thinking}),
        )
    )
    if family.name == "phi-3-vision":  # its processor encodes what stands between images text by text, each with <s>
        text = "<s>" + re.sub(r"<\|image_[12]\|>", "<|image|><s>", text)
    elif family.chat.image:
        text = re.sub(r"<\|image_[12]\|>", family.chat.image[1], text)
    return reader(tokenizer).encode(text, add_special_tokens=False).ids


@lru_cache
def reader(tokenizer):
    """The tokenizer as other engines use it: control tokens are found in the text."""
    backend = tokenizers.Tokenizer.from_str(tokenizer.backend.to_str())
    backend.encode_special_tokens = False
    return backend


def ours(tokenizer, messages, prompt, tools=(), **settings):
    ids, _ = encode_chat(tokenizer, messages, generation_prompt=prompt, tools=tools, **settings)
    if not prompt and not tokenizer.family.chat.template_finishes:
        ids = ids[:-1]
    return ids


def roles(tokenizer):
    chat = tokenizer.family.chat
    return [role for role in chat.roles if role in ("user", "assistant") or (role == "system" and not chat.system)]


# An answer is encoded apart from its frame, as it is when a model writes it; a template that puts line ends between
# the two gives other ids where the answer begins with one. Curly braces and "<" keep out of control tokens' way.
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="<|\u2581")).map(lambda text: text.lstrip() or "x")
HARMLESS = WORDS.filter(lambda text: not text[0].isspace() and text[0] not in "\x1c\x1d\x1e\x1f\x85")


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(st.data())
def test_ids_are_those_of_the_rendered_template(name, data):
    tokenizer = small_tokenizer(name)
    turns = st.lists(st.builds(Message, st.sampled_from(roles(tokenizer)), HARMLESS), min_size=1, max_size=4)
    messages, prompt = data.draw(turns), data.draw(st.booleans())
    if tokenizer.family.chat.trim or tokenizer.family.chat.lead:  # Python and Jinja strip alike; the pieces need not
        messages = [Message(m.role, m.content.strip() or "x") for m in messages]
    assert ours(tokenizer, messages, prompt) == rendered_ids(tokenizer, messages, prompt)


@pytest.mark.parametrize("name", [name for name in NAMES if small_tokenizer(name).family.chat.joined])
@settings(max_examples=30)
@given(st.text(st.characters(codec="utf-8", exclude_characters="<|\u2581")))
def test_a_question_of_any_kind_has_the_ids_of_the_rendered_template(name, text):
    tokenizer = small_tokenizer(name)
    messages = [Message("user", text)]
    assert ours(tokenizer, messages, True) == rendered_ids(tokenizer, messages, True)


@pytest.mark.parametrize("name", NAMES)
def test_loss_falls_on_the_assistant_alone(name):
    tokenizer = small_tokenizer(name)
    messages = [("user", "12?"), ("assistant", "Hello the"), ("user", "in"), ("assistant", "er")]
    ids, spans = encode_chat(tokenizer, messages)
    written = [tokenizer.decode(ids[start:end]).strip() for start, end in spans]
    assert written == ["Hello the", "er"]
    close = tokenizer.special[tokenizer.family.chat.roles["assistant"].close]
    assert all(ids[end - 1] == close and close in tokenizer.stop_ids for _, end in spans)


def test_phi4_ids_are_the_published_ones():
    tokenizer = small_tokenizer("phi-4")
    ids, _ = encode_chat(tokenizer, [("user", "a")], generation_prompt=True)
    start, separator, end = 100264, 100266, 100265
    user, assistant = tokenizer.encode("user"), tokenizer.encode("assistant")
    assert ids == [start, *user, separator, ord("a"), end, start, *assistant, separator]


def test_phi3_control_tokens_swallow_the_line_ends_of_the_template():
    tokenizer = small_tokenizer("phi-3")
    ids, spans = encode_chat(tokenizer, [("user", "\n Hello"), ("assistant", "the")])
    hello, the = tokenizer.encode("Hello"), tokenizer.encode("the")
    assert ids == [32010, *hello, 32007, 32001, *the, 32007, 32000]
    assert spans == ((3 + len(hello), 4 + len(hello) + len(the)),)


@pytest.mark.parametrize("name", ["phi-4-mini", "qwen2"])
@pytest.mark.parametrize("system", [[], [Message("system", "the")]])
def test_tools_calls_and_results(name, system):
    tokenizer = small_tokenizer(name)
    call = Message("assistant", "in", tool_calls=(CALL, CALL))
    silent = Message("assistant", tool_calls=(CALL,))
    results = [Message("tool", "3"), Message("tool", "<|end|> 4")]
    said = [*system, Message("user", "12"), call, *results, silent, Message("tool", "5"), Message("assistant", "er")]
    harmless = [message for message in said if "<|end|>" not in message.content]
    for prompt in (True, False):
        assert ours(tokenizer, harmless, prompt, [ADD]) == rendered_ids(tokenizer, harmless, prompt, [ADD])
    ids, spans = encode_chat(tokenizer, said, tools=[ADD])
    text = [tokenizer.decode(ids[start:end]) for start, end in spans]
    assert len(text) == 3 and text[0].count('{"name": "add", "arguments": {"a": 1, "b": ["ü", null]}}') == 2
    assert "<|end|> 4" in tokenizer.decode(ids)


def test_reasoning_is_shown_in_the_turn_that_goes_on():
    tokenizer = small_tokenizer("phi-4-reasoning")
    thought = [Message("user", "12"), Message("assistant", "the", reasoning="ing </think> er")]
    ids, spans = encode_chat(tokenizer, thought)
    [(start, end)] = spans
    assert tokenizer.decode(ids[start:end], special=True) == "<think>ing </think> er</think>the<|im_end|>"
    # Each stands once in the family's own system message as well; the one that the text spells stays text.
    assert ids.count(100350) == ids.count(100351) == 2
    later = [*thought, Message("user", "on"), Message("assistant", "in", reasoning="er")]
    ids, spans = encode_chat(tokenizer, later)
    assert tokenizer.decode(ids, special=True).count("ing </think>") == 0
    assert [tokenizer.decode(ids[start:end]) for start, end in spans] == ["erin"]
    harmless = [Message("user", "12"), Message("assistant", "the", reasoning="ing")]
    for name in ("phi-4-reasoning", "phi-4-mini-reasoning"):
        for messages in (harmless, [*harmless, Message("user", "on")]):
            tokenizer = small_tokenizer(name)
            assert ours(tokenizer, messages, False) == rendered_ids(tokenizer, messages, False)


@pytest.mark.parametrize("name", ["phi-4-reasoning", "phi-4-mini-reasoning"])
def test_an_answer_without_reasoning_can_be_asked_for(name):
    tokenizer = small_tokenizer(name)
    asked = [Message("user", "12")]
    quick = ours(tokenizer, asked, True, effort="none")
    assert quick == rendered_ids(tokenizer, asked, True, thinking=False)
    assert len(quick) > len(ours(tokenizer, asked, True))
    with pytest.raises(PhialError, match="unknown effort 'high'"):
        encode_chat(tokenizer, asked, generation_prompt=True, effort="high")


def test_images_are_one_control_token_each():
    tokenizer = small_tokenizer("phi-4-mini")
    asked = [
        Message("user", (Image(), Image(), "the <|image_1|>")),
        Message("assistant", "in"),
        Message("user", (Image(),)),
    ]
    ids = ours(tokenizer, asked, True)
    assert ids.count(200010) == 3
    harmless = [Message("user", (Image(), "the", Image(), " in"))]
    assert ours(tokenizer, harmless, True) == rendered_ids(tokenizer, harmless, True)
    vision = small_tokenizer("phi-3-vision")
    ids = ours(vision, harmless, True)
    assert ids == rendered_ids(vision, harmless, True)
    user, image, bos = 32010, 32044, 1
    the, inside = vision.encode("\nthe"), vision.encode("\n in")
    assert ids == [bos, user, image, bos, *the, image, bos, *inside, 32007, 32001]
    lacking = replace(PHI3, chat=PHI3_VISION.chat)
    with pytest.raises(PhialError, match="lacks '<|image|>'".replace("|", r"\|")):
        encode_chat(Tokenizer(small_tokenizer("phi-3").backend, lacking), harmless)


def test_marks_in_a_text_say_which_image_stands_where():
    content, order = numbered_images("<|image_2|>\nthe\n<|image_1|> in\n\n<|image_3|>\n", 3)
    assert content == (Image(), "the\n", Image(), " in\n\n", Image())
    assert order == (1, 0, 2)
    assert numbered_images("no <|image|>", 0) == (("no <|image|>",), ())
    assert numbered_images("", 0) == ((), ())


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("<|image_1|> <|image_2|>", 1),
        ("<|image_1|>", 2),
        ("<|image_1|><|image_1|>", 1),
        ("<|image_1|><|image_1|>", 2),
        ("<|image_1|><|image_3|>", 2),
        ("<|image_0|>", 1),
        ("none", 1),
        ("<|image_1|>", 0),
    ],
)
def test_marks_without_their_images_are_refused(text, count):
    with pytest.raises(PhialError, match=f"marks of {count} images"):
        numbered_images(text, count)


REASONED = [Message("user", "a"), Message("assistant", "b", reasoning="c")]


@pytest.mark.parametrize(
    ("name", "messages", "settings", "what"),
    [
        ("phial", [("robot", "a")], {}, "unknown role 'robot'"),
        ("phi-3", [("tool", "a")], {}, "unknown role 'tool'"),
        ("codegen", [("system", "a")], {}, "unknown role 'system'"),
        ("phi-4-reasoning", [("system", "a"), ("user", "b")], {}, "system message other than its own"),
        ("phi-4", [("user", "a")], {"tools": [ADD]}, "no place for tools"),
        ("phi-4", [("user", "a")], {"generation_prompt": True, "effort": "none"}, "no place for a reasoning effort"),
        ("phi-4", REASONED, {}, "no place for reasoning"),
        ("phi-4", [Message("assistant", "", tool_calls=(CALL,))], {}, "no place for tool calls"),
        ("phi-3", [Message("user", (Image(),))], {}, "no place for images"),
        ("phi-4", [Message("user", (Image(),))], {}, "no place for images"),
        ("phi-4-mini", [Message("system", (Image(),))], {}, "no place for images of the system"),
        ("phi-4-mini", [Message("user", "a", tool_calls=(CALL,))], {}, "tool calls of 'user'"),
        ("phi-4-mini", [("user", "a")], {"tools": [{"name": {1, 2}}]}, "no JSON value"),
    ],
)
def test_what_a_family_cannot_say_is_refused(name, messages, settings, what):
    with pytest.raises(PhialError, match=what):
        encode_chat(small_tokenizer(name), messages, **settings)


def test_openai_messages_are_read():
    call = {"type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": ["ü", null]}'}}
    image = {"type": "image_url", "image_url": {"url": "data:"}}
    read = read_messages(
        [
            {"role": "user", "content": [image, {"type": "text", "text": "What?"}], "name": "x"},
            {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"},
        ]
    )
    assert read == [Message("user", (Image(), "What?")), Message("assistant", "", "hm", (CALL,))]
    assert read_messages(template_messages(read)) == read


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (3, "needs a role"),
        ({"content": "a"}, "needs a role"),
        ({"role": "user", "content": 3}, "neither text nor a list"),
        ({"role": "user", "content": [{"type": "audio"}]}, "part of type 'audio'"),
        ({"role": "user", "content": ["a"]}, "part of type None"),
        ({"role": "assistant", "tool_calls": "x"}, "is no list"),
        ({"role": "assistant", "tool_calls": [{"function": {}}]}, "needs a name"),
        ({"role": "assistant", "tool_calls": [{"name": "f", "arguments": "{"}]}, "are no JSON"),
        ({"role": "assistant", "tool_calls": [{"name": "f", "arguments": "[" * 99_999}]}, "are no JSON"),
        ({"role": "assistant", "reasoning_content": 3}, "is no text"),
    ],
)
def test_messages_of_another_shape_are_refused(entry, what):
    with pytest.raises(PhialError, match=what) as caught:
        read_messages([{"role": "user", "content": "a"}, entry])
    assert caught.value.where == "messages[1]"


def test_phials_own_format_is_unchanged():
    assert PHIAL.chat.template == TEMPLATE
    assert TEMPLATE == (
        "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + "
        "'<|end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
    )
    tokenizer = small_tokenizer("phial")
    newline = tokenizer.encode("\n")
    ids, spans = encode_chat(tokenizer, [("user", "\n12"), ("assistant", "")])
    assert ids == [0, 3, *newline, *tokenizer.encode("\n12"), 5, *newline, 4, *newline, 5, *newline, 1]
    assert spans == ((len(ids) - 3, len(ids) - 2),)
