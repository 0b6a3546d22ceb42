"""Ordering: numbers from smallest to largest, and what the order tells."""

from phial.synth.problems.lang import Family, Step, Variant, span

# Sorted by insertion: the next number is compared with each one before, and the signs say where it goes.
_THREE_SORTED = (
    Step("b1", "'>' if a > b else '<'", "{a} {b1} {b}."),
    Step("c1", "'>' if c > a else '<'", ""),
    Step("c2", "'>' if c > b else '<'", "{c} {c1} {a}, {c} {c2} {b}."),
    Step("low", "min(a, b, c)", ""),
    Step("high", "max(a, b, c)", ""),
    Step("middle", "a + b + c - low - high", "{low} < {middle} < {high}."),
)
_FOUR_SORTED = (
    *_THREE_SORTED,
    Step("d1", "'>' if d > low else '<'", ""),
    Step("d2", "'>' if d > middle else '<'", ""),
    Step("d3", "'>' if d > high else '<'", "{d} {d1} {low}, {d} {d2} {middle}, {d} {d3} {high}."),
    Step("smallest", "min(low, d)", ""),
    Step("second", "min(middle, max(low, d))", ""),
    Step("third_number", "max(middle, min(high, d))", ""),
    Step("largest", "max(high, d)", "{smallest} < {second} < {third_number} < {largest}."),
)
_FOUR_DIFFERENT = "not (a == b or a == c or a == d or b == c or b == d or c == d)"

FAMILIES = (
    Family(
        name="order_numbers",
        skill="ordering",
        version=2,
        share=4,
        idea=(
            "To sort numbers, sort two, and then put each other number in its place: 12 < 31, then 12 < 25 < 31.",
            "In a sorted list, each number is less than the next one. In 7 < 19 < 40, place 2 holds 19.",
            (
                "Sort before you look. The smallest is at the front and the largest at the end. In 14 < 20 < 33 < 50 "
                "they differ by 50 - 14 = 36."
            ),
            (
                "With four numbers in order, the middle is half of the sum of the two in the middle. For 3 < 10 < 16 < "
                "20: 10 + 16 = 26, and 26 / 2 = 13."
            ),
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"a": span(3, 99), "b": span(3, 99), "c": span(3, 99), "rank": span(1, 3, (1, 3))},
                wordings=(
                    (
                        "{name} sorts the numbers {a}, {b} and {c} from smallest to largest. Which number is in place "
                        "{rank}?"
                    ),
                    "Put {a}, {b} and {c} in order, smallest first. Which number is in place {rank}?",
                    (
                        "{name} writes {a}, {b} and {c} on cards and puts the smallest first. Which number is on the "
                        "card in place {rank}?"
                    ),
                    (
                        "Three boxes hold {a}, {b} and {c} {item}. {name} puts them in a row with the smallest number "
                        "first. How many {item} are in the box in place {rank}?"
                    ),
                    "What is in place {rank} when {name} puts {a}, {b} and {c} in order from smallest to largest?",
                ),
                work=(
                    *_THREE_SORTED,
                    Step("pick", "low if rank == 1 else middle if rank == 2 else high", ""),
                ),
                answer="min(a, b, c) if rank == 1 else max(a, b, c) if rank == 3 else "
                "max(min(a, b), min(max(a, b), c))",
                where="not (a == b or a == c or b == c)",
            ),
            Variant(
                steps=2,
                quantities={"a": span(3, 99), "b": span(3, 99), "c": span(3, 99), "d": span(3, 99)},
                wordings=(
                    "{name} sorts {a}, {b}, {c} and {d}. How much more is the largest number than the smallest?",
                    (
                        "Four boxes hold {a}, {b}, {c} and {d} {item}. What is the difference between the largest and "
                        "the smallest number of {item}?"
                    ),
                    "What is the largest of {a}, {b}, {c} and {d} minus the smallest?",
                    (
                        "{name} puts {a}, {b}, {c} and {d} in order and subtracts the first number from the last. What "
                        "does {name} get?"
                    ),
                    (
                        "In four games {name} has {a}, {b}, {c} and {d} points. How many points are between the best "
                        "and the worst game?"
                    ),
                ),
                work=(*_FOUR_SORTED, Step("difference", "largest - smallest", "Difference: {eq}.")),
                answer="max(a, b, c, d) - min(a, b, c, d)",
                where=_FOUR_DIFFERENT,
            ),
            Variant(
                steps=3,
                quantities={"a": span(3, 60), "b": span(3, 60), "c": span(3, 60), "d": span(3, 60)},
                wordings=(
                    "{name} sorts {a}, {b}, {c} and {d}. What is half of the sum of the two numbers in the middle?",
                    "Find the median of {a}, {b}, {c} and {d}.",
                    "Four boxes hold {a}, {b}, {c} and {d} {item}. What is the median number of {item}?",
                    (
                        "{name} puts {a}, {b}, {c} and {d} in order, adds the two middle numbers and divides by 2. "
                        "What does {name} get?"
                    ),
                    "In four games {name} has {a}, {b}, {c} and {d} points. What is the median of the points?",
                ),
                work=(
                    *_FOUR_SORTED,
                    Step("both", "second + third_number", "Middle two: {eq}."),
                    Step("median", "both / 2", "Half: {eq}."),
                ),
                answer="(a + b + c + d - max(a, b, c, d) - min(a, b, c, d)) / 2",
                where=f"{_FOUR_DIFFERENT} and (a + b + c + d - max(a, b, c, d) - min(a, b, c, d)) % 2 == 0",
            ),
        ),
    ),
)
