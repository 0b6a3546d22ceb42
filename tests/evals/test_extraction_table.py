"""One run under several extractors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from figure_logs import log, sample

from phial.errors import PhialError
from phial.evals.extraction_table import extraction_table
from phial.evals.log import Log


def regraded(made: Log, **answers: tuple[str | None, float, str]) -> Log:
    samples = []
    for one in made.samples:
        answer, score, rule = answers.get(one.item, (one.answer, one.score, one.rule))
        samples.append(replace(one, answer=answer, score=score, rule=rule))
    return Log(made.run, tuple(samples))


OURS = log(
    [sample("a"), sample("b"), sample("c", rule="boxed"), sample("d", answer=None, rule="", score=0.0, truncated=True)]
)


def test_rules_misses_and_disagreements() -> None:
    strict = regraded(OURS, a=(None, 0.0, ""), b=("2.", 1.0, "hash"))
    table = extraction_table({"phial": OURS, "compat:strict": strict})
    ours, theirs = table.readings
    assert (ours.extractor, ours.score.value, ours.none.value, ours.truncated) == ("phial", 0.75, 0.25, 1)
    assert list(ours.rules.items()) == [("last-number", 2), ("boxed", 1), ("", 1)]
    assert (theirs.score.value, theirs.none.value) == (0.5, 0.5)
    (one,) = table.disagreements
    assert (one.answers, one.grades) == ((("a", 0), ("b", 0)), (("a", 0),))
    assert one.gap.value == 0.25 and one.gap.low < 0.25 < one.gap.high


def test_every_pair_is_compared_in_order() -> None:
    table = extraction_table(dict.fromkeys("xyz", OURS))
    assert [(d.first, d.second) for d in table.disagreements] == [("x", "y"), ("x", "z"), ("y", "z")]
    assert all(d.answers == () and d.gap.value == 0 for d in table.disagreements)
    assert extraction_table({"x": OURS}).disagreements == ()
    assert extraction_table({}).readings == ()


def test_other_replies_are_refused() -> None:
    other = Log(OURS.run, (replace(OURS.samples[0], reply="It is 3."), *OURS.samples[1:]))
    with pytest.raises(PhialError, match="not of the same replies"):
        extraction_table({"phial": OURS, "other": other})
    with pytest.raises(PhialError, match="not of the same replies"):
        extraction_table({"phial": OURS, "fewer": Log(OURS.run, OURS.samples[1:])})
