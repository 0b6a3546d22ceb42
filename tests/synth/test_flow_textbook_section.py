"""Textbook sections: prose on the topic, whose equations and code hold."""

from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.flows.textbook_section import AUDIENCES, STYLES, section_fault, textbook_section
from phial.synth.procedural import Procedural

TOPIC = "average speed"
SECTION = """# Average speed

The average speed of a journey is the distance that was covered, divided by the time that it took. It does not say how
fast the journey was at any moment, and that is why it is useful: it is one number for the whole of it.

Take a train that covers 60 km in the first hour and 90 km in the second hour. The distance is 60 + 90 = 150 km, and the
time is 2 hours. So the average speed of the train is 150 / 2 = 75 km in an hour.

```python
speed = (60 + 90) / 2
```

Question: A cyclist covers 30 km in 2 hours. What is the average speed? Answer: 30 / 2 = 15 km in an hour.
"""


def test_a_section_is_kept_with_its_audience_and_style(tmp_path: Path) -> None:
    asked: list = []
    source = scripted({"textbook-section": SECTION}, asked)
    [record], drops = make(textbook_section, seed(TOPIC), source, tmp_path)
    assert not drops and record.text == SECTION and record.kind == "passage"
    audience, style = record.lineage.params["audience"], record.lineage.params["style"]
    assert audience in AUDIENCES and style in STYLES
    words = asked[0].messages[-1][1]
    assert audience in words and style in words and "The topic: average speed" in words


def test_longer_seeds_are_notes(tmp_path: Path) -> None:
    asked: list = []
    notes = "Speed is what a thing covers in an hour.\n" * 4
    make(textbook_section, seed(notes), scripted({"textbook-section": SECTION}, asked), tmp_path)
    assert "these notes" in asked[0].messages[-1][1] and "The topic" not in asked[0].messages[-1][1]


def test_settings_give_other_audiences(tmp_path: Path) -> None:
    settings = {"audiences": ["a sailor"], "styles": ["a letter"]}
    [record], _ = make(textbook_section, seed(TOPIC), scripted({"textbook-section": SECTION}), tmp_path, settings)
    assert record.lineage.params == {"audience": "a sailor", "style": "a letter"}


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        (SECTION.replace("150 km, and", "160 km, and"), "wrong arithmetic"),
        (SECTION.replace("(60 + 90) / 2", "(60 + 90 / 2"), "code that can't be read"),
        (SECTION.replace("# Average", "Average"), "no title"),
        (SECTION[:200], "too short"),
        (SECTION * 30, "too long"),
        ("# Average speed\n\n" + "The speed is the speed of the speed. " * 60, "repeats itself"),
        (
            "# Die Geschwindigkeit\n\n" + " ".join(f"Fahrrad{i} Zug{i} Strecke{i} Stunde{i}" for i in range(60)),
            "no English",
        ),
        (SECTION.replace("speed", "mass").replace("verage", "mount"), "off its topic"),
        (SECTION + "\nThis text also explains why trains stop.", "refers to its notes"),
        (SECTION + "\nAs an AI language model I hope that this helps.", "no answer"),
    ],
)
def test_each_gate_turns_away(tmp_path: Path, section: str, reason: str) -> None:
    made, [drop] = make(textbook_section, seed(TOPIC), scripted({"textbook-section": section}), tmp_path)
    assert not made and drop.reason.startswith(reason)


def test_notes_are_not_to_be_copied() -> None:
    assert section_fault(SECTION, SECTION) == "copies its notes"


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_answers_are_dropped(tmp_path: Path, attack: str) -> None:
    made, [_] = make(textbook_section, seed(TOPIC), scripted({"textbook-section": HOSTILE[attack]}), tmp_path)
    assert not made


def test_the_offline_teacher_can_be_asked(tmp_path: Path) -> None:
    made, drops = make(
        textbook_section, seed(TOPIC), Procedural({"textbook-section": lambda _: SECTION}), tmp_path / "a"
    )
    assert len(made) == 1 and not drops
    made, drops = make(textbook_section, seed(TOPIC), Procedural(), tmp_path / "b")  # its book holds no sections
    assert len(made) + len(drops) == 1
