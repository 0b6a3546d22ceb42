"""Arms of the quality experiment: the same problems, one thing made worse."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from phial.record import Record, Verdict
from phial.synth.problems.lexicon import NAMES

_ANSWER = re.compile(r"(?m)^(.*?)The answer is (\S+)\.$")  # a worked answer is one line


def ablate(records: Sequence[Record], kind: str, share: float, seed: int) -> list[Record]:
    """Spoil training records in one known way.

    Args:
        records: exercises, passages, code and conversations.
        kind: see `phial.recipe.schema.Ablation`.
        share: share of wrong answers, or of distinct data.
        seed: of the choice.

    Returns:
        New records whose lineage says what was done; records the arm does not touch are returned as they are.
    """
    generator = random.Random(seed)
    if kind == "answers-only":
        return [_rewrite(r, kind, lambda text: _ANSWER.sub(r"The answer is \2.", text)) for r in records]
    if kind == "wrong-answers":
        return [_rewrite(r, kind, _spoil(generator)) if generator.random() < share else r for r in records]
    if kind == "no-passages":
        return [r for r in records if r.kind != "passage"]
    if kind == "near-duplicates":
        chosen = [r for r in records if generator.random() < share]
        copies = max(1, round(1 / share))
        return [_rewrite(r, kind, _rename(generator)) for _ in range(copies) for r in chosen]
    raise ValueError(f"unknown ablation {kind!r}")


def _rewrite(record: Record, kind: str, change: Callable[[str], str]) -> Record:
    if record.kind == "code":
        return record
    lineage = replace(
        record.lineage,
        parents=(record.id,),
        verdicts=(*record.lineage.verdicts, Verdict("ablation", False, kind)),
    )
    if record.text is not None:
        return replace(record, text=change(record.text), lineage=lineage)
    messages = tuple((role, change(text) if role == "assistant" else text) for role, text in record.messages or ())
    return replace(record, messages=messages, lineage=lineage)


def _spoil(generator: random.Random) -> Callable[[str], str]:
    """A numeric answer moves by 1 to 9, also where the last step states it, so nothing in the text contradicts it."""

    def spoil(text: str) -> str:
        def shift(match: re.Match[str]) -> str:
            work, answer = match.groups()
            if not answer.isdigit():
                return match.group()
            wrong = str(int(answer) + generator.randint(1, 9))
            head, equals, tail = work.rpartition(f"= {answer}")
            return f"{head}{f'= {wrong}' if equals else ''}{tail}The answer is {wrong}."

        return _ANSWER.sub(shift, text)

    return spoil


def _rename(generator: random.Random) -> Callable[[str], str]:
    names = re.compile(rf"\b({'|'.join(NAMES)})\b")

    def rename(text: str) -> str:
        table: dict[str, str] = {}
        free = list(NAMES)
        generator.shuffle(free)
        return names.sub(lambda match: table.setdefault(match.group(), free.pop()), text)

    return rename
