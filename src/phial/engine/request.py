"""What is asked of the engine and what it gives back."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from phial.errors import PhialError

if TYPE_CHECKING:
    from phial.engine.constraint import Constraint

FinishReason = Literal["stop", "length", "cancelled", "error"]
RopeSwitch = Literal["exact", "by_request"]

# What one request may ask for at most: without bounds a single field could take all memory before anything is computed.
MAX_SAMPLES = 256
MAX_STOP_STRINGS = 16
MAX_STOP_CHARACTERS = 256
MAX_STOP_IDS = 256
MAX_LOGPROBS = 20
MAX_BIASED = 1024
MAX_SALT_BYTES = 1024


@dataclass(frozen=True)
class Sampling:
    """How one answer is drawn.

    The order is logit bias, penalties, temperature, top-k, top-p, min-p.

    Attributes:
        temperature: divides the logits; 0 takes the likeliest token.
        top_k: only so many of the likeliest tokens are drawn from; 0 is all.
        top_p: only the likeliest tokens that together reach this probability are drawn from (Holtzman et al. 2020).
        max_tokens: longest answer, in tokens.
        seed: of this request's own random stream; no effect at temperature 0.
        min_p: only tokens at least so likely, as a share of the likeliest one's probability, are drawn from (Nguyen et
            al. 2024).
        repetition_penalty: divides positive and multiplies negative logits of tokens that stand in the prompt or the
            answer (Keskar et al. 2019).
        presence_penalty: taken off the logits of tokens that stand in the answer.
        frequency_penalty: taken off the logit of a token once for each time that it stands in the answer.
        logit_bias: (token, what is added to its logit).
        logprobs: log probabilities of the drawn token and of so many of the likeliest ones are reported, as the model
            gave them, before bias, penalties and temperature; None for none at all.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    max_tokens: int = 200
    seed: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    logprobs: int | None = None

    def __post_init__(self) -> None:
        allowed = {
            "temperature": (0 <= self.temperature <= 1000, "0 to 1,000"),
            "top_k": (self.top_k >= 0, "0 or more"),
            "top_p": (0 < self.top_p <= 1, "more than 0 and at most 1"),
            "max_tokens": (self.max_tokens >= 1, "1 or more"),
            "seed": (0 <= self.seed < 1 << 64, "0 or more, and less than 2 ** 64"),
            "min_p": (0 <= self.min_p <= 1, "0 to 1"),
            "repetition_penalty": (0.01 <= self.repetition_penalty <= 100, "0.01 to 100; 1 is none"),
            "presence_penalty": (-100 <= self.presence_penalty <= 100, "-100 to 100"),
            "frequency_penalty": (-100 <= self.frequency_penalty <= 100, "-100 to 100"),
            "logprobs": (self.logprobs is None or 0 <= self.logprobs <= MAX_LOGPROBS, f"0 to {MAX_LOGPROBS}"),
        }
        for name, (valid, domain) in allowed.items():
            if not valid:
                _refuse(f"{name} = {getattr(self, name)}", f"make it {domain}")
        biases = [bias for _, bias in self.logit_bias]
        if len(biases) > MAX_BIASED or not all(math.isfinite(bias) for bias in biases):
            _refuse(f"logit_bias of {len(biases)} tokens", f"give at most {MAX_BIASED:,} finite numbers")

    @property
    def shapes_logits(self) -> bool:
        """Whether bias or penalties change the logits."""
        penalties = self.presence_penalty or self.frequency_penalty or self.repetition_penalty != 1.0
        return bool(penalties or self.logit_bias)


@dataclass(frozen=True)
class Thinking:
    """A budget for what a reasoning model writes before its answer; it thinks from its first token on.

    Attributes:
        tokens: after so many, the close tag is written for the model if it has not written it.
        close: ends the thinking.
        hint: text that is written into the thinking after `hint_tokens`, such as a call to conclude; empty for none.
        hint_tokens: when.
    """

    tokens: int
    close: str = "</think>"
    hint: str = ""
    hint_tokens: int = 0

    def __post_init__(self) -> None:
        if self.tokens < 0 or self.hint_tokens < 0 or not 0 < len(self.close) <= MAX_STOP_CHARACTERS:
            _refuse(f"{self}", "give 0 or more tokens and a close tag")


@dataclass(frozen=True, eq=False)
class Request:
    """A prompt, and how it is to be answered.

    Attributes:
        ids: the prompt's tokens.
        sampling: how each answer is drawn.
        n: answers; the prompt is computed once for all of them, and each draws from a random stream of its own, the
            first from that of `sampling.seed` alone.
        stop: strings that end an answer; neither they nor what follows is part of its text.
        stop_ids: tokens that end an answer, not part of its ids; None for those of the engine.
        images: (place among ids, embeddings [tokens, hidden_size]) that stand instead of the ids' own embeddings.
        adapter: LoRA adapter by the name that it was loaded with, or None.
        salt: tenants of different salts share no computed prefix, and take turns when there are more requests than
            room.
        thinking: budget of the reasoning, or None.
        constraint: grammar that the answer (behind the thinking, where that has a budget) is held to, or None.
        rope_switch: of LongRoPE models: "exact" computes a sequence again with the long factors when it outgrows the
            original context, as a run without a cache would; "by_request" chooses the factors once, by prompt and
            max_tokens.
    """

    ids: Sequence[int]
    sampling: Sampling = field(default_factory=Sampling)
    n: int = 1
    stop: tuple[str, ...] = ()
    stop_ids: frozenset[int] | None = None
    images: Sequence[tuple[int, np.ndarray]] = ()
    adapter: str | None = None
    salt: bytes = b""
    thinking: Thinking | None = None
    constraint: Constraint | None = None
    rope_switch: RopeSwitch = "exact"

    def __post_init__(self) -> None:
        if not 1 <= self.n <= MAX_SAMPLES:
            _refuse(f"n = {self.n:,}", f"make it 1 to {MAX_SAMPLES}")
        if len(self.stop) > MAX_STOP_STRINGS or not all(0 < len(stop) <= MAX_STOP_CHARACTERS for stop in self.stop):
            _refuse(
                f"{len(self.stop)} stop strings of up to {max(map(len, self.stop), default=0):,} characters",
                f"give at most {MAX_STOP_STRINGS} of 1 to {MAX_STOP_CHARACTERS} characters",
            )
        if self.stop_ids is not None and len(self.stop_ids) > MAX_STOP_IDS:
            _refuse(f"{len(self.stop_ids):,} stop_ids", f"give at most {MAX_STOP_IDS}")
        if len(self.salt) > MAX_SALT_BYTES:
            _refuse(f"a salt of {len(self.salt):,} bytes", f"give at most {MAX_SALT_BYTES:,}")
        if self.rope_switch not in ("exact", "by_request"):
            _refuse(f"rope_switch = {self.rope_switch!r}", 'make it "exact" or "by_request"')
        for place, embeddings in self.images:
            if not 0 <= place <= place + len(embeddings) <= len(self.ids):
                _refuse(f"an image at {place} of {len(self.ids)} tokens", "place it at its placeholders")

    def sharing_salt(self, adapter_key: str | None = None) -> bytes:
        """Stands for everything but the tokens that keys and values depend on, and for the tenant.

        Images count with their places and contents, so a prompt that differs in one shares nothing, not even what lies
        before it.

        Args:
            adapter_key: of the contents of its adapter, whose name may stand for another one later.
        """
        if not (self.salt or self.images or adapter_key is not None):
            return b""
        digest = hashlib.sha256(b"%d %d " % (len(self.salt), adapter_key is not None) + self.salt)
        key = (adapter_key or "").encode()
        digest.update(b"%d " % len(key) + key)
        for place, embeddings in self.images:
            digest.update(f"{place} {embeddings.shape} {embeddings.dtype.str} ".encode())
            digest.update(embeddings.tobytes())
        return digest.digest()


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """How likely a token was.

    Attributes:
        id: the token.
        logprob: None where the token was not drawn but written for the model.
        top: the likeliest (token, logprob), likeliest first.
    """

    id: int
    logprob: float | None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one answer in one step.

    Attributes:
        sample: which of a request's answers.
        ids: its new tokens.
        text: text that became certain, never half a character nor the beginning of a stop string.
        logprobs: one a token, where the request asked for them.
        progress: (tokens computed, tokens to compute) while a prompt, or a sequence that must be computed again, is
            read in parts.
        finish_reason: set in the last event of an answer.
        error: what went wrong, where the reason is "error".
    """

    sample: int
    ids: tuple[int, ...] = ()
    text: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    progress: tuple[int, int] | None = None
    finish_reason: FinishReason | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class Generation:
    """One answer.

    Attributes:
        ids: its tokens, without the one that stopped it.
        text: the tokens as text, up to a stop string.
        finish_reason: "stop" if the model ended the answer or a stop string was met, "length" if max_tokens or the
            context did, "cancelled", or "error".
        logprobs: one a token, where the request asked for them.
    """

    ids: tuple[int, ...]
    text: str
    finish_reason: FinishReason
    logprobs: tuple[TokenLogprob, ...] = ()


def longest(request: Request, max_length: int, vocab_size: int, where: str) -> int:
    """How long prompt and answer may become together.

    Args:
        request: what is asked.
        max_length: the model's context.
        vocab_size: of its vocabulary.
        where: for the error.

    Raises:
        PhialError: the prompt is empty, leaves no room for an answer, or has a token outside the vocabulary.
    """
    if not len(request.ids):
        raise PhialError("the prompt is empty", where=where, do="begin it with the BOS token")
    if len(request.ids) >= max_length:
        raise PhialError(
            f"the prompt has {len(request.ids)} tokens; the model's context is {max_length}, answer included",
            where=where,
            do="shorten the prompt or use a model with a longer context",
        )
    if not 0 <= min(request.ids) <= max(request.ids) < vocab_size:
        raise PhialError(f"a token outside the vocabulary of {vocab_size}", where=where, do="use its tokenizer")
    return min(max_length, len(request.ids) + request.sampling.max_tokens)


def _refuse(what: str, do: str) -> None:
    raise PhialError(what, where="sampling", do=do)
