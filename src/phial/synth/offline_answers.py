"""What the offline teacher writes for the flows that vote, revise, talk, refuse and draw; part of `offline.WRITERS`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from phial.synth.fences import fenced
from phial.synth.procedural import Asked, Write
from phial.synth.scripted import Written

_TOPICS = (
    "Counting in groups", "Halves and quarters", "Prices and change", "Distance and time", "Reading a table",
    "Comparing ages", "Areas of rooms", "Averages of marks", "Patterns of numbers", "Sharing equally",
    "Units of weight", "Percentages in shops", "Sequences of steps", "Unknown numbers", "Checking a result",
)  # fmt: skip
_STUDENT = (
    "Why is it done in this order, and not the other way round? {question}",
    "I believe I could also begin at the end. Would {number} come out again?",
    "What would change if one of the numbers were twice as large as before?",
    "So I first look for what is known, and only then for what is asked. Is that right?",
)
_TUTOR = (
    "{idea} That is why the order matters here. In this case: {work}",
    "Going backwards is a good check. Begin with {number} and undo each step; you must arrive at what was given.",
    "Then the result would change as well. Put the new number in, and follow the same steps once more.",
    "Exactly. What is known stands in the text, and what is asked decides which step comes last.",
)


def _lesson(asked: Asked) -> Written:
    page = asked.page
    return (
        f"{page.idea} Here is an example. {page.question} We look at what is given, and take one step after the other. "
        f"{page.work} To check it, read the question once more and see that the result fits it."
    )


def _critique(asked: Asked) -> Written:
    marks = {name: asked.random.randint(3, 5) for name in ("accuracy", "reasoning", "clarity")}
    check = "The idea: right. Each step of the example: right, and it follows."
    return {
        "check": check,
        "faults": ["the example comes late"],
        **marks,
        "advice": "Say first what there is to learn.",
    }


def _turn(asked: Asked) -> Written:
    """The n-th turn differs from those before it; the prompt tells the role and what was said."""
    page = asked.page
    said = asked.words.partition("said: ")[2]
    lines = _TUTOR if "Write what the tutor says" in asked.words else _STUDENT
    facts = {"question": page.question, "number": page.answer, "idea": page.idea, "work": page.work}
    number = next((n for n, line in enumerate(_STUDENT) if line[:20] in said), None)
    if lines is _STUDENT:
        before = next((n for n, line in enumerate(_TUTOR) if line.partition("}")[2][:25] in said), -1) if said else -1
        number = before + 1
    field = "words" if said else "question"
    return {field: lines[(number or 0) % len(lines)].format(**facts)}


def _revised_turn(asked: Asked) -> Written:
    return {
        "faults": [],
        "words": asked.words.rpartition("'s words:")[2].partition("First name")[0].strip().strip("`").strip(),
    }


def _chain(asked: Asked) -> Written:
    return f"<think>\n{asked.page.idea}\n{asked.page.work}\n</think>\n<answer>{asked.page.answer}</answer>"


def _bogus(asked: Asked) -> Written:
    question = asked.words.rpartition("The question:")[2].strip()
    words = question.split()
    name = asked.random.choice(("Zorvane", "Quillibar", "Mertosk", "Ulvendal"))
    return {"bogus_question": " ".join([*words[:-1], "according", "to", f"{name}?"]), "invented": name}


def _refusal(asked: Asked) -> Written:
    return asked.random.choice(
        (
            "I do not know that. A library or somebody who works with it could tell.",
            "I am not sure, and I would rather not guess. One could look it up.",
            "I don't know the answer. It would have to be looked up in a reliable source.",
        )
    )


def _requests(asked: Asked) -> Written:
    harm = re.search(r"asks for help with ([^.\n]+)", asked.words)
    theme = harm[1] if harm else "harming somebody"
    return {
        "unsafe_request": f"Tell me how to manage {theme} without being seen.",
        "safe_request": f"How can I protect my family when somebody tries {theme}?",
    }


def _judged_request(asked: Asked) -> Written:
    """Its own unsafe requests name the harm, its safe ones somebody who tries it."""
    request = asked.words.rpartition("The message:")[2]
    lines = asked.request.messages[0][1].splitlines()
    harms = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    named = next((harm for harm in harms if harm in request and "without being seen" in request), harms[-1])
    return {"helps_with": named}


def _topics(asked: Asked) -> Written:
    return {"topics": asked.random.sample(_TOPICS, 5)}


def _story(asked: Asked) -> Written:
    drawn = re.search(r"matter in it: (\w+), (\w+), (\w+)", asked.words)
    verb, noun, adjective = drawn.groups() if drawn else ("play", "ball", "red")
    names = asked.random.sample(("Tim", "Mia", "Ben", "Lily", "Sam", "Anna"), 2)
    return (
        f"One day {names[0]} went out to play. The sun was up and the air was fresh. Near the path there was a "
        f'{adjective} {noun}. "Look at that," said {names[0]}. {names[1]} came and sat down. "May I {verb} with you?" '
        f"{names[0]} did not like to share at first. Then it began to rain, and they ran home side by side. Mum gave "
        f'them hot milk. "Next time we will do it together," said {names[0]}, and both of them smiled.'
    )


def _function(asked: Asked) -> Written:
    name = re.search(r"Its name is (\w+)\.", asked.words)
    written = f'''def {name[1] if name else "solve"}(values: list[int], limit: int) -> int:
    """Return how many of the values are above the limit, 0 for an empty list."""
    return sum(value > limit for value in values)
'''
    return fenced(written, "python")


def _function_tests(asked: Asked) -> Written:
    names = re.findall(r"^def (\w+)\(", asked.words, re.MULTILINE)
    name = names[-1] if names else "solve"
    cases = (([], 0, 0), ([1, 2, 3], 1, 2), ([5, 5], 5, 0), ([7, -1, 9], 0, 2), ([4], 3, 1))
    return fenced("\n".join(f"assert {name}({values}, {limit}) == {found}" for values, limit, found in cases), "python")


ANSWERS: Mapping[str, Write] = {
    "lesson": _lesson,
    "lesson-critique": _critique,
    "lesson-revision": _lesson,
    "dialogue-turn": _turn,
    "dialogue-revision": _revised_turn,
    "dialogue-summary": lambda asked: "The student knows what is asked; how to check it is still open.",
    "reasoning-chain": _chain,
    "hallucination-answer": lambda asked: asked.page.answer,
    "refusal": _refusal,
    "bogus-question": _bogus,
    "refusal-requests": _requests,
    "refusal-judge": _judged_request,
    "refusal-decline": lambda asked: (
        "I can't help with that, because somebody would be hurt. I can help you find somebody to talk to instead."
    ),
    "refusal-answer": lambda asked: (
        "Begin with what you know for certain, and tell somebody you trust. Write down what happened and when. "
        "Then ask those whose work it is to help."
    ),
    "topic-tree": _topics,
    "story": _story,
    "named-function": _function,
    "named-function-tests": _function_tests,
}
