"""Ages: now, before and later, and people who are several times as old."""

from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="ages",
        skill="algebra",
        version=1,
        idea=(
            "In 5 years everyone is 5 years older. A person of 12 years will be 12 + 5 = 17 years old.",
            "To find an age later, add the years. To find an age before, subtract the years.",
            "If Ann is 10 and Bob is 4 years older, Bob is 10 + 4 = 14. In 6 years Bob will be 14 + 6 = 20.",
            "Three times as old means to multiply by 3. A child is 9, so the parent is 9 * 3 = 27 years old.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"age": span(5, 60), "years": span(2, 30)},
                wordings=(
                    "{name} is {age} years old. How old will {name} be in {years} years?",
                    "How old will {name} be in {years} years if {name} is {age} now?",
                    "{name} is {age} now. {years} years go by. What is the age of {name} then?",
                    "{name} is {age} years old. {other} is {years} years older. How old is {other}?",
                    "{name} is {age} today. What will be the age of {name} in {years} years?",
                    "{years} years ago {name} was {age} years old. How old is {name} now?",
                ),
                work=(Step("later", "age + years", "Age: {eq}."),),
                answer="years + age",
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"age": span(5, 60), "older": span(2, 25), "years": span(2, 20)},
                wordings=(
                    (
                        "{name} is {age} years old. {other} is {older} years older than {name}. How old will {other} "
                        "be in {years} years?"
                    ),
                    (
                        "{other} is {older} years older than {name}, and {name} is {age}. How old will {other} be in "
                        "{years} years?"
                    ),
                    (
                        "How old will {other} be in {years} years if {name} is {age} now and {other} is {older} years "
                        "older?"
                    ),
                    (
                        "{name} is {age} now, and {other} is {older} years older. {years} years go by. What is the age "
                        "of {other} then?"
                    ),
                    (
                        "Today {name} is {age}. {other} was born {older} years before {name}. What will be the age of "
                        "{other} in {years} years?"
                    ),
                ),
                work=(
                    Step("now", "age + older", "Age of {other}: {eq}."),
                    Step("later", "now + years", "Later: {eq}."),
                ),
                answer="years + older + age",
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={
                    "age": span(3, 12, (13, 16)),
                    "times": span(3, 6, (7, 7)),
                    "less": span(2, 20),
                    "years": span(2, 20),
                },
                wordings=(
                    (
                        "{name} is {age} years old. {other} is {times} times as old. {third} is {less} years younger "
                        "than {other}. How old will {third} be in {years} years?"
                    ),
                    (
                        "{other} is {times} times as old as {name}, who is {age}. {third} is {less} years younger than "
                        "{other}. What will be the age of {third} in {years} years?"
                    ),
                    (
                        "How old will {third} be in {years} years if {name} is {age}, {other} is {times} times as old "
                        "as {name}, and {third} is {less} years younger than {other}?"
                    ),
                    (
                        "{third} is {less} years younger than {other}. {other} is {times} times as old as {name}. "
                        "{name} is {age}. How old will {third} be in {years} years?"
                    ),
                    (
                        "{name} is {age} now. {other} is {times} times as old, and {third} is {less} years younger "
                        "than {other}. {years} years go by. What is the age of {third} then?"
                    ),
                ),
                work=(
                    Step("old", "age * times", "Age of {other}: {eq}."),
                    Step("now", "old - less", "Age of {third}: {eq}."),
                    Step("later", "now + years", "Later: {eq}."),
                ),
                answer="times * age + years - less",
                where="age * times > less + 2",
            ),
        ),
    ),
)

UNSEEN = (
    Family(
        name="twice_as_old",
        skill="algebra",
        version=1,
        idea=(
            "Twice as old means two times the age. If Ann is 9 and Bob is twice as old, Bob is 9 * 2 = 18.",
            "If the older one is twice as old, the younger one has half the age: 24 / 2 = 12.",
            "Find the age now first, and then add the years that go by.",
            "Half of 30 is 30 / 2 = 15. In 4 years a person of 15 will be 15 + 4 = 19.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"young": span(3, 75)},
                wordings=(
                    (
                        "The house of {name} is {2 * young} years old. That is twice as old as the house of {other}. "
                        "How old is the house of {other}?"
                    ),
                    (
                        "The tree of {name} is twice as old as the tree of {other}. It is {2 * young} years old. How "
                        "old is the tree of {other}?"
                    ),
                    (
                        "How old is the farm of {other} if the farm of {name} is {2 * young} years old and twice as "
                        "old as that of {other}?"
                    ),
                    (
                        "The boat of {other} is half as old as the boat of {name}, which is {2 * young} years old. "
                        "What is the age of the boat of {other}?"
                    ),
                    (
                        "The age of the house of {name} is {2 * young}. It is twice the age of the house of {other}. "
                        "What is the age of the house of {other}?"
                    ),
                ),
                work=(Step("old", "2 * young", ""), Step("now", "old / 2", "Half: {eq}.")),
                answer="young",
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"young": span(3, 40), "years": span(2, 20)},
                wordings=(
                    (
                        "{name} is {2 * young} years old, twice as old as {other}. How old will {other} be in {years} "
                        "years?"
                    ),
                    (
                        "{name} is twice as old as {other}. {name} is {2 * young}. How old will {other} be in {years} "
                        "years?"
                    ),
                    (
                        "How old will {other} be in {years} years if {name} is {2 * young} now and twice as old as "
                        "{other}?"
                    ),
                    (
                        "{other} is half as old as {name}, and {name} is {2 * young}. {years} years go by. What is the "
                        "age of {other} then?"
                    ),
                    (
                        "The age of {name} is {2 * young}, twice the age of {other}. What will be the age of {other} "
                        "in {years} years?"
                    ),
                ),
                work=(
                    Step("old", "2 * young", ""),
                    Step("now", "old / 2", "Age of {other}: {eq}."),
                    Step("later", "now + years", "Later: {eq}."),
                ),
                answer="young + years",
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={"young": span(3, 40), "older": span(2, 20), "years": span(2, 20)},
                wordings=(
                    (
                        "{name} is {2 * young}, twice as old as {other}. {third} is {older} years older than {other}. "
                        "How old will {third} be in {years} years?"
                    ),
                    (
                        "{name} is twice as old as {other}. {third} is {older} years older than {other}. {name} is "
                        "{2 * young}. How old will {third} be in {years} years?"
                    ),
                    (
                        "How old will {third} be in {years} years if {name} is {2 * young} and twice as old as "
                        "{other}, and {third} is {older} years older than {other}?"
                    ),
                    (
                        "{other} is half as old as {name}, who is {2 * young}. {third} is {older} years older than "
                        "{other}. {years} years go by. What is the age of {third} then?"
                    ),
                    (
                        "{third} is {older} years older than {other}. {name} is {2 * young}, twice as old as {other}. "
                        "What will be the age of {third} in {years} years?"
                    ),
                ),
                work=(
                    Step("old", "2 * young", ""),
                    Step("half", "old / 2", "Age of {other}: {eq}."),
                    Step("now", "half + older", "Age of {third}: {eq}."),
                    Step("later", "now + years", "Later: {eq}."),
                ),
                answer="young + older + years",
            ),
        ),
    ),
)
