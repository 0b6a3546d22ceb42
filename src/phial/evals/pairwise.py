"""Two answers to the same question: which one does a judge find better?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from phial.errors import PhialError
from phial.evals.items import protocol_of
from phial.evals.judge import JUDGING, LOOKED_AT, Judging, judged, place, question
from phial.evals.log import Log, Sample
from phial.evals.style import style
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

_COMPARE = """Two assistants answered the same request. Decide which answer serves the person who asked better.

Work out first what a good answer has to contain, and solve the task yourself where it has a solution. Then check each \
answer: is what it says correct, does its code run and do what was asked, does it follow every instruction, does it \
leave out anything that matters? Correctness comes first, then completeness, then clarity. Length and formatting are \
no merits of their own, and it must not matter which answer stands first.

End with exactly one of these verdicts:
[[A>>B]] A is much better
[[A>B]] A is somewhat better
[[A=B]] they are about as good
[[B>A]] B is somewhat better
[[B>>A]] B is much better"""
# The marks around question and answers are Arena-Hard's.
_PAIR = """<|User Prompt|>
{question}

<|The Start of Assistant A's Answer|>
{first}
<|The End of Assistant A's Answer|>

<|The Start of Assistant B's Answer|>
{second}
<|The End of Assistant B's Answer|>"""

COMPARING: Mapping[str, Protocol] = {
    "phial": Protocol(
        "phial", "pairwise in both orders, own words to the judge, last verdict", JUDGING, system=_COMPARE
    ),
    "arena-hard": Protocol(
        "arena-hard",
        "pairwise in both orders, Arena-Hard v0.1's words to the judge, all verdicts must agree",
        JUDGING,
        extractor="compat:arena-hard",
    ),
}
_VERDICT = re.compile(r"\[\[([AB<>=]{3,4})\]\]")
# How good A did, and how many ordinary verdicts this one counts for.
_POINTS = {
    "A>>B": (1.0, 3), "A>B": (1.0, 1), "A=B": (0.5, 1), "B>A": (0.0, 1), "B>>A": (0.0, 3),
    "B<<A": (1.0, 3), "B<A": (1.0, 1), "B=A": (0.5, 1), "A<B": (0.0, 1), "A<<B": (0.0, 3),
}  # fmt: skip


def pairwise(log: Log, baseline: Mapping[str, str], task: str, protocol: str = "phial", system: str = "") -> Task:
    """Make the task that puts every reply beside another model's answer to the same question, in both orders.

    The mean score is the share of verdicts that the log's model won, ties a half. The figure "win rate" is
    Arena-Hard's: a much better answer counts three times. `arena.table` gives both their intervals by question.

    Args:
        log: of the answers.
        baseline: the other model's answers, by item.
        task: name of the judge's task.
        protocol: of `COMPARING`.
        system: words to the judge, instead of the protocol's.
    """
    chosen = protocol_of(COMPARING, protocol, "pairwise judging")
    if system:
        chosen = replace(chosen, system=system)

    def ask(sample: Sample, answer: str) -> Iterable[Item]:
        if sample.item not in baseline:
            raise PhialError(f"the baseline has no answer to {sample.item!r}", where=task, do="give its whole file")
        other = baseline[sample.item]
        about = {
            "question": sample.item,
            "model": log.run.model,
            "style": [list(style(answer)), list(style(other))],
        }
        for first, answers in (("baseline", (other, answer)), ("model", (answer, other))):
            prompt = _PAIR.format(question=question(sample), first=answers[0], second=answers[1])
            gold = {**about, "first": first}
            yield Item(f"{place(sample)}:{first}-first", (("user", prompt),), gold, {**sample.tags, "first": first})

    extractors = {"phial": last_verdict, "compat:arena-hard": agreeing_verdicts}
    return judged(log, Judging(task, chosen, ask, extractors, grade_pair, no_verdict))


def last_verdict(reply: str, item: Item) -> Extraction:
    """The last verdict in double square brackets."""
    found = [verdict for verdict in _VERDICT.findall(reply[-LOOKED_AT:]) if verdict in _POINTS]
    return Extraction(found[-1], "last-verdict") if found else Extraction(None)


def agreeing_verdicts(reply: str, item: Item) -> Extraction:
    """The verdict, if the reply has no other; Arena-Hard drops a judgement with two."""
    found = set(_VERDICT.findall(reply[-LOOKED_AT:]))
    verdict = found.pop() if len(found) == 1 else ""
    return Extraction(verdict, "only-verdict") if verdict in _POINTS else Extraction(None)


def grade_pair(answer: str, item: Item) -> Grade:
    """1 where the log's model won, 0.5 for a tie."""
    points, weight = _POINTS[answer]
    won = points if item.gold["first"] == "model" else 1 - points
    parts = {"win rate": (won * weight, float(weight))}
    if points != 0.5:
        parts["first answer preferred"] = (points, 1.0)
    return Grade(won, {1.0: "won", 0.5: "tie", 0.0: "lost"}[won] + (" clearly" if weight == 3 else ""), parts)


def no_verdict(item: Item) -> Grade:
    """A tie, that it may neither help nor harm; the figures leave it out, as Arena-Hard does."""
    return Grade(0.5, "no verdict")
