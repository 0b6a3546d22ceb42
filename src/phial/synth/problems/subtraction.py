"""Subtraction: giving away, the difference between two, and how many more are needed."""

from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="subtraction_give",
        skill="subtraction",
        version=1,
        idea=(
            "When some are given away, subtract to find how many are left. 30 pens less 12 pens are 30 - 12 = 18 pens.",
            "Left means subtract. If there are 50 cards and 20 are lost, 50 - 20 = 30 are left.",
            "Take away one part at a time: 40 - 10 = 30, and then 30 - 5 = 25 are left.",
            "Giving away, selling, losing and using up all make a number smaller, so subtract.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"start": span(20, 150), "give": span(5, 99)},
                wordings=(
                    (
                        "{name} has {start} {item} and gives {give} of them to {other}. How many {item} does {name} "
                        "have left?"
                    ),
                    "{name} had {start} {item}. {name} gave {give} {item} away. How many {item} are left?",
                    "How many {item} are left if {name} had {start} and lost {give} of them?",
                    "After giving {give} {item} to {other}, how many of the {start} {item} does {name} still have?",
                    "{name} sells {give} of {start} {item}. How many {item} remain?",
                    (
                        "There were {start} {item} in a box. {name} took {give} of them out. How many {item} are still "
                        "in it?"
                    ),
                ),
                work=(Step("left", "start - give", "Left: {eq}."),),
                answer="start - give",
                where="start > give + 1",
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"start": span(40, 150), "give": span(5, 60), "lose": span(5, 60)},
                wordings=(
                    (
                        "{name} has {start} {item} and gives {give} to {other} and {lose} to {third}. How many {item} "
                        "does {name} have left?"
                    ),
                    (
                        "{name} had {start} {item}. First {name} gave {give} away, and then {name} lost {lose}. How "
                        "many {item} are left?"
                    ),
                    "How many {item} are left if {name} had {start}, sold {give} and lost {lose}?",
                    (
                        "There were {start} {item} in a box. {name} took {give} of them, and {other} took {lose}. How "
                        "many {item} are still in the box?"
                    ),
                    (
                        "{name} sells {give} of {start} {item} in the morning and {lose} more after lunch. How many "
                        "{item} remain?"
                    ),
                ),
                work=(Step("then", "start - give", "Then: {eq}."), Step("left", "then - lose", "Left: {eq}.")),
                answer="start - (give + lose)",
                where="start > give + lose + 1",
                distractors=("There are {extra} {item2} in a drawer.",),
            ),
            Variant(
                steps=3,
                quantities={"start": span(40, 150), "give": span(5, 50), "lose": span(5, 40), "get": span(5, 50)},
                wordings=(
                    (
                        "{name} has {start} {item} and gives {give} to {other} and {lose} to {third}. Then {name} "
                        "finds {get} more. How many {item} does {name} have now?"
                    ),
                    (
                        "{name} had {start} {item}. {name} gave {give} away, lost {lose} and then got {get} more. How "
                        "many {item} does {name} have now?"
                    ),
                    (
                        "How many {item} are there in the end if {name} had {start}, sold {give}, lost {lose} and then "
                        "bought {get}?"
                    ),
                    (
                        "There were {start} {item} in a box. {name} took {give} of them, and {other} took {lose}. Then "
                        "{get} were put back in. How many {item} are in the box?"
                    ),
                    (
                        "{name} sells {give} of {start} {item} in the morning and {lose} after lunch, and then makes "
                        "{get} new ones. How many {item} are there now?"
                    ),
                ),
                work=(
                    Step("then", "start - give", "Then: {eq}."),
                    Step("left", "then - lose", "Left: {eq}."),
                    Step("now", "left + get", "Now: {eq}."),
                ),
                answer="start + get - give - lose",
                where="start > give + lose + 1",
            ),
        ),
    ),
    Family(
        name="subtraction_difference",
        skill="subtraction",
        version=1,
        idea=(
            "To find how many more one has than another, subtract the smaller from the larger: 30 - 18 = 12 more.",
            "A difference is found by subtracting. Between 45 and 20 the difference is 45 - 20 = 25.",
            "How many fewer and how many more both ask for the difference, larger minus smaller.",
            "If the numbers change first, work out the new numbers, and then subtract: 10 + 5 = 15, and 15 - 8 = 7.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"more": span(20, 150), "less": span(5, 99)},
                wordings=(
                    "{name} has {more} {item}. {other} has {less} {item}. How many more {item} does {name} have?",
                    "How many more {item} does {name} have than {other} if {name} has {more} and {other} has {less}?",
                    "{name} has {more} {item} and {other} has {less}. How many fewer {item} does {other} have?",
                    "{name} found {more} {item}, and {other} found {less}. What is the difference in {item}?",
                    (
                        "There are {more} {item} and {less} {item2} in the box of {name}. How many more {item} than "
                        "{item2} are there?"
                    ),
                ),
                work=(Step("difference", "more - less", "Difference: {eq}."),),
                answer="more - less",
                where="more > less + 1",
            ),
            Variant(
                steps=2,
                quantities={"more": span(20, 99), "get": span(4, 50), "less": span(5, 90)},
                wordings=(
                    (
                        "{name} has {more} {item} and gets {get} more. {other} has {less} {item}. How many more {item} "
                        "does {name} have than {other}?"
                    ),
                    (
                        "How many more {item} than {other} does {name} have if {name} has {more} and then gets {get}, "
                        "and {other} has {less}?"
                    ),
                    (
                        "{name} found {more} {item} on Monday and {get} on Tuesday. {other} found {less}. What is the "
                        "difference in {item}?"
                    ),
                    (
                        "{name} had {more} {item} and bought {get} more, while {other} has {less}. How many fewer "
                        "{item} does {other} have?"
                    ),
                    (
                        "{name} has {more} old {item} and {get} new {item}. {other} has {less}. By how many {item} "
                        "does {name} have more?"
                    ),
                ),
                work=(
                    Step("now", "more + get", "For {name}: {eq}."),
                    Step("difference", "now - less", "Difference: {eq}."),
                ),
                answer="more - less + get",
                where="more + get > less + 1",
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={"more": span(20, 99), "get": span(4, 50), "less": span(20, 99), "lose": span(4, 18)},
                wordings=(
                    (
                        "{name} has {more} {item} and gets {get} more. {other} has {less} {item} and loses {lose}. How "
                        "many more {item} does {name} have now?"
                    ),
                    (
                        "How many more {item} than {other} does {name} have if {name} has {more} and gets {get}, and "
                        "{other} has {less} and gives {lose} away?"
                    ),
                    (
                        "{name} found {more} {item}, then {get} more. {other} found {less} and lost {lose} of them. "
                        "What is the difference in {item}?"
                    ),
                    (
                        "{name} had {more} {item} and bought {get}. {other} had {less} and sold {lose}. How many fewer "
                        "{item} does {other} have now?"
                    ),
                    (
                        "{name} has {more} old {item} and {get} new {item}. {other} had {less} but lost {lose}. By how "
                        "many {item} does {name} have more?"
                    ),
                ),
                work=(
                    Step("now", "more + get", "For {name}: {eq}."),
                    Step("left", "less - lose", "For {other}: {eq}."),
                    Step("difference", "now - left", "Difference: {eq}."),
                ),
                answer="(more - less) + (get + lose)",
                where="more + get > less - lose + 1",
            ),
        ),
    ),
    Family(
        name="subtraction_needed",
        skill="subtraction",
        version=1,
        idea=(
            "To find how many more are needed, subtract what you have from what you need: 50 - 30 = 20 more.",
            "Needed means goal minus what is there. With a goal of 40 and 25 ready, 40 - 25 = 15 are missing.",
            (
                "First add up everything that is there, then subtract the sum from the goal: 10 + 20 = 30, and 50 - 30 "
                "= 20."
            ),
            "What is missing is the difference between the goal and the number that you have.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"goal": span(20, 150), "have": span(5, 99)},
                wordings=(
                    "{name} needs {goal} {item} and has {have}. How many more {item} does {name} need?",
                    "{name} wants to collect {goal} {item}. So far there are {have}. How many {item} are missing?",
                    "How many more {item} does {name} need to have {goal} if there are {have} now?",
                    (
                        "There is room for {goal} {item} in the box of {name}. It has {have} in it. How many more "
                        "{item} fit in?"
                    ),
                    "{name} has {have} {item} but needs {goal}. How many {item} must {name} still get?",
                ),
                work=(Step("needed", "goal - have", "Needed: {eq}."),),
                answer="goal - have",
                where="goal > have + 1",
                distractors=("{other} has {extra} {item2}.",),
            ),
            Variant(
                steps=2,
                quantities={"goal": span(50, 150), "have": span(5, 60), "get": span(5, 60)},
                wordings=(
                    (
                        "{name} needs {goal} {item}. {name} has {have} and gets {get}. How many more {item} does "
                        "{name} need?"
                    ),
                    (
                        "{name} wants to collect {goal} {item}. On Monday {name} finds {have}, and on Tuesday {get}. "
                        "How many {item} are missing?"
                    ),
                    (
                        "How many more {item} does {name} need to have {goal} if there are {have} now and {other} "
                        "gives {get} more?"
                    ),
                    (
                        "There is room for {goal} {item} in a box. {name} puts in {have}, and {other} puts in {get}. "
                        "How many more {item} fit in?"
                    ),
                    "{name} has {have} {item} and buys {get}, but needs {goal}. How many {item} must {name} still get?",
                ),
                work=(
                    Step("now", "have + get", "Now: {eq}."),
                    Step("needed", "goal - now", "Needed: {eq}."),
                ),
                answer="goal - get - have",
                where="goal > have + get + 1",
                distractors=("{third} has {extra} {item2}.",),
            ),
            Variant(
                steps=3,
                quantities={"goal": span(60, 150), "have": span(5, 50), "get": span(5, 40), "more": span(5, 40)},
                wordings=(
                    (
                        "{name} needs {goal} {item}. {name} has {have}, gets {get} and then finds {more}. How many "
                        "more {item} does {name} need?"
                    ),
                    (
                        "{name} wants to collect {goal} {item}. On Monday {name} finds {have}, on Tuesday {get} and on "
                        "Wednesday {more}. How many {item} are missing?"
                    ),
                    (
                        "How many more {item} does {name} need to have {goal} if there are {have} now, {other} gives "
                        "{get} and {third} gives {more}?"
                    ),
                    (
                        "There is room for {goal} {item} in a box. {name} puts in {have}, {other} puts in {get}, and "
                        "{third} puts in {more}. How many more {item} fit in?"
                    ),
                    (
                        "{name} has {have} {item}, buys {get} and makes {more}, but needs {goal}. How many {item} must "
                        "{name} still get?"
                    ),
                ),
                work=(
                    Step("then", "have + get", "Then: {eq}."),
                    Step("now", "then + more", "Now: {eq}."),
                    Step("needed", "goal - now", "Needed: {eq}."),
                ),
                answer="goal - get - have - more",
                where="goal > have + get + more + 1",
            ),
        ),
    ),
)
