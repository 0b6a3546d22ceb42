"""Tokens to text as they come, never half a character, and never past a stop string."""

from __future__ import annotations

from collections.abc import Sequence

from phial.tokens.tokenizer import Tokenizer

REPLACEMENT = "\ufffd"  # what a decoder writes for bytes that are no character, or not yet


class TextStream:
    """Decodes a growing answer; all it returns, joined, is the decoded answer.

    A token may end inside a UTF-8 character, so text is held back while it ends in a replacement character. Each
    token is decoded with those before it since the last text but one, because a decoder may treat the first token
    of a sequence in its own way.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._context: list[int] = []
        self._pending: list[int] = []

    def push(self, token: int) -> str:
        """Add a token; the text that became certain, maybe none."""
        self._pending.append(token)
        return self._take(hold=True)

    def finish(self) -> str:
        """The text that was held back; bytes that never became a character are replacement characters."""
        return self._take(hold=False)

    def _take(self, hold: bool) -> str:
        before = self._tokenizer.decode(self._context)
        text = self._tokenizer.decode(self._context + self._pending)
        if len(text) == len(before) or (hold and text.endswith(REPLACEMENT)):
            return ""
        self._context, self._pending = self._pending, []
        return text[len(before) :]


class StopText:
    """Passes text on up to the first stop string, and holds back what may be the beginning of one.

    Attributes:
        stopped: the string that was met, once it was; nothing is passed on after that.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.stopped: str | None = None

    def push(self, text: str) -> str:
        """Add text; what can be passed on."""
        if self.stopped is not None:
            return ""
        self._held += text
        # The string that ends first was met first, however the text is cut into tokens.
        met = [(self._held.find(stop), stop) for stop in self._stops if stop in self._held]
        if met:
            start, self.stopped = min(met, key=lambda found: (found[0] + len(found[1]), found[0]))
            passed, self._held = self._held[:start], ""
            return passed
        kept = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        passed, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
        return passed

    def finish(self) -> str:
        """What was held back and turned out to begin nothing."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Longest end of the text that begins the stop string."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)
