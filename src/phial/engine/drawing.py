"""From the logits of a step to the tokens of its sequences; whatever goes wrong with a sequence becomes its error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phial.engine.sampler import choose
from phial.engine.sequence import Live

# Up to so many logits, rows are copied into one matrix to draw all tokens at once; where there are more, the copy would
# cost more than calls row by row.
_TOGETHER = 1 << 19


def draw_together(lives: Sequence[Live], rows: Sequence[np.ndarray]) -> None:
    """One more token for each of several sequences that are `plain`.

    Args:
        lives: the sequences.
        rows: logits [1, vocab_size] of each.
    """
    if len(rows) == 1 or rows[0].size * len(rows) <= _TOGETHER:
        logits = rows[0] if len(rows) == 1 else np.concatenate(rows)
        tokens = choose(logits, [live.sampling for live in lives], [live.random for live in lives])
    else:
        tokens = [choose(row, [live.sampling], [live.random])[0] for live, row in zip(lives, rows, strict=True)]
    for live, token in zip(lives, tokens, strict=True):
        try:
            live.take(token)
        except Exception as error:
            live.finish("error", error)


def draw_checked(live: Live, rows: np.ndarray, guesses: Sequence[int]) -> int:
    """Tokens of one sequence, one after the other, as long as they are those that were guessed.

    Args:
        live: the sequence.
        rows: logits [1 + len(guesses), vocab_size] behind what is known and behind each guess.
        guesses: tokens.

    Returns:
        How many guesses were right and are now part of the sequence.
    """
    right = 0
    try:
        for row in rows:
            length = len(live.ids)
            token = live.choose(row)
            live.take(token)
            if live.finish_reason or right == len(guesses) or token != guesses[right]:
                break
            right += 1
            if len(live.ids) > length + 1:  # more was written for the model, and the guesses don't know of it
                break
    except Exception as error:
        live.finish("error", error)
    return right
