"""Prices and other numbers that fall or rise by a percent."""

from phial.synth.problems.lang import Family, Step, Variant, span

# 100 / parts is the percent of one part: 50, 25, 20 and 10 percent, each a part that is easy to take
EASY_PARTS = "100 % parts == 0 and (share <= 12 or share % 10 == 0 or parts == 10 or parts == 2 and share <= 50)"
_EASY_PRICES = "100 % parts == 0 and (share <= 12 or share % 10 == 0 or parts == 2 or parts == 10 and share <= 20)"
EASY_TENTHS = "tenth <= 12 or tenth % 10 == 0"

FAMILIES = (
    Family(
        name="percent_discount",
        skill="percent",
        version=1,
        idea=(
            (
                "25% off means that 1/4 of the price is taken away. A price of 40 dollars falls by 40 / 4 = 10 "
                "dollars, and 40 - 10 = 30 dollars are paid."
            ),
            "A discount makes a price smaller. Find the percent of the price first, then subtract it.",
            (
                "For 30% off 50 dollars, find 10%: 50 / 10 = 5. Then 5 * 3 = 15 is the discount, and 50 - 15 = 35 is "
                "the price."
            ),
            "Half price is 50% off. The discount is 1/2 of the old price, and the new price is what is left.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(2, 60, (61, 90))},
                wordings=(
                    (
                        "A {one_item} costs {parts * share} dollars. {name} gets {100 / parts}% off. How many dollars "
                        "does {name} save?"
                    ),
                    (
                        "{name} buys {item} at a price of {parts * share} dollars and gets a discount of "
                        "{100 / parts}%. How many dollars is the discount?"
                    ),
                    "How many dollars does {name} save with {100 / parts}% off a price of {parts * share} dollars?",
                    (
                        "The price of a {one_item} is {parts * share} dollars. It falls by {100 / parts}%. By how many "
                        "dollars does the price fall?"
                    ),
                    (
                        "A shop takes {100 / parts}% off all prices. {name} picks a {one_item} that was "
                        "{parts * share} dollars. How many dollars are taken off?"
                    ),
                ),
                work=(
                    Step("price", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("discount", "price / parts", "{percent}% is 1/{parts}: {eq}."),
                ),
                answer="share",
                where=EASY_PARTS,
                distractors=("{third} has {extra} {item2}.", "The shop sells {extra} kinds of {item2}."),
            ),
            Variant(
                steps=2,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(2, 40, (41, 60))},
                wordings=(
                    (
                        "A {one_item} costs {parts * share} dollars. {name} gets {100 / parts}% off. How many dollars "
                        "does {name} pay?"
                    ),
                    (
                        "{name} buys {item} at a price of {parts * share} dollars and gets a discount of "
                        "{100 / parts}%. How many dollars are paid?"
                    ),
                    "How many dollars does {name} pay with {100 / parts}% off a price of {parts * share} dollars?",
                    (
                        "The price of a {one_item} is {parts * share} dollars. It falls by {100 / parts}%. What is the "
                        "new price in dollars?"
                    ),
                    (
                        "A shop takes {100 / parts}% off all prices. {name} picks a {one_item} that was "
                        "{parts * share} dollars. What is its price in dollars now?"
                    ),
                ),
                work=(
                    Step("price", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("discount", "price / parts", "{percent}% is 1/{parts}: {eq}."),
                    Step("paid", "price - discount", "New price: {eq}."),
                ),
                answer="share * (parts - 1)",
                where=_EASY_PRICES,
                distractors=("{third} has {extra} {item2}.", "The shop sells {extra} kinds of {item2}."),
            ),
            Variant(
                steps=3,
                quantities={"tens": span(2, 9, (2, 9)), "tenth": span(2, 30, (40, 90))},
                wordings=(
                    (
                        "A {one_item} costs {10 * tenth} dollars. {name} gets {10 * tens}% off. How many dollars does "
                        "{name} pay?"
                    ),
                    (
                        "{name} buys {item} at a price of {10 * tenth} dollars and gets a discount of {10 * tens}%. "
                        "How many dollars are paid?"
                    ),
                    "How many dollars does {name} pay with {10 * tens}% off a price of {10 * tenth} dollars?",
                    (
                        "The price of a {one_item} is {10 * tenth} dollars. It falls by {10 * tens}%. What is the new "
                        "price in dollars?"
                    ),
                    (
                        "A shop takes {10 * tens}% off all prices. {name} picks a {one_item} that was {10 * tenth} "
                        "dollars. What is its price in dollars now?"
                    ),
                ),
                work=(
                    Step("price", "10 * tenth", ""),
                    Step("percent", "10 * tens", ""),
                    Step("one", "price / 10", "10% is 1/10: {eq}."),
                    Step("discount", "one * tens", "{percent}%: {eq}."),
                    Step("paid", "price - discount", "New price: {eq}."),
                ),
                answer="tenth * (10 - tens)",
                where=EASY_TENTHS,
                distractors=("{third} has {extra} {item2}.", "The shop sells {extra} kinds of {item2}."),
            ),
        ),
    ),
    Family(
        name="percent_increase",
        skill="percent",
        version=1,
        idea=(
            (
                "A tip of 10% is 1/10 of the bill. For a bill of 30 dollars the tip is 30 / 10 = 3, and 30 + 3 = 33 "
                "dollars are paid."
            ),
            (
                "When a number grows by a percent, find the percent of it and add that. 40 and 25% more: 40 / 4 = 10, "
                "40 + 10 = 50."
            ),
            "Tax is added to a price. A tax of 20% on 50 dollars is 50 / 5 = 10 dollars, and 50 + 10 = 60.",
            "To raise 80 by 30%, find 10%: 80 / 10 = 8. Then 8 * 3 = 24, and 80 + 24 = 104.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(2, 60, (61, 90))},
                wordings=(
                    (
                        "{name} has a bill of {parts * share} dollars and adds a tip of {100 / parts}%. How many "
                        "dollars is the tip?"
                    ),
                    (
                        "A {one_item} costs {parts * share} dollars. {name} also pays a tax of {100 / parts}%. How "
                        "many dollars is the tax?"
                    ),
                    (
                        "{name} has {parts * share} {item}. The number grows by {100 / parts}%. How many more {item} "
                        "does {name} get?"
                    ),
                    "How many dollars is a tip of {100 / parts}% if {name} has a bill of {parts * share} dollars?",
                    (
                        "{name} earns {parts * share} dollars a day. The pay goes up by {100 / parts}%. By how many "
                        "dollars does it go up?"
                    ),
                ),
                work=(
                    Step("base", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("more", "base / parts", "{percent}% is 1/{parts}: {eq}."),
                ),
                answer="share",
                where=EASY_PARTS,
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=2,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(2, 40, (41, 60))},
                wordings=(
                    (
                        "{name} has a bill of {parts * share} dollars and adds a tip of {100 / parts}%. How many "
                        "dollars does {name} pay in all?"
                    ),
                    (
                        "A {one_item} costs {parts * share} dollars. {name} also pays a tax of {100 / parts}%. How "
                        "many dollars is that together?"
                    ),
                    (
                        "{name} has {parts * share} {item}. The number grows by {100 / parts}%. How many {item} does "
                        "{name} have now?"
                    ),
                    (
                        "How many dollars does {name} pay for a bill of {parts * share} dollars with a tip of "
                        "{100 / parts}%?"
                    ),
                    (
                        "{name} earns {parts * share} dollars a day. The pay goes up by {100 / parts}%. What is the "
                        "new pay in dollars?"
                    ),
                ),
                work=(
                    Step("base", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("more", "base / parts", "{percent}% is 1/{parts}: {eq}."),
                    Step("total", "base + more", "Together: {eq}."),
                ),
                answer="share * (parts + 1)",
                where=_EASY_PRICES,
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=3,
                quantities={"tens": span(2, 9, (2, 9)), "tenth": span(2, 30, (40, 90))},
                wordings=(
                    (
                        "{name} has {10 * tenth} {item}. The number grows by {10 * tens}%. How many {item} does {name} "
                        "have now?"
                    ),
                    (
                        "A {one_item} costs {10 * tenth} dollars. The price goes up by {10 * tens}%. {name} buys one. "
                        "How many dollars does {name} pay?"
                    ),
                    (
                        "How many {item} does {name} have in the end if {name} starts with {10 * tenth} and gets "
                        "{10 * tens}% more?"
                    ),
                    (
                        "{name} earns {10 * tenth} dollars a day. The pay goes up by {10 * tens}%. What is the new pay "
                        "in dollars?"
                    ),
                    (
                        "Last year {10 * tenth} {animal} lived at the farm of {name}. This year there are {10 * tens}% "
                        "more. How many {animal} live there now?"
                    ),
                ),
                work=(
                    Step("base", "10 * tenth", ""),
                    Step("percent", "10 * tens", ""),
                    Step("one", "base / 10", "10% is 1/10: {eq}."),
                    Step("more", "one * tens", "{percent}%: {eq}."),
                    Step("total", "base + more", "Together: {eq}."),
                ),
                answer="tenth * (10 + tens)",
                where=EASY_TENTHS,
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
        ),
    ),
)

UNSEEN = (
    Family(
        name="percent_two_items",
        skill="percent",
        version=1,
        idea=(
            (
                "To compare two prices after a discount, find the new price first, and then subtract the smaller from "
                "the larger."
            ),
            "10% off 50 dollars is 50 / 10 = 5 dollars off, so 50 - 5 = 45 is paid. A price of 40 is 45 - 40 = 5 less.",
            "A discount can be compared with another one. Find each in dollars, then subtract.",
            "25% is 1/4. 25% off 40 dollars leaves 40 - 10 = 30 dollars. That is 30 - 20 = 10 more than 20 dollars.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"first": span(20, 99), "second": span(11, 90)},
                wordings=(
                    (
                        "With a discount, a {one_item} costs {first} dollars and a {one_item2} costs {second} dollars. "
                        "{name} buys both. How many dollars more is the {one_item}?"
                    ),
                    (
                        "{name} pays {first} dollars for {item} and {other} pays {second} dollars for {item2}. How "
                        "many dollars more does {name} pay?"
                    ),
                    (
                        "How many dollars more is the discount of {name} if {name} saves {first} dollars and {other} "
                        "saves {second}?"
                    ),
                    (
                        "A shop takes {first} dollars off the {item} of {name} and {second} dollars off the {item2} of "
                        "{other}. How much larger is the discount of {name}?"
                    ),
                    (
                        "After a sale, {other} has paid {second} dollars and {name} has paid {first} dollars. How many "
                        "dollars more did {name} pay?"
                    ),
                ),
                work=(Step("difference", "first - second", "Difference: {eq}."),),
                answer="first - second",
                where="first > second + 1",
                distractors=("The shop sells {extra} kinds of flowers.",),
            ),
            Variant(
                steps=2,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(4, 60, (61, 90)), "cut": span(2, 30)},
                wordings=(
                    (
                        "A {one_item} costs {parts * share} dollars, and {name} gets {100 / parts}% off. {other} gets "
                        "{cut} dollars off. How many dollars more does {name} save?"
                    ),
                    (
                        "{other} saves {cut} dollars. {name} gets {100 / parts}% off a {one_item} that costs "
                        "{parts * share} dollars. How many dollars more does {name} save?"
                    ),
                    (
                        "How many dollars more does {name} save with {100 / parts}% off a price of {parts * share} "
                        "dollars than {other} with {cut} dollars off?"
                    ),
                    (
                        "For {name}, a shop takes {100 / parts}% off a price of {parts * share} dollars. It takes "
                        "{cut} dollars off for {other}. How many dollars more does {name} save?"
                    ),
                    (
                        "{name} gets {100 / parts}% off {parts * share} dollars. The discount of {other} is {cut} "
                        "dollars. How much larger is the discount of {name}?"
                    ),
                ),
                work=(
                    Step("price", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("discount", "price / parts", "{percent}% is 1/{parts}: {eq}."),
                    Step("difference", "discount - cut", "Difference: {eq}."),
                ),
                answer="share - cut",
                where=f"({EASY_PARTS}) and share > cut + 1",
                distractors=("The shop sells {extra} kinds of flowers.",),
            ),
            Variant(
                steps=3,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(2, 40, (41, 60)), "second": span(3, 90)},
                wordings=(
                    (
                        "A {one_item} costs {parts * share} dollars, but {name} gets {100 / parts}% off. A {one_item2} "
                        "costs {second} dollars. How many dollars more does {name} pay for the {one_item}?"
                    ),
                    (
                        "{other} pays {second} dollars. {name} gets {100 / parts}% off a {one_item} that costs "
                        "{parts * share} dollars. How many dollars more does {name} pay?"
                    ),
                    (
                        "How many dollars more does {name} pay with {100 / parts}% off a price of {parts * share} "
                        "dollars than {other} with a price of {second} dollars?"
                    ),
                    (
                        "For {name}, a shop takes {100 / parts}% off a price of {parts * share} dollars. {other} pays "
                        "{second} dollars. How many dollars more does {name} pay?"
                    ),
                    (
                        "{name} gets {100 / parts}% off {parts * share} dollars. {other} pays {second} dollars with no "
                        "discount. How many dollars more does {name} pay?"
                    ),
                ),
                work=(
                    Step("price", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("discount", "price / parts", "{percent}% is 1/{parts}: {eq}."),
                    Step("paid", "price - discount", "New price: {eq}."),
                    Step("difference", "paid - second", "Difference: {eq}."),
                ),
                answer="share * (parts - 1) - second",
                where=f"({_EASY_PRICES}) and share * (parts - 1) > second + 1",
            ),
        ),
    ),
)
