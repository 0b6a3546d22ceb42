"""Percents: a percent of a number, scores as a percent, and prices that change by a percent."""

from phial.synth.problems import percent_prices
from phial.synth.problems.lang import Family, Step, Variant, span
from phial.synth.problems.percent_prices import EASY_PARTS, EASY_TENTHS

FAMILIES = (
    Family(
        name="percent_of_number",
        skill="percent",
        version=1,
        share=2,
        idea=(
            (
                "Percent means out of 100. 50% is 1/2, 25% is 1/4, 20% is 1/5 and 10% is 1/10. So 25% of 40 is 40 / 4 "
                "= 10."
            ),
            (
                "To find 10% of a number, divide it by 10. For 30%, take that three times. 30% of 60: 60 / 10 = 6, and "
                "6 * 3 = 18."
            ),
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
                    (
                        "{name} brings {parts * share} {food} to the market and sells {100 / parts}% of them. How many "
                        "{food} does {name} sell?"
                    ),
                    (
                        "There are {parts * share} {item} in a box. {name} takes {100 / parts}% of the {item}. How "
                        "many {item} does {name} take?"
                    ),
                    (
                        "A book has {parts * share} pages. {name} reads {100 / parts}% of the book. How many pages is "
                        "that?"
                    ),
                    "How many {item} does {name} paint if {name} paints {100 / parts}% of {parts * share} {item}?",
                ),
                work=(
                    Step("total", "parts * share", ""),
                    Step("percent", "100 / parts", ""),
                    Step("part", "total / parts", "{percent}% is 1/{parts}: {eq}."),
                ),
                answer="share",
                where=EASY_PARTS,
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=2,
                quantities={"tens": span(2, 9, (2, 9)), "tenth": span(2, 30, (40, 90))},
                wordings=(
                    "{name} has {10 * tenth} {item}. {10 * tens}% of them are red. How many {item} are red?",
                    "What is {10 * tens}% of {10 * tenth} {item}?",
                    (
                        "{name} brings {10 * tenth} {food} to the market and sells {10 * tens}% of them. How many "
                        "{food} does {name} sell?"
                    ),
                    (
                        "There are {10 * tenth} {item} in a box. {name} takes {10 * tens}% of the {item}. How many "
                        "{item} does {name} take?"
                    ),
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
                where=EASY_TENTHS,
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=3,
                quantities={"tens": span(2, 9, (2, 9)), "tenth": span(2, 30, (40, 90))},
                wordings=(
                    (
                        "{name} has {10 * tenth} {item} and gives {10 * tens}% of them to {other}. How many {item} "
                        "does {name} have left?"
                    ),
                    (
                        "{name} brings {10 * tenth} {food} to the market and sells {10 * tens}% of them. How many "
                        "{food} are left?"
                    ),
                    (
                        "There are {10 * tenth} {item} in a box. {10 * tens}% of the {item} are red. The others are "
                        "blue. {name} takes all the blue {item}. How many {item} does {name} take?"
                    ),
                    (
                        "A book has {10 * tenth} pages. {name} has read {10 * tens}% of it. How many pages are still "
                        "to read?"
                    ),
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
                where=EASY_TENTHS,
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
            (
                "If some answers are wrong, subtract them first. 20 questions and 12 wrong: 20 - 12 = 8 right, 100 / "
                "20 = 5, and 8 * 5 = 40 percent."
            ),
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"worth": span(2, 10, (20, 25)), "right": span(2, 45, (46, 49))},
                wordings=(
                    (
                        "A test has {100 / worth} questions. Each is worth {worth} percent. {name} gets {right} right. "
                        "What percent is the score?"
                    ),
                    (
                        "{name} gets {right} of {100 / worth} questions right. Each counts {worth} percent. What "
                        "percent is that?"
                    ),
                    (
                        "Each of the {100 / worth} points in a game is worth {worth} percent. {name} wins {right} "
                        "points. What is the score in percent?"
                    ),
                    (
                        "What percent does {name} score with {right} right answers if each of the {100 / worth} "
                        "questions is worth {worth} percent?"
                    ),
                    (
                        "{name} takes a quiz about {animal} with {100 / worth} questions of {worth} percent each. "
                        "{right} answers are right. What percent is the score?"
                    ),
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
                    (
                        "There are {100 / worth} points in a game. {name} wins {right} points. What is the score of "
                        "{name} in percent?"
                    ),
                    "What percent does {name} score with {right} right answers to {100 / worth} questions?",
                    (
                        "{name} takes a quiz about {animal}. {right} out of {100 / worth} answers are right. What "
                        "percent is the score?"
                    ),
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
                    (
                        "A test has {100 / worth} questions. {name} gets {100 / worth - right} wrong and the others "
                        "right. What percent is the score?"
                    ),
                    (
                        "{name} answers {100 / worth} questions and gets all but {100 / worth - right} right. What "
                        "percent is right?"
                    ),
                    (
                        "There are {100 / worth} points in a game. {name} loses {100 / worth - right} points and keeps "
                        "the others. What is the score of {name} in percent?"
                    ),
                    "What percent does {name} score if {100 / worth - right} of {100 / worth} answers are wrong?",
                    (
                        "{name} takes a quiz about {animal}. {100 / worth - right} out of {100 / worth} answers are "
                        "wrong. What percent of the answers are right?"
                    ),
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
    *percent_prices.FAMILIES,
)

UNSEEN = percent_prices.UNSEEN
