"""Exercise templates about lists and dictionaries."""

from __future__ import annotations

import collections
import itertools
import math
import operator
from fractions import Fraction
from random import Random

from phial.synth.exercises.template import Draft, Family

_LIST = ("numbers", "values", "nums", "items", "data")
_ITEM = ("number", "value", "x", "n")
_RESULT = ("result", "output", "answer")
_KEYS = ("apple", "pear", "fig", "plum", "tea", "milk", "red", "blue", "cat", "dog", "sun", "map")


def _numbers(random: Random, low: int = -9, high: int = 30, shortest: int = 3, longest: int = 5) -> list[int]:
    return [random.randint(low, high) for _ in range(random.randint(shortest, longest))]


def _with_repeats(random: Random) -> list[int]:
    return random.choices(random.sample(range(10), 3), k=random.randint(4, 6))


def _sum_list(random: Random) -> Draft:
    items, item, total = random.choice(_LIST), random.choice(_ITEM), random.choice(("total", "result", "s"))
    wordings = (
        f"Return the sum of all numbers in {items}.",
        f"Add up the numbers in the list {items}.",
        f"Return the total of {items}; an empty list gives 0.",
    )
    body = f"{total} = 0\nfor {item} in {items}:\n    {total} += {item}\nreturn {total}"
    cases = [(_numbers(random),) for _ in range(4)] + [([],)]
    name = random.choice(("sum_list", "total", "add_all", f"sum_{items}", "list_sum"))
    return Draft(name, (items,), random.choice(wordings), body, sum, cases)


def _filter(random: Random) -> Draft:
    items, item, result = random.choice(_LIST), random.choice(_ITEM), random.choice(_RESULT)
    bound = random.randint(2, 15)
    word, condition, keep = random.choice(
        (
            ("even numbers", f"{item} % 2 == 0", lambda v: not v & 1),
            ("odd numbers", f"{item} % 2 == 1", lambda v: bool(v & 1)),
            ("positive numbers", f"{item} > 0", lambda v: v >= 1),
            ("negative numbers", f"{item} < 0", lambda v: v <= -1),
            (f"numbers greater than {bound}", f"{item} > {bound}", lambda v: v >= bound + 1),
            (f"numbers less than {bound}", f"{item} < {bound}", lambda v: v <= bound - 1),
        )
    )
    wordings = (
        f"Return a list of the {word} in {items}.",
        f"Keep only the {word} of {items}, in order.",
        f"Return the {word} from the list {items}.",
    )
    bodies = (
        f"{result} = []\nfor {item} in {items}:\n    if {condition}:\n        {result}.append({item})\nreturn {result}",
        f"return [{item} for {item} in {items} if {condition}]",
    )
    cases = [(_numbers(random, shortest=4),) for _ in range(4)] + [([],)]
    name = random.choice(
        (f"keep_{word.split()[0]}", f"filter_{word.split()[0]}", f"get_{word.split()[0]}", f"only_{word.split()[0]}")
    )
    return Draft(
        name, (items,), random.choice(wordings), random.choice(bodies), lambda vs: list(filter(keep, vs)), cases
    )


def _running_total(random: Random) -> Draft:
    items, item, result = random.choice(_LIST), random.choice(_ITEM), random.choice(_RESULT)
    word, start, sign, step = random.choice((("sum", "0", "+", operator.add), ("product", "1", "*", operator.mul)))
    total = random.choice(("total", "current", "running"))
    wordings = (
        f"Return the list of running {word}s of {items}.",
        f"Return a list whose item i is the {word} of {items} up to i.",
        f"Replace each number by the {word} of all numbers up to it.",
    )
    body = (
        f"{result} = []\n{total} = {start}\nfor {item} in {items}:\n    {total} {sign}= {item}\n"
        f"    {result}.append({total})\nreturn {result}"
    )
    cases = [(_numbers(random, 1, 9),) for _ in range(4)] + [([],)]
    name = random.choice((f"running_{word}", f"cumulative_{word}", f"{word}s_so_far", f"partial_{word}s"))
    return Draft(name, (items,), random.choice(wordings), body, lambda vs: list(itertools.accumulate(vs, step)), cases)


def _unique(random: Random) -> Draft:
    items, item, result = random.choice(_LIST), random.choice(_ITEM), random.choice(("unique", *_RESULT))
    wordings = (
        f"Return {items} without duplicates, keeping the first of each.",
        f"Remove repeated values from {items} and keep the order.",
        f"Return the distinct values of {items} in order of appearance.",
    )
    body = (
        f"{result} = []\nfor {item} in {items}:\n    if {item} not in {result}:\n"
        f"        {result}.append({item})\nreturn {result}"
    )
    cases = [(_with_repeats(random),) for _ in range(4)] + [([],)]
    name = random.choice(("remove_duplicates", "unique", "distinct", "without_repeats", "dedupe"))
    return Draft(name, (items,), random.choice(wordings), body, lambda vs: list(dict.fromkeys(vs)), cases)


def _count_value(random: Random) -> Draft:
    items, item = random.choice(_LIST), random.choice(("item", "entry", "x"))
    target, count = random.choice(("target", "wanted", "key")), random.choice(("count", "total", "times"))
    wordings = (
        f"Return how many times {target} occurs in {items}.",
        f"Count the occurrences of {target} in the list {items}.",
        f"Return the number of items of {items} equal to {target}.",
    )
    body = f"{count} = 0\nfor {item} in {items}:\n    if {item} == {target}:\n        {count} += 1\nreturn {count}"
    cases = []
    for _ in range(4):
        drawn = _with_repeats(random)
        cases.append((drawn, random.choice(drawn)))
    name = random.choice(("count_value", "occurrences", "how_many", "count_equal", "times_in"))
    return Draft(name, (items, target), random.choice(wordings), body, operator.countOf, [*cases, ([1, 2], 3)])


def _count_each(random: Random) -> Draft:
    items, item, counts = (
        random.choice(_LIST),
        random.choice(("item", "entry", "x")),
        random.choice(("counts", *_RESULT)),
    )
    wordings = (
        f"Return a dictionary from each value in {items} to its count.",
        f"Count how often each value of {items} occurs.",
        f"Map every value in the list {items} to how often it appears.",
    )
    bodies = (
        f"{counts} = {{}}\nfor {item} in {items}:\n    {counts}[{item}] = {counts}.get({item}, 0) + 1\nreturn {counts}",
        (
            f"{counts} = {{}}\nfor {item} in {items}:\n    if {item} not in {counts}:\n"
            f"        {counts}[{item}] = 0\n    {counts}[{item}] += 1\nreturn {counts}"
        ),
    )
    cases = [(_with_repeats(random),) for _ in range(4)] + [([],)]
    name = random.choice(("count_each", "frequencies", "tally", "count_values", "histogram"))
    return Draft(
        name, (items,), random.choice(wordings), random.choice(bodies), lambda vs: dict(collections.Counter(vs)), cases
    )


def _merge(random: Random) -> Draft:
    a, b = random.choice((("a", "b"), ("first", "second"), ("left", "right"), ("old", "new")))
    result, key, value = random.choice(("merged", *_RESULT)), random.choice(("key", "k", "name")), "value"
    add = random.random() < 0.5
    if add:
        wordings = (
            "Merge two dictionaries, adding the values of shared keys.",
            f"Return {a} and {b} as one dictionary; values of the same key are summed.",
        )
        body = (
            f"{result} = dict({a})\nfor {key}, {value} in {b}.items():\n"
            f"    {result}[{key}] = {result}.get({key}, 0) + {value}\nreturn {result}"
        )
        names = ("merge_sum", "add_counts", "combine_counts", "merge_totals")
    else:
        wordings = (
            f"Merge two dictionaries; values of {b} win for shared keys.",
            f"Return a new dictionary with all of {a}, updated by {b}.",
        )
        body = (
            f"{result} = dict({a})\nfor {key}, {value} in {b}.items():\n    {result}[{key}] = {value}\nreturn {result}"
        )
        names = ("merge", "merge_dicts", "combine", "update_with")

    def reference(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
        if add:
            return {name: one.get(name, 0) + other.get(name, 0) for name in [*one, *(set(other) - set(one))]}
        return {**one, **other}

    cases: list[tuple[dict[str, int], dict[str, int]]] = []
    for _ in range(4):
        names_of_both = random.sample(_KEYS, 3)
        one = {name: random.randint(1, 9) for name in names_of_both[:2]}
        cases.append((one, {name: random.randint(1, 9) for name in names_of_both[random.randint(0, 1) :][:2]}))
    cases.append(({}, {random.choice(_KEYS): random.randint(1, 9)}))
    return Draft(random.choice(names), (a, b), random.choice(wordings), body, reference, cases)


def _multiply_each(random: Random) -> Draft:
    items, item, result = random.choice(_LIST), random.choice(_ITEM), random.choice(_RESULT)
    amount = random.randint(2, 12)
    word, sign, name = random.choice(
        (
            (f"multiplied by {amount}", "*", f"times_{amount}"),
            (f"plus {amount}", "+", f"plus_{amount}"),
            (f"minus {amount}", "-", f"minus_{amount}"),
        )
    )
    wordings = (
        f"Return a list with each number in {items} {word}.",
        f"Return every number of {items} {word}, in order.",
    )
    bodies = (
        f"{result} = []\nfor {item} in {items}:\n    {result}.append({item} {sign} {amount})\nreturn {result}",
        f"return [{item} {sign} {amount} for {item} in {items}]",
    )

    def reference(values: list[int]) -> list[int]:
        step = {"*": operator.mul, "+": operator.add, "-": operator.sub}[sign]
        return list(map(step, values, itertools.repeat(amount)))

    cases = [(_numbers(random),) for _ in range(4)] + [([],)]
    name = random.choice((f"all_{name}", f"each_{name}", "change_all", f"list_{name}"))
    return Draft(name, (items,), random.choice(wordings), random.choice(bodies), reference, cases)


def _pair_up(random: Random) -> Draft:
    a, b = random.choice((("a", "b"), ("first", "second"), ("left", "right"), ("xs", "ys")))
    result, i = random.choice(("pairs", *_RESULT)), random.choice(("i", "k", "index"))
    word, made, step = random.choice(
        (
            ("pairs", f"({a}[{i}], {b}[{i}])", lambda x, y: (x, y)),
            ("sums", f"{a}[{i}] + {b}[{i}]", operator.add),
            ("products", f"{a}[{i}] * {b}[{i}]", operator.mul),
            ("differences", f"{a}[{i}] - {b}[{i}]", operator.sub),
        )
    )
    wordings = (
        f"Return the list of {word} of items at the same place in {a} and {b}.",
        f"Combine two lists of equal length into a list of {word}.",
    )
    bodies = (
        f"{result} = []\nfor {i} in range(len({a})):\n    {result}.append({made})\nreturn {result}",
        f"return [{made} for {i} in range(len({a}))]",
    )
    cases: list[tuple[list[int], list[int]]] = []
    for length in (2, 3, 3, 4):
        cases.append((random.sample(range(10), length), random.sample(range(10), length)))
    name = random.choice((f"{word}_of_lists", f"list_{word}", f"combine_{word}", f"make_{word}"))
    return Draft(
        name,
        (a, b),
        random.choice(wordings),
        random.choice(bodies),
        lambda x, y: list(map(step, x, y)),
        [*cases, ([], [])],
    )


def _first_index(random: Random) -> Draft:
    items, i = random.choice(_LIST), random.choice(("i", "index", "position"))
    target = random.choice(("target", "wanted", "key"))
    wordings = (
        f"Return the first index of {target} in {items}, or -1 if it is missing.",
        f"Find where {target} first occurs in {items}; return -1 if nowhere.",
        f"Return the position of {target} in the list {items}, else -1.",
    )
    bodies = (
        f"for {i} in range(len({items})):\n    if {items}[{i}] == {target}:\n        return {i}\nreturn -1",
        f"for {i}, value in enumerate({items}):\n    if value == {target}:\n        return {i}\nreturn -1",
    )
    cases: list[tuple[list[int], int]] = []
    for _ in range(4):
        drawn = _with_repeats(random)
        cases.append((drawn, random.choice(drawn)))
    cases.insert(1, ([3, 5, 7], random.randint(8, 20)))
    name = random.choice(("first_index", "find", "index_of", "position_of", "locate"))

    def reference(values: list[int], wanted: int) -> int:
        return values.index(wanted) if wanted in values else -1

    if "value" in (items, target):
        return Draft(name, (items, target), wordings[0], bodies[0], reference, cases)
    return Draft(name, (items, target), random.choice(wordings), random.choice(bodies), reference, cases)


def _average(random: Random) -> Draft:
    items, item, total = random.choice(_LIST), random.choice(_ITEM), random.choice(("total", "s"))
    wordings = (
        f"Return the average of the numbers in {items}.",
        f"Return the mean of {items}, which is not empty.",
        f"Compute the arithmetic mean of the list {items}.",
    )
    bodies = (
        f"{total} = 0\nfor {item} in {items}:\n    {total} += {item}\nreturn {total} / len({items})",
        f"return sum({items}) / len({items})",
    )
    cases = [(random.choices(range(30), k=random.choice((2, 4, 4, 5))),) for _ in range(4)] + [
        ([random.randint(1, 9)],)
    ]
    name = random.choice(("average", "mean", "average_of", f"mean_of_{items}"))
    return Draft(
        name,
        (items,),
        random.choice(wordings),
        random.choice(bodies),
        lambda vs: float(Fraction(math.fsum(vs)) / len(vs)),
        cases,
    )


def _spread(random: Random) -> Draft:
    items, item = random.choice(_LIST), random.choice(_ITEM)
    low, high = random.choice((("low", "high"), ("smallest", "largest"), ("minimum", "maximum")))
    wordings = (
        f"Return the difference between the largest and smallest of {items}.",
        f"Return how far apart the extremes of the list {items} are.",
    )
    bodies = (
        (
            f"{low} = {items}[0]\n{high} = {items}[0]\nfor {item} in {items}:\n"
            f"    {low} = min({low}, {item})\n    {high} = max({high}, {item})\nreturn {high} - {low}"
        ),
        f"return max({items}) - min({items})",
    )
    cases = [(_numbers(random),) for _ in range(4)] + [([random.randint(1, 9)],)]
    name = random.choice(("spread", "value_range", "max_difference", "extent"))
    return Draft(
        name, (items,), random.choice(wordings), random.choice(bodies), lambda vs: sorted(vs)[-1] - sorted(vs)[0], cases
    )


def _rotate(random: Random) -> Draft:
    items, k = random.choice(_LIST), random.choice(("k", "steps", "places", "shift"))
    wordings = (
        f"Move the first {k} items of {items} to its end.",
        f"Rotate the list {items} to the left by {k} places.",
    )
    bodies = (f"return {items}[{k}:] + {items}[:{k}]", f"moved = {items}[:{k}]\nreturn {items}[{k}:] + moved")

    def reference(values: list[int], places: int) -> list[int]:
        queue = collections.deque(values)
        queue.rotate(-places)
        return list(queue)

    cases: list[tuple[list[int], int]] = []
    for length in (3, 4, 5, 4):
        cases.append((random.sample(range(20), length), random.randint(1, length - 1)))
    name = random.choice(("rotate", "rotate_left", "shift_left", "move_to_end"))
    return Draft(name, (items, k), random.choice(wordings), random.choice(bodies), reference, [*cases, ([1, 2, 3], 0)])


FAMILIES = (
    Family("sum_list", 1, 2, _sum_list),
    Family("filter_numbers", 1, 2, _filter),
    Family("running_total", 1, 3, _running_total),
    Family("remove_duplicates", 1, 3, _unique),
    Family("count_value", 1, 3, _count_value),
    Family("count_each", 1, 3, _count_each),
    Family("merge_dictionaries", 1, 3, _merge),
    Family("change_each", 1, 2, _multiply_each),
    Family("combine_lists", 1, 2, _pair_up),
    Family("first_index", 1, 3, _first_index),
    Family("average", 1, 2, _average),
    Family("spread", 1, 2, _spread),
    Family("rotate", 1, 1, _rotate),
)
