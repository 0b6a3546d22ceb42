"""Which items stand in training data, and the score with and without them."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from figure_logs import log, sample
from hypothesis import given
from hypothesis import strategies as st

from phial.artifact import artifact_key, artifact_path, drafting, publish
from phial.curate.benchmarks import build_index
from phial.curate.decontaminate import DecontaminationConfig, count_grams, judge, matches
from phial.errors import PhialError
from phial.evals.contamination import Contamination, contamination, own_words
from phial.evals.log import Log
from phial.evals.training_texts import find_sources, read_sources
from phial.record import Lineage, Record, write_records
from phial.tokens.encode import encode_records
from phial.tokens.shards import write_shard
from phial.tokens.tokenizer import Tokenizer, train_tokenizer

NAMES = ("Ada", "Ben", "Cleo", "Dov", "Eve", "Finn", "Gita", "Hugo")
THINGS = ("apples", "bricks", "candles", "drums", "eggs", "flutes", "grapes", "hats")
SHOTS = "Question: A farmer has 3 cows and buys 4 more cows at the market. How many cows are there?\nAnswer: 7\n\n"


def question(number: int) -> str:
    draw = random.Random(number)
    words = " ".join("".join(draw.choices("abcdefghijklmnop", k=6)) for _ in range(24))
    return f"{NAMES[number % 8]} counts {number} {THINGS[number % 8]} {words}. How many?"


def asked(count: int, **fields) -> Log:
    """Items of 8 shots' worth of shared wording and a question of their own; every second one is right."""
    return log(
        [
            sample(
                f"i{number}",
                prompt=[
                    ["system", "You are a careful assistant who counts."],
                    ["user", f"{SHOTS}Question: {question(number)}\nAnswer:"],
                ],
                score=float(number % 2),
            )
            for number in range(count)
        ],
        **fields,
    )


def record(text: str) -> Record:
    return Record("exercise", "test", "MIT", Lineage("test", "1"), text=text)


def trained(folder: Path, texts: Sequence[str], name: str = "train.parquet") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_records(folder / name, map(record, texts))
    return folder


def levels(found: Contamination) -> dict[str, tuple[str, str]]:
    return {one.item: (one.level, one.clause) for one in found.evidence}


def words(prefix: str, count: int) -> str:
    return " ".join(f"{prefix}{number}" for number in range(count))


def test_clean_and_dirty_items_are_scored_apart(tmp_path: Path) -> None:
    half = " ".join(question(5).split()[:9])  # 3 of its 7-grams, a third of the text's 9
    texts = [
        words("x", 80),
        f"{words('y', 30)}\n{question(2)}\n{words('z', 9)}",
        question(7),
        f"{half} {words('w', 6)}",
    ]
    found = contamination(asked(20), [trained(tmp_path, texts)])
    assert levels(found) == {"i2": ("dirty", "13-gram"), "i7": ("dirty", "13-gram"), "i5": ("partial", "7-gram")}
    assert [(e.value, e.items) for e in (found.dirty, found.partial, found.clean)] == [(0.5, 2), (1.0, 1), (8 / 17, 17)]
    assert found.gap is not None and found.gap.value == pytest.approx(0.5 - 8 / 17)
    assert found.gap.low < found.gap.value < found.gap.high
    assert (found.searched, found.unjudged, found.skipped) == (4, (), ())
    assert found.dirty.low < found.dirty.high
    (evidence,) = (one for one in found.evidence if one.item == "i2")
    assert evidence.record == record(texts[1]).id and evidence.file == str(tmp_path / "train.parquet")
    assert texts[1].lower().replace(".", "").replace("?", "").split()[evidence.first : evidence.end] == (
        question(2).lower().replace(".", "").removesuffix(" how many?").split()
    )
    assert evidence.words.startswith("cleo counts 2 candles") and evidence.texts == 1


def test_the_prompts_shared_wording_is_no_contamination(tmp_path: Path) -> None:
    found = contamination(asked(12), [trained(tmp_path, [SHOTS, "You are a careful assistant who counts.\n" + SHOTS])])
    assert found.evidence == () and found.clean.items == 12 and found.gap is None


def test_a_text_with_many_items_marks_them_all(tmp_path: Path) -> None:
    found = contamination(asked(12), [trained(tmp_path, ["\n".join(question(number) for number in range(9))])])
    assert {one.item for one in found.evidence if one.level == "dirty"} == {f"i{number}" for number in range(9)}


def test_an_item_in_more_texts_than_are_called_common_is_still_found(tmp_path: Path) -> None:
    texts = [f"{words(f'n{number}a', 9)} {question(3)} {words(f'n{number}b', 9)}" for number in range(30)]
    found = contamination(asked(12), [trained(tmp_path, texts)])
    assert levels(found)["i3"][0] == "dirty"
    assert found.evidence[0].texts == 30


def test_equal_texts_count_once_wherever_they_are(tmp_path: Path) -> None:
    trained(tmp_path / "a", [question(3)] * 20)
    trained(tmp_path / "b", [question(3)])
    found = contamination(asked(12), [tmp_path / "a", tmp_path / "b"])
    assert (found.searched, found.evidence[0].texts, found.evidence[0].clause) == (1, 1, "13-gram")


def test_items_of_one_wording_are_all_marked(tmp_path: Path) -> None:
    twins = log([*asked(8).samples, sample("twin", prompt=asked(8).samples[4].prompt)])
    found = contamination(twins, [trained(tmp_path, [question(4)])])
    assert set(levels(found)) == {"i4", "twin"}


def test_repeats_are_one_item(tmp_path: Path) -> None:
    twice = log([sample(s.item, repeat, prompt=s.prompt, score=s.score) for s in asked(8).samples for repeat in (0, 1)])
    found = contamination(twice, [trained(tmp_path, [question(3)])])
    assert (found.dirty.items, found.dirty.samples, found.clean.items) == (1, 2, 7)


def test_short_items_are_found_as_whole_sentences(tmp_path: Path) -> None:
    sums = log([sample(str(number), prompt=f"What is {number} plus 5?") for number in range(20, 30)])
    found = contamination(
        sums, [trained(tmp_path, ["Tom asks: what is 7? It is late.", "What is\n23 plus 5? It is 28."])]
    )
    # "What is" and "plus 5" are shared wording, so a sum's own words are a number, and it has to stand on its own line.
    assert levels(found) == {}
    assert own_words({s.item: s.prompt for s in sums.samples})["23"] == "23"
    alone = log([sample("a", prompt="What is 23 plus 5?"), sample("b", prompt="Name the capital of France.")])
    found = contamination(alone, [trained(tmp_path / "more", ["It is late. What is 23 plus 5? It is 28."])])
    assert levels(found) == {"a": ("dirty", "whole text")}


def test_items_without_words_of_their_own_are_told(tmp_path: Path) -> None:
    made = log([sample(str(number), prompt="!" * number) for number in range(3)])
    with pytest.raises(PhialError, match="no item of sums has words"):
        contamination(made, [trained(tmp_path, ["Tell me more."])])
    some = log([*asked(8).samples, sample("same", prompt=SHOTS.strip())])
    assert "same" not in levels(contamination(some, [trained(tmp_path, [question(1)])]))
    blank = log([*asked(8).samples, sample("blank", prompt="...")])
    found = contamination(blank, [trained(tmp_path, [question(1)])])
    assert found.unjudged == ("blank",) and found.clean.items + found.dirty.items == 8


def test_own_words_keep_what_few_share() -> None:
    own = own_words({str(number): f"{SHOTS}Question: {question(number)}\nAnswer:" for number in range(12)})
    assert own["4"].split() == question(4).lower().replace(".", "").removesuffix(" how many?").split()
    assert not any("cows" in text for text in own.values())
    assert own_words({"only": "One item, whole."}) == {"only": "one item whole"}
    with pytest.raises(PhialError, match="no prompt"):
        own_words({"a": {"no": "prompt"}})


def test_held_out_dropped_and_foreign_files_are_passed_over(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    trained(tmp_path, [words("x", 40)])
    trained(tmp_path, [question(1)], "organic-heldout.parquet")
    trained(tmp_path / "dropped", [question(2)])
    trained(tmp_path / "seeds.partial", [question(3)])
    pq.write_table(pa.table({"number": [1]}), tmp_path / "other.parquet")
    (tmp_path / "figures.json").write_text("{}")
    found = contamination(asked(8), [tmp_path])
    assert found.evidence == () and found.searched == 1
    assert [reason.rsplit(": ")[-1] for reason in found.skipped] == ["dropped", "heldout", "no records", ".partial"]


def test_plain_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": question(1)}) + "\n")
    with gzip.open(tmp_path / "b.txt.gz", "wt") as file:
        file.write(question(2))
    (tmp_path / "c.md").write_text(question(3))
    found = contamination(asked(8), [tmp_path])
    assert set(levels(found)) == {"i1", "i2", "i3"} and found.searched == 3


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer([question(number) for number in range(40)], 400)


def shard(folder: Path, texts: Sequence[str], tokenizer: Tokenizer) -> None:
    documents, dropped = encode_records(tokenizer, map(record, texts), 512)
    assert not dropped
    folder.mkdir(parents=True)
    write_shard(folder, documents, 512, tokenizer.vocab_size, tokenizer.eos_id)


def workspace(root: Path, tokenizer: Tokenizer) -> Path:
    """A recipe's artifacts: a benchmark among the data, a tokenizer, and token shards that name it."""
    keys: dict[str, str] = {}
    for stage in ("synth", "tokenizer", "tokenize"):
        inputs = {"tokenizer": keys["tokenizer"]} if stage == "tokenize" else {}
        keys[stage] = artifact_key(stage, 1, {}, inputs)
        with drafting(root, stage, keys[stage], resumable=False) as draft:
            if stage == "synth":
                (draft.path / "in-range.jsonl").write_text(json.dumps({"text": question(0)}) + "\n")
            elif stage == "tokenizer":
                tokenizer.save(draft.path)
            else:
                shard(draft.path / "pretrain", [question(4), words("x", 9)], tokenizer)
                shard(draft.path / "heldout-textbook", [question(5)], tokenizer)
            publish(draft, root, stage, keys[stage], 1, {}, inputs, {}, 0.0)
    return artifact_path(root, "tokenize", keys["tokenize"])


def test_token_shards_are_read_with_their_own_tokenizer(tmp_path: Path, tokenizer: Tokenizer) -> None:
    folder = workspace(tmp_path, tokenizer)
    for named in (tmp_path, folder, folder / "pretrain"):
        found = contamination(asked(8), [named])
        assert levels(found) == {"i4": ("dirty", "13-gram")}
        assert found.evidence[0].record == record(question(4)).id
        assert found.searched == 2
    assert any("heldout-textbook" in reason for reason in contamination(asked(8), [folder]).skipped)


def test_a_token_shard_alone_needs_a_tokenizer(tmp_path: Path, tokenizer: Tokenizer) -> None:
    shard(tmp_path / "shard", [question(4)], tokenizer)
    with pytest.raises(PhialError, match="tokenizer of this token shard is not known"):
        contamination(asked(8), [tmp_path])
    assert set(levels(contamination(asked(8), [tmp_path], tokenizer))) == {"i4"}


def test_nothing_to_search_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PhialError, match="no such folder"):
        contamination(asked(3), [tmp_path / "none"])
    with pytest.raises(PhialError, match="no training data"):
        contamination(asked(3), [tmp_path])
    trained(tmp_path, [question(1)], "heldout.parquet")
    with pytest.raises(PhialError, match=r"passed over: .*heldout"):
        contamination(asked(3), [tmp_path])
    trained(tmp_path, [], "train.parquet")
    with pytest.raises(PhialError, match="no texts"):
        contamination(asked(3), [tmp_path])


def test_damaged_training_data_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": ')
    with pytest.raises(PhialError, match="can't be read"):
        list(read_sources(find_sources(tmp_path)))
    (tmp_path / "a.jsonl").unlink()
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(PhialError, match="not a readable Parquet file"):
        find_sources(tmp_path)


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=40).map(" ".join), max_size=12), st.booleans())
def test_every_match_is_told_where_the_filter_tells_the_weightiest(texts: list[str], templates: bool) -> None:
    items = ["a b c d e f g h a c e g b d", "h g f e d c b", "a a b"]
    index = build_index((str(number), "made", item) for number, item in enumerate(items))
    config = DecontaminationConfig(common_records=2, templates=templates)
    counts = count_grams(texts, index)
    found = matches(texts, index, counts, config)
    dropped = {one.record.content: one.reason for one in judge(list(map(record, texts)), index, counts, config)[1]}
    order = ("13-gram", "whole text", "7-gram")
    for number, text in enumerate(texts):
        mine = [match for (holder, _), match in found.items() if holder == number]
        proofs = [m.clause for m in mine if m.clause != "7-gram" or m.ratio >= config.contaminated_ratio]
        assert min(proofs, key=order.index, default=None) == dropped.get(text)
