"""Bits per byte on a folder of texts: how well a model predicts them, whatever its tokenizer."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from phial.engine.request import Sampling
from phial.errors import PhialError
from phial.evals.items import protocol_of
from phial.evals.task import Extraction, Grade, Item, OptionScore, Protocol, Task

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol(
        "phial", "stretches of 1,000 characters, each behind the 3,000 before it; no chat format", Sampling()
    ),
}
BEGINNING = "\n"  # stands before every text, for a first token has to follow something
FILES = ("*.txt", "*.md", "*.rst")


def load(
    folder: Path,
    protocol: str = "phial",
    limit: int | None = None,
    stride: int = 1000,
    context: int = 3000,
    files: Sequence[str] = FILES,
) -> Task:
    """Every text of a folder and its subfolders, in order of their names, each as stretches that are scored once.

    A stretch ends before white space where it can, because that is where tokens begin, so that few words are cut by
    the windows. All bytes of a text count: bits and bytes summed over the stretches are the length of a code for it.

    Args:
        folder: has UTF-8 files; others are refused.
        protocol: its name.
        limit: stretches at most.
        stride: characters of a stretch, at most.
        context: characters before it that the model is shown; at the beginning there are fewer.
        files: patterns of their names.
    """
    chosen = protocol_of(PROTOCOLS, protocol, "bits")
    if stride < 1 or context < 0:
        raise PhialError(f"stretches of {stride} behind {context} characters", where="bits", do="use 1 or more")
    paths = sorted({path for pattern in files for path in folder.rglob(pattern) if path.is_file()})
    if not paths:
        raise PhialError(f"no {' or '.join(files)}", where=str(folder), do="put texts there")
    items: list[Item] = []
    digest = hashlib.sha256(f"{stride} {context}\n".encode())
    for path in paths:
        name = path.relative_to(folder).as_posix()
        text = _text(path)
        digest.update(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n".encode())
        for start, end in stretches(text, stride):
            before = text[max(0, start - context) : start]
            prompt = before if before and start > context else BEGINNING + before
            items.append(Item(f"{name}:{start}", prompt, None, {"file": name}, options=(text[start:end],)))
    if not items:
        raise PhialError("only empty texts", where=str(folder), do="put texts there")
    return Task("bits", chosen, tuple(items[:limit]), {"phial": _unasked}, grade, digest.hexdigest(), choose)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise PhialError(f"can't read text: {error}", where=str(path), do="give a UTF-8 file") from error


def stretches(text: str, stride: int) -> Iterator[tuple[int, int]]:
    """Start and end of each, in order and without gaps; the end lies before white space in its second half, if any."""
    start = 0
    while start < len(text):
        end = min(start + stride, len(text))
        if end < len(text):
            breaks = (
                at for at in range(end, start + stride // 2, -1) if text[at].isspace() and not text[at - 1].isspace()
            )
            end = next(breaks, end)
        yield start, end
        start = end


def _unasked(reply: str, item: Item) -> Extraction:
    """No reply is asked for."""
    return Extraction(None)


def choose(scores: Sequence[OptionScore], item: Item) -> Extraction:
    """The stretch's log probability and tokens; nothing where it is not finite, as a damaged model gives it."""
    (score,) = scores
    if not math.isfinite(score.logprob):
        return Extraction(None)
    return Extraction(f"{score.logprob!r} {score.tokens}", "logprob")


def grade(answer: str, item: Item) -> Grade:
    """The score is the mean probability of a byte (geometric): 2 to the minus bits per byte.

    The figure to quote is "bits per byte", over all stretches.
    """
    nats, tokens = float(answer.split()[0]), int(answer.split()[1])
    bits, count = -nats / math.log(2), len(item.options[0].encode())
    parts = {"bits per byte": (bits, count), "bytes per token": (count, tokens)}
    return Grade(min(1.0, 2 ** (-bits / count)), f"{bits / count:.4f} bits per byte", parts)
