"""Faults of the `tokenizers` library, which a file can provoke."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from phial.errors import PhialError


@contextmanager
def faults(what: str, where: str) -> Iterator[None]:
    """Turn whatever the library raises into an error of the file that it works for.

    It raises bare `Exception`; and where Rust code panics, an exception that is no `Exception` at all.

    Args:
        what: begins the message.
        where: names the file.

    Raises:
        PhialError: the library failed.
    """
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise PhialError(f"{what}: {error}", where=where, do="make the tokenizer again") from error
