"""Money in whole dollars: what things cost, the change, and saving."""

from typing import Final

from phial.synth.problems.lang import Family, Step, Variant, span

COUNT: Final = span(2, 12, (13, 20))
PRICE: Final = span(2, 12, (13, 20))

FAMILIES = (
    Family(
        name="money_cost",
        skill="money",
        version=1,
        idea=(
            (
                "The cost of several equal things is the count times the price: 4 pens at 3 dollars cost 4 * 3 = 12 "
                "dollars."
            ),
            "Multiply the number of things by the price of one. Then add the costs of all kinds.",
            "If one ticket costs 6 dollars, 5 tickets cost 5 * 6 = 30 dollars.",
            "To find a total cost, find each cost first, then add: 2 * 5 = 10, 3 * 4 = 12, and 10 + 12 = 22 dollars.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"count": COUNT, "each": span(2, 90, (100, 200))},
                wordings=(
                    "{name} buys {count} {item} for {each} dollars each. How many dollars does {name} pay?",
                    "One {one_item} costs {each} dollars. How many dollars do {count} {item} cost?",
                    "How many dollars do {count} {item} cost if each {one_item} costs {each} dollars?",
                    (
                        "At the {place}, one {one_food} costs {each} dollars. {name} buys {count} {food}. What is the "
                        "cost in dollars?"
                    ),
                    "{name} sells {count} {item} at {each} dollars each. How many dollars does {name} get?",
                ),
                work=(Step("cost", "count * each", "Cost: {eq}."),),
                answer="each * count",
                where="each <= 12 or each % 10 == 0 and count <= 9",
                distractors=("{other} has {extra} dollars.",),
            ),
            Variant(
                steps=2,
                quantities={"count": COUNT, "price": PRICE, "another": span(3, 60)},
                wordings=(
                    (
                        "{name} buys {count} {item} for {price} dollars each and a bag for {another} dollars. How many "
                        "dollars does {name} pay?"
                    ),
                    (
                        "One {one_item} costs {price} dollars, and a box costs {another} dollars. How many dollars do "
                        "{count} {item} and one box cost?"
                    ),
                    (
                        "How many dollars does {name} pay for {count} {item} at {price} dollars each and one game at "
                        "{another} dollars?"
                    ),
                    (
                        "At the {place}, one {one_food} costs {price} dollars. {name} buys {count} {food} and pays "
                        "{another} dollars for a bus ride. What is the total cost in dollars?"
                    ),
                    (
                        "{name} sells {count} {item} at {price} dollars each and an old bike for {another} dollars. "
                        "How many dollars does {name} get in all?"
                    ),
                ),
                work=(Step("cost", "count * price", "Cost: {eq}."), Step("total", "cost + another", "Total: {eq}.")),
                answer="another + price * count",
                distractors=("{other} has {extra} dollars.",),
            ),
            Variant(
                steps=3,
                quantities={"a": COUNT, "b": PRICE, "c": COUNT, "d": PRICE},
                wordings=(
                    (
                        "{name} buys {a} {item} for {b} dollars each and {c} {item2} for {d} dollars each. How many "
                        "dollars does {name} pay?"
                    ),
                    (
                        "One {one_item} costs {b} dollars, and one {one_item2} costs {d} dollars. How many dollars do "
                        "{a} {item} and {c} {item2} cost?"
                    ),
                    (
                        "How many dollars does {name} pay for {a} {item} at {b} dollars each and {c} {item2} at {d} "
                        "dollars each?"
                    ),
                    (
                        "At the {place}, {name} buys {a} {food} for {b} dollars each. {other} buys {c} {item} for {d} "
                        "dollars each. What is the total cost in dollars?"
                    ),
                    (
                        "{name} sells {a} {item} at {b} dollars each and {c} {item2} at {d} dollars each. How many "
                        "dollars does {name} get in all?"
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
        name="money_change",
        skill="money",
        version=1,
        share=2,
        idea=(
            "Change is what comes back: subtract the cost from the money that you pay. 50 - 30 = 20 dollars.",
            "First find the cost, then subtract it: 3 * 6 = 18, and 20 - 18 = 2 dollars of change.",
            "The money left after shopping is the money before minus the cost.",
            "With several things, add up all the costs before you subtract: 12 + 5 = 17, and 20 - 17 = 3.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"paid": span(10, 150), "cost": span(3, 140)},
                wordings=(
                    (
                        "{name} buys {item} for {cost} dollars and pays with {paid} dollars. How many dollars of "
                        "change does {name} get?"
                    ),
                    "{name} has {paid} dollars and spends {cost} dollars. How many dollars are left?",
                    "How many dollars does {name} have left after paying {cost} of {paid} dollars for {item}?",
                    "The {item} cost {cost} dollars. {name} gives {paid} dollars. What is the change in dollars?",
                    (
                        "{name} takes {paid} dollars to the {place} and pays {cost} dollars there. How many dollars "
                        "does {name} bring home?"
                    ),
                ),
                work=(Step("left", "paid - cost", "Left: {eq}."),),
                answer="paid - cost",
                where="paid > cost + 1",
                distractors=("{other} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"paid": span(10, 150), "count": COUNT, "price": PRICE},
                wordings=(
                    (
                        "{name} buys {count} {item} for {price} dollars each and pays with {paid} dollars. How many "
                        "dollars of change does {name} get?"
                    ),
                    (
                        "{name} has {paid} dollars and buys {count} {item} at {price} dollars each. How many dollars "
                        "are left?"
                    ),
                    (
                        "How many dollars does {name} have left from {paid} dollars after buying {count} {item} for "
                        "{price} dollars each?"
                    ),
                    (
                        "One {one_item} costs {price} dollars. {name} takes {count} {item} and gives {paid} dollars. "
                        "What is the change in dollars?"
                    ),
                    (
                        "{name} takes {paid} dollars to the {place} and buys {count} {food} for {price} dollars each. "
                        "How many dollars does {name} bring home?"
                    ),
                ),
                work=(Step("cost", "count * price", "Cost: {eq}."), Step("left", "paid - cost", "Left: {eq}.")),
                answer="paid - price * count",
                where="paid > count * price + 1",
                distractors=("{other} has {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={"paid": span(20, 190), "count": COUNT, "price": PRICE, "another": span(3, 50)},
                wordings=(
                    (
                        "{name} buys {count} {item} for {price} dollars each and a bag for {another} dollars, and pays "
                        "with {paid} dollars. How many dollars of change does {name} get?"
                    ),
                    (
                        "{name} has {paid} dollars and buys {count} {item} at {price} dollars each and a game at "
                        "{another} dollars. How many dollars are left?"
                    ),
                    (
                        "How many dollars does {name} have left from {paid} dollars after buying {count} {item} for "
                        "{price} dollars each and a bike for {another} dollars?"
                    ),
                    (
                        "One {one_item} costs {price} dollars, and a box costs {another} dollars. {name} takes {count} "
                        "{item} and one box and gives {paid} dollars. What is the change in dollars?"
                    ),
                    (
                        "{name} takes {paid} dollars to the {place}, buys {count} {food} for {price} dollars each and "
                        "pays {another} dollars for a ride. How many dollars does {name} bring home?"
                    ),
                ),
                work=(
                    Step("cost", "count * price", "Cost: {eq}."),
                    Step("total", "cost + another", "Total: {eq}."),
                    Step("left", "paid - total", "Left: {eq}."),
                ),
                answer="paid - another - price * count",
                where="paid > count * price + another + 1",
            ),
        ),
    ),
    Family(
        name="money_saving",
        skill="money",
        version=1,
        idea=(
            "Saving the same each week multiplies: 5 dollars a week for 6 weeks are 5 * 6 = 30 dollars.",
            (
                "Money earned is the pay for one hour times the hours. Add what was there before and subtract what is "
                "spent."
            ),
            "Start with what is saved: 4 * 10 = 40. Then add the money that was there: 40 + 15 = 55 dollars.",
            "Earn, then spend: 3 * 8 = 24 dollars are earned, and after spending 10, 24 - 10 = 14 are left.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"each": span(2, 90, (100, 200)), "count": COUNT},
                wordings=(
                    "{name} saves {each} dollars a week for {count} weeks. How many dollars does {name} save?",
                    "{name} earns {each} dollars an hour. How many dollars does {name} earn in {count} hours?",
                    "How many dollars does {name} have after saving {each} dollars each week for {count} weeks?",
                    "Each day {name} puts {each} dollars in a box. How many dollars are in the box after {count} days?",
                    "{name} works {count} hours and gets {each} dollars for each hour. Find the pay in dollars.",
                ),
                work=(Step("saved", "each * count", "Saved: {eq}."),),
                answer="count * each",
                where="each <= 12 or each % 10 == 0 and count <= 9",
                distractors=("{other} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"start": span(5, 80), "weekly": PRICE, "weeks": COUNT},
                wordings=(
                    (
                        "{name} has {start} dollars and saves {weekly} dollars a week for {weeks} weeks. How many "
                        "dollars does {name} have then?"
                    ),
                    (
                        "{name} had {start} dollars and earns {weekly} dollars an hour. How many dollars does {name} "
                        "have after {weeks} hours?"
                    ),
                    (
                        "How many dollars does {name} have in the end after starting with {start} dollars and saving "
                        "{weekly} dollars each week for {weeks} weeks?"
                    ),
                    (
                        "There are {start} dollars in a box. Each day {name} puts {weekly} dollars in. How many "
                        "dollars are in the box after {weeks} days?"
                    ),
                    (
                        "{name} works {weeks} hours, gets {weekly} dollars for each hour and gets {start} dollars from "
                        "{other}. Find how many dollars that is in all."
                    ),
                ),
                work=(
                    Step("saved", "weekly * weeks", "Saved: {eq}."),
                    Step("total", "start + saved", "Total: {eq}."),
                ),
                answer="weeks * weekly + start",
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={"start": span(5, 70), "weekly": PRICE, "weeks": COUNT, "spent": span(5, 90)},
                wordings=(
                    (
                        "{name} has {start} dollars, saves {weekly} dollars a week for {weeks} weeks and then spends "
                        "{spent} dollars. How many dollars are left?"
                    ),
                    (
                        "{name} had {start} dollars and earned {weekly} dollars an hour for {weeks} hours. After that "
                        "{name} spent {spent} dollars. How many dollars does {name} have now?"
                    ),
                    (
                        "How many dollars does {name} have in the end after starting with {start} dollars, saving "
                        "{weekly} dollars each week for {weeks} weeks and paying {spent} dollars for {item}?"
                    ),
                    (
                        "There are {start} dollars in a box. Each day {name} puts {weekly} dollars in. After {weeks} "
                        "days {name} takes {spent} dollars out. How many dollars are still in the box?"
                    ),
                    (
                        "{name} works {weeks} hours, gets {weekly} dollars for each hour, gets {start} dollars from "
                        "{other}, and spends {spent} dollars. Find how many dollars {name} has left."
                    ),
                ),
                work=(
                    Step("saved", "weekly * weeks", "Saved: {eq}."),
                    Step("total", "start + saved", "Total: {eq}."),
                    Step("left", "total - spent", "Left: {eq}."),
                ),
                answer="start - spent + weeks * weekly",
                where="start + weekly * weeks > spent + 1",
            ),
        ),
    ),
)
