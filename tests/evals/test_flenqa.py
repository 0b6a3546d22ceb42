"""Generated questions over two hidden facts: exact labels, balance, sizes, and how replies are read."""

import hashlib
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.evals.facts import DISPERSIONS, KINDS, PADDINGS, hidden, problem
from phial.evals.generated import characters, stream
from phial.evals.tasks import flenqa


def answer_by_reading(kind, rule, text, question):
    """What a reader who believes nothing but the text finds, by rules of its own."""
    if kind == "relation":
        asked, relation, than = re.fullmatch(r"Is (\w+ \w+) (\w+ than) (\w+ \w+)\?", question).groups()
        above = {}
        for low, high in re.findall(rf"(\w+ \w+) is {relation} (\w+ \w+)\.", text):
            above.setdefault(low, set()).add(high)
        reached, waiting = set(), [asked]
        while waiting:
            for person in above.get(waiting.pop(), ()):
                if person not in reached:
                    reached.add(person)
                    waiting.append(person)
        return than in reached
    if kind == "rule":
        one, two, then = re.fullmatch(r"If X is (\w+) and X is (\w+) then X is (\w+)\.", rule).groups()
        person, what = re.fullmatch(r"(\w+ \w+) is (\w+)\.", question).groups()
        said = set(re.findall(rf"{person} is (\w+)\.", text))
        return what in said or (what == then and {one, two} <= said)
    person, floor = re.fullmatch(r"(\w+ \w+) is in a room with a (\w+) floor\.", question).groups()
    owner, room = re.search(rf"{person} is in (\w+ \w+)'s ([a-z ]+)\.", text).groups()
    return re.search(rf"{owner}'s {room} has a (\w+) floor\.", text)[1] == floor


@given(
    st.sampled_from(KINDS),
    st.booleans(),
    st.sampled_from(PADDINGS),
    st.sampled_from(DISPERSIONS),
    st.integers(250, 2000),
    st.integers(),
)
def test_labels_are_what_a_reader_concludes(kind, label, padding, dispersion, tokens, seed):
    asked = problem(kind, label, stream("test", 1, seed))
    text = hidden(asked, characters(tokens), padding, dispersion, stream("test", 2, seed))
    assert answer_by_reading(kind, asked.rule, text, asked.question) is label
    for fact in asked.facts:
        assert text.count(fact) == 1
    assert characters(tokens) - 230 <= len(text) <= characters(tokens)
    without = text.replace(asked.facts[0], "")
    if label and kind != "rooms":  # and both facts are needed
        assert answer_by_reading(kind, asked.rule, without, asked.question) is False


@pytest.mark.parametrize("dispersion", DISPERSIONS)
def test_facts_stand_where_the_tag_says(dispersion):
    found = []
    for seed in range(30):
        asked = problem("relation", True, stream("test", 3, seed))
        text = hidden(asked, 8000, "other", dispersion, stream("test", 4, seed))
        found.append(sorted(text.index(fact) / len(text) for fact in asked.facts))
    bounds = {"first": (0, 0.05), "middle": (0.4, 0.6), "last": (0.9, 1)}
    if dispersion == "random":
        assert sum(later - sooner > 0.1 for sooner, later in found) > 15
    else:
        low, high = bounds[dispersion]
        assert all(low <= sooner <= later <= high for sooner, later in found)


def test_labels_are_balanced_on_every_axis_and_who_is_named_first_tells_nothing():
    task = flenqa.make(items=480, sizes=(250, 500))
    counts = Counter((axis, value, item.gold) for item in task.items for axis, value in item.tags.items())
    for axis, value, gold in counts:
        if axis != "label":
            assert counts[axis, value, gold] == counts[axis, value, {"true": "false", "false": "true"}[gold]]
    first = Counter()
    for item in task.items:
        if item.tags["kind"] == "relation":
            asked, than = re.search(r"\nIs (\w+ \w+) \w+ than (\w+ \w+)\?", item.prompt[0][1]).groups()
            text = item.prompt[0][1]
            first[item.gold, text.index(asked) < text.index(than)] += 1
    assert min(first.values()) > 0.3 * max(first.values())


def test_fewer_items_are_the_first_of_more_and_prompts_follow_the_protocol():
    few, many = flenqa.make(items=10), flenqa.make(items=20)
    assert [item.prompt for item in few.items] == [item.prompt for item in many.items[:10]]
    assert few.sha256 != many.sha256
    for name in flenqa.PROTOCOLS:
        task = flenqa.make(items=48, protocol=name, sizes=(250,))
        assert all("{" not in item.prompt[0][1] for item in task.items)
    assert {item.tags["size"] for item in flenqa.make(items=30, protocol="phi-4-reasoning").items} == {"3000"}
    with pytest.raises(PhialError, match="no protocol"):
        flenqa.make(items=1, protocol="x")
    with pytest.raises(PhialError, match="people in rooms"):
        flenqa.make(items=1, kinds=("people in rooms",))
    with pytest.raises(PhialError, match="size"):
        flenqa.make(items=1, sizes=(3,))


def test_what_is_generated_stays_as_it_is():
    """If this fails because the output was meant to change, raise VERSION and put the new value here."""
    task = flenqa.make(seed=1, items=60)
    text = "".join(item.prompt[0][1] + item.gold for item in task.items)
    assert (flenqa.VERSION, hashlib.sha256(text.encode()).hexdigest()[:16]) == (1, "265c8b6f272fac7d")


@pytest.mark.parametrize(
    ("reply", "own", "eureka"),
    [
        ("True", "true", "true"),
        ("Answer: False", "false", "false"),
        ("It could be true, but no.\n**Answer:** False. (Not true.)", "false", "false"),
        ("Answer: not true", "false", "false"),
        ("That is not, true to say. Answer: yes", "true", "true"),  # the comma that was to go keeps "not true" apart
        ("False. If it were true, he would be older.", "false", "true"),
        ("This is untrue.\n\nAnswer: False", "false", "false"),
        ("untrue", None, "true"),
        (r"So \boxed{\text{True}} and not False.", "true", "false"),
        ("It isn't true.", "false", "true"),
        ("not a true statement", "false", "false"),
        ("I cannot say.", None, None),
        ("", None, None),
        ("Yes", "true", None),
        ("The statement is true", "true", "true"),
    ],
)
def test_replies(reply, own, eureka):
    item = flenqa.make(items=1).items[0]
    assert flenqa.extract(reply, item).answer == own
    assert flenqa.extract_as_eureka(reply, item).answer == eureka


def test_grades_tell_both_labels_apart_also_without_an_answer():
    item = flenqa.make(items=1).items[0]
    assert flenqa.grade(item.gold, item).parts == {f"of those that are {item.gold}": (1.0, 1.0)}
    assert flenqa.blank(item).parts == {f"of those that are {item.gold}": (0.0, 1.0)}


@pytest.mark.parametrize("piece", ["true ", "not ", "a ", "Answer: ", "\n", "{", "**", "yes\n", " "])
def test_megabytes_are_read_at_once(piece):
    item = flenqa.make(items=1).items[0]
    flenqa.extract(piece * 2_000_000, item)
    flenqa.extract_as_eureka(piece * 2_000_000, item)
