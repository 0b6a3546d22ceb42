"""Sequences: the next number, a missing number, and other patterns."""

from phial.synth.problems import patterns
from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="next_number",
        skill="sequences",
        version=1,
        idea=(
            (
                "In a pattern with equal steps, find the step and add it again. In 4, 7, 10 the step is 7 - 4 = 3, so "
                "10 + 3 = 13 is next."
            ),
            "The difference of two neighbors is the step. 10, 15, 20: 15 - 10 = 5, so the next number is 20 + 5 = 25.",
            "Look at how much the numbers grow. If each is 6 more than the one before, add 6 to the last one.",
            "To go two places on, add the step twice. In 2, 6, 10 the step is 6 - 2 = 4. 10 + 4 = 14, and 14 + 4 = 18.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"start": span(2, 90), "jump": span(2, 30)},
                wordings=(
                    (
                        "{name} writes {start}, {start + jump}, {start + 2 * jump}. Each number is {jump} more than "
                        "the one before. What is the next number?"
                    ),
                    (
                        "A pattern goes up by {jump} each time: {start}, {start + jump}, {start + 2 * jump}. What "
                        "comes next?"
                    ),
                    (
                        "What number comes next if {name} counts {start}, {start + jump}, {start + 2 * jump} in steps "
                        "of {jump}?"
                    ),
                    (
                        "{name} saves {jump} {item} every day. The number is {start}, then {start + jump}, then "
                        "{start + 2 * jump}. What is it on the next day?"
                    ),
                    (
                        "Start at {start} and add {jump} again and again: {start}, {start + jump}, {start + 2 * jump}. "
                        "What does {name} write next?"
                    ),
                ),
                work=(Step("last", "start + 2 * jump", ""), Step("next", "last + jump", "Next: {eq}.")),
                answer="start + 3 * jump",
            ),
            Variant(
                steps=2,
                quantities={"start": span(2, 80), "jump": span(2, 25)},
                wordings=(
                    (
                        "{name} writes {start}, {start + jump}, {start + 2 * jump}, {start + 3 * jump} with equal "
                        "steps. What is the next number?"
                    ),
                    "A pattern goes {start}, {start + jump}, {start + 2 * jump}, {start + 3 * jump}. What comes next?",
                    (
                        "What number comes next if {name} counts {start}, {start + jump}, {start + 2 * jump}, "
                        "{start + 3 * jump}?"
                    ),
                    (
                        "{name} saves the same number of {item} every day. The number is {start}, then {start + jump}, "
                        "then {start + 2 * jump}, then {start + 3 * jump}. What is it on the next day?"
                    ),
                    (
                        "The houses in a street have the numbers {start}, {start + jump}, {start + 2 * jump}, "
                        "{start + 3 * jump}. {name} lives in the next one. What is its number?"
                    ),
                ),
                work=(
                    Step("second", "start + jump", ""),
                    Step("last", "start + 3 * jump", ""),
                    Step("difference", "second - start", "Step: {eq}."),
                    Step("next", "last + difference", "Next: {eq}."),
                ),
                answer="start + 4 * jump",
            ),
            Variant(
                steps=3,
                quantities={"start": span(2, 80), "jump": span(2, 25)},
                wordings=(
                    (
                        "{name} writes {start}, {start + jump}, {start + 2 * jump} with equal steps and then two more "
                        "numbers. What is the last number?"
                    ),
                    (
                        "A pattern goes {start}, {start + jump}, {start + 2 * jump}. What is the number after the next "
                        "one?"
                    ),
                    (
                        "What is the fifth number if {name} counts {start}, {start + jump}, {start + 2 * jump} and "
                        "goes on?"
                    ),
                    (
                        "{name} saves the same number of {item} every day. The number is {start}, then {start + jump}, "
                        "then {start + 2 * jump}. What is it two days later?"
                    ),
                    (
                        "The houses in a street have the numbers {start}, {start + jump}, {start + 2 * jump} and so "
                        "on. {name} lives in the fifth one. What is its number?"
                    ),
                ),
                work=(
                    Step("second", "start + jump", ""),
                    Step("last", "start + 2 * jump", ""),
                    Step("difference", "second - start", "Step: {eq}."),
                    Step("fourth", "last + difference", "Next: {eq}."),
                    Step("fifth", "fourth + difference", "Then: {eq}."),
                ),
                answer="start + 4 * jump",
            ),
        ),
    ),
    Family(
        name="missing_number",
        skill="sequences",
        version=1,
        share=2,
        idea=(
            "A gap in a pattern is filled with the step. In 5, _, 11 with steps of 3 the missing number is 5 + 3 = 8.",
            (
                "If the numbers fall, subtract the step. In 20, 17, _, 11 the step is 20 - 17 = 3, so 17 - 3 = 14 is "
                "missing."
            ),
            "Two neighbors tell the step. Use it next to the gap to find the missing number.",
            (
                "With two gaps there are three equal steps. From 4 to 19 is 19 - 4 = 15, one step is 15 / 3 = 5, and 4 "
                "+ 5 = 9."
            ),
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"start": span(2, 99), "jump": span(2, 30)},
                wordings=(
                    "{name} writes {start}, _, {start + 2 * jump} in steps of {jump}. What is the missing number?",
                    "A pattern goes up by {jump} each time: {start}, _, {start + 2 * jump}. Which number is missing?",
                    (
                        "Which number does {name} leave out in {start}, _, {start + 2 * jump} if each is {jump} more "
                        "than the one before?"
                    ),
                    (
                        "{name} saves {jump} {item} every day. The number is {start}, then unknown, then "
                        "{start + 2 * jump}. What is the unknown number?"
                    ),
                    (
                        "In a street the house numbers go up by {jump}. {name} lives between {start} and "
                        "{start + 2 * jump}. What is the number of the house?"
                    ),
                ),
                work=(Step("missing", "start + jump", "Missing: {eq}."),),
                answer="start + jump",
            ),
            Variant(
                steps=2,
                quantities={"last": span(2, 90), "jump": span(2, 30)},
                wordings=(
                    (
                        "{name} writes {last + 3 * jump}, {last + 2 * jump}, _, {last} with equal steps. What is the "
                        "missing number?"
                    ),
                    "A pattern goes down: {last + 3 * jump}, {last + 2 * jump}, _, {last}. Which number is missing?",
                    "Which number does {name} leave out in {last + 3 * jump}, {last + 2 * jump}, _, {last}?",
                    (
                        "{name} gives away the same number of {item} every day. The number is {last + 3 * jump}, then "
                        "{last + 2 * jump}, then unknown, then {last}. What is the unknown number?"
                    ),
                    (
                        "{name} counts back in equal steps: {last + 3 * jump}, {last + 2 * jump}, _, {last}. What "
                        "belongs in the gap?"
                    ),
                ),
                work=(
                    Step("first", "last + 3 * jump", ""),
                    Step("second", "last + 2 * jump", ""),
                    Step("difference", "first - second", "Step: {eq}."),
                    Step("missing", "second - difference", "Missing: {eq}."),
                ),
                answer="last + jump",
            ),
            Variant(
                steps=3,
                quantities={"start": span(2, 90), "jump": span(2, 30)},
                wordings=(
                    "{name} writes {start}, _, _, {start + 3 * jump} with equal steps. What is the second number?",
                    (
                        "A pattern with equal steps goes {start}, _, _, {start + 3 * jump}. Which number comes after "
                        "{start}?"
                    ),
                    (
                        "Which number does {name} write after {start} if three equal steps lead from {start} to "
                        "{start + 3 * jump}?"
                    ),
                    (
                        "{name} has {start} {item} and gets the same number on each of three days. In the end there "
                        "are {start + 3 * jump}. How many {item} are there after the first day?"
                    ),
                    (
                        "Four houses in a street have numbers with equal steps. The first is {start} and the last is "
                        "{start + 3 * jump}. {name} lives in the second house. What is its number?"
                    ),
                ),
                work=(
                    Step("last", "start + 3 * jump", ""),
                    Step("whole", "last - start", "Three steps: {eq}."),
                    Step("one", "whole / 3", "Step: {eq}."),
                    Step("missing", "start + one", "Missing: {eq}."),
                ),
                answer="start + jump",
            ),
        ),
    ),
    *patterns.FAMILIES,
)
