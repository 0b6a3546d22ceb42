"""Addition: putting together, arriving, and piles of which one is larger than another."""

from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="addition_together",
        skill="addition",
        version=1,
        idea=(
            "To find how many there are together, add the numbers. 20 pens and 15 pens are 20 + 15 = 35 pens.",
            "Together means add. If one friend has 30 cards and another has 12, they have 30 + 12 = 42 cards.",
            "The word altogether asks for a sum. With three numbers, add the first two and then add the third.",
            "A total is found by adding, one number at a time. For 10, 20 and 5: 10 + 20 = 30, and 30 + 5 = 35.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"first": span(11, 99), "second": span(11, 99)},
                wordings=(
                    "{name} has {first} {item}. {other} has {second} {item}. How many {item} do they have together?",
                    (
                        "How many {item} do {name} and {other} have together if {name} has {first} and {other} has "
                        "{second}?"
                    ),
                    (
                        "{name} and {other} collect {item}. {name} has {first} and {other} has {second}. How many "
                        "{item} is that in total?"
                    ),
                    (
                        "There are {first} {item} with {name} and {second} {item} with {other}. How many {item} are "
                        "there altogether?"
                    ),
                    "{name} owns {first} {item}, and {other} owns {second}. Find the total number of {item}.",
                    "{name} found {first} {item} and {other} found {second}. How many {item} did they find in all?",
                ),
                work=(Step("total", "first + second", "Together: {eq}."),),
                answer="second + first",
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"first": span(11, 70), "second": span(11, 70), "more": span(5, 60)},
                wordings=(
                    (
                        "{name} has {first} {item}. {other} has {second} {item}, and {third} has {more}. How many "
                        "{item} do they have together?"
                    ),
                    (
                        "{name}, {other} and {third} have {first}, {second} and {more} {item}. How many {item} is that "
                        "in total?"
                    ),
                    (
                        "How many {item} do three friends have together if {name} has {first}, {other} has {second} "
                        "and {third} has {more}?"
                    ),
                    (
                        "{name} found {first} {item}. {other} found {second}. {third} found {more}. How many {item} "
                        "did they find in all?"
                    ),
                    (
                        "There are {first} {item} with {name}, {second} with {other} and {more} with {third}. Find the "
                        "total number of {item}."
                    ),
                ),
                work=(
                    Step("pair", "first + second", "First two: {eq}."),
                    Step("total", "pair + more", "Together: {eq}."),
                ),
                answer="more + second + first",
                distractors=("There are {extra} {item2} in a drawer.",),
            ),
            Variant(
                steps=3,
                quantities={"a": span(5, 50), "b": span(5, 50), "c": span(5, 40), "d": span(5, 40)},
                wordings=(
                    (
                        "{name} has {a} {item} and {b} {item2}. {other} has {c} {item} and {d} {item2}. How many "
                        "things do they have together?"
                    ),
                    (
                        "How many things are there in all if {name} has {a} {item} and {b} {item2}, and {other} has "
                        "{c} {item} and {d} {item2}?"
                    ),
                    (
                        "{name} found {a} {item} on Monday, {b} on Tuesday, {c} on Wednesday and {d} on Thursday. How "
                        "many {item} did {name} find in all?"
                    ),
                    (
                        "Four boxes hold {a}, {b}, {c} and {d} {item}. {name} counts all of them. What is the total "
                        "number of {item}?"
                    ),
                    (
                        "{name} puts {a} red, {b} blue, {c} green and {d} white {item} in a big bag. How many {item} "
                        "are in the bag altogether?"
                    ),
                ),
                work=(
                    Step("pair", "a + b", "First two: {eq}."),
                    Step("three", "pair + c", "First three: {eq}."),
                    Step("total", "three + d", "Together: {eq}."),
                ),
                answer="(a + d) + (b + c)",
            ),
        ),
    ),
    Family(
        name="addition_arrive",
        skill="addition",
        version=1,
        idea=(
            "When more come, the number grows, so add. 20 ducks and 6 more ducks are 20 + 6 = 26 ducks.",
            "Joining means adding: start with the first number and add each group that arrives.",
            "If some were there and more arrive, count on. After 30 people, 14 more make 30 + 14 = 44.",
            "Add what arrives and subtract what leaves, in the order of the story: 10 + 5 = 15, then 15 - 3 = 12.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"start": span(11, 99), "come": span(5, 90)},
                wordings=(
                    (
                        "There are {start} {animal} at the {place}. Then {come} more {animal} come. How many {animal} "
                        "are there now?"
                    ),
                    "{start} people are at the {place}, and {come} more arrive. How many people are there now?",
                    "How many {animal} are at the {place} after {come} more come to join the {start} that were there?",
                    (
                        "{name} counts {start} {animal} at the {place}. Later {come} more join them. How many {animal} "
                        "can {name} count now?"
                    ),
                    (
                        "In the morning {start} people came to the {place}. In the afternoon {come} more came. How "
                        "many people came in all?"
                    ),
                    "A {place} has {start} {animal}. It gets {come} more. How many {animal} does it have then?",
                ),
                work=(Step("now", "start + come", "Now: {eq}."),),
                answer="come + start",
                distractors=("It is {extra} degrees outside.",),
            ),
            Variant(
                steps=2,
                quantities={"start": span(11, 80), "first": span(5, 50), "second": span(5, 50)},
                wordings=(
                    (
                        "There are {start} {animal} at the {place}. First {first} more come, and then {second} more. "
                        "How many {animal} are there now?"
                    ),
                    (
                        "{start} people are at the {place}. Then {first} more arrive. After that {second} more arrive. "
                        "How many people are there now?"
                    ),
                    (
                        "How many people are at the {place} if {start} were there, {first} more came and then {second} "
                        "more came?"
                    ),
                    (
                        "{name} counts {start} {animal} at the {place}. Then {first} join them, and later {second} "
                        "more join them. How many {animal} are there in the end?"
                    ),
                    (
                        "A {place} had {start} {animal}. It got {first} more in May and {second} more in June. How "
                        "many {animal} does it have now?"
                    ),
                ),
                work=(Step("then", "start + first", "Then: {eq}."), Step("now", "then + second", "Now: {eq}.")),
                answer="start + (first + second)",
                distractors=("It is {extra} degrees outside.",),
            ),
            Variant(
                steps=3,
                quantities={
                    "start": span(11, 70),
                    "first": span(5, 50),
                    "leave": span(3, 40),
                    "second": span(5, 40),
                },
                wordings=(
                    (
                        "There are {start} {animal} at the {place}. Then {first} more come, {leave} go away, and "
                        "{second} more come. How many {animal} are there now?"
                    ),
                    (
                        "{start} people are at the {place}. Then {first} arrive. Next {leave} leave. Last, {second} "
                        "arrive. How many people are there in the end?"
                    ),
                    (
                        "How many people are at the {place} if {start} were there, {first} came, {leave} left and then "
                        "{second} came?"
                    ),
                    (
                        "{name} counts {start} {animal} at the {place}. First {first} more come. After that {leave} "
                        "leave, and then {second} come. How many {animal} does {name} count now?"
                    ),
                    (
                        "A {place} had {start} {animal}. It got {first} more, gave away {leave}, and got {second} "
                        "more. How many {animal} does it have now?"
                    ),
                ),
                work=(
                    Step("then", "start + first", "Then: {eq}."),
                    Step("left", "then - leave", "Left: {eq}."),
                    Step("now", "left + second", "Now: {eq}."),
                ),
                answer="start - leave + first + second",
                where="leave < start",
            ),
        ),
    ),
    Family(
        name="addition_piles",
        skill="addition",
        version=1,
        idea=(
            "If one pile has 5 more than another, add 5 to find it. A pile of 20 and 5 more is 20 + 5 = 25.",
            "The words more than tell you to add. If one box has 12 and the next has 8 more, it has 12 + 8 = 20.",
            "First find the larger pile by adding, then add the piles: 10 + 4 = 14, and 10 + 14 = 24 in both.",
            "To add piles of which one is not known, work out that one first. Then add all of them.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"first": span(11, 99), "more": span(5, 60)},
                wordings=(
                    (
                        "One pile has {first} {item}. The other pile has {more} more. How many {item} are in the other "
                        "pile?"
                    ),
                    (
                        "How many {item} are in the big pile if the small pile has {first} and the big pile has {more} "
                        "more?"
                    ),
                    (
                        "{name} has {first} {item}. {other} has {more} more than {name}. How many {item} does {other} "
                        "have?"
                    ),
                    (
                        "The small box holds {first} {item}. The big box holds {more} more {item} than the small box. "
                        "How many {item} does the big box hold?"
                    ),
                    (
                        "{name} makes a pile of {first} {item}, and {other} makes a pile with {more} more. Find the "
                        "number of {item} in the pile of {other}."
                    ),
                ),
                work=(Step("second", "first + more", "More: {eq}."),),
                answer="more + first",
                distractors=("A bag holds {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"first": span(11, 70), "more": span(4, 40)},
                wordings=(
                    "One pile has {first} {item}. The other pile has {more} more. How many {item} are in both piles?",
                    "How many {item} are in two piles if the small pile has {first} and the big pile has {more} more?",
                    (
                        "{name} has {first} {item}. {other} has {more} more than {name}. How many {item} do they have "
                        "together?"
                    ),
                    (
                        "The small box holds {first} {item}. The big box holds {more} more {item} than the small box. "
                        "How many {item} do the two boxes hold in all?"
                    ),
                    (
                        "{name} makes a pile of {first} {item}, and {other} makes a pile with {more} more. Find the "
                        "total number of {item}."
                    ),
                ),
                work=(
                    Step("second", "first + more", "More: {eq}."),
                    Step("total", "first + second", "Together: {eq}."),
                ),
                answer="2 * first + more",
                distractors=("A bag holds {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={"first": span(11, 50), "more": span(4, 30), "third_pile": span(5, 60)},
                wordings=(
                    (
                        "One pile has {first} {item}, and the next pile has {more} more. A last pile has {third_pile} "
                        "{item}. How many {item} are in all three piles?"
                    ),
                    (
                        "How many {item} are in three piles if the first has {first}, the second has {more} more than "
                        "the first, and the third has {third_pile}?"
                    ),
                    (
                        "{name} has {first} {item}. {other} has {more} more than {name}. {third} has {third_pile} "
                        "{item}. How many {item} do they have together?"
                    ),
                    (
                        "The small box holds {first} {item}. The big box holds {more} more than the small box. A bag "
                        "holds {third_pile} {item}. How many {item} are there in all?"
                    ),
                    (
                        "{name} makes a pile of {first} {item}, {other} makes a pile with {more} more, and {third} "
                        "makes a pile of {third_pile}. Find the total number of {item}."
                    ),
                ),
                work=(
                    Step("second", "first + more", "More: {eq}."),
                    Step("pair", "first + second", "First two: {eq}."),
                    Step("total", "pair + third_pile", "Together: {eq}."),
                ),
                answer="third_pile + more + 2 * first",
            ),
        ),
    ),
)
