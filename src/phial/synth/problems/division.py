"""Division: sharing equally, making groups, and what is left over."""

from typing import Final

from phial.synth.problems.lang import Family, Step, Variant, span

EACH: Final = span(2, 90, (100, 200))
PARTS: Final = span(2, 12, (13, 20))
EASY: Final = "each <= 12 or each % 10 == 0 and parts <= 9"  # within the table, or a multiple of ten by a digit

FAMILIES = (
    Family(
        name="division_share",
        skill="division",
        version=1,
        idea=(
            "To share equally, divide: 24 pens shared by 4 friends are 24 / 4 = 6 pens for each.",
            "Sharing means every one gets the same. Divide the total by the number of people: 30 / 5 = 6.",
            "Division undoes multiplication. Since 7 * 8 = 56, sharing 56 among 7 gives 56 / 7 = 8.",
            "If several numbers are put together first, add them and then divide: 10 + 8 = 18, and 18 / 3 = 6.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"each": EACH, "parts": PARTS},
                wordings=(
                    "{parts} friends share {each * parts} {item} equally. How many {item} does each friend get?",
                    (
                        "{name} shares {each * parts} {item} equally among {parts} friends. How many {item} does each "
                        "one get?"
                    ),
                    (
                        "How many {item} does each child get if {each * parts} {item} are shared equally by {parts} "
                        "children?"
                    ),
                    (
                        "{name} puts {each * parts} {item} into {parts} {container}, the same number in each. How many "
                        "{item} are in each {one_container}?"
                    ),
                    (
                        "There are {each * parts} {item} for {parts} children. Each child gets the same number. Find "
                        "how many {item} each child gets."
                    ),
                ),
                work=(Step("total", "each * parts", ""), Step("share", "total / parts", "Each: {eq}.")),
                answer="each",
                where=EASY,
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"first": span(4, 90), "second": span(4, 90), "parts": PARTS},
                wordings=(
                    (
                        "{name} has {first} {item} and {other} has {second}. They put them together and share them "
                        "equally among {parts} friends. How many {item} does each friend get?"
                    ),
                    (
                        "{name} shares {first} red {item} and {second} blue {item} equally among {parts} friends. How "
                        "many {item} does each one get?"
                    ),
                    (
                        "How many {item} does each child get if {first} {item} and {second} more are shared equally by "
                        "{parts} children?"
                    ),
                    (
                        "{name} puts {first} old {item} and {second} new {item} into {parts} {container}, the same "
                        "number in each. How many {item} are in each {one_container}?"
                    ),
                    (
                        "There are {first} {item} in a box and {second} in a bag. {parts} children share all of them "
                        "equally. Find how many {item} each child gets."
                    ),
                ),
                work=(Step("total", "first + second", "Total: {eq}."), Step("each", "total / parts", "Each: {eq}.")),
                answer="(second + first) // parts",
                where="(first + second) % parts == 0 and 2 <= (first + second) // parts <= 12",
            ),
            Variant(
                steps=3,
                quantities={"first": span(4, 90), "second": span(4, 90), "parts": PARTS, "give": span(2, 9)},
                wordings=(
                    (
                        "{name} shares {first} red {item} and {second} blue {item} equally among {parts} friends. Each "
                        "friend gives {give} {item} back. How many {item} does each friend keep?"
                    ),
                    (
                        "There are {first} {item} in a box and {second} in a bag. {parts} children share all of them "
                        "equally, and each child loses {give}. How many {item} does each child have left?"
                    ),
                    (
                        "How many {item} does each child keep if {first} {item} and {second} more are shared equally "
                        "by {parts} children and each gives {give} away?"
                    ),
                    (
                        "{name} puts {first} old {item} and {second} new {item} into {parts} {container}, the same "
                        "number in each. Then {give} are taken out of each {one_container}. How many {item} are in "
                        "each {one_container}?"
                    ),
                    (
                        "{parts} friends get {first} {item} from {name} and {second} from {other}. They share them "
                        "equally, and each one uses {give}. Find how many {item} each one has left."
                    ),
                ),
                work=(
                    Step("total", "first + second", "Total: {eq}."),
                    Step("each", "total / parts", "Each: {eq}."),
                    Step("left", "each - give", "Left: {eq}."),
                ),
                answer="(second + first) // parts - give",
                where="(first + second) % parts == 0 and give + 1 < (first + second) // parts <= 12",
            ),
        ),
    ),
    Family(
        name="division_groups",
        skill="division",
        version=1,
        idea=(
            "To find how many groups there are, divide the total by the size of one group: 24 / 6 = 4 groups.",
            "Packing 20 eggs with 5 in each box needs 20 / 5 = 4 boxes. Divide the total by what fits in one.",
            "How many groups of 7 are in 35? Ask what times 7 is 35. Since 5 * 7 = 35, 35 / 7 = 5.",
            "Work out the total first, by adding or subtracting, and then divide it by the group size.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"each": EACH, "parts": PARTS},
                wordings=(
                    (
                        "{name} packs {each * parts} {item} with {parts} in each {one_container}. How many {container} "
                        "does {name} need?"
                    ),
                    (
                        "A {one_container} holds {parts} {item}. How many {container} are needed for {each * parts} "
                        "{item}?"
                    ),
                    "How many groups of {parts} can {name} make with {each * parts} {item}?",
                    "{each * parts} children make teams of {parts}. How many teams are there?",
                    (
                        "{name} has {each * parts} {item} and puts {parts} of them in each {one_container}. Find the "
                        "number of {container}."
                    ),
                ),
                work=(Step("total", "each * parts", ""), Step("groups", "total / parts", "Groups: {eq}.")),
                answer="each",
                where=EASY,
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"total": span(8, 150), "lost": span(2, 60), "parts": PARTS},
                wordings=(
                    (
                        "{name} has {total} {item} and sells {lost}. {name} packs the others with {parts} in each "
                        "{one_container}. How many {container} does {name} need?"
                    ),
                    (
                        "{lost} of {total} {item} are broken. A {one_container} holds {parts} {item}. How many "
                        "{container} are needed for the good ones?"
                    ),
                    "How many groups of {parts} can {name} make with {total} {item} after losing {lost} of them?",
                    (
                        "{total} children come to play, and {lost} go home. The others make teams of {parts}. How many "
                        "teams are there?"
                    ),
                    (
                        "{name} gives away {lost} of {total} {item} and puts {parts} of the others in each "
                        "{one_container}. Find the number of {container}."
                    ),
                ),
                work=(Step("left", "total - lost", "Left: {eq}."), Step("groups", "left / parts", "Groups: {eq}.")),
                answer="(total - lost) // parts",
                where="(total - lost) % parts == 0 and 2 <= (total - lost) // parts <= 12",
            ),
            Variant(
                steps=3,
                quantities={"first": span(4, 70), "second": span(4, 70), "parts": PARTS, "price": PARTS},
                wordings=(
                    (
                        "{name} has {first} red and {second} blue {item} and packs them with {parts} in each "
                        "{one_container}. A full {one_container} costs {price} dollars. How many dollars do all the "
                        "{container} cost?"
                    ),
                    (
                        "A {one_container} holds {parts} {item} and sells for {price} dollars. {name} fills "
                        "{container} with {first} old and {second} new {item}. How many dollars does {name} get?"
                    ),
                    (
                        "How many dollars does {name} get for {first} big and {second} small {item} sold in groups of "
                        "{parts} at {price} dollars a group?"
                    ),
                    (
                        "{first} children and {second} parents make teams of {parts}. Each team pays {price} dollars. "
                        "How many dollars do all the teams pay?"
                    ),
                    (
                        "{name} makes {first} {item}, and {other} makes {second}. They sell them in packs of {parts}, "
                        "and one pack costs {price} dollars. Find how many dollars all the packs cost."
                    ),
                ),
                work=(
                    Step("total", "first + second", "Total: {eq}."),
                    Step("groups", "total / parts", "Groups: {eq}."),
                    Step("money", "groups * price", "Dollars: {eq}."),
                ),
                answer="price * (second + first) // parts",
                where="(first + second) % parts == 0 and 2 <= (first + second) // parts <= 12",
            ),
        ),
    ),
    Family(
        name="division_leftover",
        skill="division",
        version=2,
        share=3,
        idea=(
            (
                "If things do not fit evenly, some are left over. 4 boxes of 6 use 4 * 6 = 24 of 27, and 27 - 24 = 3 "
                "are left."
            ),
            "Find the full groups first: the largest product that still fits. For 23 in fives, 4 * 5 = 20 fits.",
            "What is left over is smaller than one group. For 17 in threes, 5 * 3 = 15, and 17 - 15 = 2.",
            (
                "To fill one more group, subtract what is left over from the group size: with 3 of 5, 5 - 3 = 2 are "
                "missing."
            ),
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"total": span(9, 99), "parts": span(3, 10, (11, 15))},
                wordings=(
                    (
                        "{name} packs {total} {item} with {parts} in each {one_container}. How many full {container} "
                        "are there?"
                    ),
                    "A {one_container} holds {parts} {item}. How many {container} can {name} fill with {total} {item}?",
                    "How many full groups of {parts} can {name} make with {total} {item}?",
                    "{name} has {total} {item}. A set needs {parts} {item}. How many full sets can {name} make?",
                    (
                        "With {total} {item} and {parts} in each {one_container}, find how many full {container} "
                        "{name} gets."
                    ),
                ),
                work=(
                    Step("full", "total // parts", ""),
                    Step("tries", "multiples(parts, total)", "{tries}. Full: {full}."),
                    Step("packed", "full * parts", ""),
                    Step("groups", "full", ""),
                ),
                answer="(total - total % parts) / parts",
                where="total % parts != 0 and 2 <= total // parts <= 12",
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"total": span(9, 99), "parts": span(3, 10, (11, 15))},
                wordings=(
                    "{name} packs {total} {item} with {parts} in each {one_container}. How many {item} are left over?",
                    (
                        "A {one_container} holds {parts} {item}. {name} fills as many {container} as possible with "
                        "{total} {item}. How many {item} remain?"
                    ),
                    "How many {item} are left over when {name} makes groups of {parts} with {total} {item}?",
                    (
                        "{name} has {total} {item}. A set needs {parts} {item}. After making all full sets, how many "
                        "{item} are left?"
                    ),
                    (
                        "{name} shares {total} {item} equally among {parts} friends. What is the number of {item} left "
                        "over?"
                    ),
                ),
                work=(
                    Step("full", "total // parts", ""),
                    Step("tries", "multiples(parts, total)", "{tries}. Full: {full}."),
                    Step("packed", "full * parts", ""),
                    Step("left", "total - packed", "Left over: {eq}."),
                ),
                answer="total % parts",
                where="total % parts != 0 and 2 <= total // parts <= 12",
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={"total": span(9, 99), "parts": span(3, 10, (11, 15))},
                wordings=(
                    (
                        "{name} packs {total} {item} with {parts} in each {one_container}. The last {one_container} is "
                        "not full. How many more {item} does it need?"
                    ),
                    (
                        "A {one_container} holds {parts} {item}. {name} packs {total} {item}. How many more {item} are "
                        "needed to fill the last {one_container}?"
                    ),
                    (
                        "{name} makes groups of {parts} with {total} {item}. How many more {item} are needed to make "
                        "the last group full?"
                    ),
                    (
                        "{name} has {total} {item}. A set needs {parts} {item}. After making all full sets, how many "
                        "more {item} does {name} need for one more set?"
                    ),
                    (
                        "With {total} {item} and {parts} in each {one_container}, find how many {item} {name} must "
                        "still get so that none of the {container} is partly full."
                    ),
                ),
                work=(
                    Step("full", "total // parts", ""),
                    Step("tries", "multiples(parts, total)", "{tries}. Full: {full}."),
                    Step("packed", "full * parts", ""),
                    Step("left", "total - packed", "Left over: {eq}."),
                    Step("needed", "parts - left", "Needed: {eq}."),
                ),
                answer="parts * (total // parts + 1) - total",
                where="total % parts != 0 and 2 <= total // parts <= 12",
                distractors=("{third} has {extra} {item2}.",),
            ),
        ),
    ),
)
