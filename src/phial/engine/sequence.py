"""One answer in the making: its tokens, how the next one is drawn, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from phial.engine.constraint import Matcher
from phial.engine.request import Event, FinishReason, Generation, Request, Thinking, TokenLogprob
from phial.engine.sampler import choose, penalised, random_stream, token_logprob
from phial.engine.speculate import Drafts
from phial.engine.text_stream import StopText, TextStream
from phial.errors import PhialError
from phial.model.adapter import Adapter
from phial.tokens.tokenizer import Tokenizer


class Live:
    """A sequence that the scheduler knows: `computed` tokens chase `len(ids)`.

    Args:
        request: what was asked.
        limit: longest that prompt and answer may become.
        stop_ids: tokens that end the answer, where the request names none.
        tokenizer: turns it into text.
        sample: which of the request's answers this is.
        emit: told of what is new, after each step; None where only the end matters.
        done: told of the end.
        drafts: proposes tokens to check.
        matcher: follows the answer through the request's grammar; a new one if left out.
        adapter: what the request's adapter stands for.

    Attributes:
        ids: prompt and answer.
        salt: see `Request.sharing_salt`.
        start: tokens of the prompt.
        handle: the backend's, or None without a place in the cache.
        computed: tokens that the backend holds.
        long: LongRoPE's long factors.
        began: when a batch gave it its turn, by `time.perf_counter`.
        arrival: orders sequences by age.
        siblings: the request's other answers, which are forked off when the prompt is computed.
        cancelled: nobody wants the answer any more.
        plain: its next token depends on the logits and the random numbers alone, so it may be drawn with others.
        finish_reason: set when the answer is complete.
        error: why, if the reason is "error".
    """

    def __init__(
        self,
        request: Request,
        limit: int,
        stop_ids: frozenset[int],
        tokenizer: Tokenizer,
        sample: int = 0,
        emit: Callable[[Event], None] | None = None,
        done: Callable[[Live], None] | None = None,
        drafts: Drafts | None = None,
        matcher: Matcher | None = None,
        adapter: Adapter | None = None,
    ) -> None:
        self.request, self.sampling, self.sample, self.limit = request, request.sampling, sample, limit
        self.adapter, self.salt = adapter, request.sharing_salt(adapter.key if adapter else None)
        self.ids = [int(token) for token in request.ids]
        self.start = len(self.ids)
        self.handle: int | None = None
        self.computed = 0
        self.long = self.cancelled = False
        self.began = 0.0
        self.arrival = (0, sample)
        self.siblings: list[Live] = []
        self.finish_reason: FinishReason | None = None
        self.error: Exception | None = None
        self.random = random_stream(self.sampling.seed, sample) if self.sampling.temperature > 0 else None
        self.drafts = drafts
        self.emit, self.done = emit, done
        self._tokenizer = tokenizer
        self._stop_ids = stop_ids if request.stop_ids is None else request.stop_ids
        self._counts: dict[int, int] = {}
        self._logprobs: list[TokenLogprob] = []
        self._text = TextStream(tokenizer) if emit or request.stop or request.thinking else None
        self._stop_text = StopText(request.stop) if request.stop else None
        self._pieces: list[str] = []
        self._told_ids = self._told_pieces = 0
        self._thinking = request.thinking
        self._tail = ""
        self.matcher = matcher or (request.constraint.start(tokenizer) if request.constraint else None)
        shaped = self.sampling.shapes_logits or self.sampling.logprobs is not None
        self.plain = not (shaped or request.thinking or request.constraint)
        self._prompt_ids = np.empty(0, dtype=np.int64)
        if self.sampling.repetition_penalty != 1.0:
            self._prompt_ids = np.unique(np.asarray(self.ids, dtype=np.int64))

    def __lt__(self, other: Live) -> bool:
        """Whether it is the older one."""
        return self.arrival < other.arrival

    def choose(self, logits: np.ndarray) -> int:
        """Draw the next token from a row of logits [vocab_size]; minus one where there is none."""
        shaped = logits
        if self.sampling.shapes_logits:
            shaped = penalised(logits, self.sampling, self._prompt_ids, self._counts)
        if self.matcher and self._thinking is None:
            shaped = logits.copy() if shaped is logits else shaped
            self.matcher.mask(shaped)
        [token] = choose(shaped[None], [self.sampling], [self.random])
        if self.sampling.logprobs is not None and token >= 0 and token not in self._stop_ids:
            self._logprobs.append(token_logprob(logits, token, self.sampling.logprobs))
        return token

    def take(self, token: int) -> None:
        """Go on with a token that was drawn.

        Raises:
            PhialError: there was none to draw.
        """
        if token < 0:
            raise PhialError(
                "no token can be drawn: the logits are not finite, or the grammar allows none",
                where="engine",
                do="check the weights for NaN, and the grammar for dead ends",
            )
        matcher = self.matcher if self._thinking is None else None
        if matcher:
            matcher.accept(token)
        if token in self._stop_ids:
            self.finish_reason = "stop"
            return
        self._append(token)
        if matcher and matcher.finished:
            self.finish_reason = "stop"
        if self._thinking and not self.finish_reason:
            self._mind_the_budget(self._thinking)

    def _append(self, token: int) -> None:
        self.ids.append(token)
        if not self.plain:
            self._counts[token] = self._counts.get(token, 0) + 1
        if self._text:
            piece = self._text.push(token)
            if piece:
                self._write(piece)
        if len(self.ids) >= self.limit and not self.finish_reason:
            self.finish_reason = "length"

    def _write(self, piece: str) -> None:
        if self._thinking:
            close = self._thinking.close
            self._tail = (self._tail + piece)[-(len(close) + len(piece)) :]
            if close in self._tail:
                self._thinking = None
        if self._stop_text:
            piece = self._stop_text.push(piece)
            if self._stop_text.stopped is not None:
                self.finish_reason = "stop"
        if piece:
            self._pieces.append(piece)

    def _mind_the_budget(self, thinking: Thinking) -> None:
        written = len(self.ids) - self.start
        if written >= thinking.tokens:
            self._force(_tag(self._tokenizer, thinking.close))
            self._thinking = None
        elif thinking.hint and written >= thinking.hint_tokens:
            self._thinking = replace(thinking, hint="")
            self._force(self._tokenizer.encode(thinking.hint))

    def _force(self, tokens: Sequence[int]) -> None:
        for token in tokens:
            if self.finish_reason:
                return
            if self.sampling.logprobs is not None:
                self._logprobs.append(TokenLogprob(token, None))
            self._append(token)

    def finish(self, reason: FinishReason, error: Exception | None = None) -> None:
        """End the answer from outside."""
        self.finish_reason, self.error = reason, error

    def tell(self, progress: bool = False) -> None:
        """Tell of what is new: tokens, how far reading has come, the end."""
        if self.finish_reason and self._text:
            self._flush(self._text)
        if self.emit:
            ids, logprobs = self.ids[self.start + self._told_ids :], self._logprobs[self._told_ids :]
            text = "".join(self._pieces[self._told_pieces :])
            self._told_ids += len(ids)
            self._told_pieces = len(self._pieces)
            read = (self.computed, len(self.ids)) if progress else None
            if ids or text or read or self.finish_reason:
                event = Event(self.sample, tuple(ids), text, tuple(logprobs), read, self.finish_reason, self.error)
                self.emit(event)
        if self.finish_reason:
            if self.drafts:
                self.drafts.close()
            if self.done:
                self.done(self)

    def _flush(self, text: TextStream) -> None:
        rest = text.finish()
        if self._stop_text:
            rest = self._stop_text.push(rest) + self._stop_text.finish()
        if rest:
            self._pieces.append(rest)

    def generation(self) -> Generation:
        """The answer, when it is complete."""
        assert self.finish_reason
        ids = tuple(self.ids[self.start :])
        text = "".join(self._pieces) if self._text else self._tokenizer.decode(ids)
        return Generation(ids, text, self.finish_reason, tuple(self._logprobs))


def _tag(tokenizer: Tokenizer, text: str) -> Sequence[int]:
    """A tag's tokens; those of a text alone would not be the special token that some models were taught."""
    return [tokenizer.special[text]] if text in tokenizer.special else tokenizer.encode(text)
