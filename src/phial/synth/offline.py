"""What the offline teacher writes for the built-in flows, so that each of them yields records without a network.

    LedgerTeacher(procedural.IDENTITY, Procedural(WRITERS), ledger)

The words are put together from the teacher's book: right in form and in what is calculated, and plain.
"""

from __future__ import annotations

import re

from phial.synth.book import Page, the_book
from phial.synth.fences import blocks, fenced
from phial.synth.offline_answers import ANSWERS
from phial.synth.procedural import Asked, Write
from phial.synth.prose import content_words, shared
from phial.synth.python_functions import find_function, header
from phial.synth.scripted import Written

_EQUATION = re.compile(r"(?<![\w.=] )(?<![\w.])(\d+(?:\.\d+)?(?: [-+*/] \d+(?:\.\d+)?)+) = ")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def _quoted_exercise(text: str) -> Page | None:
    """The exercise whose signature and docstring a text quotes; signatures alone are not unique."""
    for page in the_book().exercises:
        function = find_function(page.code)
        if function and (page.code.rstrip() in text or header(function) in text):
            return page
    return None


def _given(asked: Asked) -> str:
    """The text that a prompt was given: its last code block."""
    return (blocks(asked.words) or [""])[-1]


def _program(asked: Asked) -> str:
    """A program of the equations in a page's work; the last one gives the answer."""
    steps = list(dict.fromkeys(_EQUATION.findall(asked.page.work)))
    lines = [f"    step_{number} = {step}" for number, step in enumerate(steps, 1)]
    return fenced("\n".join(["def solution():", *lines, f"    return step_{len(steps)}"]), "python")


def _check(asked: Asked) -> str:
    return _program(asked) if "Python function" in asked.words else asked.page.work


def _code_exercise(asked: Asked) -> str:
    return fenced(asked.page.code, "python")


def _tests(asked: Asked) -> str:
    page = _quoted_exercise(_given(asked)) or asked.page
    return fenced("\n".join(page.tests), "python")


def _calls(asked: Asked) -> str:
    page = _quoted_exercise(_given(asked)) or asked.page
    return fenced("\n".join(test.removeprefix("assert ").partition(" == ")[0] for test in page.tests), "python")


def _instruction(asked: Asked) -> str:
    page = _quoted_exercise(_given(asked)) or asked.page
    return f"{page.question} The result is computed from the arguments alone."


def _regenerated(asked: Asked) -> str:
    return fenced(asked.page.code, "python")


def _section(asked: Asked) -> str:
    page = asked.page
    named = re.search(r"^The topic: (.+)$", asked.words, re.MULTILINE)
    topic = named.group(1) if named else page.topic
    return f"""# {topic.capitalize()}

This section is on {topic}. {page.idea}

Here is an example of it. {page.question} This is how it is worked out, step by step:

{page.work}

Question: what was given in the example, and what was asked for? Answer: the numbers in its first sentences were given,
and its last sentence asks for the rest.
"""


def _rewrite(asked: Asked) -> str:
    """The sentences of a text in the form that is asked for."""
    said = [sentence.strip() for sentence in _SENTENCE.split(" ".join(_given(asked).split())) if sentence.strip()]
    told = [f"{_own_words(sentence)}" for sentence in said[:4]] or ["there is nothing to say about it"]
    if '"Student:"' in asked.words:
        turns = [f"Student: What is there to know about this?\nTutor: It is so that {one}" for one in told]
        return "\n".join(
            [*turns, "Student: Why is that so?\nTutor: Try it out with a small example, and you will see."]
        )
    if '"Situation"' in asked.words:
        facts = " Besides, it is so that ".join(told)
        return (
            f"Situation: Somebody has to work with this, and knows that {facts}\nQuestion: What follows from it?\n"
            f"Reasoning: 1. It is known that {told[0]}\n2. What is known can be used.\nAnswer: It can be used as it is."
        )
    if '"Exercise 1"' in asked.words:
        first, last = told[0], told[-1]
        return (
            f"Exercise 1\nExplain in your own words that {first}\nSolution 1\nIt is so that {first} Say why.\n"
            f"Exercise 2\nGive an example that shows that {last}\nSolution 2\nTake a small case, and see that {last}"
        )
    return "# What there is to know\n\n" + "\n\n".join(f"The next thing to know is that {one}" for one in told)


def _own_words(sentence: str) -> str:
    """A sentence in which no long run of its words is left."""
    words = sentence.split()
    return " ".join(word + (", so to speak," if place % 6 == 5 else "") for place, word in enumerate(words))


def _questions(asked: Asked) -> Written:
    said = [one for one in _SENTENCE.split(" ".join(_given(asked).split())) if 40 <= len(one) <= 300]
    items = []
    for sentence in said[:2]:
        words = sorted(content_words(sentence))[:2]
        question = f"What is there to be said about {' and '.join(words)}?"
        items.append({"question": question, "answer": sentence, "evidence": sentence})
    return {"items": items}


def _answer(asked: Asked) -> str:
    """The sentence of a text that has most of the question's words."""
    question = asked.words.rpartition(": ")[2]
    sentences = _SENTENCE.split(" ".join(_given(asked).split()))
    return max(sentences, key=lambda one: shared(content_words(question), content_words(one)))


def _middle(asked: Asked) -> str:
    thought = "What is before the gap prepares something that is used behind it. So the gap has to connect the two."
    context = _given(asked)
    function = find_function(context)
    for page in the_book().exercises if function else ():
        found = find_function(page.code)
        if found and header(found) == header(function):  # type: ignore[arg-type]
            before, after = re.split(r"[ \t]*# \?\?\?.*\n?", context + "\n", maxsplit=1)
            middle = page.code.removeprefix(before).rstrip().removesuffix(after.rstrip())
            return f"{thought}\n\n{fenced(middle, 'python')}"
    return f"{thought}\n\nMissing:\n{asked.page.idea}"


def _page(asked: Asked) -> Written:
    words = len(content_words(_given(asked)))
    return {"topic": asked.page.topic, "educational_value": min(5, words // 10)}


def _passages(asked: Asked) -> Written:
    lines = [line.partition(": ") for line in asked.words.splitlines() if re.match(r"\d+: ", line)]
    described = max((text for _, _, text in lines), key=len, default="")
    passage = {
        "first_line": 1,
        "last_line": len(lines),
        "information_type": "explanation",
        "description": described[:400],
        "complexity": asked.random.choice("ABC"),
        "factual_obscurity": asked.random.choice("ABC"),
        "chain_of_reasoning": False,
        "steps": [],
    }
    return {"passages": [passage]}


WRITERS: dict[str, Write] = {
    **ANSWERS,
    "calls": _calls,
    "code-exercise": _code_exercise,
    "code-exercise-solve": _code_exercise,
    "code-exercise-tests": _tests,
    "exercise-check": _check,
    "fill-in-the-middle": _middle,
    "instruction-reversal": _instruction,
    "question-answer": _answer,
    "question-extraction": _questions,
    "regenerate": _regenerated,
    "rewrite": _rewrite,
    "seed-page": _page,
    "seed-passages": _passages,
    "textbook-section": _section,
    "tinygsm": _program,
    "tinygsm-problem": lambda asked: asked.page.question,
}
