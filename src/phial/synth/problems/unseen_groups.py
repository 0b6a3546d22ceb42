"""Families that are never trained on, of seats in rows and of shared packs."""

from typing import Final

from phial.synth.problems.lang import Family, Step, Variant, span

SMALL: Final = span(2, 12, (13, 20))

FAMILIES: tuple[Family, ...] = ()

UNSEEN = (
    Family(
        name="unseen_seats",
        skill="mixed",
        version=1,
        idea=(
            "Seats in rows are counted by multiplying. Taken seats are all seats minus the empty ones.",
            "A hall with 5 rows of 10 seats has 5 * 10 = 50 seats. If 8 are empty, 50 - 8 = 42 are taken.",
            "Each person takes one seat, so the people are as many as the taken seats.",
            "Find all seats first, then take away the empty seats, and then the seats of the children.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"seats": span(20, 150), "empty": span(3, 90)},
                wordings=(
                    "A hall has {seats} seats. {empty} of them are empty. How many seats are taken?",
                    "There are {seats} seats in a hall, and {empty} are empty. How many people are sitting there?",
                    "How many people are in a hall with {seats} seats if {empty} seats are empty?",
                    "{name} counts {empty} empty seats in a hall with {seats} seats. Find the number of taken seats.",
                    (
                        "At the {place} there are {seats} seats. People sit on all but {empty} of them. How many "
                        "people are there?"
                    ),
                ),
                work=(Step("taken", "seats - empty", "Taken: {eq}."),),
                answer="seats - empty",
                where="seats > empty + 1",
            ),
            Variant(
                steps=2,
                quantities={"rows": SMALL, "each": SMALL, "empty": span(2, 60)},
                wordings=(
                    "A hall has {rows} rows of {each} seats. {empty} seats are empty. How many seats are taken?",
                    (
                        "There are {rows} rows with {each} seats in each row, and {empty} seats are empty. How many "
                        "people are sitting there?"
                    ),
                    "How many people are in a hall with {rows} rows of {each} seats if {empty} seats are empty?",
                    (
                        "{name} counts {empty} empty seats in a hall that has {rows} rows with {each} seats in each. "
                        "Find the number of taken seats."
                    ),
                    (
                        "At the {place} there are {rows} rows of {each} seats. People sit on all but {empty} of them. "
                        "How many people are there?"
                    ),
                ),
                work=(Step("seats", "rows * each", "Seats: {eq}."), Step("taken", "seats - empty", "Taken: {eq}.")),
                answer="each * rows - empty",
                where="rows * each > empty + 1",
            ),
            Variant(
                steps=3,
                quantities={"rows": SMALL, "each": SMALL, "empty": span(2, 60), "children": span(2, 60)},
                wordings=(
                    (
                        "A hall has {rows} rows of {each} seats. {empty} seats are empty, and {children} children sit "
                        "on others. How many seats are taken by adults?"
                    ),
                    (
                        "There are {rows} rows with {each} seats in each row, and {empty} seats are empty. {children} "
                        "of the people are children. How many adults are there?"
                    ),
                    (
                        "How many adults are in a hall with {rows} rows of {each} seats if {empty} seats are empty and "
                        "{children} children sit there?"
                    ),
                    (
                        "{name} counts {empty} empty seats and {children} children in a hall that has {rows} rows with "
                        "{each} seats in each. Find the number of adults."
                    ),
                    (
                        "At the {place} there are {rows} rows of {each} seats. People sit on all but {empty} of them, "
                        "and {children} people are children. How many adults are there?"
                    ),
                ),
                work=(
                    Step("seats", "rows * each", "Seats: {eq}."),
                    Step("taken", "seats - empty", "Taken: {eq}."),
                    Step("adults", "taken - children", "Adults: {eq}."),
                ),
                answer="each * rows - (empty + children)",
                where="rows * each > empty + children + 1",
            ),
        ),
    ),
    Family(
        name="unseen_packs",
        skill="mixed",
        version=1,
        idea=(
            "Packs times the number in a pack gives all of them. Then divide them by the friends who share.",
            "4 packs of 6 are 4 * 6 = 24. Shared by 3 friends, each gets 24 / 3 = 8.",
            "First find the total by multiplying, and then share it by dividing.",
            "If there are some more, add them before you share: 20 + 4 = 24, and 24 / 6 = 4.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"packs": SMALL, "each": span(2, 90, (100, 200))},
                wordings=(
                    (
                        "A shop sells {item} in packs of {each}. {name} buys {packs} packs. How many {item} does "
                        "{name} buy?"
                    ),
                    "{name} opens {packs} packs with {each} {item} in each pack. How many {item} are there?",
                    "How many {item} are in {packs} packs of {each}?",
                    "A pack has {each} {item}. Find the number of {item} in {packs} packs.",
                    "{name} gets {packs} packs, and each pack has {each} {item} in it. How many {item} is that?",
                ),
                work=(Step("total", "packs * each", "Total: {eq}."),),
                answer="each * packs",
                where="each <= 12 or each % 10 == 0 and packs <= 9",
            ),
            Variant(
                steps=2,
                quantities={"packs": SMALL, "each": SMALL, "friends": SMALL},
                wordings=(
                    (
                        "{name} buys {packs} packs of {each} {item}. {friends} friends share all of them equally. How "
                        "many {item} does each friend get?"
                    ),
                    (
                        "There are {packs} packs with {each} {item} in each. {name} shares them equally among "
                        "{friends} friends. How many {item} does each one get?"
                    ),
                    (
                        "How many {item} does each child get if {friends} children share {packs} packs of {each} "
                        "{item} equally?"
                    ),
                    (
                        "A pack has {each} {item}. {friends} friends buy {packs} packs and share the {item} equally. "
                        "Find how many {item} each friend gets."
                    ),
                    (
                        "{friends} children open {packs} packs, and each pack has {each} {item} in it. They share "
                        "equally. How many {item} are there for each child?"
                    ),
                ),
                work=(Step("total", "packs * each", "Total: {eq}."), Step("share", "total / friends", "Each: {eq}.")),
                answer="each * packs // friends",
                where="packs * each % friends == 0 and 2 <= packs * each // friends <= 12 and packs != friends",
            ),
            Variant(
                steps=3,
                quantities={"packs": SMALL, "each": SMALL, "more": span(2, 40), "friends": SMALL},
                wordings=(
                    (
                        "{name} buys {packs} packs of {each} {item} and has {more} more. {friends} friends share all "
                        "of them equally. How many {item} does each friend get?"
                    ),
                    (
                        "There are {packs} packs with {each} {item} in each and {more} loose {item}. {name} shares "
                        "them equally among {friends} friends. How many {item} does each one get?"
                    ),
                    (
                        "How many {item} does each child get if {friends} children share {packs} packs of {each} "
                        "{item} and {more} more {item} equally?"
                    ),
                    (
                        "A pack has {each} {item}. {friends} friends buy {packs} packs, find {more} {item} and share "
                        "all of them equally. Find how many {item} each friend gets."
                    ),
                    (
                        "{friends} children open {packs} packs, and each pack has {each} {item} in it. They also have "
                        "{more} loose {item}. They share equally. How many {item} are there for each child?"
                    ),
                ),
                work=(
                    Step("packed", "packs * each", "Packed: {eq}."),
                    Step("total", "packed + more", "Total: {eq}."),
                    Step("share", "total / friends", "Each: {eq}."),
                ),
                answer="(more + each * packs) // friends",
                where="(packs * each + more) % friends == 0 and 2 <= (packs * each + more) // friends <= 12",
            ),
        ),
    ),
)
