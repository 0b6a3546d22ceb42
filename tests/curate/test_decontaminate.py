import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.curate.benchmarks import build_index, read_benchmarks
from phial.curate.decontaminate import SCORE, Decontaminate, Decontaminated, DecontaminationConfig, decontaminate
from phial.curate.ngrams import HashSet, WordHashes, _hash_compiled, _hash_in_python, hash_texts, words_of
from phial.errors import PhialError
from phial.kernels.text_library import text_kernel
from phial.record import Lineage, Record

CONFIG = DecontaminationConfig(common_records=5, info_ratio=0.2, contaminated_ratio=0.5, templates=True)


def record(text: str) -> Record:
    return Record("exercise", "test", "MIT", Lineage("test", "1"), text=text)


def run(texts: Sequence[str], items: Sequence[str], config: DecontaminationConfig = CONFIG) -> Decontaminated:
    index = build_index((f"item-{number}", "bench", item) for number, item in enumerate(items))
    return decontaminate([record(text) for text in texts], index, config)


def dropped(outcome: Decontaminated) -> dict[str, str]:
    return {one.record.content: one.reason for one in outcome.dropped}


def letters(prefix: str, count: int) -> str:
    return " ".join(f"{prefix}{number}" for number in range(count))


def template(name: str, first: int, second: int) -> str:
    return (
        f"On a rainy day {name} puts {first} red apples in one big basket and then takes another {second} green apples "
        "from the table by the door. How many apples does the big basket hold now, all colours taken together?"
    )


def test_a_shared_13_gram_contaminates_and_is_shown() -> None:
    item = letters("q", 40)
    outcome = run([f"{letters('x', 30)} {letters('q', 13)} {letters('y', 30)}", letters("z", 50)], [item])
    (one,) = outcome.dropped
    assert one.reason == "13-gram"
    assert "item-0 of bench" in one.detail and one.detail.endswith(letters("q", 13))
    assert not one.record.lineage.verdicts[-1].passed
    assert [kept.lineage.verdicts[-1].detail for kept in outcome.kept] == ["clean"]


def test_case_and_punctuation_do_not_hide_an_item() -> None:
    item = "The train of 1.8 tonnes leaves at 9:30; it arrives at noon, doesn't it? Say when."
    text = "Note!\n" + item.upper().replace(";", " --").replace(" ", "\n")
    assert dropped(run([text], [item])) == {text: "13-gram"}
    assert words_of("1.8 d'été_ÉTÉ") == ["1", "8", "d", "été", "été"]
    assert words_of("1.8 D_x\x1f(y)") == ["1", "8", "d", "x", "y"]


def test_the_7_gram_ratio_is_of_the_smaller_side_and_has_two_thresholds() -> None:
    item = letters("q", 36)  # 30 distinct 7-grams
    for words, ratio in ((7, 1 / 30), (12, 6 / 30)):
        text = f"{letters('x', 40)} {letters('q', words)} {letters('y', 40)}"
        outcome = run([text], [item], DecontaminationConfig(info_ratio=0.15))
        assert outcome.kept[0].scores[SCORE] == pytest.approx(ratio)
        assert outcome.partial == (ratio > 0.15)
        assert outcome.kept[0].lineage.verdicts[-1].detail.startswith("partial" if ratio > 0.15 else "clean")
    short = f"{letters('q', 12)} x y z"  # 15 words: 9 7-grams, 6 of them shared
    outcome = run([short], [item])
    assert dropped(outcome) == {short: "7-gram"}
    assert "7-gram ratio 0.667 (6 shared)" in outcome.dropped[0].detail


def test_repeats_within_a_record_count_once() -> None:
    item = letters("q", 36)
    text = f"{letters('x', 40)} {letters('q', 8)} {letters('y', 20)} {letters('q', 8)} {letters('z', 20)}"
    assert run([text], [item]).kept[0].scores[SCORE] == pytest.approx(2 / 30)


def test_templates_are_common_and_a_planted_instance_is_not() -> None:
    generator = random.Random(0)
    texts = [template(f"n{number}", generator.randint(2, 9_999), generator.randint(2, 9_999)) for number in range(60)]
    items = [template(f"held{number}", 10_000 + number, 20_000 + number) for number in range(5)]
    outcome = run(texts, items)
    assert not outcome.dropped and outcome.partial == 0
    assert outcome.common_long_grams > 0 and outcome.common_short_grams > 0
    planted = f"Question\n{items[3]}\nAnswer\n30006"
    outcome = run([*texts, planted], items)
    assert dropped(outcome) == {planted: "13-gram"}
    assert "item-3" in outcome.dropped[0].detail
    # Without the common lists every one of them would go.
    strict = replace(CONFIG, common_records=1_000)
    assert len(run(texts, items, strict).dropped) == 60


def test_an_item_copied_often_enough_to_be_common_is_caught_as_a_whole() -> None:
    item = letters("q", 20)
    texts = [f"{item} {letters(f'a{copy}x', 30)}" for copy in range(10)]
    near = f"{letters('q', 19)} {letters('b', 30)}"
    outcome = run([*texts, near], [item])
    assert dropped(outcome) == dict.fromkeys(texts, "whole text")
    assert near in {kept.content for kept in outcome.kept}


def test_equal_texts_are_one_record_when_counting() -> None:
    text = f"{letters('q', 13)} {letters('x', 30)}"
    assert set(dropped(run([text] * 10, [letters("q", 20)])).values()) == {"13-gram"}


def test_allowed_texts_may_be_shared() -> None:
    rule = letters("rule", 20)
    item, text = f"{rule} {letters('q', 20)}", f"{rule} {letters('x', 20)}"
    assert dropped(run([text], [item])) == {text: "13-gram"}
    allowed = replace(CONFIG, allowed_texts=(rule,))
    outcome = run([text], [item], allowed)
    assert outcome.kept[0].scores[SCORE] == 0


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("Question: What is 2 + 3?\nAnswer: 5", True),
        ("what is 2 3", True),
        ("Tell me what is 2 3 and why", False),
        ("What is 2 + 34?", False),
    ],
)
def test_an_item_of_a_few_words_must_stand_alone(text: str, caught: bool) -> None:
    assert bool(run([text, "filler"], ["What is 2 + 3?"]).dropped) is caught


def test_an_item_of_7_to_12_words_is_found_anywhere() -> None:
    item = letters("q", 9)
    text = f"{letters('x', 300)} {item} {letters('y', 300)}"
    assert dropped(run([text], [item])) != {}
    assert not run([f"{letters('x', 300)} {letters('q', 8)} z"], [letters("q", 60)]).dropped


def test_an_item_is_not_found_across_two_records() -> None:
    q = letters("q", 9).split()
    others = [" ".join([letters(f"a{copy}x", 30), *part]) for copy in range(3) for part in (q[1:8], q[2:9])]
    halves = [" ".join([letters("x", 30), *q[:7]]), " ".join([*q[7:], letters("y", 30)])]
    last = " ".join([letters("z", 30), *q[:7]])
    assert not run([*others, *halves, last], [" ".join(q)]).dropped


@pytest.mark.parametrize(("copies", "common"), [(5, False), (6, True)])
def test_an_n_gram_is_common_in_more_records_than_the_threshold(copies: int, common: bool) -> None:
    texts = [f"{letters(f'a{copy}x', 60)} {letters('q', 13)}" for copy in range(copies)]
    outcome = run(texts, [f"{letters('q', 13)} {letters('z', 60)}"])
    assert len(outcome.dropped) == (0 if common else copies)
    assert outcome.common_long_grams == common
    assert outcome.common_short_grams == (7 if common else 0)


def test_messages_are_searched_and_earlier_verdicts_and_scores_stay() -> None:
    chat = Record(
        "chat",
        "s",
        "MIT",
        Lineage("f", "1"),
        messages=(("user", letters("q", 20)), ("assistant", "ok")),
        scores={"a": 1},
    )
    index = build_index([("i", "b", letters("q", 20))])
    (one,) = decontaminate([chat], index, CONFIG).dropped
    assert one.record.id == chat.id and one.record.scores == {"a": 1, SCORE: 1.0}


def test_degenerate_inputs() -> None:
    assert run([], ["a b c"]).kept == []
    assert len(run(["", "?!", "one"], ["a", letters("q", 30)]).kept) == 3
    with pytest.raises(PhialError, match="no held-out items"):
        build_index([])
    with pytest.raises(PhialError, match="no words"):
        build_index([("i", "b", "?!")])
    with pytest.raises(PhialError):
        DecontaminationConfig(info_ratio=0.9, contaminated_ratio=0.5)


VOCABULARY = st.sampled_from([letter * times for letter in "abcdef" for times in (1, 2)])
TEXT = st.lists(VOCABULARY, min_size=1, max_size=40).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(TEXT, max_size=12), items=st.lists(TEXT, min_size=1, max_size=5), data=st.data())
def test_a_planted_item_is_always_caught(texts: list[str], items: list[str], data: st.DataObject) -> None:
    item = data.draw(st.sampled_from(items))
    copies = data.draw(st.integers(1, 8))
    planted = [f"{before}.\n{item}\n{copy} {copy}." for copy, before in enumerate((texts or [""]) * copies)][:copies]
    outcome = run([*texts, *planted], items)
    assert set(planted) <= set(dropped(outcome))


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(TEXT, max_size=12), items=st.lists(TEXT, min_size=1, max_size=5))
def test_a_record_without_a_common_word_never_is(texts: list[str], items: list[str]) -> None:
    unrelated = [text.replace("a", "u").replace("b", "v").translate(str.maketrans("cdef", "wxyz")) for text in texts]
    outcome = run([*texts, *unrelated], items)
    assert not set(unrelated) & set(dropped(outcome))
    assert all(kept.scores[SCORE] == 0 for kept in outcome.kept if kept.content in unrelated)


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(TEXT, max_size=12), items=st.lists(TEXT, min_size=1, max_size=5), data=st.data())
def test_the_verdict_does_not_depend_on_the_order(texts: list[str], items: list[str], data: st.DataObject) -> None:
    def verdicts(outcome: Decontaminated) -> dict[str, tuple[str, float]]:
        everything = [*outcome.kept, *(one.record for one in outcome.dropped)]
        return {one.content: (one.lineage.verdicts[-1].detail, one.scores[SCORE]) for one in everything}

    first, second = run(texts, items), run(data.draw(st.permutations(texts)), items)
    assert verdicts(first) == verdicts(second)
    assert [kept.content for kept in first.kept] == [text for text in texts if text not in dropped(first)]


def naive(texts: list[str], items: list[str], config: DecontaminationConfig) -> dict[str, tuple[bool, float]]:
    """Algorithm 1 with sets of word tuples: for each text, whether a rare 13-gram is shared, and the 7-gram ratio."""

    def grams(text: str, n: int) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[at : at + n]) for at in range(len(words) - n + 1)}

    def common(n: int) -> set[tuple[str, ...]]:
        of_items = set().union(*(grams(item, n) for item in items))
        held = [grams(text, n) for text in set(texts)]
        return {gram for gram in of_items if sum(gram in one for one in held) > config.common_records}

    common_long, common_short = common(13), common(7) if config.templates else set()
    result: dict[str, tuple[bool, float]] = {}
    for text in texts:
        long = any(grams(text, 13) & grams(item, 13) - common_long for item in items)
        sides = [(grams(text, 7) - common_short, grams(item, 7) - common_short) for item in items]
        ratio = max((len(mine & its) / min(len(mine), len(its)) if mine and its else 0.0) for mine, its in sides)
        result[text] = (long, ratio)
    return result


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_arrays_agree_with_sets_of_words(data: st.DataObject) -> None:
    templates = data.draw(st.booleans())
    words = st.sampled_from(["a", "b"])
    text = st.lists(words, min_size=1, max_size=24).map(" ".join)
    texts, items = data.draw(st.lists(text, min_size=1, max_size=8)), data.draw(st.lists(text, min_size=1, max_size=4))
    config = DecontaminationConfig(common_records=2, info_ratio=0.2, contaminated_ratio=1.0, templates=templates)
    outcome = run(texts, items, config)
    expected = naive(texts, items, config)
    for kept in outcome.kept:
        assert not expected[kept.content][0]
        assert kept.scores[SCORE] == pytest.approx(expected[kept.content][1])
    for one in outcome.dropped:
        long, ratio = expected[one.record.content]
        assert one.record.scores[SCORE] == pytest.approx(ratio)
        assert (one.reason == "13-gram") == long
        assert one.reason != "7-gram" or ratio >= 1.0


def test_hashes_are_of_the_words_alone() -> None:
    texts = hash_texts(["a b c d", "b c", "", "x b c"])
    starts, hashes = texts.ngrams(2)
    assert starts.tolist() == [0, 1, 2, 4, 6, 7]
    assert hashes[1] == hashes[3] == hashes[5] and len(set(hashes.tolist())) == 4
    assert int(hash_texts(["stable"]).ngrams(1)[1][0]) == WordHashes()["stable"][0] == 15759203886571768482
    places, keys = HashSet(hashes[:3]).find(hashes)
    assert places.tolist() == [0, 1, 2, 3, 5] and keys[1] == keys[3] == keys[4]


@given(st.lists(st.text(max_size=30), max_size=5), st.booleans())
def test_compiled_hashes_are_those_of_python(texts: list[str], shapes: bool) -> None:
    if text_kernel() is None:
        pytest.skip("no compiled kernel")
    compiled, lengths = _hash_compiled(text_kernel(), texts, shapes)
    plain, counted = _hash_in_python(texts, shapes)
    assert compiled.tolist() == plain.tolist() and lengths.tolist() == counted.tolist()


def test_the_rule_of_the_report_alone_knows_no_templates() -> None:
    item = letters("q", 20)
    copies = [f"{item} {letters(f'a{copy}x', 30)}" for copy in range(11)]
    outcome = run(copies, [item], DecontaminationConfig())
    # The item's 13-grams are common now, but the ratio of 7-grams still finds every copy.
    assert set(dropped(outcome).values()) == {"7-gram"} and len(outcome.dropped) == 11


def test_shards_are_judged_as_the_whole_is(tmp_path: Path) -> None:
    (tmp_path / "benchmarks/deep").mkdir(parents=True)
    (tmp_path / "benchmarks/a.jsonl").write_text(json.dumps({"id": 1, "question": letters("q", 30)}) + "\n")
    (tmp_path / "benchmarks/deep/b.csv").write_text(f'goal,answer\n"{letters("r", 20)}",1\n')
    (tmp_path / "benchmarks/c.txt").write_text(f"{letters('s', 9)}\n\n?!\n")
    (tmp_path / "benchmarks/d.json").write_text(json.dumps([{"turns": [letters("t", 8), letters("u", 8)]}]))
    items = list(read_benchmarks(tmp_path / "benchmarks"))
    assert [name for _, name, _ in items] == ["a", "c", "d", "deep/b"]
    texts = [f"{letters(f'x{number}y', 20)} {letters('q', 7 + number)}" for number in range(20)]
    whole = decontaminate([record(text) for text in texts], build_index(items), DecontaminationConfig(common_records=3))
    stage = Decontaminate(tmp_path / "benchmarks", DecontaminationConfig(common_records=3))
    shards = [[record(text) for text in texts[at::3]] for at in range(3)]
    folders = [tmp_path / name for name in ("0", "1", "2", "conclusion")]
    for folder, shard in zip(folders, [*shards, []], strict=True):
        folder.mkdir()
        if shard:
            stage.survey(shard, folder)
    stage.conclude(folders[:3], folders[3])
    outcomes = [stage.judge_shard(shard, folders[3], number) for number, shard in enumerate(shards)]
    assert {one.record.content: one.detail for part in outcomes for one in part.dropped} == {
        one.record.content: one.detail for one in whole.dropped
    }
    assert sorted(one.content for part in outcomes for one in part.kept) == sorted(one.content for one in whole.kept)
    key = stage.config()
    (tmp_path / "benchmarks/c.txt").write_text("changed")
    assert stage.config() != key


def test_benchmarks_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(PhialError, match="no benchmark files"):
        list(read_benchmarks(tmp_path))
    (tmp_path / "a.jsonl").write_text('{"other": "x"}\n')
    with pytest.raises(PhialError, match="there is other"):
        list(read_benchmarks(tmp_path))
    assert [text for _, _, text in read_benchmarks(tmp_path, ["other"])] == ["x"]
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(PhialError, match="cannot be read"):
        list(read_benchmarks(tmp_path))
