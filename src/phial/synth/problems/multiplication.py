"""Multiplication: equal groups, rows and columns, and several times as many."""

from typing import Final

from phial.synth.problems.lang import Family, Step, Variant, span

COUNT: Final = span(2, 12, (13, 20))
EACH: Final = span(2, 90, (100, 200))
EASY: Final = "each <= 12 or each % 10 == 0 and count <= 9"  # within the table, or a digit times a multiple of ten

FAMILIES = (
    Family(
        name="multiplication_groups",
        skill="multiplication",
        version=1,
        idea=(
            "Equal groups are counted by multiplying: 4 bags with 6 pens in each hold 4 * 6 = 24 pens.",
            "Each means the same number in every group, so multiply groups by size. 3 boxes of 20 hold 3 * 20 = 60.",
            "Instead of adding 5 + 5 + 5 = 15, multiply 3 * 5 = 15. Loose things are added at the end.",
            "With two kinds of boxes, multiply for each kind and then add: 2 * 5 = 10, 3 * 4 = 12, and 10 + 12 = 22.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"count": COUNT, "each": EACH},
                wordings=(
                    "There are {count} {container} with {each} {item} in each. How many {item} are there?",
                    (
                        "{name} has {count} {container}. Each {one_container} holds {each} {item}. How many {item} is "
                        "that?"
                    ),
                    "How many {item} are in {count} {container} if there are {each} {item} in each {one_container}?",
                    "{name} puts {each} {item} in each of {count} {container}. How many {item} does {name} use?",
                    "Each {one_container} has {each} {item}. Find the number of {item} in {count} {container}.",
                    "{count} friends bring {each} {item} each. How many {item} do they bring in all?",
                ),
                work=(Step("total", "count * each", "Total: {eq}."),),
                answer="each * count",
                where=EASY,
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"count": COUNT, "each": EACH, "loose": span(3, 60)},
                wordings=(
                    (
                        "There are {count} {container} with {each} {item} in each, and {loose} {item} on a table. How "
                        "many {item} are there?"
                    ),
                    (
                        "{name} has {count} {container}. Each {one_container} holds {each} {item}. {name} also has "
                        "{loose} loose {item}. How many {item} is that in all?"
                    ),
                    (
                        "How many {item} are there if {count} {container} hold {each} each and {loose} more are on the "
                        "floor?"
                    ),
                    (
                        "{name} puts {each} {item} in each of {count} {container}. {loose} {item} are left. How many "
                        "{item} were there at first?"
                    ),
                    (
                        "Each {one_container} has {each} {item}. {name} has {count} {container} and finds {loose} more "
                        "{item}. Find the total number of {item}."
                    ),
                ),
                work=(Step("packed", "count * each", "Packed: {eq}."), Step("total", "packed + loose", "Total: {eq}.")),
                answer="loose + each * count",
                where=EASY,
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={"a": COUNT, "b": COUNT, "c": COUNT, "d": COUNT},
                wordings=(
                    (
                        "There are {a} {container} with {b} {item} in each and {c} bottles with {d} {item} in each. "
                        "How many {item} are there?"
                    ),
                    (
                        "{name} has {a} {container} of {b} {item}. {other} has {c} {container} of {d} {item}. How many "
                        "{item} do they have together?"
                    ),
                    (
                        "How many {item} are there if {a} big {container} hold {b} each and {c} small {container} hold "
                        "{d} each?"
                    ),
                    (
                        "{name} packs {a} {container} with {b} {item} each, and then {c} {container} with {d} {item} "
                        "each. How many {item} does {name} pack?"
                    ),
                    (
                        "{a} friends bring {b} {item} each, and {c} other friends bring {d} {item} each. Find the "
                        "total number of {item}."
                    ),
                ),
                work=(
                    Step("first", "a * b", "First: {eq}."),
                    Step("second", "c * d", "Second: {eq}."),
                    Step("total", "first + second", "Total: {eq}."),
                ),
                answer="d * c + b * a",
            ),
        ),
    ),
    Family(
        name="multiplication_rows",
        skill="multiplication",
        version=1,
        idea=(
            "Things in rows make a rectangle: multiply the rows by the number in each row. 5 rows of 6 are 5 * 6 = 30.",
            "Rows times columns gives the number of all. A wall with 4 rows of 8 has 4 * 8 = 32.",
            "To count a full table of things, multiply: 3 rows with 10 in a row are 3 * 10 = 30.",
            "Multiply rows by row length first. Then subtract what is taken and add what is put in.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"count": COUNT, "each": EACH},
                wordings=(
                    "{name} puts {item} in {count} rows with {each} in each row. How many {item} are there?",
                    (
                        "There are {count} rows of plants in a garden. Each row has {each} plants. How many plants are "
                        "there?"
                    ),
                    "How many {item} are in {count} rows if every row has {each} {item}?",
                    "A floor has {count} rows of {each} tiles. Find the number of tiles.",
                    "{name} plants {each} trees in each of {count} rows. How many trees does {name} plant?",
                ),
                work=(Step("total", "count * each", "Total: {eq}."),),
                answer="each * count",
                where=EASY,
                distractors=("A shelf has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"count": COUNT, "each": EACH, "taken": span(2, 60)},
                wordings=(
                    (
                        "{name} puts {item} in {count} rows with {each} in each row. Then {name} takes {taken} away. "
                        "How many {item} are left?"
                    ),
                    (
                        "There are {count} rows of plants in a garden, and each row has {each} plants. {taken} plants "
                        "die. How many plants are left?"
                    ),
                    "How many {item} are left if {taken} are taken from {count} rows of {each} {item}?",
                    (
                        "A floor has {count} rows of {each} tiles. {taken} of the tiles are red, and the others are "
                        "white. Find the number of white tiles."
                    ),
                    (
                        "{name} plants {each} trees in each of {count} rows. Then {taken} trees are cut. How many "
                        "trees are still there?"
                    ),
                ),
                work=(Step("total", "count * each", "Total: {eq}."), Step("left", "total - taken", "Left: {eq}.")),
                answer="each * count - taken",
                where=f"({EASY}) and count * each > taken + 1",
                distractors=("A shelf has {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={"count": COUNT, "each": COUNT, "taken": span(2, 60), "put": span(2, 60)},
                wordings=(
                    (
                        "{name} puts {item} in {count} rows with {each} in each row. Then {name} takes {taken} away "
                        "and puts {put} new ones in. How many {item} are there now?"
                    ),
                    (
                        "There are {count} rows of plants in a garden, and each row has {each} plants. {taken} plants "
                        "die, and {put} new ones grow. How many plants are there now?"
                    ),
                    (
                        "How many {item} are there in the end if {taken} are taken from {count} rows of {each} {item} "
                        "and then {put} are added?"
                    ),
                    (
                        "A wall had {count} rows of {each} tiles. {taken} tiles fell down, and {name} put up {put} new "
                        "tiles. Find the number of tiles on the wall."
                    ),
                    (
                        "{name} plants {each} trees in each of {count} rows. Later {taken} trees are cut and {put} "
                        "more are planted. How many trees are there?"
                    ),
                ),
                work=(
                    Step("total", "count * each", "Total: {eq}."),
                    Step("left", "total - taken", "Left: {eq}."),
                    Step("now", "left + put", "Now: {eq}."),
                ),
                answer="put - taken + each * count",
                where="count * each > taken + 1",
            ),
        ),
    ),
    Family(
        name="multiplication_times",
        skill="multiplication",
        version=1,
        idea=(
            "Three times as many means multiply by 3. If one has 7, the other has 3 * 7 = 21.",
            "Times as many tells you to multiply. 5 times as many as 8 is 5 * 8 = 40.",
            "First multiply to find the larger number, then add if both are asked: 4 * 6 = 24, and 6 + 24 = 30.",
            "Times as many is not the same as more than: times means multiply, and more than means add.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"count": COUNT, "each": EACH},
                wordings=(
                    "{name} has {each} {item}. {other} has {count} times as many. How many {item} does {other} have?",
                    "How many {item} does {other} have if {name} has {each} and {other} has {count} times as many?",
                    (
                        "{other} has {count} times as many {item} as {name}. {name} has {each}. How many {item} does "
                        "{other} have?"
                    ),
                    (
                        "{name} found {each} {item}, and {other} found {count} times that number. How many {item} did "
                        "{other} find?"
                    ),
                    (
                        "A small box holds {each} {item}. The box of {other} holds {count} times as many {item}. Find "
                        "the number of {item} in the box of {other}."
                    ),
                ),
                work=(Step("larger", "count * each", "For {other}: {eq}."),),
                answer="each * count",
                where=EASY,
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"count": COUNT, "each": EACH},
                wordings=(
                    (
                        "{name} has {each} {item}. {other} has {count} times as many. How many {item} do they have "
                        "together?"
                    ),
                    (
                        "How many {item} do {name} and {other} have in all if {name} has {each} and {other} has "
                        "{count} times as many?"
                    ),
                    (
                        "{other} has {count} times as many {item} as {name}. {name} has {each}. What is the total "
                        "number of {item}?"
                    ),
                    (
                        "{name} found {each} {item}, and {other} found {count} times that number. How many {item} did "
                        "they find together?"
                    ),
                    (
                        "The box of {name} holds {each} {item}. The box of {other} holds {count} times as many {item}. "
                        "Find the number of {item} in both boxes."
                    ),
                ),
                work=(
                    Step("larger", "count * each", "For {other}: {eq}."),
                    Step("total", "each + larger", "Together: {eq}."),
                ),
                answer="each * (count + 1)",
                where=EASY,
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={"each": COUNT, "count": COUNT, "more": span(3, 60)},
                wordings=(
                    (
                        "{name} has {each} {item}. {other} has {count} times as many. {third} has {more} {item}. How "
                        "many {item} do they have together?"
                    ),
                    (
                        "How many {item} do three friends have in all if {name} has {each}, {other} has {count} times "
                        "as many as {name}, and {third} has {more}?"
                    ),
                    (
                        "{other} has {count} times as many {item} as {name}. {name} has {each}, and {third} has "
                        "{more}. What is the total number of {item}?"
                    ),
                    (
                        "{name} found {each} {item}, {other} found {count} times that number, and {third} found "
                        "{more}. How many {item} did they find together?"
                    ),
                    (
                        "The box of {name} holds {each} {item}. The box of {other} holds {count} times as many {item}, "
                        "and the box of {third} holds {more}. Find the number of {item} in all three boxes."
                    ),
                ),
                work=(
                    Step("larger", "count * each", "For {other}: {eq}."),
                    Step("pair", "each + larger", "First two: {eq}."),
                    Step("total", "pair + more", "Together: {eq}."),
                ),
                answer="more + each * (count + 1)",
            ),
        ),
    ),
)
