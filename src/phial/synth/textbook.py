"""The procedural teacher's pages: exercises, passages and conversations, each problem checked before it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from phial.errors import PhialError
from phial.record import Lineage, Record, Verdict
from phial.synth.problems import FAMILIES, UNSEEN
from phial.synth.problems.check import verify
from phial.synth.problems.lang import Family, Problem, generate, passage

SOURCE = "phial/procedural-teacher"
LICENSE = "Apache-2.0"

HELDOUT_SPLITS = ("in-range", "unseen-range", "unseen-family")


@dataclass
class Rejects:
    """Problems that the independent evaluator refused, by family and reason."""

    checked: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def accepts(self, problem: Problem, family: Family) -> bool:
        """Check one problem and count it."""
        self.checked += 1
        reason = verify(problem, family)
        if reason is not None:
            key = f"{problem.family}: {reason}"
            self.reasons[key] = self.reasons.get(key, 0) + 1
        return reason is None


def worked(question: str, work: str) -> str:
    """An exercise as training text.

    Question and answer begin a line, as they do in the chat format: a word at the start of a line and the same word
    after a space are different tokens, and a model of this size does not carry over what it learnt with one.
    """
    return f"Question\n{question}\nAnswer\n{work}"


def _lineage(flow: str, problem: Problem, seed: int, index: int, split: str) -> Lineage:
    return Lineage(
        flow=f"{flow}/{problem.family}",
        version=str(problem.version),
        verdicts=(Verdict("evaluator", True, f"steps and answer re-derived: {problem.answer}"),),
        params={
            "seed": seed,
            "index": index,
            "split": split,
            "steps": problem.steps,
            "difficulty": problem.difficulty,
            "numbers": list(problem.numbers),
            "wording": problem.wording,
        },
    )


def chosen_families(names: Sequence[str]) -> list[Family]:
    """Training families by name; all of them for no names.

    Raises:
        PhialError: there is no family of that name.
    """
    unknown = sorted(set(names) - set(FAMILIES))
    if unknown:
        known = ", ".join(sorted(FAMILIES))
        raise PhialError(f"no problem family {unknown[0]!r}", where="synth.families", do=f"choose from {known}")
    return [family for name, family in FAMILIES.items() if not names or name in names]


def _round(families: Sequence[Family]) -> list[Family]:
    """One round of draws: every family as often as its share says."""
    return [family for turn in range(max(f.share for f in families)) for family in families if turn < family.share]


def exercises(count: int, seed: int, rejects: Rejects, names: Sequence[str] = ()) -> Iterator[Record]:
    """Worked problems, the families in turn.

    Args:
        count: problems to draw; those that fail the evaluator are not made up for.
        seed: with the index it decides every problem.
        rejects: filled while iterating.
        names: families to draw from; all for none.
    """
    families = _round(chosen_families(names))
    for index in range(count):
        family = families[index % len(families)]
        problem = generate(family, index, seed)
        if rejects.accepts(problem, family):
            lineage = _lineage("exercise", problem, seed, index, "train")
            yield Record("exercise", SOURCE, LICENSE, lineage, text=worked(problem.question, problem.work))


def passages(count: int, seed: int, rejects: Rejects, names: Sequence[str] = ()) -> Iterator[Record]:
    """One idea explained, then exercised: a passage never leaves its reader without practice."""
    families = _round(chosen_families(names))
    for index in range(count):
        family = families[index % len(families)]
        idea, problem = passage(family, index, seed + 1)
        if rejects.accepts(problem, family):
            lineage = _lineage("passage", problem, seed + 1, index, "train")
            yield Record("passage", SOURCE, LICENSE, lineage, text=f"{idea}\n{worked(problem.question, problem.work)}")


def conversations(count: int, seed: int, rejects: Rejects, names: Sequence[str] = ()) -> Iterator[Record]:
    """Problems as one user turn and one assistant turn."""
    families = _round(chosen_families(names))
    for index in range(count):
        family = families[index % len(families)]
        problem = generate(family, index, seed + 2)
        if rejects.accepts(problem, family):
            messages = (("user", problem.question), ("assistant", problem.work))
            yield Record(
                "chat", SOURCE, LICENSE, _lineage("chat", problem, seed + 2, index, "train"), messages=messages
            )


def heldout(count: int, seed: int, split: str, rejects: Rejects, names: Sequence[str] = ()) -> Iterator[Problem]:
    """Distinct problems that training never sees.

    Args:
        count: problems to yield.
        seed: of the draw.
        split: "in-range" (quantities kept out of training before generation), "unseen-range" (a quantity beyond the
            trained range) or "unseen-family" (families that training has none of).
        rejects: filled while iterating.
    """
    families = list(UNSEEN.values()) if split == "unseen-family" else chosen_families(names)
    draw = {"in-range": "heldout", "unseen-range": "range", "unseen-family": "train"}[split]
    seen: set[str] = set()
    index = 0
    while len(seen) < count:
        family = families[index % len(families)]
        problem = generate(family, index, seed + 3, draw)
        index += 1
        if problem.question not in seen and rejects.accepts(problem, family):
            seen.add(problem.question)
            yield problem
