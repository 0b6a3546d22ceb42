"""Fractions: a part of a number, which part is larger, and sums of parts of one whole."""

from phial.synth.problems.fraction_sums import FAMILIES as SUMS
from phial.synth.problems.fraction_sums import in_lowest_terms
from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="fraction_of_number",
        skill="fractions",
        version=1,
        idea=(
            (
                "To find 1/4 of a number, divide it by 4. 1/4 of 20 is 20 / 4 = 5. For 3/4, take three such parts: 5 * "
                "3 = 15."
            ),
            (
                "The bottom of a fraction says how many equal parts there are. The top says how many parts to take. "
                "2/3 of 12: 12 / 3 = 4 and 4 * 2 = 8."
            ),
            (
                "A fraction of a number is found in two steps. Divide by the bottom, then multiply by the top. 2/5 of "
                "30: 30 / 5 = 6, and 6 * 2 = 12."
            ),
            (
                "One half of 18 is 18 / 2 = 9, because two equal parts make the whole. What is not taken is left: 18 - "
                "9 = 9."
            ),
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"parts": span(2, 10, (11, 12)), "share": span(2, 40, (41, 60))},
                wordings=(
                    "{name} has {parts * share} {item}. 1/{parts} of them are red. How many {item} are red?",
                    (
                        "{name} buys {parts * share} {food} and gives 1/{parts} of them to {other}. How many {food} "
                        "does {other} get?"
                    ),
                    "What is 1/{parts} of {parts * share} {item}?",
                    (
                        "There are {parts * share} {item} in a box. {name} takes 1/{parts} of the {item}. How many "
                        "{item} does {name} take?"
                    ),
                    "How many {item} does {name} paint if {name} paints 1/{parts} of {parts * share} {item}?",
                    "A book has {parts * share} pages. {name} reads 1/{parts} of the book. How many pages is that?",
                ),
                work=(Step("total", "parts * share", ""), Step("part", "total / parts", "1/{parts} of {total}: {eq}.")),
                answer="share",
                where="share <= 12 or share % 10 == 0 and parts <= 9",
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=2,
                quantities={
                    "top": span(2, 9, (2, 11)),
                    "bottom": span(3, 10, (11, 12)),
                    "share": span(2, 12, (13, 20)),
                },
                wordings=(
                    "{name} has {bottom * share} {item}. {top}/{bottom} of them are red. How many {item} are red?",
                    "What is {top}/{bottom} of {bottom * share} {item}?",
                    (
                        "{name} brings {bottom * share} {food} to the market and sells {top}/{bottom} of them. How "
                        "many {food} does {name} sell?"
                    ),
                    (
                        "There are {bottom * share} {item} in a box. {name} takes {top}/{bottom} of the {item}. How "
                        "many {item} does {name} take?"
                    ),
                    "How many {item} does {name} paint if {name} paints {top}/{bottom} of {bottom * share} {item}?",
                    (
                        "A book has {bottom * share} pages. {name} reads {top}/{bottom} of the book. How many pages is "
                        "that?"
                    ),
                ),
                work=(
                    Step("total", "bottom * share", ""),
                    Step("one", "total / bottom", "1/{bottom} of {total}: {eq}."),
                    Step("part", "one * top", "{top}/{bottom}: {eq}."),
                ),
                answer="share * top",
                where=f"top < bottom and {in_lowest_terms('top', 'bottom')}",
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=3,
                quantities={
                    "top": span(2, 9, (2, 11)),
                    "bottom": span(3, 10, (11, 12)),
                    "share": span(2, 12, (13, 16)),
                },
                wordings=(
                    (
                        "{name} has {bottom * share} {item} and gives {top}/{bottom} of them to {other}. How many "
                        "{item} does {name} have left?"
                    ),
                    (
                        "{name} brings {bottom * share} {food} to the market. {name} sells {top}/{bottom} of them. How "
                        "many {food} are left?"
                    ),
                    (
                        "There are {bottom * share} {item} in a box. {top}/{bottom} of the {item} are red. The others "
                        "are blue. {name} takes all the blue {item}. How many {item} does {name} take?"
                    ),
                    (
                        "A book has {bottom * share} pages. {name} has read {top}/{bottom} of it. How many pages are "
                        "still to read?"
                    ),
                    "How many {item} remain if {name} has {bottom * share} {item} and loses {top}/{bottom} of them?",
                ),
                work=(
                    Step("total", "bottom * share", ""),
                    Step("one", "total / bottom", "1/{bottom} of {total}: {eq}."),
                    Step("part", "one * top", "{top}/{bottom}: {eq}."),
                    Step("left", "total - part", "Left: {eq}."),
                ),
                answer="share * (bottom - top)",
                where=f"top < bottom and bottom * share - top * share > 1 and {in_lowest_terms('top', 'bottom')}",
                distractors=("{third} has {extra} {item2}.", "It is {extra} degrees outside."),
            ),
        ),
    ),
    Family(
        name="fraction_compare",
        skill="fractions",
        version=2,
        share=2,
        idea=(
            "With the same bottom, the larger top is the larger fraction: 5/8 > 3/8.",
            (
                "A fraction is more than one half when twice its top is more than its bottom. For 4/7: 4 * 2 = 8, and "
                "8 > 7."
            ),
            "To compare 2/3 and 5/9, write 2/3 in ninths. 9 / 3 = 3 and 2 * 3 = 6, so 2/3 is 6/9, and 6/9 > 5/9.",
            "Give two fractions the same bottom first, and then compare the tops. 1/2 is 3/6, and 3/6 < 5/6.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"a": span(1, 14), "b": span(1, 14), "n": span(3, 15, (16, 30))},
                wordings=(
                    "{name} eats {a}/{n} of a cake and {other} eats {b}/{n}. Who eats more?",
                    "{name} has read {a}/{n} of a book. {other} has read {b}/{n} of the same book. Who has read more?",
                    "Who paints more of the wall if {name} paints {a}/{n} of it and {other} paints {b}/{n}?",
                    (
                        "On the way to the {place}, {name} has walked {a}/{n} and {other} has walked {b}/{n}. Who has "
                        "walked more?"
                    ),
                    (
                        "{name} fills {a}/{n} of a jug. {other} fills {b}/{n} of a jug of the same size. Who has the "
                        "fuller jug?"
                    ),
                ),
                work=(
                    Step("sign", "'>' if a > b else '<'", "Compare {name} {a}/{n}, {other} {b}/{n}: {a} {sign} {b}."),
                    Step("who", "'{name}' if sign == '>' else '{other}'", ""),
                ),
                answer="'{name}' if a / n > b / n else '{other}'",
                where="a < n and b < n and (a < b or a > b)",
                distractors=("{third} is {extra} years old.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=2,
                quantities={"top": span(1, 24), "bottom": span(3, 25, (26, 40))},
                wordings=(
                    "{name} eats {top}/{bottom} of a cake. Is that more than 1/2 of the cake? Answer yes or no.",
                    "{name} has read {top}/{bottom} of a book. Has {name} read more than 1/2 of it? Answer yes or no.",
                    "Is {top}/{bottom} more than 1/2? Answer yes or no.",
                    (
                        "{name} has walked {top}/{bottom} of the way to the {place}. Is {name} past the middle of the "
                        "way? Answer yes or no."
                    ),
                    "Answer yes or no. If {name} paints {top}/{bottom} of a wall, is more than 1/2 of it painted?",
                    (
                        "A tank is {top}/{bottom} full. {name} says it is more than 1/2 full. Is that right? Answer "
                        "yes or no."
                    ),
                ),
                work=(
                    Step("twice", "top * 2", "Twice the top: {eq}."),
                    Step("sign", "'>' if twice > bottom else '<'", "{twice} {sign} {bottom}."),
                    Step("more", "'yes' if twice > bottom else 'no'", ""),
                ),
                answer="'yes' if top / bottom > 1 / 2 else 'no'",
                where="top < bottom and (2 * top < bottom or 2 * top > bottom)",
            ),
            Variant(
                steps=3,
                quantities={
                    "a": span(1, 9, (2, 12)),
                    "small": span(2, 10, (11, 13)),
                    "times": span(2, 5, (6, 6)),
                    "b": span(1, 29, (1, 60)),
                },
                wordings=(
                    (
                        "{name} eats {a}/{small} of a cake and {other} eats {b}/{small * times} of a cake of the same "
                        "size. Who eats more?"
                    ),
                    (
                        "{name} has read {a}/{small} of a book. {other} has read {b}/{small * times} of the same book. "
                        "Who has read more?"
                    ),
                    (
                        "Who paints more if {name} paints {a}/{small} of a wall and {other} paints {b}/{small * times} "
                        "of a wall of the same size?"
                    ),
                    (
                        "On the way to the {place}, {name} has walked {a}/{small} and {other} has walked "
                        "{b}/{small * times}. Who has walked more?"
                    ),
                    (
                        "{name} fills {a}/{small} of a jug. {other} fills {b}/{small * times} of a jug of the same "
                        "size. Who has the fuller jug?"
                    ),
                ),
                work=(
                    Step("large", "small * times", ""),
                    Step("factor", "large / small"),
                    Step("top", "a * factor"),
                    Step(
                        "sign",
                        "'>' if top > b else '<'",
                        "Compare {name} {top}/{large}, {other} {b}/{large}: {top} {sign} {b}.",
                    ),
                    Step("who", "'{name}' if top > b else '{other}'", ""),
                ),
                answer="'{name}' if a / small > b / (small * times) else '{other}'",
                where="a < small and b < small * times and abs(a * times - b) > 0 and abs(a * times - b) <= 9 "
                f"and small * times <= 60 and {in_lowest_terms('b', 'small * times')}",
                distractors=("{third} is {extra} years old.",),
            ),
        ),
    ),
    *SUMS,
)
