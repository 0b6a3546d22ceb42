"""Prompts of flows, code fences, and flows by name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from phial.errors import PhialError
from phial.synth.fences import blocks, code, fenced
from phial.synth.flow_by_name import built_in, flow_by_name
from phial.synth.prompts import Prompts


def test_what_fills_a_prompt_is_never_read_as_a_template() -> None:
    prompts = Prompts({"ask": "Rewrite: {{ text }}"})
    attack = "{{ 7 * 7 }}{% for x in range(10**9) %}x{% endfor %}{{ ''.__class__.__mro__ }}"
    assert prompts.render("ask", text=attack) == f"Rewrite: {attack}"


@pytest.mark.parametrize(
    "template",
    ["{{ missing }}", "{{ text.__class__.__mro__ }}", "{% if %}", "{{ items.append(1) }}", "{% include 'x' %}"],
)
def test_a_broken_or_reaching_template_is_an_error_that_names_it(template: str) -> None:
    prompts = Prompts({"ask": template}, "here")
    with pytest.raises(PhialError, match="'ask' cannot be rendered") as caught:
        prompts.render("ask", text="words", items=[])
    assert caught.value.where == "here"


def test_prompts_lie_beside_their_flow_and_change_its_version(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "ask.jinja").write_text("Write of {{ topic }}. {% include 'form' %}\n")
    (folder / "mine.form.jinja").write_text("In {{ lines }} lines.\n")
    first = Prompts.beside(str(tmp_path / "mine.py"))
    assert first.render("ask", topic="rain", lines=3) == "Write of rain. In 3 lines."
    assert first.version("2").startswith("2+") and first.version("2") == Prompts(first.templates).version("2")
    (folder / "mine.form.jinja").write_text("In {{ lines }} lines!\n")
    assert Prompts.beside(str(tmp_path / "mine.py")).version("2") != first.version("2")
    with pytest.raises(PhialError, match="has no prompts"):
        Prompts.beside(str(tmp_path / "other.py"))


class Lines(BaseModel):
    count: int


def test_a_request_follows_what_was_answered_well() -> None:
    prompts = Prompts({"ask": "{% if first %}Be brief. {% endif %}Count {{ text }}."})
    examples = (({"text": "a b"}, Lines(count=2)), ({"text": "a"}, "one"))
    turns = prompts.after("ask", examples, text="c")
    said = [("user", "Be brief. Count a b."), ("assistant", '{"count":2}'), ("user", "Count a."), ("assistant", "one")]
    assert turns == [*said, ("user", "Count c.")]
    assert prompts.after("ask", (), text="c") == [("user", "Be brief. Count c.")]
    versions = {prompts.version("1"), prompts.version("1", examples), prompts.version("1", examples[:1])}
    assert len(versions) == 3 and prompts.version("1", examples) == prompts.version("1", examples)


@given(st.text(st.sampled_from("`ab\n ~"), max_size=40))
def test_nothing_in_a_text_ends_its_code_block(text: str) -> None:
    inside = text.strip("\n")
    assert blocks(f"Words.\n{fenced(text, 'python')}\nMore.") == ([inside] if inside.strip() else [])


def test_code_is_the_longest_block_or_the_whole_reply() -> None:
    reply = "Use it so:\n```\nf(1)\n```\nwhere\n```python\ndef f(x):\n    return x\n```\n"
    assert code(reply) == "def f(x):\n    return x"
    assert code("def f(x):\n    return x\n") == "def f(x):\n    return x"
    assert code("```python\ndef f(x):\n    return x") == "def f(x):\n    return x"
    assert code("") == ""


def test_a_flow_is_found_by_name_module_or_file(tmp_path: Path) -> None:
    for name in built_in():
        assert flow_by_name(name).name == name
    (tmp_path / "mine.py").write_text(
        "from phial.synth.flow import flow\n\n"
        "@flow('mine', '1')\nasync def mine(record, teacher, tools):\n    yield record\n"
    )
    assert flow_by_name("mine.py:mine", tmp_path).name == "mine"
    for wrong, fault in [
        ("nothing", "no flow 'nothing'"),
        ("no.such:flow", "no flow"),
        ("mine.py:other", "has no 'other'"),
        ("missing.py:mine", "no flow"),
        ("json:dumps", "is no flow"),
    ]:
        with pytest.raises(PhialError, match=fault):
            flow_by_name(wrong, tmp_path)
