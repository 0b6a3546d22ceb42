"""Ask a model one question, or talk with it, in a terminal or a pipe."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

from phial.engine.choice import load_engine
from phial.engine.engine import Engine
from phial.engine.request import Sampling
from phial.errors import PhialError
from phial.tokens.chat import encode_chat

HELP = "/reset  forget the conversation\n/help   these lines\n/exit   leave (so does Ctrl-D); Ctrl-C stops an answer"


def run_ask(
    model: Path, question: str, json_output: bool, max_tokens: int, temperature: float, adapter: Path | None = None
) -> int:
    """Load a checkpoint folder, and a LoRA adapter where one is given, and `ask` it.

    Raises:
        PhialError: an unusable folder, setting or question.
    """
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
    _require(question)
    return ask(_load(model, adapter), question, json_output, sampling, _name(adapter))


def run_chat(model: Path, max_tokens: int, temperature: float, adapter: Path | None = None) -> int:
    """Load a checkpoint folder, and a LoRA adapter where one is given, and `chat` with it.

    Raises:
        PhialError: an unusable folder or setting.
    """
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
    engine = _load(model, adapter)
    if sys.stdin.isatty():
        print(f"Talking with {model.resolve().name}; /help lists the commands.")
    return chat(engine, sampling, _name(adapter))


def _load(model: Path, adapter: Path | None) -> Engine:
    engine = load_engine(model)
    if adapter is not None:
        engine.load_adapter(str(adapter), adapter)
    return engine


def _name(adapter: Path | None) -> str | None:
    return None if adapter is None else str(adapter)


def ask(engine: Engine, question: str, json_output: bool, sampling: Sampling, adapter: str | None = None) -> int:
    """Answer one question on standard output.

    Args:
        engine: answers.
        question: the user's words.
        json_output: one JSON object instead of the bare answer; `final` is the answer that the text states, or null,
            and `seconds` the time spent answering.
        sampling: how to draw the answer.
        adapter: name of the engine's LoRA adapter that answers.

    Returns:
        Exit status.

    Raises:
        PhialError: the question is empty or longer than the context.
    """
    _require(question)
    ids, _ = encode_chat(engine.tokenizer, [("user", question)], generation_prompt=True)
    if not json_output:
        _write(engine, adapter, ids, sampling, [])
        return 0
    from phial.verify.answer import extract

    start = time.perf_counter()
    [answer] = engine.generate([ids], sampling, adapter=adapter)
    report = {
        "question": question,
        "answer": answer.text,
        "final": extract(answer.text),
        "tokens": len(answer.ids),
        "finish_reason": answer.finish_reason,
        "seconds": round(time.perf_counter() - start, 3),
    }
    print(json.dumps(report, ensure_ascii=False))
    return 0


def chat(engine: Engine, sampling: Sampling, adapter: str | None = None) -> int:
    """Answer lines of standard input until it ends, remembering the conversation.

    When the context is full the oldest turns are left out, and the user is told once. What is not part of an answer
    goes to standard error, so that a pipe gets the answers alone.

    Returns:
        Exit status.
    """
    interactive = sys.stdin.isatty()
    if interactive:
        with contextlib.suppress(ImportError):  # not on every system; gives input() line editing and a history
            import readline  # noqa: F401
    turns: list[tuple[str, str]] = []
    told = False
    while True:
        try:
            line = input("> " if interactive else "").strip()
        except EOFError:
            if interactive:
                print()
            return 0
        except KeyboardInterrupt:
            print("\n(Ctrl-D or /exit leaves)", file=sys.stderr)
            continue
        if not line:
            continue
        if line == "/exit":
            return 0
        if line.startswith("/"):
            if line == "/reset":
                turns.clear()
                told = False
            known = {"/reset": "(the conversation is forgotten)", "/help": HELP}
            print(known.get(line, f"({line} is no command)\n{HELP}"), file=sys.stderr)
            continue
        kept, ids = fit(engine, turns, line, sampling.max_tokens)
        if len(kept) < len(turns) and not told:
            print("(the context is full: the oldest turns are left out from here on)", file=sys.stderr)
            told = True
        pieces: list[str] = []
        try:
            _write(engine, adapter, ids, sampling, pieces)
        except PhialError as error:
            print("\n".join(error.lines()), file=sys.stderr)
            continue
        except KeyboardInterrupt:
            print("(stopped)", file=sys.stderr)
        turns = [*kept, ("user", line), ("assistant", "".join(pieces))]


def fit(
    engine: Engine, turns: list[tuple[str, str]], question: str, max_tokens: int
) -> tuple[list[tuple[str, str]], list[int]]:
    """Leave out the oldest turns until the conversation and an answer fit the context.

    Args:
        engine: its context is to be kept to.
        turns: (role, content) pairs, user and assistant by turns.
        question: the user's next words.
        max_tokens: room wanted for the answer; at most half of the context is set aside for it.

    Returns:
        The turns that are left, and the ids of the whole prompt; a question that is too long by itself stays whole.
    """
    room = engine.max_length - min(max_tokens, engine.max_length // 2)
    for start in range(0, len(turns) + 1, 2):
        kept = turns[start:]
        ids, _ = encode_chat(engine.tokenizer, [*kept, ("user", question)], generation_prompt=True)
        if len(ids) <= room:
            break
    return kept, ids


def _require(question: str) -> None:
    if not question.strip():
        raise PhialError("the question is empty", where="question", do="write it after the command, in quotes")


def _write(engine: Engine, adapter: str | None, ids: list[int], sampling: Sampling, pieces: list[str]) -> None:
    """Print an answer as it comes, and keep its pieces for a caller that survives an interrupt."""
    with contextlib.closing(engine.stream(ids, sampling, adapter)) as stream:
        try:
            for piece in stream:
                pieces.append(piece)
                print(piece, end="", flush=True)
        finally:
            print(flush=True)
