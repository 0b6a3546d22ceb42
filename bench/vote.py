"""Claim: a majority vote of 8 over one prompt takes less time than llama.cpp needs for the same 8 answers.

    python bench/vote.py [--shape Phi-3-mini-4k-instruct] [--layers 8] [--form "g128 token head4"] [--prompt 256]
        [--tokens 64] [--samples 8] [--rounds 3] [--apart] [--peer PYTHON] [--model FOLDER]

Ours runs through the engine: one request with `n` samples, whose prompt is computed once and forked. llama.cpp computes
the prompt once, shares it by llama_memory_seq_cp, and decodes the samples in one batch, a sampler drawing every token.
Random weights, the same shape, Q4_0 there; every answer has its full length on both sides, so the work is equal. Time
runs from the request to the last token. llama.cpp runs with one cache for all sequences and with one for each, with
and without flash attention; the ratio is to the fastest. The physical limit is that of the arithmetic: prompt and
answers at the integer units' peak, or weights read once a step.

`--model` is a folder that `phial quantize` made of a real model: there the vote of `engine.vote.majority` is timed with
and without its early stop, on questions with numbers for answers, and reported apart. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path

from llamacpp import PEER, Setting
from phial.engine.choice import load_engine
from phial.engine.int4_backend import Int4Backend
from phial.engine.measure import machine_limits
from phial.engine.request import Request, Sampling
from phial.engine.vote import majority
from phial.quant.form import parse_form, standard_form
from phial.tokens.chat import encode_chat
from sides import Facts, Side, in_turn

QUESTIONS = (
    "Ada has 12 pens and Ben has 30. How many pens do they have together?",
    "A box holds 6 eggs. How many eggs are in 7 boxes?",
    "A train leaves with 84 people; 29 get off and 15 get on. How many are on it now?",
    "A book has 240 pages. Mia reads 18 pages a day for 9 days. How many pages are left?",
    "Five friends share 3 pizzas of 10 slices equally. How many slices does each get?",
    "A shirt costs 40 dollars and is 25 percent off. What is its price in dollars?",
)
TEMPERATURE = 0.8


def last_number(text: str) -> str | None:
    """What an answer states."""
    numbers = re.findall(r"-?\d+(?:\.\d+)?", text.replace(",", ""))
    return numbers[-1].removesuffix(".0").removesuffix(".00") if numbers else None


def early_stop(folder: Path, samples: int, tokens: int, rounds: int) -> Facts:
    """Seconds of a vote on each question with a real model, with its early stop and with all answers to their end."""
    engine = load_engine(folder)
    backend = engine.backend
    assert isinstance(backend, Int4Backend)
    stopped, whole, cancelled = [], [], 0
    for turn in range(rounds):
        for place, question in enumerate(QUESTIONS):
            words = f"{question} Think briefly, then end with the number alone."
            ids, _ = encode_chat(engine.tokenizer, [("user", words)], generation_prompt=True)
            sampling = Sampling(max_tokens=tokens, temperature=TEMPERATURE, seed=100 * turn + place)
            request = Request(ids, sampling, n=samples)
            backend.forget()
            started = time.perf_counter()
            vote = majority(engine, request, last_number)
            stopped.append(time.perf_counter() - started)
            cancelled += vote.cancelled
            backend.forget()  # neither finds the prompt computed
            started = time.perf_counter()
            answers = engine.submit(request).result()
            whole.append(time.perf_counter() - started)
            stated = [number for answer in answers if (number := last_number(answer.text))]
            if vote.winner is not None and stated.count(str(vote.winner)) < max(map(stated.count, stated)):
                raise SystemExit(f"the early stop has changed the vote on {question!r}: {stated}, {vote.votes}")
    return {
        "votes": len(whole), "seconds": round(sum(stopped), 2), "seconds_without_stop": round(sum(whole), 2),
        "speedup": round(sum(whole) / sum(stopped), 3), "cancelled": cancelled, "answers": len(whole) * samples,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    from phial_side import shape_of
    from random_gguf import write_gguf

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="Phi-3-mini-4k-instruct")
    parser.add_argument("--layers", type=int, help="cut to so many layers")
    parser.add_argument("--form", help="of our weights")
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=64, help="of each answer")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--apart", action="store_true", help="hold one model at a time")
    parser.add_argument("--peer", default=sys.executable, help="interpreter that has llama-cpp-python")
    parser.add_argument("--model", type=Path, help="quantized folder of a real model, for the early stop")
    arguments = parser.parse_args()
    config = shape_of(arguments.shape, arguments.layers)
    form = parse_form(arguments.form) if arguments.form else standard_form(config)
    limits = machine_limits(arguments.threads)
    measures = (f"prefill {arguments.prompt}", f"streams {arguments.samples}")
    room = f"decode {arguments.prompt + arguments.samples * (arguments.tokens + 64)}"  # tokens that ours must hold
    setting = Setting(arguments.shape, config, form, arguments.threads, 16, (*measures, room), arguments.peer)
    task = {
        "ids": [300 + place for place in range(arguments.prompt)], "tokens": arguments.tokens,
        "samples": arguments.samples, "temperature": TEMPERATURE,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random-q4_0.gguf"
        write_gguf(path, config)
        sides: dict[str, Side] = {}
        for name, side in setting.sides(path).items():
            for unified in (True, False) if name.startswith(PEER) else (True,):
                label = name + ("" if name == "phial" else ", one cache" if unified else ", a cache each")
                options = side.options | task | {"unified": unified}
                sides[label] = Side(side.python, side.script, side.facts, options)
        found = in_turn(sides, ["vote"], arguments.rounds, arguments.apart)
    seconds = {name: found.median("vote", name) for name in sides}
    best = min((name for name in seconds if name != "phial"), key=lambda name: seconds[name])
    steps = found.facts["phial"]["steps"]
    bound = sum(
        count * max(read / limits.bytes, work / limits.multiplications)
        for count, (_, read, work) in ((1, steps[measures[0]]), (arguments.tokens - 1, steps[measures[1]]))
    )
    print(f"{arguments.shape}, {config.num_hidden_layers} layers, {form}: {arguments.samples} answers of")
    print(f"{arguments.tokens} tokens to a prompt of {arguments.prompt}")
    for name, taken in seconds.items():
        print(f"{name:32} {taken:7.2f} s")
    ratio = seconds[best] / seconds["phial"]
    print(f"{ratio:.2f}x the fastest of llama.cpp; {bound / seconds['phial']:.0%} of the limit ({bound:.2f} s)")
    facts = {"claim": "a vote of 8 against llama.cpp", "shape": arguments.shape, "layers": config.num_hidden_layers}
    facts |= {"form": str(form), **{key: getattr(arguments, key) for key in ("prompt", "tokens", "samples", "threads")}}
    facts |= {"seconds": {name: round(taken, 3) for name, taken in seconds.items()}, "best_peer": best}
    facts |= {"ratio": round(ratio, 3), "share_of_limit": round(bound / seconds["phial"], 3)}
    if arguments.model:
        facts["early_stop"] = early_stop(arguments.model, arguments.samples, 200, arguments.rounds)
        print("early stop, {votes} votes: {seconds} s instead of {seconds_without_stop}".format(**facts["early_stop"]))
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
