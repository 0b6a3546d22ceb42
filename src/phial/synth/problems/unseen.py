"""Families that are never trained on, of books and buses: known skills in scenes that no training family has."""

from typing import Final

from phial.synth.problems.lang import Family, Step, Variant, span

SMALL: Final = span(2, 12, (13, 20))

FAMILIES: tuple[Family, ...] = ()

UNSEEN = (
    Family(
        name="unseen_book",
        skill="mixed",
        version=1,
        idea=(
            "Pages that are read are taken from the pages of the book: 90 - 30 = 60 pages are left.",
            "Pages a day times days gives the pages that are read: 5 * 8 = 40.",
            "To see how much of a book is left, find the pages read and subtract them from all pages.",
            "Reading 10 pages on 6 days makes 6 * 10 = 60 pages. Of 100 pages, 100 - 60 = 40 are left.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"pages": span(30, 180), "read": span(10, 99)},
                wordings=(
                    "A book has {pages} pages. {name} has read {read} pages. How many pages are left?",
                    "{name} has read {read} of the {pages} pages of a book. How many pages must {name} still read?",
                    "How many pages of a book are left if it has {pages} pages and {name} has read {read}?",
                    "{name} read {read} pages of a book with {pages} pages. Find the number of pages left.",
                    "{name} wants to read {pages} pages and has read {read} so far. How many pages are missing?",
                ),
                work=(Step("left", "pages - read", "Left: {eq}."),),
                answer="pages - read",
                where="pages > read + 1",
            ),
            Variant(
                steps=2,
                quantities={"pages": span(30, 180), "daily": SMALL, "days": SMALL},
                wordings=(
                    (
                        "A book has {pages} pages. {name} reads {daily} pages a day for {days} days. How many pages "
                        "are left?"
                    ),
                    (
                        "{name} reads {daily} pages each day. The book has {pages} pages. How many pages must {name} "
                        "still read after {days} days?"
                    ),
                    (
                        "How many pages of a book with {pages} pages are left if {name} reads {daily} pages a day for "
                        "{days} days?"
                    ),
                    (
                        "For {days} days {name} read {daily} pages a day of a book with {pages} pages. Find the number "
                        "of pages left."
                    ),
                    (
                        "{name} wants to read {pages} pages and reads {daily} each day. How many pages are missing "
                        "after {days} days?"
                    ),
                ),
                work=(Step("read", "days * daily", "Read: {eq}."), Step("left", "pages - read", "Left: {eq}.")),
                answer="pages - daily * days",
                where="pages > daily * days + 1",
            ),
            Variant(
                steps=3,
                quantities={"pages": span(40, 190), "daily": SMALL, "days": SMALL, "more": span(3, 40)},
                wordings=(
                    (
                        "A book has {pages} pages. {name} reads {daily} pages a day for {days} days and then {more} "
                        "pages. How many pages are left?"
                    ),
                    (
                        "{name} reads {daily} pages each day for {days} days, and then {more} pages on one day. The "
                        "book has {pages} pages. How many pages must {name} still read?"
                    ),
                    (
                        "How many pages of a book with {pages} pages are left if {name} reads {daily} pages a day for "
                        "{days} days and {more} pages after that?"
                    ),
                    (
                        "For {days} days {name} read {daily} pages a day of a book with {pages} pages, and on Sunday "
                        "{more} pages more. Find the number of pages left."
                    ),
                    (
                        "{name} wants to read {pages} pages and reads {daily} on each of {days} days and then {more} "
                        "more. How many pages are missing?"
                    ),
                ),
                work=(
                    Step("read", "days * daily", "Read: {eq}."),
                    Step("total", "read + more", "Total: {eq}."),
                    Step("left", "pages - total", "Left: {eq}."),
                ),
                answer="pages - more - daily * days",
                where="pages > daily * days + more + 1",
            ),
        ),
    ),
    Family(
        name="unseen_bus",
        skill="mixed",
        version=1,
        idea=(
            "At a stop, subtract the people who get off and add the people who get on.",
            "With 30 people on a bus and 12 getting off, 30 - 12 = 18 are left.",
            "Go from stop to stop: first take away, 40 - 10 = 30, and then add, 30 + 5 = 35.",
            "Getting on makes the number larger, and getting off makes it smaller.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"start": span(20, 90), "off": span(3, 60)},
                wordings=(
                    (
                        "There are {start} people on a bus. At the {place}, {off} get off. How many people are on the "
                        "bus now?"
                    ),
                    "A bus has {start} people in it, and {off} of them get off. How many people are left in the bus?",
                    "How many people stay on a bus with {start} people if {off} get off at the {place}?",
                    "{name} is on a train with {start} people. {off} people get off. How many are still on the train?",
                    "{off} of the {start} people on a train leave it. Find the number of people still on the train.",
                ),
                work=(Step("left", "start - off", "Left: {eq}."),),
                answer="start - off",
                where="start > off + 1",
            ),
            Variant(
                steps=2,
                quantities={"start": span(20, 90), "off": span(3, 60), "on": span(3, 60)},
                wordings=(
                    (
                        "There are {start} people on a bus. At the {place}, {off} get off and {on} get on. How many "
                        "people are on the bus now?"
                    ),
                    (
                        "A bus has {start} people in it. {off} of them get off, and {on} others get on. How many "
                        "people are in the bus then?"
                    ),
                    "How many people are on a bus with {start} people after {off} get off and {on} get on?",
                    (
                        "{name} drives a train with {start} people. {off} people get off, and {on} get on. How many "
                        "are on the train now?"
                    ),
                    (
                        "{off} of the {start} people on a train leave it, and then {on} come in. Find the number of "
                        "people on the train."
                    ),
                ),
                work=(Step("left", "start - off", "Left: {eq}."), Step("now", "left + on", "Now: {eq}.")),
                answer="start + on - off",
                where="start > off + 1",
            ),
            Variant(
                steps=4,
                quantities={
                    "start": span(20, 90),
                    "off": span(3, 40),
                    "on": span(3, 40),
                    "off2": span(3, 40),
                    "on2": span(3, 40),
                },
                wordings=(
                    (
                        "There are {start} people on a bus. First {off} get off and {on} get on. Then {off2} get off "
                        "and {on2} get on. How many people are on the bus now?"
                    ),
                    (
                        "A bus has {start} people in it. At the {place} {off} get off and {on} get on. At the next "
                        "stop {off2} get off and {on2} get on. How many people are in the bus then?"
                    ),
                    (
                        "How many people are on a bus with {start} people if {off} get off and {on} get on, and later "
                        "{off2} get off and {on2} get on?"
                    ),
                    (
                        "{name} drives a train with {start} people. At one stop {off} leave and {on} come in. At the "
                        "other stop {off2} leave and {on2} come in. How many are on the train now?"
                    ),
                    (
                        "{off} of the {start} people on a train leave it, and {on} come in. Then {off2} leave and "
                        "{on2} come in. Find the number of people on the train."
                    ),
                ),
                work=(
                    Step("left", "start - off", "Left: {eq}."),
                    Step("then", "left + on", "Now: {eq}."),
                    Step("left2", "then - off2", "Left: {eq}."),
                    Step("now", "left2 + on2", "Now: {eq}."),
                ),
                answer="start + (on + on2) - (off + off2)",
                where="start > off + 1 and start - off + on > off2 + 1",
            ),
        ),
    ),
)
