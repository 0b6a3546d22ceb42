"""The labelled cases are graded as labelled, and a wrong label would be told."""

from __future__ import annotations

import pytest

from phial.evals import self_test
from phial.evals.self_test import Case, run_self_test
from phial.sandbox import level


@pytest.mark.skipif(level() == "none", reason="programs can't be run here")
def test_everything_is_graded_as_labelled() -> None:
    outcomes = run_self_test()
    assert [failure for outcome in outcomes for failure in outcome.failures] == []
    assert sum(outcome.count for outcome in outcomes) > 50


def test_a_wrong_label_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EXPRESSIONS", "LETTERS", "THINKING", "PROGRAMS"):
        monkeypatch.setattr(self_test, name, ())
    monkeypatch.setattr(
        self_test, "_outcome", lambda name, cases, *rest: _OUTCOME(name, cases, *rest) if cases else None
    )
    monkeypatch.setattr(self_test, "NUMBERS", (Case("Answer: 5", "6", True), Case("Answer: 5", "5", True)))
    [numbers] = [outcome for outcome in run_self_test() if outcome]
    assert numbers.count == 2 and len(numbers.failures) == 1
    assert "'Answer: 5' for '6' is right, but '5' by answer-colon" in numbers.failures[0]


_OUTCOME = self_test._outcome
