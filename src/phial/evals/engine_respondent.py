"""A respondent in this process: a model in the engine."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from phial.artifact import file_sha256
from phial.engine.backend import Invariant
from phial.engine.choice import load_engine
from phial.engine.engine import Engine
from phial.engine.request import Generation
from phial.errors import PhialError
from phial.evals import energy
from phial.evals.respondent import Key, Question, Reply, Take
from phial.evals.task import OptionScore
from phial.evals.thinking import left_open
from phial.model.files import read_config
from phial.quant.folder import is_quantized
from phial.tokens.chat import encode_chat

SLOTS = 64  # answers in the making at a time
CHUNK = 256
_CACHE_SHARE = 4  # of the free memory, a part of so many
_TAGS = ("<think>", "</think>")
_WEIGHTS = (".safetensors", "config.json", "tokenizer.json", "tokenizer.model", "generation_config.json")


class EngineRespondent:
    """Answers with an engine, many questions at a time.

    The int4 backend's answers do not depend on what is computed beside them. Others' last bits do, so that those are
    asked in chunks that begin at the same questions every time; a chunk that was cut off is computed again whole.

    Args:
        engine: of `load_engine` or `open_engine`.
        name: for reports.
        identity: what tells the model from others; see `folder_identity`.
        address: where it lies, for people.
    """

    def __init__(self, engine: Engine, name: str, identity: dict[str, Any], address: str = "") -> None:
        self._engine, self.name, self.address = engine, name, address
        probe, _ = encode_chat(engine.tokenizer, [("user", "?")], generation_prompt=True)
        opened = left_open(engine.tokenizer.decode(probe, special=True))
        self.identity = {**identity, "backend": type(engine.backend).__name__, "opened": opened}
        # Reasoning models have their tags as control tokens, which are no text; here they are.
        special = engine.tokenizer.special
        self._tags = {special[tag]: tag for tag in _TAGS if tag in special}
        self._cpu, self._energy = time.process_time(), energy.start()

    def answer(self, questions: Sequence[Question], known: Collection[Key], take: Take) -> None:
        """See `Respondent.answer`."""
        self._used()
        for chunk in self._chunks(questions, known):
            asked: list[tuple[Question, list[int]]] = []
            for question in chunk:
                if question.options:
                    if question.key not in known:
                        take(question, self._scored(question))
                    continue
                ids = self._ids(question)
                # An answer ends where the context does; only a prompt that leaves it no room at all is not asked.
                if len(ids) < self._engine.max_length:
                    asked.append((question, ids))
                elif question.key not in known:
                    take(question, Reply(finish="prompt-too-long", prompt_tokens=len(ids), tokens=0))
            if asked:
                self._generate(asked, known, take)

    def close(self) -> None:
        """End the engine's thread."""
        self._engine.stop()

    def _chunks(self, questions: Sequence[Question], known: Collection[Key]) -> Iterator[Sequence[Question]]:
        if isinstance(self._engine.backend, Invariant):
            yield [question for question in questions if question.key not in known]
            return
        for start in range(0, len(questions), CHUNK):
            chunk = questions[start : start + CHUNK]
            if any(question.key not in known for question in chunk):
                yield chunk

    def _generate(self, asked: Sequence[tuple[Question, list[int]]], known: Collection[Key], take: Take) -> None:
        def took(index: int, answer: Generation, seconds: float) -> None:
            question, ids = asked[index]
            cpu_seconds, joules = self._used()
            if question.key in known:
                return
            text = self._text(answer, question.stop)
            reply = Reply(text, "", answer.finish_reason, len(ids), len(answer.ids), seconds, (), cpu_seconds, joules)
            take(question, reply)

        samplings = [question.sampling for question, _ in asked]
        # Several threads on one queue would leave it to chance which prompts share a batch.
        threads = None if isinstance(self._engine.backend, Invariant) else 1
        prompts, stop = [ids for _, ids in asked], asked[0][0].stop
        self._engine.generate(prompts, samplings, SLOTS, threads=threads, stop=stop, take=took)

    def _scored(self, question: Question) -> Reply:
        engine, started = self._engine, time.perf_counter()
        prompt = self._ids(question)
        options = [self._behind(question, prompt, option) for option in question.options]
        begun = min(start for start, _ in options)
        prompt, tails = prompt[:begun], [prompt[begun:start] + ids for start, ids in options]
        longest = len(prompt) + max(map(len, tails))
        if longest > engine.max_length:
            return Reply(finish="prompt-too-long", prompt_tokens=len(prompt), tokens=0)
        found = engine.score(prompt, tails)
        scores = tuple(OptionScore(float(logprobs.sum()), len(logprobs)) for logprobs in found)
        seconds = time.perf_counter() - started
        cpu_seconds, joules = self._used()
        return Reply("", "", "stop", len(prompt), 0, seconds, scores, cpu_seconds, joules)

    def _used(self) -> tuple[float, float | None]:
        """CPU seconds of this process, and joules, since this was last asked."""
        cpu, self._cpu = self._cpu, time.process_time()
        meter, self._energy = self._energy, energy.start()
        return self._cpu - cpu, meter.joules()

    def _behind(self, question: Question, prompt: list[int], option: str) -> tuple[int, list[int]]:
        """Where an option's tokens begin, and what they are.

        A continued string is encoded together with its continuation, as the model saw it in training; where a token
        reaches over the border, it counts to the option.
        """
        tokenizer = self._engine.tokenizer
        if not isinstance(question.prompt, str) or not question.prompt:
            return len(prompt), tokenizer.encode(option)
        whole = tokenizer.encode(question.prompt + option)
        start = next((i for i, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b), len(prompt))
        start = min(start, len(whole) - 1)
        return max(1, start), whole[max(1, start) :]

    def _ids(self, question: Question) -> list[int]:
        tokenizer = self._engine.tokenizer
        if isinstance(question.prompt, str):
            return tokenizer.encode(question.prompt) or [tokenizer.bos_id]
        *before, (role, content) = question.prompt
        if role != "assistant":
            return encode_chat(tokenizer, question.prompt, generation_prompt=True)[0]
        return encode_chat(tokenizer, before, generation_prompt=True)[0] + tokenizer.encode(content)

    def _text(self, answer: Generation, stop: Sequence[str]) -> str:
        if not any(token in self._tags for token in answer.ids):
            return answer.text
        pieces: list[str] = []
        begun = 0
        for index, token in enumerate(answer.ids):
            if token in self._tags:
                pieces += [self._engine.tokenizer.decode(answer.ids[begun:index]), self._tags[token]]
                begun = index + 1
        text = "".join([*pieces, self._engine.tokenizer.decode(answer.ids[begun:])])
        return text[: min((at for word in stop if (at := text.find(word)) >= 0), default=len(text))]


def open_engine(folder: Path) -> Engine:
    """An engine over a folder, whose cache has room for as many answers at a time as a part of the memory holds."""
    config = read_config(folder)
    if not is_quantized(folder):
        return load_engine(folder)
    bytes_a_token = 4 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim  # 16 bits, keys, values
    tokens = min(_free_memory() // _CACHE_SHARE // bytes_a_token, SLOTS * config.max_position_embeddings)
    return load_engine(folder, tokens=max(tokens, 1024))


def folder_identity(folder: Path) -> dict[str, Any]:
    """What tells a model's folder from another: the sha256 of weights, configuration and tokenizer.

    Raises:
        PhialError: the folder has no weights.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.endswith(_WEIGHTS))
    if not any(path.suffix == ".safetensors" for path in files):
        raise PhialError("no weights", where=str(folder), do="give the folder of a model")
    digest = hashlib.sha256("".join(f"{path.name} {file_sha256(path)}\n" for path in files).encode())
    return {"sha256": digest.hexdigest(), "quantized": is_quantized(folder)}


def _free_memory() -> int:
    """Bytes that can be had without swapping; 4 GB where the machine does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return 4 << 30
