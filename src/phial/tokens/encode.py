"""Records to token documents."""

from __future__ import annotations

from collections.abc import Iterable

from phial.record import Record
from phial.tokens.chat import encode_chat
from phial.tokens.shards import Document
from phial.tokens.tokenizer import Tokenizer


def encode_records(tokenizer: Tokenizer, records: Iterable[Record], longest: int) -> tuple[list[Document], int]:
    """Tokenize records.

    A text is BOS, content, EOS with loss on everything after BOS; one longer than a row is continued in further
    documents. A conversation carries loss on the assistant's words only; one longer than a row is left out, since half
    a conversation teaches to stop half-way.

    Args:
        tokenizer: encodes.
        records: texts and conversations.
        longest: tokens a document may have.

    Returns:
        The documents, and the number of conversations left out.
    """
    documents: list[Document] = []
    dropped = 0
    texts: list[Record] = []
    for record in records:
        if record.messages is None:
            texts.append(record)
            continue
        ids, spans = encode_chat(tokenizer, record.messages)
        if len(ids) > longest:
            dropped += 1
            continue
        scored = sum(len(content.encode()) for role, content in record.messages if role == "assistant")
        documents.append(Document(record.id, ids, spans, scored))
    for record, ids in zip(texts, tokenizer.encode_batch([r.text or "" for r in texts]), strict=True):
        documents.extend(_pieces(tokenizer, record, ids, longest))
    return documents, dropped


def _pieces(tokenizer: Tokenizer, record: Record, ids: list[int], longest: int) -> Iterable[Document]:
    room = longest - 2
    for start in range(0, max(len(ids), 1), room):
        piece = ids[start : start + room]
        # A piece may end inside a UTF-8 character; bytes are counted on the whole text when it is one piece.
        size = len((record.text or "").encode()) if len(ids) <= room else len(tokenizer.decode(piece).encode())
        tokens = [tokenizer.bos_id, *piece, tokenizer.eos_id]
        yield Document(record.id, tokens, ((1, len(tokens)),), size)
