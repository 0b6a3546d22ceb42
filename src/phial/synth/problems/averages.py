"""Averages of two, three and four numbers that divide exactly."""

from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="averages_mean",
        skill="averages",
        version=1,
        idea=(
            "The average is the sum divided by how many numbers there are: for 4 and 8, 4 + 8 = 12, and 12 / 2 = 6.",
            "An average shares the total equally. Add all the numbers, and then divide by their count.",
            "For 3 numbers with the sum 30, the average is 30 / 3 = 10.",
            "The average lies between the smallest and the largest number. Sum first: 5 + 9 = 14, then 14 / 2 = 7.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"mean": span(2, 90, (100, 200)), "count": span(2, 12, (13, 20))},
                wordings=(
                    "The sum of {count} numbers is {mean * count}. What is their average?",
                    "{name} finds {mean * count} {item} in {count} days. How many {item} is that on average each day?",
                    "What is the average of {count} numbers if they add up to {mean * count}?",
                    "{name} scores {mean * count} points in {count} games. Find the average score for one game.",
                    "{count} friends have {mean * count} {item} in all. How many {item} do they have on average?",
                ),
                work=(Step("total", "mean * count", ""), Step("average", "total / count", "Average: {eq}.")),
                answer="mean",
                where="mean <= 12 or mean % 10 == 0 and count <= 9",
            ),
            Variant(
                steps=2,
                quantities={"a": span(2, 50), "b": span(2, 50)},
                wordings=(
                    "What is the average of {a} and {b}?",
                    "{name} has {a} {item}, and {other} has {b}. How many {item} do they have on average?",
                    "{name} scores {a} points in one game and {b} in the next. What is the average score?",
                    "Find the average of the two numbers {a} and {b}.",
                    "{name} finds {a} {item} on Monday and {b} on Tuesday. How many is that on average each day?",
                ),
                work=(Step("total", "a + b", "Sum: {eq}."), Step("average", "total / 2", "Average: {eq}.")),
                answer="a + (b - a) / 2",
                where="(a + b) % 2 == 0 and a != b",
            ),
            Variant(
                steps=3,
                quantities={"a": span(2, 30), "b": span(2, 30), "c": span(2, 30)},
                wordings=(
                    "What is the average of {a}, {b} and {c}?",
                    (
                        "{name} has {a} {item}, {other} has {b}, and {third} has {c}. How many {item} do they have on "
                        "average?"
                    ),
                    "{name} scores {a}, {b} and {c} points in three games. What is the average score?",
                    "Find the average of the three numbers {a}, {b} and {c}.",
                    (
                        "{name} finds {a} {item} on Monday, {b} on Tuesday and {c} on Wednesday. How many is that on "
                        "average each day?"
                    ),
                ),
                work=(
                    Step("pair", "a + b", "First two: {eq}."),
                    Step("total", "pair + c", "Sum: {eq}."),
                    Step("average", "total / 3", "Average: {eq}."),
                ),
                answer="a / 3 + b / 3 + c / 3",
                where="(a + b + c) % 3 == 0",
            ),
            Variant(
                steps=4,
                quantities={"a": span(2, 24), "b": span(2, 24), "c": span(2, 24), "d": span(2, 24)},
                wordings=(
                    "What is the average of {a}, {b}, {c} and {d}?",
                    "Four friends have {a}, {b}, {c} and {d} {item}. How many {item} do they have on average?",
                    "{name} scores {a}, {b}, {c} and {d} points in four games. What is the average score?",
                    "Find the average of the four numbers {a}, {b}, {c} and {d}.",
                    (
                        "{name} finds {a} {item} on Monday, {b} on Tuesday, {c} on Wednesday and {d} on Thursday. How "
                        "many is that on average each day?"
                    ),
                ),
                work=(
                    Step("pair", "a + b", "First two: {eq}."),
                    Step("three", "pair + c", "First three: {eq}."),
                    Step("total", "three + d", "Sum: {eq}."),
                    Step("average", "total / 4", "Average: {eq}."),
                ),
                answer="((a + b) / 2 + (c + d) / 2) / 2",
                where="(a + b + c + d) % 4 == 0",
            ),
        ),
    ),
)
