"""Rates: distance from speed, work from pace, and cost from the price of one."""

from typing import Final

from phial.synth.problems.lang import Family, Step, Variant, span

COUNT: Final = span(2, 12, (13, 20))
EACH: Final = span(2, 90, (100, 200))
EASY: Final = "each <= 12 or each % 10 == 0 and count <= 9"  # within the table, or a digit times a multiple of ten

FAMILIES = (
    Family(
        name="rates_distance",
        skill="rates",
        version=1,
        idea=(
            "Distance is speed times time: 20 kilometers an hour for 3 hours are 20 * 3 = 60 kilometers.",
            "A speed of 8 kilometers an hour means 8 kilometers in each hour. In 5 hours that is 8 * 5 = 40.",
            "Multiply the speed by the hours. If the trip has two parts, find each distance and add them.",
            "Going at 6 kilometers an hour for 2 hours makes 6 * 2 = 12 kilometers. More parts are added.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"each": EACH, "count": COUNT},
                wordings=(
                    "{name} goes {each} kilometers an hour for {count} hours. How many kilometers does {name} go?",
                    "A boat moves at {each} kilometers an hour. How many kilometers does it move in {count} hours?",
                    "How many kilometers does a bike go in {count} hours at {each} kilometers an hour?",
                    (
                        "The speed of a bus is {each} kilometers an hour. Find the distance in kilometers after "
                        "{count} hours."
                    ),
                    (
                        "{name} travels for {count} hours to the {place}. The speed is {each} kilometers an hour. How "
                        "far is it in kilometers?"
                    ),
                ),
                work=(Step("distance", "each * count", "Distance: {eq}."),),
                answer="count * each",
                where=EASY,
                distractors=("{other} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"each": EACH, "count": COUNT, "more": span(3, 60)},
                wordings=(
                    (
                        "{name} goes {each} kilometers an hour for {count} hours and then {more} kilometers more. How "
                        "many kilometers does {name} go in all?"
                    ),
                    (
                        "A boat moves at {each} kilometers an hour for {count} hours. Then it moves {more} kilometers. "
                        "How many kilometers does it move in total?"
                    ),
                    (
                        "How many kilometers does a bike go if it goes for {count} hours at {each} kilometers an hour "
                        "and then {more} kilometers more?"
                    ),
                    (
                        "After {count} hours at {each} kilometers an hour, a bus has {more} kilometers to go. Find the "
                        "whole distance in kilometers."
                    ),
                    (
                        "{name} travels for {count} hours at {each} kilometers an hour. From there it is {more} "
                        "kilometers to the {place}. How far is the whole way in kilometers?"
                    ),
                ),
                work=(Step("first", "each * count", "Distance: {eq}."), Step("total", "first + more", "Total: {eq}.")),
                answer="more + count * each",
                where=EASY,
                distractors=("{other} has {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={"a": COUNT, "b": COUNT, "c": COUNT, "d": COUNT},
                wordings=(
                    (
                        "{name} goes {a} kilometers an hour for {b} hours and then {c} kilometers an hour for {d} "
                        "hours. How many kilometers does {name} go in all?"
                    ),
                    (
                        "A boat moves at {a} kilometers an hour for {b} hours. Then it moves at {c} kilometers an hour "
                        "for {d} hours. How many kilometers does it move in total?"
                    ),
                    (
                        "How many kilometers does {name} go in {b} hours at {a} kilometers an hour and {d} hours at "
                        "{c} kilometers an hour?"
                    ),
                    (
                        "The speed of a bike is {a} kilometers an hour for {b} hours and {c} kilometers an hour for "
                        "{d} hours. Find the whole distance in kilometers."
                    ),
                    (
                        "{name} travels for {b} hours at {a} kilometers an hour, and {other} travels for {d} hours at "
                        "{c} kilometers an hour. How far do they travel together in kilometers?"
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
        name="rates_work",
        skill="rates",
        version=1,
        idea=(
            "To find the work in one hour, divide the work by the hours: 24 toys in 4 hours are 24 / 4 = 6 an hour.",
            "Knowing one hour gives any number of hours: if 6 are made in one hour, 5 * 6 = 30 are made in 5 hours.",
            "First go down to one hour by dividing, then go up to the hours that are asked by multiplying.",
            "At the same speed: 20 in 2 hours is 20 / 2 = 10 in one hour, and 3 * 10 = 30 in 3 hours.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"each": EACH, "count": COUNT},
                wordings=(
                    "A machine makes {each * count} {item} in {count} hours. How many {item} does it make in one hour?",
                    (
                        "{name} packs {each * count} {item} in {count} hours at a steady pace. How many {item} does "
                        "{name} pack in an hour?"
                    ),
                    "How many {item} does a machine make each hour if it makes {each * count} in {count} hours?",
                    (
                        "In {count} days {name} makes {each * count} {item}, the same number each day. How many {item} "
                        "is that in a day?"
                    ),
                    "It takes {count} hours to make {each * count} {item}. Find the number of {item} for one hour.",
                ),
                work=(Step("total", "each * count", ""), Step("pace", "total / count", "In one: {eq}.")),
                answer="each",
                where=EASY,
            ),
            Variant(
                steps=2,
                quantities={"pace": COUNT, "hours": COUNT, "asked": COUNT},
                wordings=(
                    (
                        "A machine makes {pace * hours} {item} in {hours} hours. How many {item} does it make in "
                        "{asked} hours?"
                    ),
                    (
                        "{name} packs {pace * hours} {item} in {hours} hours at a steady pace. How many {item} does "
                        "{name} pack in {asked} hours?"
                    ),
                    "How many {item} does a machine make in {asked} hours if it makes {pace * hours} in {hours} hours?",
                    (
                        "In {hours} days {name} makes {pace * hours} {item}, the same number each day. How many {item} "
                        "is that in {asked} days?"
                    ),
                    (
                        "It takes {hours} hours to make {pace * hours} {item}. Find the number of {item} for {asked} "
                        "hours."
                    ),
                ),
                work=(
                    Step("total", "pace * hours", ""),
                    Step("one", "total / hours", "In one: {eq}."),
                    Step("made", "asked * one", "Made: {eq}."),
                ),
                answer="pace * asked",
                where="hours != asked",
            ),
            Variant(
                steps=3,
                quantities={"pace": COUNT, "hours": COUNT, "asked": COUNT, "sold": span(2, 60)},
                wordings=(
                    (
                        "A machine makes {pace * hours} {item} in {hours} hours. It runs for {asked} hours, and then "
                        "{name} sells {sold} of the {item}. How many {item} are left?"
                    ),
                    (
                        "{name} packs {pace * hours} {item} in {hours} hours at a steady pace. {name} packs for "
                        "{asked} hours and sends {sold} {item} away. How many packed {item} are left?"
                    ),
                    (
                        "How many {item} are left after {asked} hours of work if a machine makes {pace * hours} in "
                        "{hours} hours and {name} takes {sold}?"
                    ),
                    (
                        "In {hours} days {name} makes {pace * hours} {item}, the same number each day. After {asked} "
                        "days {sold} are sold. How many {item} are left?"
                    ),
                    (
                        "It takes {hours} hours to make {pace * hours} {item}. {name} works for {asked} hours and "
                        "keeps {sold} {item}. Find the number of {item} left to sell."
                    ),
                ),
                work=(
                    Step("total", "pace * hours", ""),
                    Step("one", "total / hours", "In one: {eq}."),
                    Step("made", "asked * one", "Made: {eq}."),
                    Step("left", "made - sold", "Left: {eq}."),
                ),
                answer="pace * asked - sold",
                where="hours != asked and pace * asked > sold + 1",
            ),
        ),
    ),
    Family(
        name="rates_price",
        skill="rates",
        version=1,
        idea=(
            "The price of one is the cost divided by the number: 6 pens for 18 dollars are 18 / 6 = 3 dollars each.",
            "To find what 5 cost when 2 cost 8 dollars, find one first: 8 / 2 = 4, and then 5 * 4 = 20.",
            "Divide to get the price of one thing. Multiply it by the number of things that you want.",
            "At the same price for each, 4 for 12 dollars means 12 / 4 = 3 dollars for one.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"count": COUNT, "each": EACH},
                wordings=(
                    "{name} pays {each * count} dollars for {count} {item}. How many dollars does one {one_item} cost?",
                    "{count} {item} cost {each * count} dollars. How many dollars is that for each {one_item}?",
                    "How many dollars does one {one_item} cost if {count} {item} cost {each * count} dollars?",
                    "The price of {count} {food} is {each * count} dollars. Find the price of one in dollars.",
                    (
                        "{name} sells {count} {food} and gets {each * count} dollars. How many dollars does {name} get "
                        "for one {one_food}?"
                    ),
                ),
                work=(Step("total", "each * count", ""), Step("one", "total / count", "One: {eq}.")),
                answer="each",
                where=EASY,
            ),
            Variant(
                steps=2,
                quantities={"price": COUNT, "count": COUNT, "asked": COUNT},
                wordings=(
                    "{name} pays {price * count} dollars for {count} {item}. How many dollars do {asked} {item} cost?",
                    "{count} {item} cost {price * count} dollars. How many dollars does {name} pay for {asked} {item}?",
                    "How many dollars do {asked} {item} cost if {count} {item} cost {price * count} dollars?",
                    (
                        "The price of {count} {food} is {price * count} dollars. Find the price of {asked} {food} in "
                        "dollars."
                    ),
                    (
                        "{name} sells {count} {food} and gets {price * count} dollars. How many dollars does {name} "
                        "get for {asked} {food}?"
                    ),
                ),
                work=(
                    Step("total", "price * count", ""),
                    Step("one", "total / count", "One: {eq}."),
                    Step("cost", "asked * one", "Cost: {eq}."),
                ),
                answer="price * asked",
                where="count != asked",
            ),
            Variant(
                steps=3,
                quantities={"price": COUNT, "count": COUNT, "asked": COUNT, "paid": span(10, 150)},
                wordings=(
                    (
                        "{count} {item} cost {price * count} dollars. {name} buys {asked} {item} and pays with {paid} "
                        "dollars. How many dollars of change does {name} get?"
                    ),
                    (
                        "{other} pays {price * count} dollars for {count} {item}. {name} has {paid} dollars and buys "
                        "{asked} {item}. How many dollars does {name} have left?"
                    ),
                    (
                        "How many dollars does {name} have left from {paid} dollars after buying {asked} {item} if "
                        "{count} {item} cost {price * count} dollars?"
                    ),
                    (
                        "The price of {count} {food} is {price * count} dollars. {name} takes {asked} {food} and gives "
                        "{paid} dollars. Find the change in dollars."
                    ),
                    (
                        "{name} takes {paid} dollars to the {place} and buys {asked} {food}. There {count} {food} cost "
                        "{price * count} dollars. How many dollars are left?"
                    ),
                ),
                work=(
                    Step("total", "price * count", ""),
                    Step("one", "total / count", "One: {eq}."),
                    Step("cost", "asked * one", "Cost: {eq}."),
                    Step("left", "paid - cost", "Left: {eq}."),
                ),
                answer="paid - price * asked",
                where="count != asked and paid > price * asked + 1",
            ),
        ),
    ),
)
