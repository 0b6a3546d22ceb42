"""Best-fit packing of documents into rows of one length."""

from __future__ import annotations

from collections.abc import Sequence


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Pack documents into as few rows as best-fit decreasing finds.

    The longest documents are placed first, each into the row with the least room that still holds it, so nearly no
    position is padding and no document is cut (Ding et al. 2024, "Fewer Truncations Improve Language Modeling").

    Args:
        lengths: tokens of each document, each from 1 to `capacity`.
        capacity: tokens a row holds.

    Returns:
        Rows, each a list of document indices in the order they are laid down.

    Raises:
        ValueError: a document is empty or longer than a row.
    """
    open_rows: list[list[int]] = [[] for _ in range(capacity + 1)]  # open_rows[room] = rows with that much room left
    rooms = 0  # bit r set: some row has room r
    rows: list[list[int]] = []
    for document in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        length = lengths[document]
        if not 0 < length <= capacity:
            raise ValueError(f"document {document} has {length} tokens; a row holds 1 to {capacity}")
        fitting = rooms >> length
        if fitting:
            room = length + (fitting & -fitting).bit_length() - 1
            row = open_rows[room].pop()
            if not open_rows[room]:
                rooms &= ~(1 << room)
        else:
            room, row = capacity, len(rows)
            rows.append([])
        rows[row].append(document)
        left = room - length
        if left:
            open_rows[left].append(row)
            rooms |= 1 << left
    return rows
