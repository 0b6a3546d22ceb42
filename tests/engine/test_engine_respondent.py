"""The engine as an evaluation's respondent: the same bits after a kill, thinking tags, options, long prompts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from checkpoints import random_decoder, tiny_config, tiny_tokenizer, write_checkpoint

from phial.engine.choice import load_engine
from phial.engine.request import Generation, Sampling
from phial.errors import PhialError
from phial.evals import engine_respondent
from phial.evals.engine_respondent import EngineRespondent, folder_identity
from phial.evals.log import Log
from phial.evals.run import evaluate
from phial.evals.task import Extraction, Grade, Item, Protocol, Task
from phial.tokens.chat import encode_chat

Take = Callable[[int, Generation, float], None]
SAMPLED = Protocol("made", "", Sampling(temperature=0.8, max_tokens=12, seed=3), repeats=2)


def read(reply: str, item: Item) -> Extraction:
    return Extraction(reply or None, "all")


def grade(answer: str, item: Item) -> Grade:
    return Grade(float(answer == item.gold))


def questions(*words: str, protocol: Protocol = SAMPLED) -> Task:
    items = tuple(Item(str(index), (("user", text),), "5") for index, text in enumerate(words))
    return Task("made", protocol, items, {"phial": read}, grade, "0" * 64)


def respondent(folder: Path) -> EngineRespondent:
    return EngineRespondent(load_engine(folder), "tiny", folder_identity(folder), str(folder))


def replies(log: Log) -> list[tuple[str, int, str]]:
    return [(one.item, one.repeat, one.reply) for one in log.samples]


def dying(after: int) -> Callable[[int], None]:
    def watch(done: int) -> None:
        if done >= after:
            raise KeyboardInterrupt

    return watch


@pytest.mark.parametrize("after", [1, 6, 17])
def test_a_killed_run_ends_with_the_same_replies(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr(engine_respondent, "CHUNK", 8)
    task = questions(*(f"Ada has {i} pens." for i in range(10)))
    whole = evaluate(respondent(folder), task, tmp_path / "whole.jsonl")
    with pytest.raises(KeyboardInterrupt):
        evaluate(respondent(folder), task, tmp_path / "log.jsonl", dying(after))
    resumed = evaluate(respondent(folder), task, tmp_path / "log.jsonl")
    assert replies(resumed) == replies(whole)
    first, second = (replies(whole)[:10], replies(whole)[10:])
    assert [text for *_, text in first] != [text for *_, text in second]  # repeats draw other answers
    assert all(one.cpu_seconds is not None and one.cpu_seconds >= 0 for one in whole.samples)
    assert all(one.prompt_tokens and one.tokens and one.seconds > 0 for one in whole.samples)


def test_the_system_message_is_part_of_the_prompt(folder: Path, tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    task = questions("Ada", protocol=replace(SAMPLED, system="Be brief."))
    [sample, _] = evaluate(respondent(folder), task, tmp_path / "log.jsonl").samples
    ids, _ = encode_chat(tokenizer, [("system", "Be brief."), ("user", "Ada")], generation_prompt=True)
    assert sample.prompt_tokens == len(ids)


def test_a_begun_turn_is_continued(folder: Path, tmp_path: Path) -> None:
    engine, once = load_engine(folder), Protocol("made", "", Sampling(max_tokens=5))
    item = Item("0", (("user", "Ada"), ("assistant", "has 1")), "5")
    task = Task("made", once, (item,), {"phial": read}, grade, "0" * 64)
    [sample] = evaluate(respondent(folder), task, tmp_path / "log.jsonl").samples
    begun = encode_chat(engine.tokenizer, [("user", "Ada")], generation_prompt=True)[0] + engine.tokenizer.encode(
        "has 1"
    )
    assert sample.reply == engine.generate([begun], Sampling(max_tokens=5))[0].text


def test_a_prompt_beyond_the_context_is_wrong_and_says_why(folder: Path, tmp_path: Path) -> None:
    log = evaluate(respondent(folder), questions("x y " * 4000, "Ada"), tmp_path / "log.jsonl")
    assert [one.finish for one in log.samples[::2]] == ["prompt-too-long"] * 2
    assert log.samples[0].detail == "prompt-too-long" and log.samples[1].tokens


def test_options_are_scored_as_continuations(folder: Path, tmp_path: Path) -> None:
    engine = load_engine(folder)
    options = (" pens", " has 12 pens", "x")
    items = (
        Item("text", "Ada has 12", "pens", options=options),
        Item("chat", (("user", "Ada"),), "pens", options=options),
        Item("alone", "", "pens", options=("Ada has 12 pens.",)),
        Item("long", "x y " * 4000, "pens", options=options),
    )
    task = Task("made", Protocol("made", "", Sampling()), items, {"phial": read}, grade, "0" * 64)
    text, _, alone, long = evaluate(respondent(folder), task, tmp_path / "log.jsonl").samples
    tokenizer = engine.tokenizer
    for option, (logprob, count) in zip(options, text.options, strict=True):
        prompt, whole = tokenizer.encode("Ada has 12"), tokenizer.encode("Ada has 12" + option)
        if whole[: len(prompt)] == prompt:
            [expected] = engine.score(prompt, [whole[len(prompt) :]])
            assert count == len(expected) and math.isclose(logprob, expected.sum(), rel_tol=1e-5)
    assert text.answer in {option.strip() for option in options} and text.rule == "likeliest"
    ids = tokenizer.encode("Ada has 12 pens.")
    [expected] = engine.score([tokenizer.bos_id], [ids])
    assert alone.options[0][1] == len(ids) and math.isclose(alone.options[0][0], expected.sum(), rel_tol=1e-5)
    assert (long.finish, long.options, long.score) == ("prompt-too-long", (), 0)


class TaggedTokenizer:
    """Tags are control tokens, as in Phi-4-reasoning, and no text."""

    special = {"<think>": 1, "</think>": 2}  # noqa: RUF012
    bos_id = 0

    def __init__(self, prompt: str = "") -> None:
        self._prompt = prompt

    def decode(self, ids: Sequence[int], special: bool = False) -> str:
        return self._prompt if special else "".join(chr(token) for token in ids if token > 2)


def tagged(monkeypatch: pytest.MonkeyPatch, reply: str, prompt: str = "<|assistant|>") -> EngineRespondent:
    ids = tuple(ord(letter) for letter in reply.replace("<think>", "\1").replace("</think>", "\2"))

    def generate(prompts: Sequence[object], samplings: object, slots: int, *, take: Take, **rest: object) -> None:
        for index in range(len(prompts)):
            take(index, Generation(ids, "".join(chr(i) for i in ids if i > 2), "stop"), 0.1)

    engine = SimpleNamespace(
        tokenizer=TaggedTokenizer(prompt), backend=None, max_length=99, generate=generate, stop=lambda: None
    )
    monkeypatch.setattr(engine_respondent, "encode_chat", lambda *_, **__: ([5, 6], ()))
    return EngineRespondent(engine, "tagged", {})  # type: ignore[arg-type]


def test_tags_that_are_control_tokens_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tagged(monkeypatch, "<think>4?</think>5")
    [sample, _] = evaluate(model, questions("?"), tmp_path / "log.jsonl").samples
    assert (sample.reply, sample.answer, sample.score) == ("<think>4?</think>5", "5", 1)
    stopping = replace(SAMPLED, stop=("X",))
    model = tagged(monkeypatch, "<think>4?</think>5X")
    [sample, _] = evaluate(model, questions("?", protocol=stopping), tmp_path / "stop.jsonl").samples
    assert sample.answer == "5"


def test_a_template_that_opens_the_thinking_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tagged(monkeypatch, "It is 5", "<|assistant|><think>\n")
    assert model.identity["opened"] is True
    [sample, _] = evaluate(model, questions("?"), tmp_path / "log.jsonl").samples
    assert sample.answer is None and sample.truncated


def test_other_weights_are_another_model(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = write_checkpoint(tmp_path / "other", random_decoder(tiny_config(), seed=1))
    assert folder_identity(folder) != folder_identity(other)
    assert folder_identity(other) == folder_identity(other)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PhialError, match="no weights"):
        folder_identity(tmp_path / "empty")


def test_damaged_weights_end_the_run_and_say_so(tmp_path: Path) -> None:
    model = random_decoder(tiny_config())
    for parameter in model.parameters():
        parameter.data.fill_(np.nan)
    broken = respondent(write_checkpoint(tmp_path, model))
    with pytest.raises(PhialError, match="not finite"):
        evaluate(broken, questions("Ada"), tmp_path / "log.jsonl")
    item = Item("0", "Ada has", "pens", options=(" 1", " 2"))
    task = Task("made", Protocol("made", "", Sampling()), (item,), {"phial": read}, grade, "0" * 64)
    [sample] = evaluate(broken, task, tmp_path / "options.jsonl").samples
    assert sample.answer is None and sample.detail == "a log probability is not a number"
