"""Comparison: how many more, who has the most, which change is larger, and numbers in order."""

from phial.synth.problems import ordering
from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="compare_difference",
        skill="comparison",
        version=2,
        share=2,
        idea=(
            "To find how many more, subtract the smaller number from the larger. 30 is 30 - 18 = 12 more than 18.",
            "The difference of two numbers says how far apart they are. 45 and 40 differ by 45 - 40 = 5.",
            (
                "When each side has two parts, add the parts first and then compare. 12 + 8 = 20 and 9 + 6 = 15, so 20 "
                "> 15."
            ),
            "How many more and how many fewer ask for the same thing: the larger number minus the smaller.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"more": span(15, 99), "fewer": span(5, 90)},
                wordings=(
                    "{name} has {more} {item}. {other} has {fewer} {item}. How many more {item} does {name} have?",
                    "{other} has {fewer} {item} and {name} has {more}. How many fewer {item} does {other} have?",
                    "How many more {item} does {name} have than {other} if {name} has {more} and {other} has {fewer}?",
                    "{name} found {more} {item}, but {other} found only {fewer}. What is the difference?",
                    (
                        "There are {fewer} {item} with {other} and {more} {item} with {name}. How many {item} does "
                        "{other} need to have as many as {name}?"
                    ),
                    "{name} reads {more} pages and {other} reads {fewer} pages. How many more pages does {name} read?",
                ),
                work=(Step("difference", "more - fewer", "Difference: {eq}."),),
                answer="more - fewer",
                where="more > fewer + 1",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=2,
                quantities={"a": span(6, 70), "b": span(6, 70), "c": span(11, 99)},
                wordings=(
                    (
                        "{name} has {a} red {item} and {b} blue {item}. {other} has {c} {item}. How many more {item} "
                        "does {name} have than {other}?"
                    ),
                    (
                        "{other} has {c} {item}. {name} has {a} {item} and then gets {b} more. How many more {item} "
                        "does {name} have now than {other}?"
                    ),
                    (
                        "How many fewer {item} does {other} have than {name} if {other} has {c}, and {name} has {a} in "
                        "one box and {b} in another?"
                    ),
                    (
                        "{name} found {a} {item} on Monday and {b} on Tuesday. {other} found {c}. How many more {item} "
                        "did {name} find?"
                    ),
                    (
                        "{name} reads {a} pages and then {b} pages. {other} reads {c} pages. How many more pages does "
                        "{name} read?"
                    ),
                ),
                work=(
                    Step("total", "a + b", "Together: {eq}."),
                    Step("difference", "total - c", "Difference: {eq}."),
                ),
                answer="b - c + a",
                where="a + b > c + 1",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=3,
                quantities={"a": span(6, 60), "b": span(6, 60), "c": span(6, 60), "d": span(6, 60)},
                wordings=(
                    (
                        "{name} has {a} red and {b} blue {item}. {other} has {c} red and {d} blue {item}. Who has more "
                        "{item}?"
                    ),
                    (
                        "{name} found {a} {item} on Monday and {b} on Tuesday. {other} found {c} on Monday and {d} on "
                        "Tuesday. Who found more {item}?"
                    ),
                    (
                        "Who reads more if {name} reads {a} pages and then {b} pages, and {other} reads {c} pages and "
                        "then {d} pages?"
                    ),
                    (
                        "{name} had {a} {item} and got {b} more. {other} had {c} {item} and got {d} more. Who has more "
                        "now?"
                    ),
                    (
                        "In a game, {name} wins {a} points and {b} points. {other} wins {c} points and {d} points. Who "
                        "has more points?"
                    ),
                ),
                work=(
                    Step("first", "a + b", "For {name}: {eq}."),
                    Step("second", "c + d", "For {other}: {eq}."),
                    Step("sign", "'>' if first > second else '<'", "{first} {sign} {second}."),
                    Step("who", "'{name}' if sign == '>' else '{other}'", ""),
                ),
                answer="'{name}' if a - c > d - b else '{other}'",
                where="a + b > c + d or a + b < c + d",
                distractors=("{third} is {extra} years old.",),
            ),
        ),
    ),
    Family(
        name="compare_three",
        skill="comparison",
        version=2,
        share=3,
        idea=(
            "To see who has the most of three, compare two, and then the larger one with the third: 31 > 28, 31 > 19.",
            "Compare the tens first. If the tens are equal, compare the ones. 47 > 39, and 47 > 45.",
            ("If one height is told by another, find it first. 60 and 15 more is 60 + 15 = 75. Then compare: 75 > 70."),
            (
                "The tallest has the largest number, and the shortest has the smallest number. Keep the name "
                "with its number."
            ),
        ),
        variants=(
            Variant(
                steps=1,
                quantities={
                    "a": span(11, 99, (101, 199)),
                    "b": span(11, 99, (101, 199)),
                    "c": span(11, 99, (101, 199)),
                },
                wordings=(
                    "{name} has {a} {item}, {other} has {b} and {third} has {c}. Who has the most {item}?",
                    "{name} jumps {a} cm. {other} jumps {b} cm. {third} jumps {c} cm. Who jumps the farthest?",
                    (
                        "Who has the tallest plant if the plant of {name} is {a} cm tall, that of {other} {b} cm and "
                        "that of {third} {c} cm?"
                    ),
                    (
                        "The bag of {name} weighs {a} kg, the bag of {other} {b} kg and the bag of {third} {c} kg. Who "
                        "has the heaviest bag?"
                    ),
                    "In a game {name} has {a} points. {other} has {b} points, and {third} has {c}. Who wins the game?",
                ),
                work=(
                    Step("sign", "'>' if a > b else '<'", "Compare {name} {a}, {other} {b}: {a} {sign} {b}."),
                    Step("leader", "'{name}' if sign == '>' else '{other}'", ""),
                    Step("ahead", "max(a, b)", ""),
                    Step(
                        "sign2",
                        "'>' if ahead > c else '<'",
                        "Compare {leader} {ahead}, {third} {c}: {ahead} {sign2} {c}.",
                    ),
                    Step("who", "'{leader}' if sign2 == '>' else '{third}'", ""),
                ),
                answer="('{name}' if a > c else '{third}') if a > b else ('{other}' if b > c else '{third}')",
                where="not (a == b or a == c or b == c)",
                distractors=("It is {extra} degrees outside.",),
            ),
            Variant(
                steps=2,
                quantities={"a": span(11, 80, (81, 150)), "more": span(3, 40), "c": span(20, 120)},
                wordings=(
                    (
                        "{name} has {a} {item}. {other} has {more} more than {name}. {third} has {c}. Who has the most "
                        "{item}?"
                    ),
                    (
                        "{name} jumps {a} cm. {other} jumps {more} cm farther than {name}. {third} jumps {c} cm. Who "
                        "jumps the farthest?"
                    ),
                    (
                        "Who has the tallest plant if the plant of {name} is {a} cm tall, that of {other} {more} cm "
                        "taller, and that of {third} {c} cm?"
                    ),
                    (
                        "The bag of {name} weighs {a} kg. The bag of {other} is {more} kg heavier. The bag of {third} "
                        "weighs {c} kg. Who has the heaviest bag?"
                    ),
                    (
                        "In a game {name} has {a} points, and {other} has {more} more than {name}. {third} has {c} "
                        "points. Who wins the game?"
                    ),
                ),
                work=(
                    Step("b", "a + more", "For {other}: {eq}."),
                    Step("sign", "'>' if b > c else '<'", "Compare {other} {b}, {third} {c}: {b} {sign} {c}."),
                    Step("who", "'{other}' if sign == '>' else '{third}'", ""),
                ),
                answer="'{other}' if more > c - a else '{third}'",
                where="not (a == c or a + more == c) and abs(a + more - c) < 30",
                distractors=("It is {extra} degrees outside.",),
            ),
            Variant(
                steps=3,
                quantities={"a": span(20, 90, (91, 150)), "more": span(3, 50), "less": span(3, 60)},
                wordings=(
                    (
                        "{name} has {a} {item}. {other} has {more} more than {name}. {third} has {less} fewer than "
                        "{other}. Who has the fewest {item}?"
                    ),
                    (
                        "{name} jumps {a} cm. {other} jumps {more} cm more than {name}. {third} jumps {less} cm less "
                        "than {other}. Who has the shortest jump?"
                    ),
                    (
                        "The plant of {name} is {a} cm tall. That of {other} is {more} cm taller. That of {third} is "
                        "{less} cm shorter than that of {other}. Who has the shortest plant?"
                    ),
                    (
                        "The bag of {name} weighs {a} kg. The bag of {other} is {more} kg heavier. The bag of {third} "
                        "is {less} kg lighter than that of {other}. Who has the lightest bag?"
                    ),
                    (
                        "{other} has {more} points more than {name}, and {third} has {less} points fewer than {other}. "
                        "{name} has {a} points. Who has the fewest points?"
                    ),
                ),
                work=(
                    Step("b", "a + more", "For {other}: {eq}."),
                    Step("c", "b - less", "For {third}: {eq}."),
                    Step("sign", "'>' if a > c else '<'", "Compare {name} {a}, {third} {c}: {a} {sign} {c}."),
                    Step("who", "'{name}' if sign == '<' else '{third}'", ""),
                ),
                answer="'{name}' if more > less else '{third}'",
                where="(more > less or more < less) and a + more > less + 1",
                distractors=("It is {extra} degrees outside.",),
            ),
        ),
    ),
    Family(
        name="compare_changes",
        skill="comparison",
        version=1,
        idea=(
            (
                "A change is the new number minus the old number. A plant that grows from 20 cm to 35 cm grows 35 - 20 "
                "= 15 cm."
            ),
            (
                "To compare two changes, find each change first, and then subtract. Changes of 12 and 9 differ by 12 - "
                "9 = 3."
            ),
            "If one goes from 10 to 30 and another from 40 to 45, the first changes by 20 and the second by only 5.",
            "The one with the larger number does not always change more. Look at the end minus the start.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"start": span(11, 90), "gain": span(5, 60)},
                wordings=(
                    (
                        "{name} had {start} {item} in May and has {start + gain} now. How many more {item} does {name} "
                        "have now?"
                    ),
                    (
                        "The plant of {name} was {start} cm tall. Now it is {start + gain} cm tall. How many cm did it "
                        "grow?"
                    ),
                    "How many points did {name} win if the score of {name} went from {start} to {start + gain}?",
                    (
                        "{name} starts the day with {start} {item} and ends it with {start + gain}. By how many {item} "
                        "did the number change?"
                    ),
                    (
                        "There were {start} {animal} at the farm of {name}. Now there are {start + gain}. How many "
                        "more {animal} is that?"
                    ),
                ),
                work=(Step("end", "start + gain", ""), Step("change", "end - start", "Change: {eq}.")),
                answer="gain",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=2,
                quantities={"start": span(11, 90), "gain": span(6, 70), "gain2": span(2, 60)},
                wordings=(
                    (
                        "{name} had {start} {item} and has {start + gain} now. {other} got {gain2} new {item}. How "
                        "many more new {item} did {name} get than {other}?"
                    ),
                    (
                        "The plant of {name} was {start} cm tall and is {start + gain} cm tall now. The plant of "
                        "{other} grew {gain2} cm. How many cm more did the plant of {name} grow?"
                    ),
                    (
                        "How many points more did {name} win than {other} if the score of {name} went from {start} to "
                        "{start + gain} and {other} won {gain2} points?"
                    ),
                    (
                        "{other} wins {gain2} {item}. {name} goes from {start} {item} to {start + gain}. How much "
                        "larger is the change of {name}?"
                    ),
                    (
                        "There were {start} {animal} at the farm of {name}, and now there are {start + gain}. {other} "
                        "got {gain2} more {animal}. How many more new {animal} did {name} get than {other}?"
                    ),
                ),
                work=(
                    Step("end", "start + gain", ""),
                    Step("change", "end - start", "Change: {eq}."),
                    Step("difference", "change - gain2", "Difference: {eq}."),
                ),
                answer="gain - gain2",
                where="gain > gain2 + 1",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=3,
                quantities={
                    "start": span(11, 80),
                    "gain": span(6, 70),
                    "start2": span(11, 80),
                    "gain2": span(2, 60),
                },
                wordings=(
                    (
                        "{name} had {start} {item} and has {start + gain} now. {other} had {start2} and has "
                        "{start2 + gain2} now. How many more new {item} did {name} get than {other}?"
                    ),
                    (
                        "The plant of {name} grew from {start} cm to {start + gain} cm. The plant of {other} grew from "
                        "{start2} cm to {start2 + gain2} cm. How many cm more did the plant of {name} grow?"
                    ),
                    (
                        "How many points more did {name} win than {other} if the score of {name} went from {start} to "
                        "{start + gain} and that of {other} from {start2} to {start2 + gain2}?"
                    ),
                    (
                        "{name} goes from {start} {item} to {start + gain}. {other} goes from {start2} {item} to "
                        "{start2 + gain2}. How much larger is the change of {name}?"
                    ),
                    (
                        "The farm of {name} had {start} {animal} and has {start + gain} now. The farm of {other} had "
                        "{start2} and has {start2 + gain2} now. How many more new {animal} did {name} get than {other}?"
                    ),
                ),
                work=(
                    Step("end", "start + gain", ""),
                    Step("end2", "start2 + gain2", ""),
                    Step("change", "end - start", "First: {eq}."),
                    Step("change2", "end2 - start2", "Second: {eq}."),
                    Step("difference", "change - change2", "Difference: {eq}."),
                ),
                answer="gain - gain2",
                where="gain > gain2 + 1",
                distractors=("{third} is {extra} years old.",),
            ),
        ),
    ),
    *ordering.FAMILIES,
)
