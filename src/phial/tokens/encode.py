"""Records to token documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from phial.record import Record
from phial.tokens.chat import encode_chat
from phial.tokens.shards import Document
from phial.tokens.tokenizer import Tokenizer

# Where the worked answer of an exercise begins; what stands before it is drawn at random and teaches nothing.
ANSWER = "\nAnswer\n"


def encode_records(tokenizer: Tokenizer, records: Iterable[Record], longest: int) -> tuple[list[Document], int]:
    """Tokenize records.

    A text is BOS, content, EOS with loss on everything after BOS; one longer than a row is continued in further
    documents. An exercise carries loss on its worked answer only: names and numbers of the question are drawn at
    random, and predicting them costs a small model capacity. A conversation carries loss on the assistant's words
    only; one longer than a row is left out, since half a conversation teaches to stop half-way.

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
    heads = [_question(record) for record in texts]
    head_ids = tokenizer.encode_batch(heads)
    tail_ids = tokenizer.encode_batch([(r.text or "")[len(head) :] for r, head in zip(texts, heads, strict=True)])
    for record, head, first, rest in zip(texts, heads, head_ids, tail_ids, strict=True):
        ids = [*first, *rest]
        if head and len(ids) + 2 <= longest:
            size = len((record.text or "").encode()) - len(head.encode())
            tokens = [tokenizer.bos_id, *ids, tokenizer.eos_id]
            documents.append(Document(record.id, tokens, ((1 + len(first), len(tokens)),), size))
        else:
            documents.extend(_pieces(tokenizer, record, ids, longest))
    return documents, dropped


def _question(record: Record) -> str:
    """The part of an exercise before its answer; nothing for other kinds."""
    head, marker, _ = (record.text or "").partition(ANSWER)
    return head + marker if record.kind == "exercise" and marker else ""


def _pieces(tokenizer: Tokenizer, record: Record, ids: list[int], longest: int) -> Iterator[Document]:
    room = longest - 2
    for start in range(0, max(len(ids), 1), room):
        piece = ids[start : start + room]
        # A piece may end inside a UTF-8 character; bytes are counted on the whole text when it is one piece.
        size = len((record.text or "").encode()) if len(ids) <= room else len(tokenizer.decode(piece).encode())
        tokens = [tokenizer.bos_id, *piece, tokenizer.eos_id]
        yield Document(record.id, tokens, ((1, len(tokens)),), size)
