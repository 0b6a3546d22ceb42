"""Tokens to text as they come, never half a character."""

from __future__ import annotations

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
