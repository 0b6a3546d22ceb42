"""This project's side of a comparison: a process that holds a model of random int4 weights, see sides.py."""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from phial.engine.backend import Work
from phial.engine.engine import Engine
from phial.engine.int4_backend import Int4Backend
from phial.engine.measure import Limits, random_quantized, rate, seconds
from phial.engine.request import Request, Sampling
from phial.model.config import ModelConfig
from phial.model.presets import preset
from phial.quant.form import form_of, parse_form
from phial.tokens.tokenizer import train_tokenizer
from sides import Facts, serve

TILE = 512  # computed tokens that a long cache is filled with, over and over
LONG = 4096  # tokens from which on a cache is filled so


def shape_of(name: str, layers: int | None = None) -> ModelConfig:
    """A released model's shape, perhaps cut to fewer layers, without what the other side's file can't say."""
    config = preset(name).config
    return replace(
        config, num_hidden_layers=layers or config.num_hidden_layers, sliding_window=None, vision=None, longrope=None
    )


class Phial:
    """What the process answers."""

    def __init__(self, facts: Facts) -> None:
        config = replace(shape_of(facts["shape"], facts["layers"]), max_position_embeddings=facts["room"])
        self._model = random_quantized(config, parse_form(facts["form"]))
        self._bits = facts["cache_bits"]
        self._backend = Int4Backend(self._model, facts["room"], self._bits, facts["threads"])
        self._long: tuple[int, int] | None = None  # the handle of a sequence that stays, and its length

    def answer(self, question: Facts) -> object:
        """Seconds a step of "decode N", "streams N" and "prefill N"; of "vote", all."""
        kind, _, number = question["measure"].partition(" ")
        match kind:
            case "vote":
                return self.vote(question)
            case "decode" if int(number) >= LONG:
                return self._long_decode(int(number))
        return seconds(self._backend, question["measure"])

    def facts(self, measures: Sequence[str]) -> Facts:
        """The model's form, its bits a weight, and what a step of each measure makes, reads and multiplies."""
        free = Limits(math.inf, math.inf)
        steps = {measure: rate(self._model, measure, 1.0, free, self._bits) for measure in measures}
        works = {name: (step.tokens, step.bytes, step.multiplications) for name, step in steps.items()}
        return {"form": str(form_of(self._model)), "bits": self._model.bits_per_weight, "steps": works}

    def vote(self, question: Facts) -> float:
        """Seconds of several answers to one prompt, through the engine, none stopped early."""
        engine = Engine(self._backend, train_tokenizer(["any text"] * 4, 300))
        sampling = Sampling(max_tokens=question["tokens"], temperature=question["temperature"], seed=0)
        request = Request(question["ids"], sampling, n=question["samples"], stop_ids=frozenset())
        self._backend.forget()
        started = time.perf_counter()
        generations = engine.submit(request).result()
        taken = time.perf_counter() - started
        if [len(generation.ids) for generation in generations] != [question["tokens"]] * question["samples"]:
            raise SystemExit("an answer ended early")
        return taken

    def _long_decode(self, length: int) -> float:
        """A decode step behind the keys and values of a computed prompt of TILE tokens, repeated."""
        if self._long is None or self._long[1] != length:
            if self._long is not None:
                self._backend.free(self._long[0])
            self._long = filled(self._backend, length), length
        handle = self._long[0]
        self._backend.trim(handle, length)
        steps, started = 8, time.perf_counter()
        for step in range(steps):
            self._backend.run([Work(handle, [400 + step])])
        return (time.perf_counter() - started) / steps


def filled(backend: Int4Backend, length: int) -> int:
    """A sequence of so many tokens: a snapshot of a prompt of TILE tokens, its blocks repeated, and restored."""
    prompt: Sequence[int] = [300 + place for place in range(TILE)]
    short, _ = backend.open()
    for start in range(0, TILE, 128):
        backend.run([Work(short, prompt[start : start + 128], wanted=0)])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        backend.save(short, folder)
        backend.free(short)
        backend.forget()
        [path] = folder.iterdir()
        with safe_open(path, framework="np") as file:
            facts = json.loads(file.metadata()["phial"])
            tensors = {name: np.concatenate([file.get_tensor(name)] * (length // TILE)) for name in file.keys()}  # noqa: SIM118
        facts["tokens"] = [*prompt] * (length // TILE)
        save_file(tensors, path, metadata={"phial": json.dumps(facts)})
        del tensors
        return backend.load(folder)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    phial = Phial(given)
    serve(phial.answer, phial.facts(given["measures"]))
