"""The question that a record asks, and the answer it is said to have."""

from __future__ import annotations

from phial.record import Record

_LONGEST = 2000  # characters; a question that a small teacher can still answer


def question_of(record: Record) -> tuple[str, str]:
    """A record's question and its reference answer.

    Args:
        record: a conversation, whose first user turn is the question, or a text that is one.

    Returns:
        "" where the record has no question of a sensible length, and "" where there is no reference in
        params["answer"].
    """
    if record.messages is not None:
        question = next((content for role, content in record.messages if role == "user"), "")
    else:
        question = record.text or ""
    question = question.strip()
    reference = record.lineage.params.get("answer")
    return question if 0 < len(question) <= _LONGEST else "", str(reference).strip() if reference is not None else ""
