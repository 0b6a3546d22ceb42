"""Stories: the drawn words are there, and a child can read it."""

from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.flows.story import story, story_fault, uses
from phial.synth.request import TeacherRequest
from phial.synth.vocabulary import ADJECTIVES, NOUNS, VERBS

WORDS = ["jump", "pond", "shy"]
TALE = (
    "Once there was a shy frog. He lived near a pond and liked to watch the ducks. One day a little duck fell off a "
    'log and cried. The frog jumped into the water. "Hold on to me," he said. The duck held on, and they swam to '
    "the bank. Her mother was so happy that she gave the frog a big smile. From that day the frog was not shy any "
    "more, and the duck came to see him each morning."
)


def tell(request: TeacherRequest) -> str:
    """A tale with the words that were asked for."""
    verb, noun, adjective = request.messages[-1][1].partition("matter in it: ")[2].partition(".")[0].split(", ")
    return f'{TALE} They saw one more {adjective} {noun}. "We want to {verb} now," said the duck.'


def test_a_story_with_its_words_is_kept(tmp_path: Path) -> None:
    asked: list[TeacherRequest] = []
    made, drops = make(story, seed(), scripted({"story": tell}, asked), tmp_path, {"count": 8})
    assert len(made) == 8 and not drops
    drawn = [record.lineage.params["diversity"] for record in made]
    assert all(draw["verb"] in VERBS and draw["noun"] in NOUNS and draw["adjective"] in ADJECTIVES for draw in drawn)
    assert len({draw["noun"] for draw in drawn}) > 3
    assert len({request.messages[-1][1] for request in asked}) == 8
    again, _ = make(story, seed(), scripted({"story": tell}), tmp_path / "again", {"count": 8})
    assert [record.id for record in again] == [record.id for record in made], "the same record draws the same"


@pytest.mark.parametrize(
    ("text", "feature", "fault"),
    [
        (TALE, "dialogue", ""),
        (TALE.replace("shy", "sad"), "moral", "word missing"),
        (TALE.replace('"', ""), "dialogue", "feature missing"),
        (TALE.replace('"', ""), "moral", ""),
        (TALE[:120], "moral", "too short"),
        (f"Sure! {TALE}", "moral", "speaks as an assistant"),
        (
            TALE.replace("big smile", "tremendously extraordinary acknowledgement of philanthropic benevolence"),
            "moral",
            "hard",
        ),
        (TALE + " ".join(f"Frog {n} sat on stone {n + 1}." for n in range(60)), "moral", "too long"),
        (TALE.replace(".", ". The frog said hop hop hop.", 8), "moral", "repeats itself"),
    ],
)
def test_faults(text: str, feature: str, fault: str) -> None:
    found = story_fault(text, WORDS, feature)
    assert found.startswith(fault) and bool(found) == bool(fault)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_stories_make_nothing(name: str, tmp_path: Path) -> None:
    made, [drop] = make(story, seed(), scripted({"story": HOSTILE[name]}), tmp_path)
    assert not made and drop.reason


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        ("he hopped", "hop", True),
        ("hope", "hop", False),
        ("they baked", "bake", True),
        ("carried", "carry", True),
        ("swimming", "swim", True),
        ("she swam", "swim", True),
        ("tying a knot", "tie", True),
        ("the mice", "mouse", True),
        ("two leaves", "leaf", True),
        ("boxes", "box", True),
        ("happily", "happy", True),
        ("the tiniest", "tiny", True),
        ("bearing", "bear", True),
        ("started", "star", False),
        ("Owl!", "owl", True),
        ("bowl", "owl", False),
    ],
)
def test_forms_of_words(text: str, word: str, found: bool) -> None:
    assert uses(text, word) == found
