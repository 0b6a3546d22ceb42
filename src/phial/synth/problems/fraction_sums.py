"""Sums of fractions: parts of one whole put together, and what is left of it."""

from phial.synth.problems.lang import Family, Step, Variant, span


def in_lowest_terms(top: str, bottom: str) -> str:
    """Writes the condition that two expressions have no common factor.

    Args:
        top: The numerator, less than the denominator.
        bottom: The denominator, at most 30 so that a common factor has a prime factor of at most 13.

    Returns:
        A condition of the template language.
    """
    return " and ".join(f"({top}) % {prime} + ({bottom}) % {prime} > 0" for prime in (2, 3, 5, 7, 11, 13))


FAMILIES = (
    Family(
        name="fraction_sum",
        skill="fractions",
        version=1,
        idea=(
            "Fractions with the same bottom are easy to add. Add the tops and keep the bottom: 2/7 + 3/7 = 5/7.",
            "Fifths and fifths make fifths. One fifth and two fifths are three fifths: 1/5 + 2/5 = 3/5.",
            "When the bottoms are equal, only the tops are added. 1/9 + 4/9 = 5/9. The bottom stays 9.",
            (
                "The bottom of a fraction is the kind of piece, and the top counts the pieces. So 2/11 + 6/11 = 8/11: "
                "the pieces are still elevenths."
            ),
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"a": span(1, 13), "b": span(1, 13), "n": span(3, 15, (16, 30))},
                wordings=(
                    (
                        "{name} eats {a}/{n} of a cake and {other} eats {b}/{n} of it. What fraction of the cake do "
                        "they eat together?"
                    ),
                    "What is {a}/{n} + {b}/{n}?",
                    (
                        "{name} paints {a}/{n} of a wall. Then {other} paints {b}/{n} of the wall. What fraction of "
                        "the wall is painted?"
                    ),
                    (
                        "{name} reads {a}/{n} of a book on Monday and {b}/{n} on Tuesday. What fraction of the book is "
                        "that in all?"
                    ),
                    (
                        "A jug is {a}/{n} full. {name} pours in water for another {b}/{n} of the jug. What fraction of "
                        "the jug is full now?"
                    ),
                    "Which fraction is the sum of {a}/{n} and {b}/{n}?",
                ),
                work=(Step("total", "a/n + b/n", "Together: {eq}."),),
                answer="(a + b) / n",
                where=f"a + b < n and {in_lowest_terms('a + b', 'n')}",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=2,
                quantities={"a": span(1, 9), "b": span(1, 9), "c": span(1, 9), "n": span(5, 15, (16, 30))},
                wordings=(
                    (
                        "{name} eats {a}/{n} of a cake, {other} eats {b}/{n} and {third} eats {c}/{n}. What fraction "
                        "of the cake do they eat together?"
                    ),
                    "What is {a}/{n} + {b}/{n} + {c}/{n}?",
                    (
                        "{name} paints {a}/{n} of a wall in the morning, {b}/{n} after lunch and {c}/{n} at night. "
                        "What fraction of the wall is painted?"
                    ),
                    (
                        "{name} reads {a}/{n} of a book on Monday, {b}/{n} on Tuesday and {c}/{n} on Friday. What "
                        "fraction of the book is that in all?"
                    ),
                    (
                        "Three friends walk a path in parts. {name} walks {a}/{n} of it, {other} {b}/{n} and {third} "
                        "{c}/{n}. What fraction of the path do they walk in total?"
                    ),
                ),
                work=(
                    Step("pair", "a + b", "First two: {a}/{n} + {b}/{n} = {pair}/{n}."),
                    Step("all", "pair + c", "Together: {pair}/{n} + {c}/{n} = {all}/{n}."),
                    Step("total", "all / n", ""),
                ),
                answer="(c + b + a) / n",
                where=f"a + b + c < n and {in_lowest_terms('a + b + c', 'n')}",
                distractors=("There are {extra} {animal} nearby.",),
            ),
            Variant(
                steps=3,
                quantities={"a": span(1, 5), "b": span(1, 5), "c": span(1, 7), "n": span(7, 20, (21, 30))},
                wordings=(
                    (
                        "{name} eats {a}/{n} of a cake. {other} eats {b}/{n} more than {name}. {third} eats {c}/{n}. "
                        "What fraction of the cake do they eat together?"
                    ),
                    (
                        "{name} paints {a}/{n} of a wall, and {other} paints {b}/{n} more than {name}. {third} paints "
                        "{c}/{n}. What fraction of the wall is painted?"
                    ),
                    (
                        "{name} reads {a}/{n} of a book on Monday. On Tuesday {name} reads {b}/{n} more than on "
                        "Monday. On Friday {name} reads {c}/{n}. What fraction of the book is that in all?"
                    ),
                    (
                        "{other} walks {b}/{n} of a path more than {name}. {name} walks {a}/{n} of it. {third} walks "
                        "{c}/{n}. What fraction of the path is that together?"
                    ),
                    (
                        "What fraction of a field is planted if {name} plants {a}/{n}, {other} plants {b}/{n} more "
                        "than {name}, and {third} plants {c}/{n}?"
                    ),
                ),
                work=(
                    Step("second", "a + b", "Second: {a}/{n} + {b}/{n} = {second}/{n}."),
                    Step("pair", "a + second", "First two: {a}/{n} + {second}/{n} = {pair}/{n}."),
                    Step("all", "pair + c", "Together: {pair}/{n} + {c}/{n} = {all}/{n}."),
                    Step("total", "all / n", ""),
                ),
                answer="(2 * a + b + c) / n",
                where=f"2 * a + b + c < n and {in_lowest_terms('2 * a + b + c', 'n')}",
            ),
        ),
    ),
    Family(
        name="fraction_left",
        skill="fractions",
        version=1,
        idea=(
            "A whole cake is 4/4, or 7/7, or 9/9. If 2/9 of it is eaten, 9/9 - 2/9 = 7/9 is left.",
            "To find what is left of one whole, write the whole with the same bottom and subtract: 5/5 - 3/5 = 2/5.",
            "One whole has all of its parts. Of 8 parts, take away 3: 8/8 - 3/8 = 5/8.",
            "If several parts are taken, add them first. 1/7 + 3/7 = 4/7 is taken, so 7/7 - 4/7 = 3/7 is left.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"a": span(1, 23), "n": span(3, 24, (25, 30))},
                wordings=(
                    "{name} eats {a}/{n} of a cake. What fraction of the cake is left?",
                    "{name} has painted {a}/{n} of a wall. What fraction of the wall is still to paint?",
                    "What fraction of a book is left to read if {name} has read {a}/{n} of it?",
                    (
                        "{a}/{n} of the {item} in a box belong to {name}. The others belong to {other}. What fraction "
                        "of the {item} belong to {other}?"
                    ),
                    "{name} walks {a}/{n} of the way to the {place}. What fraction of the way is left?",
                    "A tank is full. {name} uses {a}/{n} of the water. What fraction of the water remains?",
                ),
                work=(Step("rest", "n - a", "Left: {n}/{n} - {a}/{n} = {rest}/{n}."), Step("left", "rest / n", "")),
                answer="1 - a / n",
                where=f"a < n and {in_lowest_terms('a', 'n')}",
                distractors=("{third} is {extra} years old.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=2,
                quantities={"a": span(1, 13), "b": span(1, 13), "n": span(4, 20, (21, 30))},
                wordings=(
                    "{name} eats {a}/{n} of a cake and {other} eats {b}/{n}. What fraction of the cake is left?",
                    (
                        "{name} paints {a}/{n} of a wall. Then {other} paints {b}/{n} of the wall. What fraction of "
                        "the wall is still to paint?"
                    ),
                    "What fraction of a book is left if {name} reads {a}/{n} on Monday and {b}/{n} on Tuesday?",
                    (
                        "A tank is full. {name} uses {a}/{n} of the water, and {other} uses {b}/{n} of it. What "
                        "fraction of the water remains?"
                    ),
                    (
                        "{name} walks {a}/{n} of the way to the {place} and runs {b}/{n} of it. What fraction of the "
                        "way is left?"
                    ),
                ),
                work=(
                    Step("pair", "a + b", "Together: {a}/{n} + {b}/{n} = {pair}/{n}."),
                    Step("rest", "n - pair", "Left: {n}/{n} - {pair}/{n} = {rest}/{n}."),
                    Step("left", "rest / n", ""),
                ),
                answer="1 - (a + b) / n",
                where=f"a + b < n and {in_lowest_terms('a + b', 'n')}",
                distractors=("{third} is {extra} years old.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=3,
                quantities={"a": span(1, 9), "b": span(1, 9), "c": span(1, 9), "n": span(6, 20, (21, 30))},
                wordings=(
                    (
                        "{name} eats {a}/{n} of a cake, {other} eats {b}/{n} and {third} eats {c}/{n}. What fraction "
                        "of the cake is left?"
                    ),
                    (
                        "{name} paints {a}/{n} of a wall, {other} paints {b}/{n} and {third} paints {c}/{n}. What "
                        "fraction of the wall is still to paint?"
                    ),
                    (
                        "What fraction of a book is left if {name} reads {a}/{n} on Monday, {b}/{n} on Tuesday and "
                        "{c}/{n} on Friday?"
                    ),
                    (
                        "A tank is full. {name} uses {a}/{n} of the water, {other} uses {b}/{n} and {third} uses "
                        "{c}/{n}. What fraction of the water remains?"
                    ),
                    (
                        "On the way to the {place}, {name} walks {a}/{n}, runs {b}/{n} and rides {c}/{n}. What "
                        "fraction of the way is left?"
                    ),
                ),
                work=(
                    Step("pair", "a + b", "First two: {a}/{n} + {b}/{n} = {pair}/{n}."),
                    Step("all", "pair + c", "Together: {pair}/{n} + {c}/{n} = {all}/{n}."),
                    Step("rest", "n - all", "Left: {n}/{n} - {all}/{n} = {rest}/{n}."),
                    Step("left", "rest / n", ""),
                ),
                answer="1 - (a + b + c) / n",
                where=f"a + b + c < n and {in_lowest_terms('a + b + c', 'n')}",
                distractors=("It is {extra} degrees outside.",),
            ),
        ),
    ),
)
