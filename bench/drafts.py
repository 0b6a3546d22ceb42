"""Claim: guesses from the prompt bring a code edit near the bound that checking in batches sets, and cost nothing else.

    python bench/drafts.py [MODEL.gguf] [--form "g128 token head4"] [--method rtn] [--tokens 400] [--rounds 3]
        [--peer PYTHON]

A real model (MODEL.gguf, or what PHIAL_REAL_MODEL names), quantized once to `--form` into .cache/bench. It is asked to
change one name in a class of the standard library and to write the whole class again: text that repeats its prompt; and
it is asked for stories and explanations: text that does not. Edits are greedy, free text is drawn at temperature 1
(greedy, a small model soon repeats itself); with `Drafts(PromptLookup())` and without, in turn; both must give the same
tokens. Seconds run from the first token to the last, so the prompt is no part of them.

The bound is measured on the same prompts: steps of up to 32 tokens of one sequence, all logits wanted, against steps of
one token. llama.cpp decodes our answers' tokens one by one behind the same prompts, the file as it is and a Q4_0 file
that its own quantizer makes of it, each with and without flash attention; the ratio is to the fastest. The last line is
JSON.
"""

from __future__ import annotations

import argparse
import inspect
import json
import shlex
import statistics
import string
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from phial.engine.backend import Backend, Work
from phial.engine.choice import load_engine
from phial.engine.engine import Engine
from phial.engine.request import Request, Sampling
from phial.engine.speculate import Drafts, PromptLookup
from phial.quant.form import STANDARD, parse_form
from phial.tokens.chat import encode_chat
from real_model import quantized, real_model
from sides import Facts, Process, Side

EDITS = (
    (shlex.shlex, "instream", "source"),
    (textwrap.TextWrapper, "break_long_words", "split_long_words"),
    (string.Formatter, "format_string", "template"),
)
FREE = (
    "Write a short story about a lighthouse keeper who finds a letter.",
    "Explain how a bicycle stays upright, for a curious ten-year-old.",
    "Write a dialogue between a baker and a customer who wants a cake without sugar.",
)
SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
LONGEST_CODE = 4_000  # characters of a class
QUANTIZE = """
import ctypes, sys, llama_cpp
parameters = llama_cpp.llama_model_quantize_default_params()
parameters.ftype, parameters.nthread, parameters.allow_requantize = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0, 2, True
sys.exit(llama_cpp.llama_model_quantize(sys.argv[1].encode(), sys.argv[2].encode(), ctypes.byref(parameters)))
"""


def edits() -> list[str]:
    """Requests to write a class again with one name changed."""
    asked = (
        "Rename `{}` to `{}` everywhere in this code. Answer with the whole code and nothing else.\n\n```python\n{}```"
    )
    return [asked.format(old, new, inspect.getsource(code)[:LONGEST_CODE]) for code, old, new in EDITS]


def written(engine: Engine, request: Request) -> tuple[float, list[int]]:
    """Seconds from the first token of an answer to its last, and the answer."""
    stream = engine.submit(request)
    ids: list[int] = []
    started = ended = 0.0
    for event in stream:
        ended = time.perf_counter()
        started = started or (ended if event.ids else 0.0)
        ids += event.ids
    return ended - started, ids


def step_seconds(backend: Backend, ids: Sequence[int], rounds: int) -> dict[int, float]:
    """Seconds of steps of several sizes behind a prompt, all logits wanted."""
    handle, found = backend.open(ids)
    for start in range(found, len(ids), 128):
        backend.run([Work(handle, ids[start : start + 128], wanted=0)])
    taken: dict[int, list[float]] = {size: [] for size in SIZES}
    for turn in range(rounds + 1):
        for size in SIZES:
            started = time.perf_counter()
            backend.run([Work(handle, ids[:size], wanted=size)])
            if turn:
                taken[size].append(time.perf_counter() - started)
            backend.trim(handle, len(ids))
    backend.free(handle)
    return {size: statistics.median(seconds) for size, seconds in taken.items()}


def in_pairs(
    plain: Engine, drafting: Engine, counted: Callable[[], tuple[int, int]], prompts: Sequence[list[int]],
    sampling: Sampling, rounds: int,
) -> list[Facts]:  # fmt: skip
    """Each prompt answered with guesses and without, in turn."""
    rows = []
    for ids in prompts:
        request = Request(ids, sampling)
        taken: dict[str, list[float]] = {"plain": [], "drafts": []}
        for turn in range(rounds + 1):
            off, answer = written(plain, request)
            before = counted()
            on, same = written(drafting, request)
            offered, accepted = (after - least for after, least in zip(counted(), before, strict=True))
            if answer != same:
                raise SystemExit("guesses have changed the answer")
            if turn:
                taken["plain"].append(off)
                taken["drafts"].append(on)
        medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
        row = {"prompt": len(ids), "tokens": len(answer), "offered": offered, "accepted": accepted}
        row |= {name: round((len(answer) - 1) / seconds, 2) for name, seconds in medians.items()}
        rows.append(row | {"gain": round(medians["plain"] / medians["drafts"], 3), "answer": answer})
    return rows


def theirs(peer: str, path: Path, prompts: Sequence[list[int]], rows: Sequence[Facts], rounds: int) -> None:
    """Add llama.cpp's rate for the same tokens to each row."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "q4_0.gguf"
        subprocess.run([peer, "-c", QUANTIZE, str(path), str(other)], check=True, capture_output=True)
        for name, file in (("as it is", path), ("Q4_0", other)):
            process = Process(Side(peer, "llama_side.py", {"path": str(file), "threads": 2}).command)
            for ids, row in zip(prompts, rows, strict=True):
                for cache in ("f16", "f16 plain"):
                    question = {"measure": "replay", "ids": ids[:-1], "answer": [ids[-1], *row["answer"][:-1]]}
                    taken = [process.ask(question | {"cache": cache}) for _ in range(rounds)]
                    rate = len(row["answer"]) / statistics.median(taken)
                    if rate > row.get("llama.cpp", 0.0):
                        row["llama.cpp"], row["best_peer"] = round(rate, 2), f"{name}, {cache}"
            process.close()


def mean(values: Sequence[float]) -> float:
    """Geometric mean of ratios."""
    return round(statistics.geometric_mean(values), 3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--form", default=str(STANDARD), help="of our weights")
    parser.add_argument("--method", default="rtn", choices=("rtn", "gptq"))
    parser.add_argument("--tokens", type=int, default=400, help="of an answer at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help="interpreter that has llama-cpp-python")
    arguments = parser.parse_args()
    path, form = real_model(arguments.model), parse_form(arguments.form)
    plain = load_engine(quantized(path, form, arguments.method))
    made: list[Drafts] = []

    def drafts() -> Drafts:
        made.append(Drafts(PromptLookup()))
        return made[-1]

    def counted() -> tuple[int, int]:
        return sum(one.offered for one in made), sum(one.accepted for one in made)

    drafting = Engine(plain.backend, plain.tokenizer, drafts=drafts)

    def prompts(texts: Sequence[str]) -> list[list[int]]:
        return [encode_chat(plain.tokenizer, [("user", text)], generation_prompt=True)[0] for text in texts]

    code, free = prompts(edits()), prompts(FREE)
    costs = [step_seconds(plain.backend, ids, max(5, arguments.rounds)) for ids in code]
    bounds = [max(size * cost[1] / cost[size] for size in SIZES) for cost in costs]
    relative = {size: mean([cost[size] / cost[1] for cost in costs]) for size in SIZES}
    print(f"{path.name}, {form}; a step of {', '.join(f'{n}: {r:.2f}' for n, r in relative.items())} steps of 1")
    greedy = Sampling(max_tokens=arguments.tokens)
    rows = in_pairs(plain, drafting, counted, code, greedy, arguments.rounds)
    drawn = replace(greedy, temperature=1.0, seed=1)
    others = in_pairs(plain, drafting, counted, free, drawn, arguments.rounds)
    if arguments.peer:
        theirs(arguments.peer, path, code, rows, arguments.rounds)
    for row, bound in zip(rows, bounds, strict=True):
        row |= {"bound": round(bound, 3), "share_of_bound": round(row["gain"] / bound, 3)}
        if "llama.cpp" in row:
            row["ratio"] = round(row["drafts"] / row["llama.cpp"], 3)
    for kind, some in (("edit", rows), ("free", others)):
        for row in some:
            del row["answer"]
            print(kind + "  " + "  ".join(f"{name} {value}" for name, value in row.items()))
    facts: Facts = {"claim": "guesses from the prompt", "model": path.name, "form": str(form), "step_costs": relative}
    facts |= {"edits": rows, "free": others, "share_of_bound": mean([row["share_of_bound"] for row in rows])}
    facts["free_gain"] = mean([row["gain"] for row in others])
    if arguments.peer:
        facts["ratio"] = mean([row["ratio"] for row in rows])
    shown = ("share_of_bound", "ratio", "free_gain")
    print(", ".join(f"{name} {facts[name]}" for name in shown if name in facts))
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
