"""A reader of protocol buffer messages that trusts no length it has not checked."""

from __future__ import annotations

from collections.abc import Iterator

from phial.errors import PhialError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT = 10  # bytes; 64 bits, 7 a byte


def read_fields(data: memoryview, where: str) -> Iterator[tuple[int, int, int | memoryview]]:
    """Walk over the fields of one message.

    Args:
        data: the message; nothing of it is copied.
        where: names the file in errors.

    Yields:
        Field number, wire type (VARINT, FIXED64, BYTES or FIXED32), and the value: an integer for a varint, otherwise
        a view of the field's bytes.

    Raises:
        PhialError: the data end inside a field, a length points past the end, or a wire type is unknown.
    """
    position = 0
    while position < len(data):
        key, position = _varint(data, position, where)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise _damaged("a field has number 0", where)
        if wire_type == VARINT:
            value, position = _varint(data, position, where)
            yield number, wire_type, value
            continue
        if wire_type == BYTES:
            length, position = _varint(data, position, where)
        elif wire_type in _WIDTHS:
            length = _WIDTHS[wire_type]
        else:
            raise _damaged(f"a field has the unknown wire type {wire_type}", where)
        if length > len(data) - position:
            raise _damaged(f"a field says {length} bytes where {len(data) - position} are left", where)
        yield number, wire_type, data[position : position + length]
        position += length


def _varint(data: memoryview, position: int, where: str) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise _damaged("the data end inside a number, or the number is too long", where)


def _damaged(what: str, where: str) -> PhialError:
    return PhialError(f"damaged file: {what}", where=where, do="get the file again")
