"""IFEval's rules, each kept and broken; readers of both published forms; the official checkers' reading."""

import json
import os
import time
from pathlib import Path

import pytest

from phial.errors import PhialError
from phial.evals.ifeval_reading import OURS, official, sentences
from phial.evals.ifeval_rules import RULES, keeps, keeps_loosely, variants
from phial.evals.tasks import ifeval

FOLDER = os.environ.get("PHIAL_BENCHMARKS", "")
READINGS = ("ours", "official")

CASES = {
    "change_case:capital_word_frequency": (
        {"capital_frequency": 2, "capital_relation": "at least"},
        ("NASA said NO.", "A I"),
        ("NASA said no.", "Nothing"),
    ),
    "change_case:english_capital": ({}, ("THE WEATHER IS VERY NICE IN THE PARK TODAY.",), ("The weather IS NICE.",)),
    "change_case:english_lowercase": ({}, ("the weather is very nice in the park today.",), ("The weather is nice.",)),
    "combination:repeat_prompt": ({"prompt_to_repeat": "Say it. "}, ("say it. I do.",), ("I say it.", "Say")),
    "combination:two_responses": (
        {},
        ("a\n******\nb", "******a******b******"),
        ("a******a", "a", "a******\n******b", "******"),
    ),
    "detectable_content:number_placeholders": (
        {"num_placeholders": 2},
        ("[a] [b]", "[a [b] []"),
        ("[a] [b", "[a\n] [b]", "]["),
    ),
    "detectable_content:postscript": ({"postscript_marker": "P.S."}, ("x\nP.S. y", "p. s. y"), ("PS y", "P.P.S y")),
    "detectable_format:constrained_response": (
        {},
        ("My answer is yes.", "So: My answer is maybe. "),
        ("Yes.", "my answer is no."),
    ),
    "detectable_format:json_format": ({}, ('{"a": 1}', "```json\n[1]\n```", "3"), ("{a: 1}", "Here: {}", "```")),
    "detectable_format:multiple_sections": (
        {"section_spliter": "Section", "num_sections": 2},
        ("Section 1\na\nSection 2\nb", "Section1 Section 22"),
        ("Section 1", "SECTION 1 SECTION 2", "Section one Section two"),
    ),
    "detectable_format:number_bullet_lists": (
        {"num_bullets": 2},
        ("* a\n* b", "- a\n\n  * b", "*\na\n- b", "-\n-"),
        ("* a", "** a\n* b", "* a\n* b\n- c", "*\n* a"),
    ),
    "detectable_format:number_highlighted_sections": (
        {"num_highlights": 2},
        ("*a* *b*", "**a** *b*"),
        ("*a*", "* * *", "**", "*a\nb* *"),
    ),
    "detectable_format:title": ({}, ("<<a>>", "x <<<a>> b>>"), ("<<>>", "<< >>", "<<a\n>>", "<a>", "<<<>>>")),
    "keywords:existence": ({"keywords": ["Cat", "dog"]}, ("cats and DOGS",), ("cats",)),
    "keywords:forbidden_words": ({"forbidden_words": ["cat"]}, ("category cats",), ("The Cat.",)),
    "keywords:frequency": (
        {"keyword": " cat ", "frequency": 2, "relation": "less than"},
        ("cat", "x"),
        ("cats Category",),
    ),
    "keywords:letter_frequency": ({"letter": "E", "let_frequency": 2, "let_relation": "at least"}, ("eE",), ("e",)),
    "language:response_language": (
        {"language": "de"},
        ("Das Wetter ist heute schön, und wir gehen im Park spazieren.",),
        ("The weather is nice today and we go for a walk.",),
    ),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Then"},
        ("a\n\nthen b", 'a\n\n"Then, b', "a\n\n  THEN. b"),
        ("a\n\nb then", "then a", "a\n\n\n\nthen b", "a\n\nthen b\n\nc", "a\n\nthenb"),
    ),
    "length_constraints:number_paragraphs": (
        {"num_paragraphs": 2},
        ("a\n***\nb", "***a***b***"),
        ("a", "a***b***c", "a*** ***b", "a\n\nb"),
    ),
    "length_constraints:number_sentences": (
        {"num_sentences": 2, "relation": "at least"},
        ("Dr. Smith came. He left!", "Is it? Yes."),
        ("Dr. Smith came at 3.5 p.m.", "One."),
    ),
    "length_constraints:number_words": (
        {"num_words": 3, "relation": "less than"},
        ("a-b", "one two"),
        ("a b-c", "it's it"),
    ),
    "punctuation:no_comma": ({}, ("a; b",), ("a, b",)),
    "startend:end_checker": ({"end_phrase": "The end. "}, ('x "the END."',), ("The end. Not.", "The end")),
    "startend:quotation": ({}, (' "a" ', '""'), ('"a', '"', "“a”")),
}


def reading(name):
    if name == "ours":
        return OURS
    for package in ("nltk", "langdetect", "punkt"):
        pytest.importorskip(package)
    return official()


def test_all_rules_have_cases():
    assert set(CASES) == set(RULES) and len(RULES) == 25


@pytest.mark.parametrize("how", READINGS)
@pytest.mark.parametrize("rule", CASES)
def test_each_rule_is_kept_and_broken(rule, how):
    arguments, kept, broken = CASES[rule]
    for reply in kept:
        assert keeps(reply, rule, arguments, reading(how)), reply
    for reply in broken:
        assert not keeps(reply, rule, arguments, reading(how)), reply
    for reply in ("", " \n "):
        assert not keeps(reply, rule, arguments, reading(how))
        assert not keeps_loosely(reply, rule, arguments, reading(how))


def test_what_is_loose():
    assert variants("Sure:\n*a*\nBye.")[0] == "Sure:\n*a*\nBye."
    assert set(variants("1\n*2*\n3")) == {"1\n*2*\n3", "1\n2\n3", "*2*\n3", "1\n*2*", "*2*", "2\n3", "1\n2", "2"}
    arguments = {}
    for reply in ('Sure, here:\n"a"', '"a"\nHope, that helps.', 'Well,\n"a"\nso,', '*"a"*'):
        assert not keeps(reply, "startend:quotation", arguments, OURS)
        assert keeps_loosely(reply, "startend:quotation", arguments, OURS)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("...", 0),
        ("One", 1),
        ("One. Two? Three!", 3),
        ('He said "No." Then he left.', 2),
        ("Mr. A. Smith paid 3.50 in the U.S. for e.g. Milk.", 1),
        ("It cost 5 p.m. or so. see below.", 1),
        ("Wait... What?! Yes…", 3),
        ("First line\n\nSecond line", 2),
        ("今日は天気がいい。散歩します。", 2),
        ("आज मौसम अच्छा है। कल बारिश होगी।", 2),
    ],
)
def test_our_sentences(text, count):
    assert sentences(text) == count


def test_languages_are_told_the_same_way_every_time():
    text = "Le temps"
    for how in READINGS:
        assert len({reading(how).language(text) for _ in range(20)}) == 1
        assert reading(how).language("123 ---") is None


@pytest.mark.parametrize("rule", CASES)
def test_long_replies_take_little_time(rule):
    arguments = CASES[rule][0]
    start = time.process_time()
    for text in (
        "<" * 2_000_000,
        "[" * 2_000_000,
        "*" * 2_000_000,
        "\n" * 2_000_000,
        " \n*" * 700_000,
        "a." * 1_000_000,
    ):
        keeps(text, rule, arguments, OURS)
    assert time.process_time() - start < 30  # seconds; quadratic work would take hours


ROW = {
    "key": 7,
    "prompt": "No commas; at least 2 words.",
    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
    "kwargs": [{}, {"num_words": 2, "relation": "at least"}],
}


def test_published_files_and_the_four_figures(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/input_data.jsonl").write_text(json.dumps(ROW) + "\n")
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "b").mkdir()
    nulls = {"num_words": None, "relation": None, "language": None}
    row = {**ROW, "kwargs": [nulls, {**nulls, **ROW["kwargs"][1]}]}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "b/train-00000-of-00001.parquet")
    for folder in ("a", "b"):
        task = ifeval.load(tmp_path / folder)
        (item,) = task.items
        assert item.prompt == (("user", ROW["prompt"]),) and item.id == "7"
        grade = task.grade(task.extract("Well,\ntwo words", item).answer, item)
        assert (grade.score, grade.detail) == (0, "broken: punctuation:no_comma")
        assert grade.parts == {
            "prompt loose": (1, 1),
            "instruction strict": (1, 2),
            "instruction loose": (2, 2),
            "punctuation": (0, 1),
            "length_constraints": (1, 1),
        }
        assert task.grade("two words", item).score == 1
        empty = task.grade(task.extract("", item).answer, item)
        assert empty.score == 0 and empty.parts["instruction loose"] == (0, 2)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([ROW, ROW], "twice"),
        ([{**ROW, "kwargs": [{}]}], "1 arguments"),
        ([{**ROW, "instruction_id_list": ["a", "b"]}], "has rules"),
        ([{**ROW, "kwargs": [{}, {"num_words": 2}]}], "has no relation"),
        ([{"key": 1, "prompt": "x"}], "instruction_id_list"),
    ],
)
def test_faults_of_files_are_named(tmp_path, rows, said):
    (tmp_path / "input_data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(PhialError, match=said):
        ifeval.load(tmp_path)


def test_the_official_reading_names_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "langdetect", None)
    official.cache_clear()
    with pytest.raises(PhialError, match="langdetect"):
        official()
    official.cache_clear()


@pytest.mark.skipif(not FOLDER, reason="PHIAL_BENCHMARKS names no folder")
def test_the_published_prompts_are_whole():
    task = ifeval.load(Path(FOLDER, "ifeval"))
    assert len(task.items) == 541 and sum(len(item.gold) for item in task.items) == 834
    assert {name for item in task.items for name in item.gold} == set(RULES)
