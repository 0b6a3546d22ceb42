from pathlib import Path

import numpy as np
import pytest
from checkpoints import SENTENCES, ScriptedBackend, random_decoder, tiny_config, tiny_tokenizer, torch_logits
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.engine.choice import load_engine
from phial.engine.engine import Engine
from phial.engine.request import Sampling
from phial.errors import PhialError

TOKENIZER = tiny_tokenizer()


def prompts(count: int, longest: int = 30) -> list[list[int]]:
    random = np.random.default_rng(7)
    return [random.integers(6, 300, random.integers(1, longest)).tolist() for _ in range(count)]


def test_greedy_answers_are_the_argmax_of_the_torch_decoder(folder: Path) -> None:
    model = random_decoder(tiny_config())
    [prompt] = prompts(1)
    ids = list(prompt)
    for _ in range(12):
        ids.append(int(torch_logits(model, ids)[-1].argmax()))
    engine = load_engine(folder)
    answer = Engine(engine.backend, engine.tokenizer, stop_ids=()).generate([prompt], Sampling(max_tokens=12))[0]
    assert list(answer.ids) == ids[len(prompt) :]
    assert answer.finish_reason == "length"
    assert answer.text == engine.tokenizer.decode(answer.ids)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_batch_does_not_change_an_answer(folder: Path, threads: int) -> None:
    engine = load_engine(folder)
    asked = prompts(50)
    samplings = [
        Sampling(temperature=0.8 * (index % 2), top_p=0.9, max_tokens=1 + index % 20, seed=index)
        for index in range(len(asked))
    ]
    together = engine.generate(asked, samplings, slots=7, threads=threads)
    alone = [engine.generate([ids], sampling)[0] for ids, sampling in zip(asked, samplings, strict=True)]
    assert together == alone
    assert [len(answer.ids) for answer in together if answer.finish_reason == "length"] != []


def test_a_seed_repeats_and_another_differs(folder: Path) -> None:
    engine = load_engine(folder)
    [prompt] = prompts(1)
    first, second, third = (
        engine.generate([prompt], Sampling(temperature=1.0, max_tokens=20, seed=seed))[0] for seed in (1, 1, 2)
    )
    assert first == second != third


def test_stop_tokens_end_answers_and_free_slots_for_the_next_prompt() -> None:
    stop = TOKENIZER.stop_ids[0]
    scripts = [[10, 11, stop, 99], [stop], [12] * 50, [13, TOKENIZER.stop_ids[1]]]
    backend = ScriptedBackend(scripts, 300)
    seen: list[int] = []
    engine = Engine(backend, TOKENIZER)
    answers = engine.generate([[0], [1], [2], [3]], Sampling(max_tokens=5), slots=2, watch=seen.append)
    assert [answer.ids for answer in answers] == [(10, 11), (), (12,) * 5, (13,)]
    assert [answer.finish_reason for answer in answers] == ["stop", "stop", "length", "stop"]
    assert seen == [1, 2, 3, 4]
    assert backend.most == 2 and not backend.live


def test_the_context_ends_an_answer() -> None:
    backend = ScriptedBackend([[12] * 50], 300, max_length=8)
    [answer] = Engine(backend, TOKENIZER).generate([[0, 1, 2]], Sampling(max_tokens=20))
    assert (len(answer.ids), answer.finish_reason) == (5, "length")


def test_no_prompts_give_no_answers(folder: Path) -> None:
    assert load_engine(folder).generate([], Sampling()) == []


def test_unusable_prompts_are_refused_before_anything_is_generated() -> None:
    backend = ScriptedBackend([[12] * 50], 300, max_length=8)
    engine = Engine(backend, TOKENIZER)
    with pytest.raises(PhialError, match="has 8 tokens; the model's context is 8") as caught:
        engine.generate([[0], [0] * 8], Sampling())
    assert caught.value.where == "prompt 1" and caught.value.do
    with pytest.raises(PhialError, match="empty"):
        engine.stream([], Sampling())
    assert backend.most == 0
    with pytest.raises(ValueError, match="1 samplings"):
        engine.generate([[0], [0]], [Sampling()])


def test_an_error_while_generating_frees_every_slot() -> None:
    backend = ScriptedBackend([[10, 11], [12] * 50], 300)  # the first script runs out
    with pytest.raises(IndexError):
        Engine(backend, TOKENIZER).generate([[1], [0], [1]], Sampling(max_tokens=20))
    assert not backend.live


text_ids = st.lists(st.integers(0, 299), max_size=40)


@settings(max_examples=200, deadline=None)
@given(text_ids)
def test_streamed_text_equals_generated_text_for_any_tokens(ids: list[int]) -> None:
    """Random tokens are mostly bytes that are no characters, cut characters and control tokens."""
    ids = [token for token in ids if token not in TOKENIZER.stop_ids]
    check_stream([*ids, TOKENIZER.stop_ids[0]])


@pytest.mark.parametrize("text", [*SENTENCES, "👩‍🚀 is 4 characters \ufffd and this one is real", "ü" * 20])
def test_streams_never_cut_a_character(text: str) -> None:
    assert "".join(check_stream([*TOKENIZER.encode(text), TOKENIZER.stop_ids[0]])) == text


def check_stream(script: list[int]) -> list[str]:
    engine = Engine(ScriptedBackend([script], 300), TOKENIZER)
    sampling = Sampling(max_tokens=60)
    [answer] = engine.generate([[0]], sampling)
    pieces = list(engine.stream([0], sampling))
    assert "".join(pieces) == answer.text
    assert all(pieces)
    assert not any(piece.endswith("\ufffd") for piece in pieces[:-1])
    return pieces


def test_streams_and_batches_may_take_turns(folder: Path) -> None:
    loaded = load_engine(folder)
    engine = Engine(loaded.backend, loaded.tokenizer, stop_ids=())
    one, two, *rest = prompts(6)
    sampling = Sampling(temperature=1.0, max_tokens=12)
    expected = [answer.text for answer in engine.generate([one, two], sampling)]
    first, second = engine.stream(one, sampling), engine.stream(two, sampling)
    texts = ["", ""]
    texts[0] += next(first, "")
    texts[1] += next(second, "")
    batch = engine.generate(rest, sampling, slots=2)
    texts[1] += "".join(second)
    texts[0] += "".join(first)
    assert texts == expected
    assert batch == engine.generate(rest, sampling)


def test_a_closed_stream_frees_its_slot() -> None:
    backend = ScriptedBackend([TOKENIZER.encode("many words to come")], 300)
    stream = Engine(backend, TOKENIZER).stream([0], Sampling())
    next(stream)
    assert backend.live
    stream.close()
    assert not backend.live
