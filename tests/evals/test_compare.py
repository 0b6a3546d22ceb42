"""Two logs compared: what is shared, what is not, and what is said of it."""

from __future__ import annotations

import io

import pytest
from figure_logs import drawn, log, sample, scored
from rich.console import Console

from phial.errors import PhialError
from phial.evals.compare import Comparison, compare, compare_all
from phial.evals.compare_terminal import print_comparison, probability, verdict
from phial.evals.paired import mcnemar
from phial.evals.scores import mean_at


def printed(comparisons: Comparison | tuple[Comparison, ...]) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_comparison(comparisons, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_one_reply_an_item_is_compared_by_mcnemar() -> None:
    first = scored({"a": [1.0], "b": [1.0], "c": [1.0], "d": [0.0], "e": [0.0]}, model="large")
    second = scored({"a": [1.0], "b": [0.0], "c": [0.0], "d": [1.0], "e": [0.0]})
    found = compare(first, second)
    assert (found.marks.both, found.marks.first, found.marks.second, found.marks.neither) == (1, 2, 1, 1)
    assert (found.test, found.p) == ("exact McNemar", mcnemar(2, 1))
    assert found.gap.value == pytest.approx(0.2)
    assert (found.names, found.differences, found.only_first) == (("large", "small"), (), ())


def test_pairs_are_matched_by_item_whatever_the_order_and_the_repeats() -> None:
    first = drawn(1, 60)
    second = drawn(2, 60, repeats=4, lead=0.1, model="other")
    mixed = log(sorted(second.samples, key=lambda s: (-s.repeat, s.item)), model="other")
    found, again = compare(first, second), compare(first, mixed)
    assert found == again
    assert found.test == "paired t over items"
    assert (found.gap.items, found.gap.samples) == (60, 300)
    assert found.gap.value == pytest.approx(mean_at(first).value - mean_at(second).value)
    assert [(d.name, d.first, d.second, d.grave) for d in found.differences] == [("repeats", "1", "4", False)]


def test_partial_scores_are_not_counted_as_right_or_wrong() -> None:
    found = compare(scored([[0.5], [1.0], [0.25]]), scored([[0.5], [1.0], [0.0]]))
    assert found.test == "paired t over items"
    assert (found.marks.both, found.marks.first, found.marks.second, found.marks.neither) == (1, 1, 0, 1)


def test_pairing_tells_more_than_two_intervals() -> None:
    first, second = drawn(1, 300, repeats=8), drawn(2, 300, repeats=8, lead=0.1, model="other")
    found = compare(first, second)
    apart = sum((e.high - e.low) ** 2 for e in (found.first, found.second)) ** 0.5
    assert found.gap.high - found.gap.low < 0.5 * apart
    assert found.p < 1e-6 and found.gap.high < 0


def test_a_log_is_no_better_than_itself() -> None:
    one = drawn(1, 50)
    found = compare(one, one)
    assert (found.gap.value, found.p) == (0.0, 1.0)
    assert found.gap.low < 0 < found.gap.high
    assert found.names == ("small (first)", "small (second)")
    assert "no difference is shown" in verdict(found)


def test_items_that_are_not_shared_are_told_and_left_out() -> None:
    found = compare(scored({"a": [1.0], "b": [0.0], "c": [1.0]}), scored({"b": [0.0], "c": [1.0], "d": [1.0]}))
    assert (found.only_first, found.only_second) == (("a",), ("d",))
    assert (found.first.items, found.first.value) == (2, 0.5)
    text = printed(found)
    assert "1 items that only small (first) answered: a" in text and "answered: d" in text


def test_what_is_not_alike_is_said_the_grave_first() -> None:
    first = log([sample("a"), sample("b")])
    second = log(
        [sample("a", prompt="1 + 1?"), sample("b", gold="3")], items=3, sha256="cd" * 32, protocol="lm-eval",
        description="5-shot", system="Think.", extractor="compat:lm-eval", sampling={"temperature": 0.7, "seed": 1},
    )  # fmt: skip
    found = compare(first, second)
    assert [(d.name, d.grave) for d in found.differences] == [
        ("data (sha256)", True), ("prompts", True), ("right answers", True), ("unfinished", True),
        ("items asked", False), ("protocol", False), ("protocol's description", False), ("system message", False),
        ("extractor", False), ("sampling temperature", False), ("sampling max_tokens", False), ("sampling seed", False),
    ]  # fmt: skip
    assert found.names == ("small (phial)", "small (lm-eval)")
    text = printed(found)
    assert "NOT THE SAME TEST: data (sha256): abababababab | cdcdcdcdcdcd" in text
    assert "NOT THE SAME TEST: right answers: 1 of 2 shared items have others" in text
    assert "NOT THE SAME TEST: unfinished: 0 replies missing | 1 replies missing" in text
    assert "OTHER PROTOCOL: sampling temperature: 0.0 | 0.7" in text
    assert "OTHER PROTOCOL: system message: none | Think." in text


def test_messages_read_from_a_log_are_those_that_were_written() -> None:
    kept = log([sample("a", prompt=(("user", "1 + 1?"),))])
    assert compare(kept, log([sample("a", prompt=[["user", "1 + 1?"]])])).differences == ()


def test_models_of_one_name_are_told_apart_by_what_differs() -> None:
    found = compare(scored([[1.0]], identity={"bits": 4}), scored([[1.0]], identity={"bits": 16}))
    assert found.names == ("small (bits 4)", "small (bits 16)")


def test_parts_are_compared_too() -> None:
    first = log([sample(str(i), parts={"instructions": (2.0, 3.0), "bits": (900.0, 300.0)}) for i in range(30)])
    second = log([sample(str(i), parts={"instructions": (i % 2, 1.0)}) for i in range(30)], model="other")
    found = compare(first, second)
    assert list(found.parts) == ["instructions"]
    part = found.parts["instructions"]
    assert (part.first.value, part.second.value) == pytest.approx((2 / 3, 0.5))
    assert part.gap.value == pytest.approx(1 / 6) and part.gap.low < 0 < part.gap.high
    assert "instructions" in printed(found)


def test_figures_that_are_no_shares_are_not_printed_in_percent() -> None:
    logs = [log([sample(str(i), parts={"bits": (900.0 + i, 300.0)}) for i in range(30)]) for _ in range(2)]
    assert "3.048 [" in printed(compare(*logs))


def test_other_tasks_and_other_items_are_refused() -> None:
    with pytest.raises(PhialError, match="sums can't be compared with products"):
        compare(scored([[1.0]]), scored([[1.0]], task="products"))
    with pytest.raises(PhialError, match="share no item"):
        compare(scored({"a": [1.0]}), scored({"b": [1.0]}))


def test_several_comparisons_are_corrected_and_say_so() -> None:
    better = scored([[1.0]] * 7 + [[0.0]] * 3, model="large"), scored([[0.0]] * 10)
    equal = drawn(1, 30), drawn(1, 30)
    (alone,) = compare_all([better])
    assert alone.p == alone.adjusted == pytest.approx(2 / 2**7)
    assert verdict(alone) == "large is better than small by 70.0 points (p 0.02)"
    found = compare_all([better, equal, equal, equal])
    assert (found[0].adjusted, found[0].together) == (pytest.approx(4 * 2 / 2**7), 4)
    assert "no difference is shown (p 0.06)" in verdict(found[0])
    text = printed(found)
    assert "p 0.02, 0.06 by Holm's rule" in text
    assert "one of 4 comparisons made together: uncorrected, 19 % of such sets of equal models" in text
    assert "Holm" not in printed(alone)


def test_a_name_is_no_markup() -> None:
    text = printed(compare(scored([[1.0]], model="[red]a"), scored([[1.0]], model="b\x1b[31m")))
    assert "[red]a" in text and "b<1b>[31m" in text and "\x1b" not in text


@pytest.mark.parametrize(("p", "text"), [(0.00001, "< 0.0001"), (0.0031, "0.0031"), (0.049, "0.05"), (1.0, "1.00")])
def test_probabilities_are_short(p: float, text: str) -> None:
    assert probability(p) == text
