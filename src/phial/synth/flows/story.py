"""Story: a tale for small children that must use three drawn words.

After TinyStories (arXiv 2305.07759, section 2: a vocabulary that a small child understands; each request forces a
random verb, noun and adjective, and features such as a dialogue or a twist, so that the stories span the vocabulary).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from phial.record import Record, Verdict
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.teacher import Teacher
from phial.synth.vocabulary import ADJECTIVES, FEATURES, HEROES, NOUNS, PLACES, VERBS
from phial.verify.prose import check_prose

_LONG_LETTERS, _LONG_SHARE = 10, 0.04  # words of ten letters and more are hardly any in a child's book
_IRREGULAR = {
    "build": "built", "catch": "caught", "dig": "dug", "draw": "drew", "find": "found", "give": "gave", "hide": "hid",
    "hold": "held", "read": "read", "run": "ran", "sing": "sang", "sleep": "slept", "slide": "slid", "swim": "swam",
    "swing": "swung", "throw": "threw", "leaf": "leaves", "mouse": "mice", "shake": "shook", "tie": "tying",
}  # fmt: skip
_QUOTE = re.compile(r"[\"\u201c\u201d\u00ab]|(?<!\w)['\u2018]\w")
prompts = Prompts.beside(__file__)


@flow("story", prompts.version("1"))
async def story(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Write stories; the record is only what they are drawn by.

    Settings: "count" stories a record (1), "age" of the children (4).
    """
    for number in range(tools.settings.get("count", 1)):
        words = {"verb": VERBS, "noun": NOUNS, "adjective": ADJECTIVES}
        drawn = {kind: tools.random.choice(choices) for kind, choices in words.items()}
        frame = {"hero": tools.random.choice(HEROES), "place": tools.random.choice(PLACES)}
        feature = tools.random.choice(list(FEATURES))
        age = tools.settings.get("age", 4)
        asked = prompts.render("write", **drawn, **frame, age=age, feature=FEATURES[feature])
        reply = await teacher.ask(asked, sample=number, temperature=1.0, top_p=0.95, max_tokens=350, task="story")
        text = reply.text.strip()
        fault = story_fault(text, list(drawn.values()), feature)
        if fault:
            tools.drop(fault.partition(":")[0], fault, text, reply.request_keys)
            continue
        yield derive(
            story,
            record,
            teacher,
            [reply],
            kind="passage",
            text=text,
            verdicts=[Verdict("forced words", True, ", ".join(drawn.values())), check_prose(text)],
            params={"diversity": {**drawn, **frame, "feature": feature}},
        )


def story_fault(text: str, words: list[str], feature: str) -> str:
    """The first reason not to keep a story; "" where there is none."""
    verdict = check_prose(text, least_words=50, most_words=350)
    if not verdict.passed:
        return verdict.detail
    missing = [word for word in words if not uses(text, word)]
    if missing:
        return f"word missing: {', '.join(missing)}"
    if feature == "dialogue" and not _QUOTE.search(text):
        return "feature missing: nobody speaks"
    written = re.findall(r"[^\W\d_]+", text)
    long = [word for word in written if len(word) >= _LONG_LETTERS]
    if len(long) > _LONG_SHARE * len(written):
        return f"hard words: {', '.join(sorted(set(long))[:6])}"
    return ""


def uses(text: str, word: str) -> bool:
    """Whether a text has a word, or an inflected form of it."""
    stem = word[:-1] if word.endswith(("e", "y")) else word
    doubled = word + word[-1]
    forms = rf"{word}(?:s|es|ed|d|ing|r|er|st|est|ly)?|{stem}(?:ies|ied|ing|ed|ier|iest|ily)|{doubled}(?:ed|ing|er|est)"
    irregular = _IRREGULAR.get(word)
    return re.search(rf"\b(?:{forms}{f'|{irregular}' if irregular else ''})\b", text, re.IGNORECASE) is not None
