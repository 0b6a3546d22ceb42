"""Claim: gates on answers, votes, forms, chains and prose catch 90 % of what is planted where the truth is exact.

    python bench/gates_answers.py [--endpoint http://127.0.0.1:8080/v1 --model NAME --ledger ledger.sqlite]

For each gate 50 bad and 50 good records are planted, of several sorts each, by drawing from checked problems and from
the documentation of the standard library, and the gate is asked about all of them; among the bad are sorts that some
gates were not made for. The share caught and the share of good ones refused stand with their 95 % intervals (Wilson),
with the sorts that slipped. "Exact" is the truth of a gate where what was planted decides it: a wrong answer is wrong,
a repeated key is repeated. Prose and rubric have no exact truth. The rubric is judged by a teacher: with --endpoint 50
sound lessons and 50 with planted faults are put before it (paid once: the ledger keeps the replies), without one that
gate is left out. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pydantic import BaseModel, Field

from phial.evals.statistics import wilson
from phial.record import Preference
from phial.synth.book import Book, Page, mistaken
from phial.synth.endpoint import Endpoint
from phial.synth.endpoints import Endpoints
from phial.synth.faults import TeacherFault
from phial.synth.flows.hallucination_pairs import matches, refusal_fault
from phial.synth.flows.reasoning_chain import blocks, chain_fault
from phial.synth.flows.refusal_pairs import decline_fault
from phial.synth.flows.self_revision import Critique, critique_request, passes
from phial.synth.flows.story import story_fault
from phial.synth.ledger import Ledger
from phial.synth.reply import Reply
from phial.synth.request import Identity
from phial.synth.seeds import read_seeds
from phial.synth.teacher import LedgerTeacher
from phial.synth.vocabulary import ADJECTIVES, NOUNS, VERBS
from phial.verify.form import preference, read_json
from phial.verify.maths import compare
from phial.verify.prose import check_prose
from phial.verify.vote import plurality

COUNT = 50
MUST = 0.9
SEED = 11


@dataclass
class Gate:
    """One gate and what was planted.

    Attributes:
        name: of the gate.
        exact: whether what was planted decides what is right.
        good: accepted or not, for each good record.
        bad: accepted or not, for each bad record.
        slips: sorts of bad records that were accepted, and of good ones that were refused.
    """

    name: str
    exact: bool
    good: list[bool] = field(default_factory=list)
    bad: list[bool] = field(default_factory=list)
    slips: dict[str, int] = field(default_factory=dict)

    def put(self, sort: str, good: bool, accepted: bool) -> None:
        """Count the gate's answer to one record of a sort."""
        (self.good if good else self.bad).append(accepted)
        if accepted != good:
            name = f"{'good' if good else 'bad'}: {sort}"
            self.slips[name] = self.slips.get(name, 0) + 1


def pages(count: int) -> list[Page]:
    """Checked problems whose answer is a whole number."""
    return [page for page in Book().problems if page.answer.lstrip("-").isdigit()][:count]


def reply(text: str, reasoning: str = "", finish: str = "stop") -> Reply:
    """What a teacher would have said."""
    return Reply(text, None, reasoning, finish, 0, 0, 0.0, (), False)


def answers() -> Gate:
    """Right answers in other notations, and wrong ones that look like them."""
    gate = Gate("answer check", exact=True)
    draw = Random(SEED)
    symbolic = [
        (r"2\sqrt{2}", r"\sqrt{8}"), ("x**2 - 1", "(x-1)(x+1)"), (r"\frac{\pi}{2}", r"\frac{2\pi}{4}"), ("x = 7", "7"),
        (r"\{3,1,2\}", r"\{1,2\}\cup\{3\}"), ("2*(x+3)", "2x+6"), (r"\sqrt{50}", r"5\sqrt{2}"), ("25%", "0.25"),
        (r"\frac{x^2-4}{x-2}", "x+2"), (r"2^{10}", "1024"),
    ]  # fmt: skip
    wrong_symbolic = [
        (r"2\sqrt{3}", r"\sqrt{8}"), ("x**2 + 1", "(x-1)(x+1)"), (r"\frac{\pi}{3}", r"\frac{2\pi}{4}"), ("x = -7", "7"),
        ("(1,3)", r"\{1,3\}"), ("2*(x+3)", "2x+3"), (r"\{1,2\}", "1 < x < 2"), ("25%", "0.2"),
        (r"5^{5^{5^{5}}}", "3125"), (r"\frac{x^2-4}{x-2}", "x-2"),
    ]  # fmt: skip
    for answer, gold in symbolic:
        gate.put("algebra", True, compare(answer, gold).equal)
    for answer, gold in wrong_symbolic:
        gate.put("algebra", False, compare(answer, gold).equal)
    for number in range(40):
        value = draw.randint(1000, 9999999)
        low = draw.choice((3, 7, 9, 11, 13))
        notations = (
            ("thousands", f"{value:,}", str(value)),
            ("LaTeX thousands", f"${value:,}$".replace(",", "{,}"), str(value)),
            ("unreduced", f"{value * low}/{low * 8}", rf"\frac{{{value}}}{{8}}"),
            ("rounded", f"{value / low:.6f}", f"{value}/{low}") if value % low else ("equal", str(value), f"{value}.0"),
            ("boxed", rf"\boxed{{{value}}}", f"{value}."),
        )
        falsehoods = (
            ("off by one", str(value + draw.choice((-1, 1))), str(value)),
            ("sign", str(-value), str(value)),
            ("digits swapped", swapped(str(value)), str(value)),
            ("rounded too far", f"{value / 8 + 0.004:.3f}", f"{value}/8"),
            ("upside down", f"{low}/{value}", f"{value}/{low}"),
        )
        for good, choices in ((True, notations), (False, falsehoods)):
            sort, answer, gold = choices[number % 5]
            gate.put(sort, good, compare(answer, gold).equal)
    return gate


def swapped(digits: str) -> str:
    """A number with two different neighbouring digits swapped; the next number where there are none."""
    for place in range(1, len(digits) - 1):
        if digits[place] != digits[place + 1]:
            return digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
    return str(int(digits) + 1)


def votes() -> Gate:
    """Divided questions with a right plurality; unanimous and hopeless ones."""
    gate = Gate("plurality band", exact=True)
    draw = Random(SEED)
    for number, page in enumerate(pages(COUNT)):
        right = int(page.answer)
        forms = [str(right), f"{right:,}", f"{right}.0", f"{2 * right}/2", rf"\boxed{{{right}}}"]
        agree = [draw.choice(forms) for _ in range(3 + number % 2)]
        rest: list[str | None] = [str(right + 3 + place) for place in range(5 - len(agree))]
        mixed = [*agree, *rest]
        draw.shuffle(mixed)
        made = plurality(mixed)
        gate.put("divided", True, made.band == "kept" and compare(made.answer, page.answer).equal)
        apart = [str(right + step) for step in draw.sample(range(1, 90), 5)]
        bad: list[tuple[str, list[str | None]]] = [
            ("unanimous", [draw.choice(forms) for _ in range(5)]),
            ("all different", list(apart)),
            ("two and two", [apart[0], apart[0], apart[1], apart[1], apart[2]]),
            ("hardly any answer", [forms[0], forms[0], None, None, None]),
            ("no number", ["nan", "nan", "1/0", "1e999999", "nan"]),
            ("wrong nine times of ten", [drawn(page, draw) for _ in range(5)]),
        ]
        sort, given = bad[number % 6]
        gate.put(sort, False, plurality(given).band == "kept")
    return gate


def drawn(page: Page, draw: Random) -> str:
    """An answer to a question that the teacher mostly gets wrong, always by one of a few numbers."""
    return page.answer if draw.random() < 0.1 else mistaken(page, draw).answer


def band_errors(samples: int = 5) -> dict[str, dict[str, object]]:
    """How often the plurality is wrong that the band keeps, of all questions of an erring teacher's book."""
    made: dict[str, dict[str, object]] = {}
    for least_share in (0.3, 0.5, 0.7):
        draw = Random(SEED)
        kept: list[bool] = []
        for page in Book().problems:
            sheets = [mistaken(page, draw) if draw.random() < page.wrong_share else page for _ in range(samples)]
            vote = plurality([sheet.answer for sheet in sheets], least_share, lambda one, other: one == other)
            if vote.band == "kept":
                kept.append(vote.answer == page.answer)
        wrong = wilson(kept.count(False), len(kept))
        print(
            f"plurality of {least_share:.0%} of {samples}: {len(kept)} of {len(Book().problems)} questions kept, wrong "
            f"{wrong.share:.0%} [{wrong.low:.0%}, {wrong.high:.0%}]"
        )
        made[f"{least_share:g}"] = {"kept": len(kept), "wrong": wrong.share, "interval": [wrong.low, wrong.high]}
    return made


def chains() -> Gate:
    """Chains of thought with the right answer and right steps, and those that lack one of both or their form."""
    gate = Gate("reasoning chain", exact=True)
    draw = Random(SEED)

    def accepted(text: str, page: Page) -> bool:
        thought, answer = blocks(reply(text))
        return not chain_fault(thought, answer, 10) and compare(answer, page.answer).equal

    for number, page in enumerate(page for page in pages(400) if " = " in page.work and len(page.work.split()) >= 15):
        if number == COUNT:
            break
        good = f"<think>\n{page.idea}\n{page.work}\n</think>\n<answer>{page.answer}</answer>"
        gate.put("right", True, accepted(good, page))
        wrong = mistaken(page, draw).answer
        head, _, tail = page.work.rpartition(" = ")
        value, rest = tail[: len(tail) - len(tail.lstrip("0123456789"))], tail.lstrip("0123456789")
        bad = (
            ("wrong answer", good.replace(f"<answer>{page.answer}", f"<answer>{wrong}")),
            ("wrong step", good.replace(page.work, f"{head} = {int(value or 0) + 1}{rest}")),
            ("no end of thinking", good.replace("</think>", "")),
            ("no thinking", f"<think></think><answer>{page.answer}</answer>"),
            ("in circles", good.replace(page.work, "So we look at it once more and count again. " * 30)),
            ("wrong step in words", good.replace("<think>", "<think>\nThree times four makes thirteen.")),
        )
        # The last sort, which no gate here can read, is every tenth.
        sort, text = bad[5 if number % 10 == 9 else number % 5]
        gate.put(sort, False, accepted(text, page))
    return gate


class Item(BaseModel, extra="forbid"):
    """What JSON is read as in the next gate."""

    name: str
    count: int = Field(ge=0)
    tags: list[str]


def forms() -> Gate:
    """JSON of a schema, pairs of answers, and what only looks like them."""
    gate = Gate("form", exact=True)
    draw = Random(SEED)
    for number in range(COUNT):
        fields = {"name": draw.choice(NOUNS), "count": draw.randint(0, 99), "tags": draw.sample(ADJECTIVES, 2)}
        good = json.dumps(fields)
        question, one, other = (("user", "Why?"),), (("assistant", "So."),), (("assistant", "Thus."),)
        bad_pairs = (
            Preference(question, one, one),
            Preference(question, one, (("assistant", " "),)),
            Preference((), one, other),
            Preference(question, question, one),
        )
        bad_texts = (
            ("number as text", json.dumps(fields | {"count": str(fields["count"])})),
            ("below its least", json.dumps(fields | {"count": -1})),
            ("key too many", json.dumps(fields | {"more": 1})),
            ("key missing", json.dumps({"name": "x", "count": 1})),
            ("key twice", good[:-1] + ', "count": 3}'),
            ("words around", f"Here it is: {good}"),
            ("cut off", good[:-4]),
            ("NaN", good.replace(str(fields["count"]), "NaN", 1)),
            ("null", json.dumps(fields | {"tags": None})),
        )
        if number % 5 == 4:
            gate.put("pair", True, preference(Preference(question, one, other)).passed)
            gate.put("pair", False, preference(bad_pairs[number // 5 % 4]).passed)
        else:
            gate.put("JSON", True, read_json(good, Item)[1].passed)
            sort, text = bad_texts[number % 9]
            gate.put(sort, False, read_json(text, Item)[1].passed)
    return gate


def refusals() -> Gate:
    """Honest refusals, and those that guess, tell the answer, comply, or lecture."""
    gate = Gate("refusal", exact=True)
    starts = (
        "I do not know",
        "I don't know",
        "I am not sure",
        "I'm not sure",
        "I have never heard of that, so I cannot say",
    )
    ends = (
        ". A library could tell.", ", and I would rather not guess.", ". One could look it up.", ". Ask there.",
        ", but a map of the town would show it.",
    )  # fmt: skip
    declines = ("I can't help with that.", "I won't help with this.", "I'm sorry, but I can't help with it.")
    offers = (
        "It would hurt somebody who did nothing to you. I can help you write a complaint instead.",
        "It is dangerous for everybody around. I can explain how people protect themselves from it.",
        "It takes something from others. If you need money, I can help you look for support.",
    )
    for number in range(COUNT):
        page = pages(COUNT)[number]
        if number % 2:
            good = starts[number % 5] + ends[number // 5 % 5]
            gate.put("not known", True, not refusal_fault(reply(good), page.answer))
            bad = (
                ("answers", f"It is {page.answer}."),
                ("guesses right", f"I do not know, but it must be {page.answer}."),
                ("lectures", "I do not know. " + "One should always be careful with what one asks. " * 12),
                ("silent", ""),
                ("confident", "It was built in the spring of 1907 by the town itself."),
            )
            sort, text = bad[number // 2 % 5]
            gate.put(sort, False, not refusal_fault(reply(text), page.answer))
        else:
            good = f"{declines[number // 2 % 3]} {offers[number // 6 % 3]}"
            gate.put("declined", True, not decline_fault(reply(good)))
            bad = (
                ("complies", "Sure, here is how. Take a thin wire and push it in."),
                ("declines, then instructs", f"{declines[0]} But:\n1. Take a wire.\n2. Push it into the lock."),
                ("too short", "I can't."),
                ("empty", ""),
                ("complies later", "That depends on the door. Most open when one pushes hard, so just try it."),
                ("declines and tells", f"{declines[0]} Most locks open, though, when a thin wire is pushed far in."),
            )
            sort, text = bad[5 if number % 10 == 8 else number // 2 % 5]
            gate.put(sort, False, not decline_fault(reply(text)))
    return gate


def keys() -> Gate:
    """Short answers that give the known one, and those that do not."""
    gate = Gate("answer key", exact=True)
    names = [name for name in sorted(sys.stdlib_module_names) if not name.startswith("_") and len(name) > 3][:COUNT]
    for number, name in enumerate(names):
        other = names[(number + 7) % len(names)]
        good = (name, f"The {name} module.", f"`{name}`", f"{name.title()}.", f"It is {name}")
        bad = (other, f"py{name}", f"The {other} module", f"{name}2 or {other}", "I do not know")
        gate.put("given", True, matches(good[number % 5], name))
        gate.put("another", False, matches(bad[number % 5], name))
    return gate


def stories() -> Gate:
    """Tales with their drawn words, and those without one of them, in hard words, or in circles."""
    gate = Gate("forced words", exact=True)
    draw = Random(SEED)
    for number in range(COUNT):
        words = [draw.choice(VERBS), draw.choice(NOUNS), draw.choice(ADJECTIVES)]
        good = (
            f"Once there was a {words[2]} {words[1]}. A child found it and took it home. Mother said it must have a "
            f"place of its own, so they made one near the door. Each day the child came to it to {words[0]} for "
            "a while. Then it was gone! They looked in all rooms and under the bed. In the end it was where it had "
            "always been, and both of them laughed until it was time to eat."
        )
        gate.put("tale", True, not story_fault(good, words, "twist"))
        missing = number % 3
        without = good.replace(words[missing], "zzz")
        bad = (
            ("word missing", without),
            (
                "hard words",
                good.replace("a while", "considerable intervals of uninterrupted contemplative concentration"),
            ),
            ("in circles", good + " They laughed and laughed and laughed again." * 6),
            ("broken off", good[: len(good) * 2 // 3].rstrip(". !") + " and the"),
            ("an assistant", f"Sure! {good}"),
        )
        sort, text = bad[number % 5]
        gate.put(sort, False, not story_fault(text, words, "twist"))
    return gate


def prose() -> Gate:
    """Checked passages and paragraphs of documentation; the same texts, spoilt as failing teachers spoil them."""
    gate = Gate("prose", exact=False)
    draw = Random(SEED)
    good = [f"{page.idea} {page.question} {page.work}" for page in pages(COUNT // 2)]
    paragraphs = [
        " ".join(paragraph.split())
        for record in read_seeds(["stdlib-docstrings"])
        for paragraph in record.content.split("\n\n")
        if 40 <= len(paragraph.split()) <= 150 and paragraph.rstrip().endswith(".") and paragraph.lstrip()[:1].isupper()
    ]
    good += draw.sample(paragraphs, COUNT - len(good))
    for number, text in enumerate(good):
        gate.put("checked" if number < COUNT // 2 else "documentation", True, check_prose(text).passed)
        words = text.split()
        loop = " ".join(words[:12])
        bad = (
            ("broken off", " ".join(words[: len(words) * 2 // 3]).rstrip(".!?:;)]\"'`*>|0123456789") + " and then the"),
            ("in circles", f"{text} " + f"{loop} " * 8 + "."),
            ("apology", f"I'm sorry, but I can't do exactly that. {text}"),
            ("chatter", f"Certainly! Here it is. {text} I hope this helps."),
            ("hole", f"{text} Your name is [Your Name]."),
            ("another script", text + " " + "\u5206\u6570\u662f" * 20 + "."),
            ("control text", f"{text}<|im_end|>"),
            ("open fence", f"{text}\n```python\nx = 1."),
            ("shuffled lines", "\n".join([" ".join(words[:8]) + "."] * 5 + [text])),
            ("stub", " ".join(words[:9]) + "."),
            ("words shuffled", " ".join(draw.sample(words, len(words))) + "."),
            ("cut at a full stop", " ".join(words[: len(words) * 2 // 3]) + "."),
        )
        sort, spoilt = bad[number % 12]
        gate.put(sort, False, check_prose(spoilt).passed)
    return gate


async def rubric(teacher: LedgerTeacher, together: int) -> Gate:
    """Sound lessons and lessons with one planted fault, before the editor of self-revision."""
    gate = Gate("rubric", exact=False)
    draw = Random(SEED)
    room = asyncio.Semaphore(together)
    planted: list[tuple[str, bool, str]] = []
    for number, page in enumerate(page for page in pages(400) if " = " in page.work and len(page.work.split()) >= 12):
        if number == COUNT:
            break
        sound = f"{page.idea} Here is an example. {page.question} {page.work}"
        planted.append(("sound", True, sound))
        other = pages(400)[(number * 7 + 3) % 400]
        wrong = mistaken(page, draw).answer
        bad = (
            ("wrong answer", sound.replace(f"The answer is {page.answer}", f"The answer is {wrong}")),
            ("steps missing", f"{page.idea} Here is an example. {page.question} The answer is {wrong}."),
            ("another problem's solution", f"{page.idea} Here is an example. {page.question} {other.work}"),
            (
                "idea turned round",
                f"It is not true that {page.idea[0].lower()}{page.idea[1:]} {page.question} {page.work}",
            ),
            ("words shuffled", " ".join(draw.sample(sound.split(), len(sound.split()))) + "."),
        )
        sort, text = bad[number % 5]
        planted.append((sort, False, text))

    async def judge(sort: str, good: bool, text: str) -> None:
        asked = critique_request("a twelve-year-old who likes puzzles", text)
        async with room:
            try:
                made = await teacher.ask(
                    asked, schema=Critique, temperature=0.2, max_tokens=600, task="lesson-critique"
                )
            except TeacherFault:
                gate.put(f"{sort}, no critique", good, False)
                return
        gate.put(sort, good, passes(made.parsed, 4))

    async with teacher:
        await asyncio.gather(*(judge(*one) for one in planted))
    return gate


def told(gates: Sequence[Gate]) -> list[dict[str, object]]:
    """Print a line a gate; JSON-able facts."""
    facts: list[dict[str, object]] = []
    for gate in gates:
        caught = wilson(gate.bad.count(False), len(gate.bad))
        refused = wilson(gate.good.count(False), len(gate.good))
        print(
            f"{gate.name:16} {'exact' if gate.exact else 'judged':7} caught {caught.right:2}/{caught.total} "
            f"{caught.share:4.0%} [{caught.low:.0%}, {caught.high:.0%}]   good refused {refused.right:2}/"
            f"{refused.total} {refused.share:4.0%} [{refused.low:.0%}, {refused.high:.0%}]   {gate.slips or ''}"
        )
        fact = {"gate": gate.name, "exact": gate.exact, "caught": caught.share, "good_refused": refused.share}
        facts.append(fact | {"bad": caught.total, "good": refused.total, "slips": gate.slips})
    return facts


def main() -> int:
    """Plant, ask and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", help="of the teacher that judges by the rubric")
    parser.add_argument("--model", default="teacher")
    parser.add_argument("--name", default="teacher", help="what the ledger calls the teacher")
    parser.add_argument("--ledger", type=Path, default=Path("ledger.sqlite"))
    parser.add_argument("--together", type=int, default=4)
    arguments = parser.parse_args()
    made: list[Callable[[], Gate]] = [answers, votes, chains, forms, refusals, keys, stories, prose]
    gates = [plant() for plant in made]
    if arguments.endpoint:
        count = arguments.together
        source = Endpoints(
            arguments.model, [Endpoint(arguments.endpoint, start=count, concurrency=count, timeout=1800)]
        )
        with Ledger(arguments.ledger) as ledger:
            teacher = LedgerTeacher(Identity(arguments.name, arguments.model), source, ledger, run="gates")
            gates.append(asyncio.run(rubric(teacher, count)))
    facts = told(gates)
    errors = band_errors()
    result = {"claim": "gates on answers", "gates": facts, "must_catch_exact": MUST, "plurality_errors": errors}
    print(json.dumps(result))
    return 0 if all(fact["caught"] >= MUST for fact in facts if fact["exact"]) else 1  # type: ignore[operator]


if __name__ == "__main__":
    sys.exit(main())
