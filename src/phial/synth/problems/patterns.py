"""Patterns: numbers that grow by a factor, and even and odd numbers in a row."""

from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="growing_pattern",
        skill="sequences",
        version=1,
        idea=(
            "In a doubling pattern each number is 2 times the one before: 3, 6, 12, 24. Multiply by 2 to go on.",
            "Some patterns multiply. If each number is 3 times the one before, 4 is followed by 4 * 3 = 12.",
            "Doubling means to multiply by 2. From 5, doubling twice gives 5 * 2 = 10 and 10 * 2 = 20.",
            "Follow the rule in its order. For times 2 and then plus 3: 4 * 2 = 8, and 8 + 3 = 11.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"start": span(2, 90, (100, 150)), "times": span(2, 9, (10, 12))},
                wordings=(
                    (
                        "Each number in a pattern is {times} times the number before. {name} starts with {start}. What "
                        "is the next number?"
                    ),
                    (
                        "{name} has {start} {item}. The next day there are {times} times as many. How many {item} are "
                        "there then?"
                    ),
                    "What does {name} write after {start} if each number is {times} times the one before?",
                    (
                        "There are {start} {animal} at the farm of {name}. Next year there will be {times} times as "
                        "many. How many {animal} will there be?"
                    ),
                    (
                        "{name} makes each number {times} times as large as the last one. The last one is {start}. "
                        "What comes next?"
                    ),
                ),
                work=(Step("next", "start * times", "Next: {eq}."),),
                answer="times * start",
                where="start <= 12 or start % 10 == 0 or times == 2 and start <= 50",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=2,
                quantities={"start": span(2, 20, (21, 50)), "times": span(2, 5, (6, 9)), "plus": span(2, 40)},
                wordings=(
                    (
                        "The rule of a pattern is times {times}, then plus {plus}. {name} starts with {start}. What is "
                        "the next number?"
                    ),
                    (
                        "{name} has {start} {item}. The next day there are {times} times as many, and then {plus} more "
                        "come. How many {item} are there now?"
                    ),
                    "What does {name} write after {start} if the rule is to multiply by {times} and add {plus}?",
                    (
                        "There are {start} {animal} at the farm of {name}. Next year there will be {times} times as "
                        "many and {plus} more. How many {animal} will there be?"
                    ),
                    (
                        "{name} makes a number {times} times as large and adds {plus}. The number is {start}. What "
                        "comes next?"
                    ),
                ),
                work=(Step("grown", "start * times", "Times: {eq}."), Step("next", "grown + plus", "Then: {eq}.")),
                answer="plus + times * start",
                where="start <= 12 or start % 10 == 0 or times == 2",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=3,
                quantities={"start": span(2, 25, (26, 50)), "less": span(2, 40)},
                wordings=(
                    "{name} doubles {start}, doubles it again and subtracts {less}. What does {name} get?",
                    (
                        "{name} has {start} {item}. The number doubles, and the next day it doubles again. Then {less} "
                        "are sold. How many {item} are left?"
                    ),
                    "What is left if {name} starts with {start}, doubles it two times and takes {less} away?",
                    (
                        "There are {start} {animal} at the farm of {name}. The number doubles in one year and again in "
                        "the next. Then {less} {animal} leave. How many {animal} are left?"
                    ),
                    (
                        "The pattern of {name} starts with {start} and doubles. {name} takes the third number and "
                        "subtracts {less}. What is the result?"
                    ),
                ),
                work=(
                    Step("second", "start * 2", "Double: {eq}."),
                    Step("third_number", "second * 2", "Double: {eq}."),
                    Step("left", "third_number - less", "Left: {eq}."),
                ),
                answer="4 * start - less",
                where="4 * start > less + 1",
                distractors=("{third} is {extra} years old.",),
            ),
        ),
    ),
    Family(
        name="even_and_odd",
        skill="sequences",
        version=1,
        idea=(
            (
                "Even numbers are 2, 4, 6, 8 and so on. Odd numbers are 1, 3, 5, 7 and so on. Each is 2 more than the "
                "one before."
            ),
            "The next odd number after 15 is 15 + 2 = 17, because every second number is odd.",
            (
                "To add two even numbers in a row, find the second one first: after 10 comes 10 + 2 = 12, and 10 + 12 "
                "= 22."
            ),
            "Odd numbers end in 1, 3, 5, 7 or 9. Even numbers end in 0, 2, 4, 6 or 8. From one to the next, add 2.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"half": span(2, 99)},
                wordings=(
                    "{name} counts odd numbers and says {2 * half + 1}. What odd number comes next?",
                    "What is the next odd number after {2 * half + 1}?",
                    (
                        "The houses on one side of a street have odd numbers. {name} lives next to number "
                        "{2 * half + 1}, one house further up. What is the number of the house of {name}?"
                    ),
                    "{name} writes only odd numbers in order. The last one was {2 * half + 1}. Which one follows?",
                    "Which odd number does {name} say after {2 * half + 1}?",
                ),
                work=(Step("first", "2 * half + 1", ""), Step("next", "first + 2", "Next: {eq}.")),
                answer="2 * half + 3",
            ),
            Variant(
                steps=2,
                quantities={"half": span(2, 49), "more": span(3, 70)},
                wordings=(
                    "{name} adds {more} to the next even number after {2 * half}. What is the sum?",
                    "What is the sum of {more} and the next even number after {2 * half}?",
                    (
                        "{name} has {more} {item}. {other} has the next even number after {2 * half}. How many {item} "
                        "do they have together?"
                    ),
                    (
                        "{name} counts even numbers and says {2 * half}. {other} adds {more} to the number that comes "
                        "next. What does {other} get?"
                    ),
                    (
                        "The ticket of {name} has the next even number after {2 * half}. The ticket of {other} has "
                        "number {more}. What is the sum of both?"
                    ),
                ),
                work=(
                    Step("first", "2 * half", ""),
                    Step("second", "first + 2", "Next: {eq}."),
                    Step("total", "second + more", "Together: {eq}."),
                ),
                answer="more + 2 * (half + 1)",
            ),
            Variant(
                steps=3,
                quantities={"half": span(2, 40), "more": span(3, 60)},
                wordings=(
                    "{name} adds {2 * half + 1}, the next odd number and {more}. What is the sum?",
                    "What is the sum of two odd numbers in a row and {more} if {name} starts with {2 * half + 1}?",
                    (
                        "{name} has {2 * half + 1} {item}. {other} has the next odd number of {item}. {third} has "
                        "{more}. How many {item} do they have together?"
                    ),
                    (
                        "Two odd numbers follow each other. {name} knows that the first is {2 * half + 1} and adds "
                        "{more} to their sum. What is the result?"
                    ),
                    (
                        "The tickets of {name} and {other} have odd numbers in a row. The smaller one is "
                        "{2 * half + 1}. {third} adds both numbers and {more}. What does {third} get?"
                    ),
                ),
                work=(
                    Step("first", "2 * half + 1", ""),
                    Step("second", "first + 2", "Next: {eq}."),
                    Step("pair", "first + second", "First two: {eq}."),
                    Step("total", "pair + more", "Together: {eq}."),
                ),
                answer="4 * half + 4 + more",
            ),
        ),
    ),
)
