import io
import json
from collections.abc import Generator
from pathlib import Path

import pytest
from checkpoints import ScriptedBackend, random_decoder, tiny_config, tiny_tokenizer
from lora_folders import merged, write_lora

import phial
from phial.engine.console import ask, chat, fit, run_ask, run_chat
from phial.engine.engine import Engine
from phial.engine.request import Sampling
from phial.engine.torch_backend import TorchBackend
from phial.errors import PhialError
from phial.tokens.chat import encode_chat

TOKENIZER = tiny_tokenizer()
ANSWER = "Ada has 42 pens. The answer is 42."


def engine_saying(text: str, max_length: int = 400) -> Engine:
    """Every prompt begins with BOS, so every prompt is answered alike."""
    script = [*TOKENIZER.encode(text), TOKENIZER.stop_ids[0]]
    return Engine(ScriptedBackend({TOKENIZER.bos_id: script}, 300, max_length), TOKENIZER)  # type: ignore[arg-type]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch):
    def feed(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return feed


def test_ask_prints_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(engine_saying(ANSWER), "How many?", False, Sampling()) == 0
    assert capsys.readouterr().out == ANSWER + "\n"


def test_ask_prints_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(engine_saying(ANSWER), "How many — €?", True, Sampling()) == 0
    report = json.loads(capsys.readouterr().out)
    assert report.pop("seconds") >= 0
    assert report == {
        "question": "How many — €?",
        "answer": ANSWER,
        "final": "42",
        "tokens": len(TOKENIZER.encode(ANSWER)),
        "finish_reason": "stop",
    }


@pytest.mark.parametrize("question", ["", " \n\t"])
def test_an_empty_question_is_refused(folder: Path, question: str) -> None:
    with pytest.raises(PhialError, match="empty"):
        run_ask(folder, question, False, 5, 0.0)


def test_a_question_longer_than_the_context_is_refused(folder: Path) -> None:
    with pytest.raises(PhialError, match="context is 64"):
        run_ask(folder, "word " * 100, False, 5, 0.0)


def test_running_from_a_folder(folder: Path, capsys: pytest.CaptureFixture[str], typed) -> None:
    assert run_ask(folder, "How many?", True, 5, 0.5) == 0
    assert json.loads(capsys.readouterr().out)["tokens"] <= 5
    typed("hello\n")
    assert run_chat(folder, 5, 0.0) == 0
    assert capsys.readouterr().out.endswith("\n")


def test_a_piped_chat_prints_answers_only(capsys: pytest.CaptureFixture[str], typed) -> None:
    typed("How many?\n\n  And now?  \n")
    assert chat(engine_saying(ANSWER), Sampling()) == 0
    assert capsys.readouterr() == (f"{ANSWER}\n{ANSWER}\n", "")


def test_commands(capsys: pytest.CaptureFixture[str], typed) -> None:
    typed("/help\n/nonsense\n/reset\n/exit\nHow many?\n")
    assert chat(engine_saying(ANSWER), Sampling()) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "/nonsense is no command" in err and "forgotten" in err and "/exit" in err


class Listening(Engine):
    """Keeps the prompts that are streamed, and may be interrupted in one of them."""

    def __init__(self, text: str, max_length: int = 400, interrupted: int = -1) -> None:
        super().__init__(engine_saying(text, max_length).backend, TOKENIZER)
        self.heard: list[list[int]] = []
        self.interrupted = interrupted

    def stream(self, prompt_ids, sampling, adapter=None) -> Generator[str, None, None]:  # type: ignore[no-untyped-def]
        self.heard.append(list(prompt_ids))
        whole = super().stream(prompt_ids, sampling, adapter)
        return self._cut(whole) if len(self.heard) - 1 == self.interrupted else whole

    def _cut(self, whole: Generator[str, None, None]) -> Generator[str, None, None]:
        yield next(whole)
        whole.close()
        raise KeyboardInterrupt


def prompt(*turns: tuple[str, str]) -> list[int]:
    return encode_chat(TOKENIZER, turns, generation_prompt=True)[0]


def test_the_conversation_is_remembered_until_reset(typed) -> None:
    typed("one\ntwo\n/reset\nthree\n")
    engine = Listening(ANSWER)
    chat(engine, Sampling())
    assert engine.heard == [
        prompt(("user", "one")),
        prompt(("user", "one"), ("assistant", ANSWER), ("user", "two")),
        prompt(("user", "three")),
    ]


def test_an_interrupt_stops_the_answer_but_not_the_chat(capsys: pytest.CaptureFixture[str], typed) -> None:
    typed("one\ntwo\n")
    engine = Listening(ANSWER, interrupted=0)
    assert chat(engine, Sampling()) == 0
    out, err = capsys.readouterr()
    begun, whole = out.splitlines()
    assert ANSWER.startswith(begun) and whole == ANSWER and "stopped" in err
    assert engine.heard[1] == prompt(("user", "one"), ("assistant", begun), ("user", "two"))


def test_a_full_context_drops_the_oldest_turns_and_says_so_once(capsys: pytest.CaptureFixture[str], typed) -> None:
    typed("one two\n" * 6)
    engine = Listening(ANSWER, max_length=120)
    assert chat(engine, Sampling(max_tokens=40)) == 0
    out, err = capsys.readouterr()
    assert out == f"{ANSWER}\n" * 6
    assert err.count("oldest") == 1
    assert all(len(ids) <= 80 for ids in engine.heard)
    assert len(engine.heard[-1]) > len(engine.heard[0])  # not everything was dropped


def test_a_question_that_can_not_fit_leaves_the_chat_running(capsys: pytest.CaptureFixture[str], typed) -> None:
    typed("word " * 100 + "\none\n")
    assert chat(engine_saying(ANSWER, max_length=90), Sampling()) == 0
    out, err = capsys.readouterr()
    assert out == f"{ANSWER}\n"
    assert "context is 90" in err and "what to do" in err


def test_fit_sets_at_most_half_of_the_context_aside() -> None:
    engine = engine_saying(ANSWER, max_length=100)
    turns = [("user", "one"), ("assistant", "two")]
    kept, ids = fit(engine, turns, "three", max_tokens=1000)
    assert kept == turns and ids == prompt(*turns, ("user", "three"))
    assert fit(engine, turns * 9, "three", max_tokens=1000)[0] != turns * 9


def test_an_adapter_answers(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], typed) -> None:
    model = random_decoder(tiny_config())
    adapter = write_lora(tmp_path / "lora", model, size=2.0)
    expected = merged(model, adapter, tmp_path / "merged")
    for text in ("Ada has 12", "one two"):
        prompt, _ = encode_chat(TOKENIZER, [("user", text)], generation_prompt=True)
        [answer] = Engine(TorchBackend(expected), TOKENIZER).generate([prompt], Sampling(max_tokens=5))
        typed(text + "\n")
        assert run_chat(folder, 5, 0.0, adapter) == run_ask(folder, text, False, 5, 0.0, adapter) == 0
        assert capsys.readouterr().out == 2 * (answer.text + "\n")
        loaded = phial.load(folder)
        assert loaded.generate(text, Sampling(max_tokens=5), adapter=adapter) == answer.text
        assert loaded.generate(text, Sampling(max_tokens=5)) != answer.text
    with pytest.raises(PhialError, match="adapter_config"):
        run_chat(folder, 5, 0.0, tmp_path)
