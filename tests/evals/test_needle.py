"""Long texts with needles: the answers are in the text, at their depth, at any size."""

import hashlib
import re
from collections import Counter

import pytest

from phial.errors import PhialError
from phial.evals.generated import characters
from phial.evals.tasks import needle


def by_kind(task, kind):
    return [item for item in task.items if item.tags["kind"] == kind]


def test_every_answer_can_be_read_out_of_the_text():
    task = needle.make(seed=3, lengths=(500, 3000))
    for item in task.items:
        text, asked = item.prompt[0][1].rsplit("\n\n", 1)
        if item.tags["kind"] == "variables":
            value = re.search(r"the value (\d+)", asked)[1]
            holders = set(re.findall(rf"VAR (\w+) = {value}\.", text))
            for new, old in re.findall(r"VAR (\w+) = VAR (\w+)\.", text):  # in the order of the text, once through
                if old in holders:
                    holders.add(new)
            assert holders == set(item.gold) and len(holders) == 5
        elif item.tags["kind"] == "common-words":
            counts = Counter(re.findall(r"^\d+\. (.+)$", text, re.MULTILINE)).most_common(11)
            assert {word for word, _ in counts[:10]} == set(item.gold)
            assert counts[9][1] >= 3 * counts[10][1]
        else:
            text, _, asked = text.partition("\n\n")[0], "", item.prompt[0][1]
            lockers = re.findall(r"the ([a-z]+ [a-z]+) locker", asked.split("codes. What")[1])
            found = [code for name in lockers for code in re.findall(rf"of the {name} locker is (\d+)\.", text)]
            assert sorted(found) == sorted(item.gold)


def test_needles_lie_at_their_depth_and_texts_have_their_length():
    task = needle.make(lengths=(4000,), kinds=("single", "multi-key"))
    for item in task.items:
        text = item.prompt[0][1].partition("\n\n")[0]
        assert abs(text.index(item.gold[0]) / len(text) - float(item.tags["depth"])) < 0.03
        assert characters(4000) - 300 < len(text) <= characters(4000)


def test_a_hundred_thousand_tokens_take_no_vocabulary_that_there_is_not():
    for item in needle.make(items=6, lengths=(100_000,), depths=(0.5,)).items:
        assert len(item.prompt[0][1]) > 200_000 and len(set(item.gold)) == len(item.gold)


def test_what_is_generated_stays_as_it_is():
    """If this fails because the output was meant to change, raise VERSION and put the new value here."""
    text = "".join(item.prompt[0][1] + str(item.gold) for item in needle.make(seed=1, items=60).items)
    assert (needle.VERSION, hashlib.sha256(text.encode()).hexdigest()[:16]) == (1, "ac030e0911baf5e7")


@pytest.mark.parametrize(
    ("kind", "reply", "share", "ruler"),
    [
        ("single", "The code is {0}.", 1, 1),
        ("single", "Answer: {0}", 1, 1),
        ("single", "**Answer:** 1,234,567", 0, None),
        ("single", "I saw {0} and 1234567.\nAnswer: 1234567", 0, 1),
        ("multi-value", "Answer: {0}, {1}, {2}, {3}", 1, 1),
        ("multi-value", "Answer:\n- {0}\n- {1}\n- {2}", 0.75, 0.75),
        ("multi-value", "Answer: {0}, {1}, {2}, {3}, 1234567", 0.8, 1),
        ("variables", "Answer: {0}, {1}, {2}, {3} and {4}", 1, 1),
        ("common-words", "the words\nAnswer: {0}, {1}, {2}, {3}, {4}", 0.5, 0.5),
        ("single", "There is none.", None, None),
    ],
)
def test_replies(kind, reply, share, ruler):
    item = by_kind(needle.make(seed=5, items=12, lengths=(500,)), kind)[0]
    said = reply.format(*item.gold)
    own, theirs = needle.extract(said, item), needle.extract_as_ruler(said, item)
    assert (own.answer and needle.grade(own.answer, item).score) == share
    assert (theirs.answer and needle.grade(theirs.answer, item).score) == ruler


def test_faults_are_named():
    for arguments, said in (
        ({"kinds": ("x",)}, "no kind x"),
        ({"lengths": (1,)}, "length"),
        ({"depths": (2,)}, "depth"),
    ):
        with pytest.raises(PhialError, match=said):
            needle.make(**arguments)
