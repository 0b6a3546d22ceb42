"""Chat templates of strangers: compared, and stopped where they do harm."""

import pytest

from phial.errors import PhialError
from phial.tokens.families import FAMILIES, PHI3, PHI4, PHI4_MINI, QWEN2
from phial.tokens.loading import read_template
from phial.tokens.message import Message
from phial.tokens.template import MAX_RENDERED, MAX_TEMPLATE, Case, compare_template, render_template

ASKED = Case("a question", (Message("user", "Add <1> & 2."),))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_agrees_with_itself(family):
    assert compare_template(family.chat.template, family) == []


def test_differences_are_named():
    theirs = PHI4.chat.template.replace("<|im_end|>", "<|im_end|>\n")
    differences = compare_template(theirs, PHI4)
    assert [d.case for d in differences][:2] == ["a question", "a conversation"]
    assert differences[0].theirs == differences[0].ours.replace("<|im_end|>", "<|im_end|>\n")
    [only] = compare_template("{% if tools %}tools{% endif %}", QWEN2, [ASKED])
    assert only.case == "a question" and only.theirs == ""


def test_a_template_of_another_style_may_be_equal():
    theirs = """
    {%- for m in messages %}
        {{- '<|im_start|>' ~ m.role ~ '<|im_sep|>' }}
        {%- if m.role == 'assistant' %}{% generation %}{{- m.content }}{% endgeneration %}
        {%- else %}{{- m.content }}{%- endif %}
        {{- '<|im_end|>' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{- '<|im_start|>assistant<|im_sep|>' }}{%- endif %}"""
    assert compare_template(theirs, PHI4) == []


def test_tools_may_be_looked_for_in_the_system_message():
    theirs = (
        "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% if m.tools %}{{ '<|tool|>' + m.tools + "
        "'<|/tool|>' }}{% endif %}{{ '<|end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"
    )
    assert [d.case for d in compare_template(theirs, PHI4_MINI)] == ["a tool call", "tool results", "an image"]


def test_rendering_knows_what_templates_use():
    text = render_template("{{ bos_token }}{{ messages[0] | tojson }}{{ tools is defined }}", PHI3, ASKED)
    assert text == '<s>{"role": "user", "content": "Add <1> & 2."}False'
    with pytest.raises(PhialError, match="no such role"):
        render_template("{{ raise_exception('no such role') }}", PHI3, ASKED)


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% include '/etc/passwd' %}",
        "{% for %}",
        "{{ messages.nothing.at.all }}",
        "{{ ('x' * 100_000_000) * 100 }}",
        "{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
    ],
)
def test_harm_is_an_error(template):
    with pytest.raises(PhialError, match=r"chat template (fails|was stopped)"):
        render_template(template, PHI3, ASKED)


def test_a_template_without_end_is_stopped(monkeypatch):
    monkeypatch.setattr("phial.tokens.template.SECONDS", 1)
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(PhialError, match="was stopped at 1 s"):
        render_template(endless, PHI3, ASKED)


def test_a_template_of_absurd_length_is_not_even_started():
    with pytest.raises(PhialError, match=f"{MAX_TEMPLATE} at most"):
        render_template("x" * (MAX_TEMPLATE + 1), PHI3, ASKED)
    assert MAX_RENDERED < 1 << 24


def test_a_checkpoints_template_is_found(tmp_path):
    assert read_template(tmp_path) == ""
    config = tmp_path / "tokenizer_config.json"
    config.write_text('{"chat_template": "a"}')
    assert read_template(tmp_path) == "a"
    config.write_text('{"chat_template": [{"name": "rag", "template": "b"}, {"name": "default", "template": "c"}]}')
    assert read_template(tmp_path) == "c"
    (tmp_path / "chat_template.jinja").write_text("d\n")
    assert read_template(tmp_path) == "d"
