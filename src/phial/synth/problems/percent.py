"""Percents: a percent of a number, prices that fall or rise by a percent, and scores as a percent."""

from phial.synth.problems.lang import Family, Step, Variant, span

# 100 / parts is the percent of one part: 50, 25, 20 and 10 percent, each a part that is easy to take
_PARTS = "100 % parts == 0 and (share <= 12 or share % 10 == 0 or parts == 10 or parts == 2 and share <= 50)"
_PRICE = "100 % parts == 0 and (share <= 12 or share % 10 == 0 or parts == 2 or parts == 10 and share <= 20)"
_TENTH = "tenth <= 12 or tenth % 10 == 0"

FAMILIES = (
    Family(
        name="percent_of_number",
        skill="percent",
        version=1,
        idea=(
            "Percent means out of 100. 50% is 1/2, 25% is 1/4, 20% is 1/5 and 10% is 1/10. So 25% of 40 is 40 / 4 = 10.",
            "To find 10% of a number, divide it by 10. For 30%, take that three times. 30% of 60: 60 / 10 = 6, and 6 * 3 = 18.",
            "20% is 1/5, because 20 goes into 100 five times. 20% of 35 is 35 / 5 = 7.",
            "Find 10% first, then multiply. 40% of 50: 50 / 10 = 5 and 5 * 4 = 20. The other 60% is 50 - 20 = 30.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(2, 60, (61, 90))},
                wordings=(
                    "{name} has {parts * share} {item}. {100 / parts}% of them are red. How many {item} are red?",
                    "What is {100 / parts}% of {parts * share} {item}?",
                    "{name} bakes {parts * share} {food} and sells {100 / parts}% of them. "
                    "How many {food} does {name} sell?",
                    "There are {parts * share} {item} in a box. {name} takes {100 / parts}% of the {item}. "
                    "How many {item} does {name} take?",
                    "A book has {parts * share} pages. {name} reads {100 / parts}% of the book. How many pages is that?",
                    "How many {item} does {name} paint if {name} paints {100 / parts}% of {parts * share} {item}?",
                ),
                work=(
                    Step("total", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("part", "total / parts", "{percent}% is 1/{parts}: {eq}."),
                ),
                answer="share",
                where=_PARTS,
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=2,
                quantities={"tens": span(2, 9, (2, 9)), "tenth": span(2, 30, (40, 90))},
                wordings=(
                    "{name} has {10 * tenth} {item}. {10 * tens}% of them are red. How many {item} are red?",
                    "What is {10 * tens}% of {10 * tenth} {item}?",
                    "{name} bakes {10 * tenth} {food} and sells {10 * tens}% of them. How many {food} does {name} sell?",
                    "There are {10 * tenth} {item} in a box. {name} takes {10 * tens}% of the {item}. "
                    "How many {item} does {name} take?",
                    "A book has {10 * tenth} pages. {name} reads {10 * tens}% of the book. How many pages is that?",
                    "How many {item} does {name} paint if {name} paints {10 * tens}% of {10 * tenth} {item}?",
                ),
                work=(
                    Step("total", "10 * tenth", ""),
                    Step("percent", "10 * tens", ""),
                    Step("one", "total / 10", "10% is 1/10: {eq}."),
                    Step("part", "one * tens", "{percent}%: {eq}."),
                ),
                answer="tens * tenth",
                where=_TENTH,
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=3,
                quantities={"tens": span(2, 9, (2, 9)), "tenth": span(2, 30, (40, 90))},
                wordings=(
                    "{name} has {10 * tenth} {item} and gives {10 * tens}% of them to {other}. "
                    "How many {item} does {name} have left?",
                    "{name} bakes {10 * tenth} {food} and sells {10 * tens}% of them. How many {food} are left?",
                    "There are {10 * tenth} {item} in a box. {10 * tens}% of the {item} are red. The others are blue. "
                    "{name} takes all the blue {item}. How many {item} does {name} take?",
                    "A book has {10 * tenth} pages. {name} has read {10 * tens}% of it. "
                    "How many pages are still to read?",
                    "How many {item} remain if {name} has {10 * tenth} {item} and loses {10 * tens}% of them?",
                ),
                work=(
                    Step("total", "10 * tenth", ""),
                    Step("percent", "10 * tens", ""),
                    Step("one", "total / 10", "10% is 1/10: {eq}."),
                    Step("part", "one * tens", "{percent}%: {eq}."),
                    Step("left", "total - part", "Left: {eq}."),
                ),
                answer="tenth * (10 - tens)",
                where=_TENTH,
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
        ),
    ),
    Family(
        name="percent_discount",
        skill="percent",
        version=1,
        idea=(
            "25% off means that 1/4 of the price is taken away. A price of 40 dollars falls by 40 / 4 = 10 dollars, "
            "and 40 - 10 = 30 dollars are paid.",
            "A discount makes a price smaller. Find the percent of the price first, then subtract it.",
            "For 30% off 50 dollars, find 10%: 50 / 10 = 5. Then 5 * 3 = 15 is the discount, and 50 - 15 = 35 is the price.",
            "Half price is 50% off. The discount is 1/2 of the old price, and the new price is what is left.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(2, 60, (61, 90))},
                wordings=(
                    "A {one_item} costs {parts * share} dollars. {name} gets {100 / parts}% off. "
                    "How many dollars does {name} save?",
                    "{name} buys {item} for {parts * share} dollars with a discount of {100 / parts}%. "
                    "How many dollars is the discount?",
                    "How many dollars does {name} save with {100 / parts}% off a price of {parts * share} dollars?",
                    "The price of a {one_item} is {parts * share} dollars. It falls by {100 / parts}%. "
                    "By how many dollars does the price fall?",
                    "A shop takes {100 / parts}% off all prices. {name} picks a {one_item} that was {parts * share} dollars. "
                    "How many dollars are taken off?",
                ),
                work=(
                    Step("price", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("discount", "price / parts", "{percent}% is 1/{parts}: {eq}."),
                ),
                answer="share",
                where=_PARTS,
                distractors=("{third} has {extra} {item2}.", "The shop sells {extra} kinds of {item2}."),
            ),
            Variant(
                steps=2,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(2, 40, (41, 60))},
                wordings=(
                    "A {one_item} costs {parts * share} dollars. {name} gets {100 / parts}% off. "
                    "How many dollars does {name} pay?",
                    "{name} buys {item} for {parts * share} dollars with a discount of {100 / parts}%. "
                    "How many dollars are paid?",
                    "How many dollars does {name} pay with {100 / parts}% off a price of {parts * share} dollars?",
                    "The price of a {one_item} is {parts * share} dollars. It falls by {100 / parts}%. "
                    "What is the new price in dollars?",
                    "A shop takes {100 / parts}% off all prices. {name} picks a {one_item} that was {parts * share} dollars. "
                    "What is its price in dollars now?",
                ),
                work=(
                    Step("price", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("discount", "price / parts", "{percent}% is 1/{parts}: {eq}."),
                    Step("paid", "price - discount", "New price: {eq}."),
                ),
                answer="share * (parts - 1)",
                where=_PRICE,
                distractors=("{third} has {extra} {item2}.", "The shop sells {extra} kinds of {item2}."),
            ),
            Variant(
                steps=3,
                quantities={"tens": span(2, 9, (2, 9)), "tenth": span(2, 30, (40, 90))},
                wordings=(
                    "A {one_item} costs {10 * tenth} dollars. {name} gets {10 * tens}% off. "
                    "How many dollars does {name} pay?",
                    "{name} buys {item} for {10 * tenth} dollars with a discount of {10 * tens}%. How many dollars are paid?",
                    "How many dollars does {name} pay with {10 * tens}% off a price of {10 * tenth} dollars?",
                    "The price of a {one_item} is {10 * tenth} dollars. It falls by {10 * tens}%. "
                    "What is the new price in dollars?",
                    "A shop takes {10 * tens}% off all prices. {name} picks a {one_item} that was {10 * tenth} dollars. "
                    "What is its price in dollars now?",
                ),
                work=(
                    Step("price", "10 * tenth", ""),
                    Step("percent", "10 * tens", ""),
                    Step("one", "price / 10", "10% is 1/10: {eq}."),
                    Step("discount", "one * tens", "{percent}%: {eq}."),
                    Step("paid", "price - discount", "New price: {eq}."),
                ),
                answer="tenth * (10 - tens)",
                where=_TENTH,
                distractors=("{third} has {extra} {item2}.", "The shop sells {extra} kinds of {item2}."),
            ),
        ),
    ),
    Family(
        name="percent_increase",
        skill="percent",
        version=1,
        idea=(
            "A tip of 10% is 1/10 of the bill. For a bill of 30 dollars the tip is 30 / 10 = 3, and 30 + 3 = 33 dollars are paid.",
            "When a number grows by a percent, find the percent of it and add that. 40 and 25% more: 40 / 4 = 10, 40 + 10 = 50.",
            "Tax is added to a price. A tax of 20% on 50 dollars is 50 / 5 = 10 dollars, and 50 + 10 = 60.",
            "To raise 80 by 30%, find 10%: 80 / 10 = 8. Then 8 * 3 = 24, and 80 + 24 = 104.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(2, 60, (61, 90))},
                wordings=(
                    "{name} has a bill of {parts * share} dollars and adds a tip of {100 / parts}%. "
                    "How many dollars is the tip?",
                    "A {one_item} costs {parts * share} dollars. {name} also pays a tax of {100 / parts}%. "
                    "How many dollars is the tax?",
                    "{name} has {parts * share} {item}. The number grows by {100 / parts}%. "
                    "How many more {item} does {name} get?",
                    "How many dollars is a tip of {100 / parts}% if {name} has a bill of {parts * share} dollars?",
                    "{name} earns {parts * share} dollars a day. The pay goes up by {100 / parts}%. "
                    "By how many dollars does it go up?",
                ),
                work=(
                    Step("base", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("more", "base / parts", "{percent}% is 1/{parts}: {eq}."),
                ),
                answer="share",
                where=_PARTS,
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=2,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(2, 40, (41, 60))},
                wordings=(
                    "{name} has a bill of {parts * share} dollars and adds a tip of {100 / parts}%. "
                    "How many dollars does {name} pay in all?",
                    "A {one_item} costs {parts * share} dollars. {name} also pays a tax of {100 / parts}%. "
                    "How many dollars is that together?",
                    "{name} has {parts * share} {item}. The number grows by {100 / parts}%. "
                    "How many {item} does {name} have now?",
                    "How many dollars does {name} pay for a bill of {parts * share} dollars with a tip of {100 / parts}%?",
                    "{name} earns {parts * share} dollars a day. The pay goes up by {100 / parts}%. "
                    "What is the new pay in dollars?",
                ),
                work=(
                    Step("base", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("more", "base / parts", "{percent}% is 1/{parts}: {eq}."),
                    Step("total", "base + more", "Together: {eq}."),
                ),
                answer="share * (parts + 1)",
                where=_PRICE,
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=3,
                quantities={"tens": span(2, 9, (2, 9)), "tenth": span(2, 30, (40, 90))},
                wordings=(
                    "{name} has {10 * tenth} {item}. The number grows by {10 * tens}%. "
                    "How many {item} does {name} have now?",
                    "A {one_item} costs {10 * tenth} dollars. The price goes up by {10 * tens}%. {name} buys one. "
                    "How many dollars does {name} pay?",
                    "How many {item} does {name} have in the end if {name} starts with {10 * tenth} and gets {10 * tens}% more?",
                    "{name} earns {10 * tenth} dollars a day. The pay goes up by {10 * tens}%. "
                    "What is the new pay in dollars?",
                    "Last year {10 * tenth} {animal} lived at the farm of {name}. This year there are {10 * tens}% more. "
                    "How many {animal} live there now?",
                ),
                work=(
                    Step("base", "10 * tenth", ""),
                    Step("percent", "10 * tens", ""),
                    Step("one", "base / 10", "10% is 1/10: {eq}."),
                    Step("more", "one * tens", "{percent}%: {eq}."),
                    Step("total", "base + more", "Together: {eq}."),
                ),
                answer="tenth * (10 + tens)",
                where=_TENTH,
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
        ),
    ),
    Family(
        name="percent_score",
        skill="percent",
        version=1,
        idea=(
            "A score of 100% means that all is right. If a test has 20 questions, each is worth 100 / 20 = 5 percent.",
            "To write 7 out of 10 as a percent, find what one point is worth: 100 / 10 = 10. Then 7 * 10 = 70 percent.",
            "Out of 25, each point counts 4 percent, because 100 / 25 = 4. So 6 points are 6 * 4 = 24 percent.",
            "If some answers are wrong, subtract them first. 20 questions and 12 wrong: 20 - 12 = 8 right, "
            "100 / 20 = 5, and 8 * 5 = 40 percent.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"worth": span(2, 10, (20, 25)), "right": span(2, 45, (46, 49))},
                wordings=(
                    "A test has {100 / worth} questions. Each is worth {worth} percent. {name} gets {right} right. "
                    "What percent is the score?",
                    "{name} gets {right} of {100 / worth} questions right. Each counts {worth} percent. "
                    "What percent is that?",
                    "Each of the {100 / worth} points in a game is worth {worth} percent. {name} wins {right} points. "
                    "What is the score in percent?",
                    "What percent does {name} score with {right} right answers if each of the {100 / worth} questions is "
                    "worth {worth} percent?",
                    "{name} takes a quiz about {animal} with {100 / worth} questions of {worth} percent each. "
                    "{right} answers are right. What percent is the score?",
                ),
                work=(Step("score", "right * worth", "Score: {eq}."),),
                answer="100 - worth * (100 // worth - right)",
                where="100 % worth == 0 and right * worth < 100 and (right <= 12 or right % 10 == 0 or worth == 2)",
                distractors=("{third} has {extra} {item2}.", "The test takes {extra} minutes."),
            ),
            Variant(
                steps=2,
                quantities={"worth": span(2, 10, (20, 25)), "right": span(2, 45, (46, 49))},
                wordings=(
                    "A test has {100 / worth} questions. {name} gets {right} right. What percent is the score?",
                    "{name} gets {right} of {100 / worth} questions right. What percent is that?",
                    "There are {100 / worth} points in a game. {name} wins {right} points. "
                    "What is the score of {name} in percent?",
                    "What percent does {name} score with {right} right answers to {100 / worth} questions?",
                    "{name} takes a quiz about {animal}. {right} out of {100 / worth} answers are right. "
                    "What percent is the score?",
                ),
                work=(
                    Step("questions", "100 / worth", ""),
                    Step("each", "100 / questions", "Each one: {eq}."),
                    Step("score", "right * each", "Score: {eq}."),
                ),
                answer="100 - worth * (100 // worth - right)",
                where="100 % worth == 0 and right * worth < 100 and (right <= 12 or right % 10 == 0 or worth == 2)",
                distractors=("{third} has {extra} {item2}.", "The test takes {extra} minutes."),
            ),
            Variant(
                steps=3,
                quantities={"worth": span(2, 10, (20, 25)), "right": span(2, 45, (46, 48))},
                wordings=(
                    "A test has {100 / worth} questions. {name} gets {100 / worth - right} wrong and the others right. "
                    "What percent is the score?",
                    "{name} answers {100 / worth} questions and gets all but {100 / worth - right} right. "
                    "What percent is right?",
                    "There are {100 / worth} points in a game. {name} loses {100 / worth - right} points and keeps the others. "
                    "What is the score of {name} in percent?",
                    "What percent does {name} score if {100 / worth - right} of {100 / worth} answers are wrong?",
                    "{name} takes a quiz about {animal}. {100 / worth - right} out of {100 / worth} answers are wrong. "
                    "What percent of the answers are right?",
                ),
                work=(
                    Step("questions", "100 / worth", ""),
                    Step("wrong", "questions - right", ""),
                    Step("good", "questions - wrong", "Right: {eq}."),
                    Step("each", "100 / questions", "Each one: {eq}."),
                    Step("score", "good * each", "Score: {eq}."),
                ),
                answer="right * worth",
                where="100 % worth == 0 and right * worth < 99 and right * worth + worth < 100 "
                "and (right <= 12 or right % 10 == 0 or worth == 2)",
                distractors=("{third} has {extra} {item2}.", "The test takes {extra} minutes."),
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
            "To compare two prices after a discount, find the new price first, and then subtract the smaller from the larger.",
            "10% off 50 dollars is 50 / 10 = 5 dollars off, so 50 - 5 = 45 is paid. A price of 40 is 45 - 40 = 5 less.",
            "A discount can be compared with another one. Find each in dollars, then subtract.",
            "25% is 1/4. 25% off 40 dollars leaves 40 - 10 = 30 dollars. That is 30 - 20 = 10 more than 20 dollars.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"first": span(20, 99), "second": span(11, 90)},
                wordings=(
                    "With a discount, a {one_item} costs {first} dollars and a {one_item2} costs {second} dollars. "
                    "{name} buys both. How many dollars more is the {one_item}?",
                    "{name} pays {first} dollars for {item} and {other} pays {second} dollars for {item2}. "
                    "How many dollars more does {name} pay?",
                    "How many dollars more is the discount of {name} if {name} saves {first} dollars and {other} saves {second}?",
                    "A shop takes {first} dollars off the {item} of {name} and {second} dollars off the {item2} of {other}. "
                    "How much larger is the discount of {name}?",
                    "After a sale, {other} has paid {second} dollars and {name} has paid {first} dollars. "
                    "How many dollars more did {name} pay?",
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
                    "A {one_item} costs {parts * share} dollars, and {name} gets {100 / parts}% off. {other} gets {cut} dollars "
                    "off. How many dollars more does {name} save?",
                    "{other} saves {cut} dollars. {name} buys a {one_item} of {parts * share} dollars with {100 / parts}% off. "
                    "How many dollars more does {name} save?",
                    "How many dollars more does {name} save with {100 / parts}% off a price of {parts * share} dollars than "
                    "{other} with {cut} dollars off?",
                    "A shop takes {100 / parts}% off {item} of {parts * share} dollars for {name}, and {cut} dollars off for "
                    "{other}. How many dollars more does {name} save?",
                    "{name} gets {100 / parts}% off {parts * share} dollars. The discount of {other} is {cut} dollars. "
                    "How much larger is the discount of {name}?",
                ),
                work=(
                    Step("price", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("discount", "price / parts", "{percent}% is 1/{parts}: {eq}."),
                    Step("difference", "discount - cut", "Difference: {eq}."),
                ),
                answer="share - cut",
                where=f"({_PARTS}) and share > cut + 1",
                distractors=("The shop sells {extra} kinds of flowers.",),
            ),
            Variant(
                steps=3,
                quantities={"parts": span(2, 10, (2, 10)), "share": span(2, 40, (41, 60)), "second": span(3, 90)},
                wordings=(
                    "A {one_item} costs {parts * share} dollars with {100 / parts}% off. A {one_item2} costs {second} dollars. "
                    "How many dollars more does {name} pay for the {one_item}?",
                    "{other} pays {second} dollars. {name} buys a {one_item} of {parts * share} dollars with {100 / parts}% off. "
                    "How many dollars more does {name} pay?",
                    "How many dollars more does {name} pay with {100 / parts}% off a price of {parts * share} dollars than "
                    "{other} with a price of {second} dollars?",
                    "A shop takes {100 / parts}% off {item} of {parts * share} dollars for {name}. {other} pays {second} dollars. "
                    "How many dollars more does {name} pay?",
                    "{name} gets {100 / parts}% off {parts * share} dollars. {other} pays {second} dollars with no discount. "
                    "How many dollars more does {name} pay?",
                ),
                work=(
                    Step("price", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("discount", "price / parts", "{percent}% is 1/{parts}: {eq}."),
                    Step("paid", "price - discount", "New price: {eq}."),
                    Step("difference", "paid - second", "Difference: {eq}."),
                ),
                answer="share * (parts - 1) - second",
                where=f"({_PRICE}) and share * (parts - 1) > second + 1",
            ),
        ),
    ),
)
