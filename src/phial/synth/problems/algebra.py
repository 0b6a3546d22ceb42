"""Algebra: a missing addend, a missing factor, a number found backwards, and ages."""

from phial.synth.problems import ages
from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="missing_addend",
        skill="algebra",
        version=1,
        idea=(
            "To find a missing number in a sum, subtract. If x + 5 = 12, then x = 12 - 5 = 7.",
            "Call the unknown number x. If 8 more makes 20, then x + 8 = 20, so x = 20 - 8 = 12.",
            "Undo each change in turn, the last one first. What was added is subtracted, and what was taken is added.",
            "Adding and subtracting undo each other. x + 4 = 10 gives x = 10 - 4 = 6, and 6 + 4 = 10 is right.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"unknown": span(5, 80), "a": span(5, 80)},
                wordings=(
                    "If x + {a} = {unknown + a}, what is x?",
                    (
                        "{name} has some {item}. {name} gets {a} more and has {unknown + a} now. How many {item} did "
                        "{name} have at first?"
                    ),
                    "{name} adds {a} to a number and gets {unknown + a}. What is the number?",
                    "Find the number that {name} must add to {a} to get {unknown + a}.",
                    (
                        "After {other} gave {name} {a} {item}, {name} had {unknown + a}. How many {item} did {name} "
                        "have before?"
                    ),
                    "Solve for x: {a} + x = {unknown + a}.",
                ),
                work=(Step("total", "unknown + a", ""), Step("result", "total - a", "x = {eq}.")),
                answer="unknown",
            ),
            Variant(
                steps=2,
                quantities={"unknown": span(5, 70), "a": span(5, 60), "b": span(5, 60)},
                wordings=(
                    "If x + {a} + {b} = {unknown + a + b}, what is x?",
                    (
                        "{name} has some {item}. {name} gets {a} more and then {b} more, and has {unknown + a + b} "
                        "now. How many {item} did {name} have at first?"
                    ),
                    "{name} adds {a} to a number, then adds {b}, and gets {unknown + a + b}. What is the number?",
                    (
                        "{other} gave {name} {a} {item}. {third} gave {name} {b}. Now {name} has {unknown + a + b} "
                        "{item}. How many did {name} have before?"
                    ),
                    (
                        "Three boxes hold {unknown + a + b} {item}. One holds {a} and one holds {b}. {name} opens the "
                        "last box. How many {item} are in it?"
                    ),
                    "Solve for x: x + {a} + {b} = {unknown + a + b}.",
                ),
                work=(
                    Step("total", "unknown + a + b", ""),
                    Step("rest", "total - b", "x + {a} = {eq}."),
                    Step("result", "rest - a", "x = {eq}."),
                ),
                answer="unknown",
            ),
            Variant(
                steps=3,
                quantities={"unknown": span(11, 70), "a": span(5, 60), "b": span(5, 60), "c": span(5, 50)},
                wordings=(
                    "If x + {a} - {b} + {c} = {unknown + a - b + c}, what is x?",
                    (
                        "{name} has some {item}. {name} gets {a}, gives away {b} and then gets {c}. Now {name} has "
                        "{unknown + a - b + c}. How many {item} did {name} have at first?"
                    ),
                    (
                        "{name} adds {a} to a number, subtracts {b}, adds {c} and gets {unknown + a - b + c}. What is "
                        "the number?"
                    ),
                    (
                        "{name} sees some people on a bus. {a} get on. Then {b} get off and {c} get on. Now "
                        "{unknown + a - b + c} people are on the bus. How many were on it at first?"
                    ),
                    "Solve for x: x + {a} - {b} + {c} = {unknown + a - b + c}.",
                ),
                work=(
                    Step("total", "unknown + a - b + c", ""),
                    Step("before", "total - c", "x + {a} - {b} = {eq}."),
                    Step("rest", "before + b", "x + {a} = {eq}."),
                    Step("result", "rest - a", "x = {eq}."),
                ),
                answer="unknown",
                where="unknown + a > b + 1",
            ),
        ),
    ),
    Family(
        name="missing_factor",
        skill="algebra",
        version=1,
        idea=(
            "To find a missing factor, divide. If 4 * x = 28, then x = 28 / 4 = 7.",
            "Call the number in each box x. 5 boxes with x each hold 5 * x. If that is 30, then x = 30 / 5 = 6.",
            "If something is added, subtract it first. 3 * x + 2 = 14 gives 3 * x = 14 - 2 = 12, so x = 12 / 3 = 4.",
            "Multiplying and dividing undo each other. Take away the single pieces, then share the rest equally.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"unknown": span(2, 90, (2, 90)), "a": span(2, 12, (13, 15))},
                wordings=(
                    "If {a} * x = {a * unknown}, what is x?",
                    (
                        "{name} buys {a} boxes with the same number of {item} and gets {a * unknown} {item}. How many "
                        "{item} are in each box?"
                    ),
                    "{name} multiplies a number by {a} and gets {a * unknown}. What is the number?",
                    "Find the number that {name} must multiply by {a} to get {a * unknown}.",
                    (
                        "{a} friends of {name} have the same number of {item}. Together they have {a * unknown}. How "
                        "many {item} does each friend have?"
                    ),
                    "Solve for x: x * {a} = {a * unknown}.",
                ),
                work=(Step("total", "a * unknown", ""), Step("result", "total / a", "x = {eq}.")),
                answer="unknown",
                where="unknown <= 12 or unknown % 10 == 0 and a <= 9",
            ),
            Variant(
                steps=2,
                quantities={"unknown": span(2, 12, (13, 20)), "a": span(2, 12, (13, 15)), "b": span(2, 40)},
                wordings=(
                    "If {a} * x + {b} = {a * unknown + b}, what is x?",
                    (
                        "{name} has {a} boxes with the same number of {item} and {b} single {item}. That is "
                        "{a * unknown + b} {item} in all. How many {item} are in each box?"
                    ),
                    "{name} multiplies a number by {a}, adds {b} and gets {a * unknown + b}. What is the number?",
                    (
                        "Each of {a} friends gives {name} the same number of {item}. With the {b} that {name} had "
                        "before, {name} has {a * unknown + b} now. How many {item} did each friend give?"
                    ),
                    "Solve for x: {b} + {a} * x = {a * unknown + b}.",
                ),
                work=(
                    Step("total", "a * unknown + b", ""),
                    Step("rest", "total - b", "{a} * x = {eq}."),
                    Step("result", "rest / a", "x = {eq}."),
                ),
                answer="unknown",
            ),
            Variant(
                steps=3,
                quantities={
                    "unknown": span(2, 12, (13, 20)),
                    "a": span(2, 12, (13, 15)),
                    "b": span(2, 40),
                    "c": span(2, 30),
                },
                wordings=(
                    "If {a} * x + {b} - {c} = {a * unknown + b - c}, what is x?",
                    (
                        "{name} has {a} boxes with the same number of {item}. {name} gets {b} single {item}, gives {c} "
                        "away and has {a * unknown + b - c} left. How many {item} are in each box?"
                    ),
                    (
                        "{name} multiplies a number by {a}, adds {b}, subtracts {c} and gets {a * unknown + b - c}. "
                        "What is the number?"
                    ),
                    (
                        "Each of {a} friends gives {name} the same number of {item}. {name} finds {b} more, loses {c} "
                        "and has {a * unknown + b - c}. How many {item} did each friend give?"
                    ),
                    "Solve for x: {a} * x + {b} - {c} = {a * unknown + b - c}.",
                ),
                work=(
                    Step("total", "a * unknown + b - c", ""),
                    Step("before", "total + c", "{a} * x + {b} = {eq}."),
                    Step("rest", "before - b", "{a} * x = {eq}."),
                    Step("result", "rest / a", "x = {eq}."),
                ),
                answer="unknown",
                where="a * unknown + b > c + 1",
            ),
        ),
    ),
    Family(
        name="number_backwards",
        skill="algebra",
        version=1,
        idea=(
            (
                "To find a secret number, go backwards and undo each step. If subtracting 5 gives 9, the number is 9 + "
                "5 = 14."
            ),
            "Undo the last step first. Add 3, then double to get 20: 20 / 2 = 10, and 10 - 3 = 7.",
            "Going back, plus becomes minus and times becomes divided by.",
            "Start from the end. If a number minus 2, times 3, is 15, then 15 / 3 = 5, and 5 + 2 = 7.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"result": span(5, 90), "a": span(5, 80)},
                wordings=(
                    "{name} thinks of a number and subtracts {a}. The result is {result}. What is the number?",
                    "What is the number of {name} if taking {a} away from it gives {result}?",
                    (
                        "{name} has a secret number. When {name} takes {a} away, {result} is left. What is the secret "
                        "number?"
                    ),
                    (
                        "{other} takes {a} away from a number that {name} picks and gets {result}. Which number did "
                        "{name} pick?"
                    ),
                    "From which number does {name} subtract {a} to get {result}?",
                ),
                work=(Step("number", "result + a", "Go back: {eq}."),),
                answer="a + result",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=2,
                quantities={"sum": span(5, 12, (13, 20)), "a": span(2, 11), "times": span(2, 12, (13, 15))},
                wordings=(
                    (
                        "{name} thinks of a number, adds {a} and multiplies by {times}. The result is {sum * times}. "
                        "What is the number?"
                    ),
                    "What is the number of {name} if adding {a} and then multiplying by {times} gives {sum * times}?",
                    (
                        "{name} has a secret number. {name} adds {a} to it, multiplies by {times} and gets "
                        "{sum * times}. What is the secret number?"
                    ),
                    (
                        "{other} adds {a} to a number that {name} picks, multiplies by {times} and gets {sum * times}. "
                        "Which number did {name} pick?"
                    ),
                    "To which number does {name} add {a} and then multiply by {times} to get {sum * times}?",
                ),
                work=(
                    Step("end", "sum * times", ""),
                    Step("back", "end / times", "Go back: {eq}."),
                    Step("number", "back - a", "Then: {eq}."),
                ),
                answer="sum - a",
                where="sum > a",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=3,
                quantities={
                    "less": span(2, 12, (13, 20)),
                    "a": span(2, 40),
                    "times": span(2, 12, (13, 15)),
                    "b": span(2, 40),
                },
                wordings=(
                    (
                        "{name} thinks of a number, subtracts {a}, multiplies by {times} and adds {b}. The result is "
                        "{less * times + b}. What is the number?"
                    ),
                    (
                        "What is the number of {name} if subtracting {a}, then multiplying by {times} and then adding "
                        "{b} gives {less * times + b}?"
                    ),
                    (
                        "{name} has a secret number. {name} takes away {a}, multiplies by {times}, adds {b} and gets "
                        "{less * times + b}. What is the secret number?"
                    ),
                    (
                        "{other} takes {a} away from a number that {name} picks, multiplies by {times}, adds {b} and "
                        "gets {less * times + b}. Which number did {name} pick?"
                    ),
                    (
                        "From which number does {name} subtract {a}, then multiply by {times} and add {b} to get "
                        "{less * times + b}?"
                    ),
                ),
                work=(
                    Step("end", "less * times + b", ""),
                    Step("first", "end - b", "Go back: {eq}."),
                    Step("back", "first / times", "Then: {eq}."),
                    Step("number", "back + a", "Then: {eq}."),
                ),
                answer="less + a",
                distractors=("{third} is {extra} years old.",),
            ),
        ),
    ),
    *ages.FAMILIES,
)

UNSEEN = ages.UNSEEN
