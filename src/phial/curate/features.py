"""What the quality classifier sees of a text: hashed n-grams of its words and of their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from phial.curate.ngrams import Texts, hash_texts
from phial.errors import PhialError

_BITS = 18
SIZE = 1 << _BITS
_CHARACTERS = 20_000  # of a text; the rest says little more
_KINDS = ((False, 1), (False, 2), (True, 2), (True, 3))


def features(contents: Sequence[str]) -> Any:
    """A row of hashed n-grams for each text, as a scipy sparse matrix  # [texts, SIZE]

    Words and pairs of words say what a text is about and how it is phrased; pairs and triples of shapes (short words
    whole, longer ones by their endings) say how it is built, in any subject: a shuffled text has its words and not its
    shapes' order. Counts are dampened (1 + log) and rows have unit length.

    Raises:
        PhialError: scikit-learn, which brings scipy, is not installed.
    """
    try:
        from scipy.sparse import csr_matrix
    except ImportError as error:
        raise PhialError(
            "scikit-learn is not installed", where="quality classifier", do="pip install 'phial-lm[data]'"
        ) from error
    cut = [content[:_CHARACTERS] for content in contents]
    kinds = {shapes: hash_texts(cut, shapes=shapes) for shapes in (False, True)}
    rows, columns = zip(*(_hashed(kinds[shapes], n, salt) for salt, (shapes, n) in enumerate(_KINDS)), strict=True)
    row, column = np.concatenate(rows), np.concatenate(columns)
    cells, counts = np.unique(row * SIZE + column, return_counts=True)
    row, column = np.divmod(cells, SIZE)
    values = 1 + np.log(counts)
    lengths = np.sqrt(np.bincount(row, values**2, minlength=len(cut)))
    values /= lengths[row]
    return csr_matrix((values.astype(np.float32), (row, column)), shape=(len(cut), SIZE))


def _hashed(texts: Texts, n: int, salt: int) -> tuple[np.ndarray, np.ndarray]:
    starts, hashes = texts.ngrams(n)
    # The low bits of a product depend on low bits alone, so the high ones are taken.
    mixed = (hashes ^ np.uint64(salt + 1)) * np.uint64(0xD6E8FEB86659FD93)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    return texts.text_of[starts], (mixed >> np.uint64(64 - _BITS)).astype(np.int64)
