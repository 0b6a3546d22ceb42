"""Units: meters and centimeters, kilograms and grams."""

from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="units_length",
        skill="units",
        version=1,
        idea=(
            "One meter is 100 centimeters, so multiply meters by 100: 3 meters are 3 * 100 = 300 centimeters.",
            "2 meters and 45 centimeters: first 2 * 100 = 200, and then 200 + 45 = 245 centimeters.",
            "To compare or add lengths, write all of them in the same unit. 100 centimeters make one meter.",
            "Change meters to centimeters by writing two zeros after the number: 7 * 100 = 700.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"meters": span(2, 400, (401, 900))},
                wordings=(
                    "How many centimeters are {meters} meters?",
                    "The rope of {name} is {meters} meters long. How many centimeters is that?",
                    "Change {meters} meters to centimeters.",
                    "{name} walks {meters} meters to the {place}. Find the distance in centimeters.",
                    "A wall is {meters} meters long. What is its length in centimeters?",
                ),
                work=(Step("length", "meters * 100", "Centimeters: {eq}."),),
                answer="100 * meters",
            ),
            Variant(
                steps=2,
                quantities={"meters": span(2, 20), "centimeters": span(2, 98, (101, 180))},
                wordings=(
                    "How many centimeters are {meters} meters and {centimeters} centimeters?",
                    (
                        "The rope of {name} is {meters} meters and {centimeters} centimeters long. How many "
                        "centimeters is that?"
                    ),
                    "Change {meters} meters {centimeters} centimeters to centimeters.",
                    (
                        "{name} has a ribbon of {meters} meters, and {other} has one of {centimeters} centimeters. "
                        "Find how many centimeters they have together."
                    ),
                    (
                        "A wall is {meters} meters long. {name} makes it {centimeters} centimeters longer. What is its "
                        "length in centimeters?"
                    ),
                ),
                work=(
                    Step("whole", "meters * 100", "Centimeters: {eq}."),
                    Step("length", "whole + centimeters", "Total: {eq}."),
                ),
                answer="centimeters + 100 * meters",
            ),
            Variant(
                steps=3,
                quantities={"meters": span(2, 20), "centimeters": span(2, 98, (101, 180)), "cut": span(3, 99)},
                wordings=(
                    (
                        "{name} has {meters} meters and {centimeters} centimeters of rope and cuts {cut} centimeters "
                        "off. How many centimeters are left?"
                    ),
                    (
                        "The rope of {name} is {meters} meters and {centimeters} centimeters long. The rope of {other} "
                        "is {cut} centimeters shorter. How many centimeters long is the rope of {other}?"
                    ),
                    (
                        "How many centimeters are left of {meters} meters and {centimeters} centimeters of string when "
                        "{name} uses {cut} centimeters?"
                    ),
                    (
                        "{name} has a ribbon of {meters} meters, and {other} has one of {centimeters} centimeters. "
                        "They use {cut} centimeters. Find how many centimeters they have left."
                    ),
                    (
                        "A wall is {meters} meters long. {name} makes it {centimeters} centimeters longer and then "
                        "takes {cut} centimeters away. What is its length in centimeters?"
                    ),
                ),
                work=(
                    Step("whole", "meters * 100", "Centimeters: {eq}."),
                    Step("length", "whole + centimeters", "Total: {eq}."),
                    Step("left", "length - cut", "Left: {eq}."),
                ),
                answer="centimeters - cut + 100 * meters",
            ),
        ),
    ),
    Family(
        name="units_weight",
        skill="units",
        version=1,
        idea=(
            "One kilogram is 1000 grams, so multiply kilograms by 1000: 4 * 1000 = 4000 grams.",
            "2 kilograms and 300 grams: first 2 * 1000 = 2000, and then 2000 + 300 = 2300 grams.",
            "Weights must be in the same unit before you add them. 1000 grams make one kilogram.",
            "Change kilograms to grams by writing three zeros after the number: 5 * 1000 = 5000.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"kilograms": span(2, 400, (401, 900))},
                wordings=(
                    "How many grams are {kilograms} kilograms?",
                    "The bag of {name} weighs {kilograms} kilograms. How many grams is that?",
                    "Change {kilograms} kilograms to grams.",
                    "{name} buys {kilograms} kilograms of {food} at the {place}. Find the weight in grams.",
                    "A box of {item} weighs {kilograms} kilograms. What is its weight in grams?",
                ),
                work=(Step("weight", "kilograms * 1000", "Grams: {eq}."),),
                answer="1000 * kilograms",
            ),
            Variant(
                steps=2,
                quantities={"kilograms": span(2, 20), "grams": span(50, 950, (1050, 1800), 50)},
                wordings=(
                    "How many grams are {kilograms} kilograms and {grams} grams?",
                    "The bag of {name} weighs {kilograms} kilograms and {grams} grams. How many grams is that?",
                    "Change {kilograms} kilograms {grams} grams to grams.",
                    (
                        "{name} buys {kilograms} kilograms of {food}, and {other} buys {grams} grams. Find how many "
                        "grams they buy together."
                    ),
                    (
                        "A box of {item} weighs {kilograms} kilograms. {name} puts {grams} grams more in it. What is "
                        "its weight in grams?"
                    ),
                ),
                work=(
                    Step("whole", "kilograms * 1000", "Grams: {eq}."),
                    Step("weight", "whole + grams", "Total: {eq}."),
                ),
                answer="grams + 1000 * kilograms",
            ),
            Variant(
                steps=3,
                quantities={
                    "kilograms": span(2, 9, (10, 20)),
                    "grams": span(100, 900, (1000, 1800), 100),
                    "used": span(100, 900, (1000, 1900), 100),
                },
                wordings=(
                    (
                        "{name} has {kilograms} kilograms and {grams} grams of rice and uses {used} grams. How many "
                        "grams are left?"
                    ),
                    (
                        "The bag of {name} weighs {kilograms} kilograms and {grams} grams. The bag of {other} is "
                        "{used} grams lighter. How many grams does the bag of {other} weigh?"
                    ),
                    (
                        "How many grams are left of {kilograms} kilograms and {grams} grams of {food} when {name} eats "
                        "{used} grams?"
                    ),
                    (
                        "{name} buys {kilograms} kilograms of {food}, and {other} buys {grams} grams. They eat {used} "
                        "grams. Find how many grams they have left."
                    ),
                    (
                        "A box of {item} weighs {kilograms} kilograms. {name} puts {grams} grams more in it and then "
                        "takes {used} grams out. What is its weight in grams?"
                    ),
                ),
                work=(
                    Step("whole", "kilograms * 1000", "Grams: {eq}."),
                    Step("weight", "whole + grams", "Total: {eq}."),
                    Step("left", "weight - used", "Left: {eq}."),
                ),
                answer="grams - used + 1000 * kilograms",
            ),
        ),
    ),
)
