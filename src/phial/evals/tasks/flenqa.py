"""FlenQA-like questions: two facts in a text of 250 to 3,000 tokens, and a question that needs both (own generator)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice, product

from phial.engine.request import Sampling
from phial.evals.extract import boxed, stated
from phial.evals.facts import DISPERSIONS, KINDS, PADDINGS, Problem, hidden, problem
from phial.evals.generated import characters, identity, require, stream
from phial.evals.items import protocol_of
from phial.evals.presets import PHI_4_REASONING
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

VERSION = 1  # of what is generated from a seed; a golden test asks for the next when that changes
SIZES = (250, 500, 1000, 2000, 3000)
LOOKED_AT = 100_000  # characters at the end of a reply

_GREEDY = Sampling(max_tokens=1024)
PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot, reasoning allowed, last line 'Answer: True'", _GREEDY),
    "flenqa": Protocol(
        "flenqa", "FLenQA's direct prompt, last 'true' or 'false'", Sampling(max_tokens=400), extractor="compat:eureka"
    ),
    "flenqa-cot": Protocol(
        "flenqa-cot", "FLenQA's prompt step by step, last 'true' or 'false'", _GREEDY, extractor="compat:eureka"
    ),
    "phi-4": Protocol(
        "phi-4", "Eureka's direct prompt, 3,000 tokens, greedy", Sampling(max_tokens=4096), extractor="compat:eureka"
    ),
    "phi-4-reasoning": Protocol(
        "phi-4-reasoning", "Eureka's direct prompt, 3,000 tokens, sampled", PHI_4_REASONING, extractor="compat:eureka"
    ),
}

_OWN = """{text}

{rule}Is the following true, by what the text says and nothing else?
{question}

Reason as you like, then end with a line "Answer: True" or "Answer: False"."""

# The wording of FLenQA, which Eureka keeps; Eureka's templates have other white space.
_DIRECT = {
    "relation": "Here are some facts. Answer the exact following question based on the text: {question} Answer the "
    "question as it appears exactly.\n{text}\n{question}\nAnswer only True or False.",
    "rule": "Answer whether the statement {question} can be derived from the rule and the facts. Answer with either "
    '"True" or "False".\nRule: {rule}\nFacts: {text}\nAnswer with either "True or "False".',
    "rooms": "{text}\nTrue/False Question: {question}\nAnswer only True or False.",
}
_STEPS = {
    "relation": "Here are some facts. Answer the exact following question based on the text: {question} Answer the "
    "question as it appears exactly.\nShow your steps then answer with 'true' or 'false'.\n{text}\n{question}\nLet's "
    "work this out in a step by step way to be sure we have the right answer. Show your work and finally answer with "
    "'true' or 'false'. The final step should include the exact text of the question and the answer.",
    "rule": "Answer whether the statement {question} can be derived from the rule and the facts.\nShow your steps then "
    'answer with either "True" or "False".\nRule: {rule}\nFacts: {text}\nAnswer with either "True or "False". Let\'s '
    "work this out in a step by step way to be sure we have the right answer.",
    "rooms": "Show your steps then answer with 'true' or 'false'.\n{text}\nTrue/False Question: {question}\nLet's work "
    "this out in a step by step way to be sure we have the right answer.",
}


def make(
    seed: int = 0,
    items: int = 240,
    protocol: str = "phial",
    sizes: Sequence[int] = (),
    kinds: Sequence[str] = KINDS,
    paddings: Sequence[str] = PADDINGS,
    dispersions: Sequence[str] = DISPERSIONS,
) -> Task:
    """Generate questions; nobody can have trained on them.

    Every problem is asked at all sizes, paddings and dispersions before the next one is begun, and the answers of a
    cell alternate, so an even number of problems a cell has as many of either label.

    Args:
        seed: other seeds, other problems.
        items: in all; 240 are two problems of each kind at all 40 places.
        protocol: its name; those of the reports use 3,000 tokens only.
        sizes: of the texts, in tokens, as `generated.characters` reckons them.
        kinds: "relation" (MonoRel), "rule" (simplified RuleTaker), "rooms" (people in rooms).
        paddings: "same" for facts of the same kind about others, "other" for prose.
        dispersions: where the facts stand: "first", "middle", "last", "random".
    """
    chosen = tuple(sizes) or ((3000,) if protocol.startswith("phi-4") else SIZES)
    for given, known in ((kinds, KINDS), (paddings, PADDINGS), (dispersions, DISPERSIONS)):
        unknown = [name for name in given if name not in known]
        require(
            not unknown and len(given) > 0, f"no {unknown or 'empty list'}", "flenqa", f"choose of {', '.join(known)}"
        )
    require(
        all(100 <= size <= 200_000 for size in chosen), "a size out of range", "flenqa", "use 100 to 200,000 tokens"
    )
    cells = list(product(chosen, kinds, paddings, dispersions))
    made = []
    for index, (number, (size, kind, padding, dispersion)) in enumerate(
        islice(((number, cell) for number in range(items) for cell in cells), items)
    ):
        places = chosen.index(size), kinds.index(kind), paddings.index(padding), dispersions.index(dispersion)
        label = (number + sum(places)) % 2 == 0
        asked = problem(kind, label, stream("flenqa", VERSION, seed, kind, number))
        place = stream("flenqa", VERSION, seed, kind, number, size, padding, dispersion)
        text = hidden(asked, characters(size), padding, dispersion, place)
        tags = {
            "kind": kind,
            "size": str(size),
            "padding": padding,
            "dispersion": dispersion,
            "label": str(label).lower(),
        }
        made.append(Item(f"{index:05}", (("user", _prompt(asked, text, protocol)),), tags["label"], tags))
    key = identity(
        "flenqa", VERSION, seed=seed, items=items, protocol=protocol, axes=[chosen, list(kinds), paddings, dispersions]
    )
    extractors = {"phial": extract, "compat:eureka": extract_as_eureka}
    return Task("flenqa", protocol_of(PROTOCOLS, protocol, "flenqa"), tuple(made), extractors, grade, key, blank=blank)


def _prompt(asked: Problem, text: str, protocol: str) -> str:
    if protocol == "phial":
        rule = f"Rule: {asked.rule}\n" if asked.rule else ""
        return _OWN.format(text=text, rule=rule, question=asked.question)
    template = (_STEPS if protocol == "flenqa-cot" else _DIRECT)[asked.kind]
    return template.format(text=text, rule=asked.rule, question=asked.question)


_WORDS = re.compile(r"(?:(\bnot|n['\u2019]t)\s{1,3}(?:(?:an?|the)\s{1,3})?)?\b(true|false)\b", re.IGNORECASE)
_LONE = re.compile(r"\W*(true|false|yes|no)\b\W*", re.IGNORECASE)
_FIRST = re.compile(r"[\s*_`\"'#]{0,8}(true|false)[*_`\"']{0,3}(?:[.,:;!\n]|\Z)", re.IGNORECASE)
_AS = {"yes": "true", "no": "false"}


def extract(reply: str, item: Item) -> Extraction:
    """True or false: in a box, behind the last "Answer:", as the whole last or first line or the first word.

    Without any of them, the last of the two words counts; "not true" is false.
    """
    reply = reply[-LOOKED_AT:]
    statement, rule = stated(reply) or ("", "")
    for text, name in ((boxed(reply) or "", "boxed"), (statement, rule)):
        if found := _last(text):
            return Extraction(found, name)
        if match := re.match(r"\W*(yes|no)\b", text, re.IGNORECASE):
            return Extraction(_AS[match[1].lower()], name)
    lines = [line for line in reply.splitlines() if line.strip()]
    for text, name in ((lines[-1:], "last-line"), (lines[:1], "first-line")):
        if text and (match := _LONE.fullmatch(text[0])):
            word = match[1].lower()
            return Extraction(_AS.get(word, word), name)
    if match := _FIRST.match(reply):
        return Extraction(match[1].lower(), "first-word")
    found = _last(reply)
    return Extraction(found, "last-word") if found else Extraction(None)


def _last(text: str) -> str | None:
    found = list(_WORDS.finditer(text))
    if not found:
        return None
    negated, word = bool(found[-1][1]), found[-1][2].lower()
    return {"true": "false", "false": "true"}[word] if negated else word


def extract_as_eureka(reply: str, item: Item) -> Extraction:
    """The last of "true" and "false" anywhere, inside other words too, where "not true" is "false".

    Eureka, like FLenQA's notebook, means to take punctuation away first, but replaces all 32 marks in a row, which no
    text has; so that "not, true" stays true. Articles do go: "not a true" is "false".
    """
    text = re.sub(r"\b(a|an|the)\b", " ", reply[-LOOKED_AT:].lower())
    text = " ".join(text.split()).replace("not true", "false")
    true, false = text.rfind("true"), text.rfind("false")
    if true == false:
        return Extraction(None)
    return Extraction("true" if true > false else "false", "last-substring")


def grade(answer: str, item: Item) -> Grade:
    """Right or wrong, and apart for true and for false statements."""
    right = float(answer == item.gold)
    return Grade(right, parts={f"of those that are {item.gold}": (right, 1.0)})


def blank(item: Item) -> Grade:
    """Wrong."""
    return Grade(0.0, parts={f"of those that are {item.gold}": (0.0, 1.0)})
