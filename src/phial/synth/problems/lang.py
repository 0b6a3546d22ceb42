"""The template language of word problems: families of variants, and a generator that draws problems from them.

A problem is a pure function of (family name, version, index, seed, split, steps): its randomness is the digits of a
keyed BLAKE2b hash, so it is the same in every process. The held-out split is decided by the drawn quantities before any
text exists, so no numeric instance of a variant is in both "train" and "heldout".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from phial.synth.problems.lexicon import draw_words
from phial.synth.problems.plans import EXTRA, Plan, plans

SPLITS: Final = ("train", "heldout", "range")
HELDOUT_ONE_IN: Final = 20
_EXTRA_LOW, _EXTRA_COUNT = 2, 29
_MAX_DRAWS: Final = 40_000
_REFILL_BELOW: Final = 1 << 128  # far more than one draw of quantities consumes


@dataclass(frozen=True, slots=True)
class Span:
    """A quantity: an integer from `low` to `high` in steps of `step`; `wide` is drawn in the range split only."""

    low: int
    high: int
    wide: tuple[int, int]
    step: int = 1


def span(low: int, high: int, wide: tuple[int, int] | None = None, step: int = 1) -> Span:
    """Makes a `Span` whose unseen range is, unless given, (high + step, 2 * high).

    Args:
        low: The least value, included.
        high: The greatest value, included when on the grid of `step`.
        wide: The least and greatest value of the unseen range.
        step: The distance between values.

    Returns:
        The span.

    Raises:
        ValueError: A range is empty.
    """
    wide = (high + step, 2 * high) if wide is None else wide
    if not low <= high or not wide[0] <= wide[1] or step < 1:
        raise ValueError(f"empty span: {low}..{high} step {step}, wide {wide}")
    return Span(low, high, wide, step)


@dataclass(frozen=True, slots=True)
class Step:
    """One worked step: the value it defines, its expression, and the sentence that says it.

    `expression` uses quantities and earlier steps with + - * / and parentheses; division is exact, and a tight slash as
    in `a/b` is a fraction literal: it binds first and is shown as 3/4. `{eq}` in `say` shows the expression with its
    numbers and its value, "3 * 4 = 12", with the partial results of `equation` where it has two operands. `say` may use
    any quantity, word field or step so far. A step with an empty `say` is silent; a step without `{eq}` may also use
    % // comparisons, conditionals, min max abs multiples, and text: "'{name}' if a > b else '{other}'",
    "'>' if a > b else '<'". The last step's value is the answer.
    """

    name: str
    expression: str
    say: str = "{eq}."


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """One difficulty of a family; `steps` is unique in the family.

    A field of a wording or a distractor is a word field, a quantity, or an expression over quantities in braces
    ("{start}, {start + jump}"), with a format where needed ("{minute:02d}"). Every wording names every quantity. A
    distractor goes before the last sentence of the wording in about a quarter of the draws. `answer` is a closed form
    over the quantities, written independently of `work`.
    """

    steps: int
    quantities: Mapping[str, Span]
    wordings: tuple[str, ...]
    work: tuple[Step, ...]
    answer: str
    where: str = "True"
    distractors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One kind of problem: the idea behind it in several wordings, and variants of one, two, three or more steps.

    `share` is how often a round of training problems draws from it: skills that are learnt late get more practice.
    """

    name: str
    skill: str
    version: int
    idea: tuple[str, ...]
    variants: tuple[Variant, ...]
    share: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One drawn problem; `work` ends with "The answer is {answer}." and `numbers` are the quantities as declared."""

    family: str
    skill: str
    version: int
    steps: int
    difficulty: int
    question: str
    work: str
    answer: str
    numbers: tuple[int, ...]
    wording: int
    distracted: bool


def is_heldout(family: str, steps: int, numbers: tuple[int, ...]) -> bool:
    """Tells whether a numeric instance of a variant is kept out of training.

    Args:
        family: The family's name.
        steps: The variant's number of steps.
        numbers: The quantities in declared order.

    Returns:
        True for one instance in twenty, by a stable hash.
    """
    digest = blake2b(f"{family}|{steps}|{numbers}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % HELDOUT_ONE_IN == 0


def generate(family: Family, index: int, seed: int, split: str = "train", steps: int | None = None) -> Problem:
    """Draws one problem.

    Args:
        family: The family to draw from.
        index: The problem's number.
        seed: The seed of the whole stream.
        split: "train", "heldout" (numeric instances that "train" never draws) or "range" (at least one quantity lies in
            its unseen range).
        steps: The variant to draw from; any variant when None.

    Returns:
        The problem, the same in every process.

    Raises:
        ValueError: The split or the number of steps does not exist, the family is malformed, or no quantities could be
            found that satisfy the variant's condition in this split.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
    ready = plans(family)
    key = f"{family.name}|{family.version}|{index}|{seed}|{split}|{steps}"
    bits = _bits(key, 0)
    if steps is None:
        bits, pick = divmod(bits, len(ready))
        plan = tuple(ready.values())[pick]
    elif steps in ready:
        plan = ready[steps]
    else:
        raise ValueError(f"family {family.name} has no variant of {steps} steps, only {sorted(ready)}")
    variant = plan.variant
    bits, values = draw_words(bits)
    bits, wording = divmod(bits, len(plan.questions))
    bits, values[EXTRA] = divmod(bits, _EXTRA_COUNT)
    values[EXTRA] += _EXTRA_LOW
    templates = plan.questions[wording]
    distractor = 0
    if len(templates) > 1:
        bits, distractor = divmod(bits, 4 * (len(templates) - 1))
        distractor = distractor + 1 if distractor < len(templates) - 1 else 0
    numbers = _draw_numbers(family.name, plan, split, key, bits)
    values.update(zip(variant.quantities, numbers, strict=True))
    plan.solve(values)
    return Problem(
        family.name,
        family.skill,
        family.version,
        variant.steps,
        variant.steps + (distractor > 0),
        templates[distractor].format_map(values),
        (plan.openings[wording][distractor] + plan.work).format_map(values),
        str(values["answer"]),
        numbers,
        wording,
        distractor > 0,
    )


def passage(family: Family, index: int, seed: int, split: str = "train") -> tuple[str, Problem]:
    """Draws a short explanation of a family's idea and an exercise of it.

    Args:
        family: The family to draw from.
        index: The passage's number.
        seed: The seed of the whole stream.
        split: The split of the exercise, see `generate`.

    Returns:
        The explanation and the exercise.
    """
    pick = _bits(f"{family.name}|{family.version}|{index}|{seed}|idea", 0) % len(family.idea)
    return family.idea[pick], generate(family, index, seed, split)


def _bits(key: str, attempt: int) -> int:
    return int.from_bytes(blake2b(f"{key}|{attempt}".encode()).digest(), "little")


def _draw_numbers(family: str, plan: Plan, split: str, key: str, bits: int) -> tuple[int, ...]:
    spans = plan.normal
    accepts, steps = plan.accepts, plan.variant.steps
    for attempt in range(1, _MAX_DRAWS + 1):
        if bits < _REFILL_BELOW:
            bits = _bits(key, attempt)
        if split == "range":
            bits, mask = divmod(bits, (1 << len(plan.normal)) - 1)
            spans = tuple((plan.wide if mask + 1 >> i & 1 else plan.normal)[i] for i in range(len(plan.normal)))
        drawn = []
        for low, count, step in spans:
            bits, offset = divmod(bits, count)
            drawn.append(low + offset * step)
        if not accepts(*drawn):
            continue
        numbers = tuple(drawn)
        if split == "range":
            inside = (s.low <= n <= s.high for s, n in zip(plan.variant.quantities.values(), numbers, strict=True))
            if not all(inside):
                return numbers
        elif is_heldout(family, steps, numbers) == (split == "heldout"):
            return numbers
    raise ValueError(
        f"family {family}, {steps} steps: no quantities for split {split} in {_MAX_DRAWS} draws; "
        f"loosen where={plan.variant.where!r} or widen the spans"
    )
