"""Topic tree: leaves with their paths, none twice."""

from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.flows.topic_tree import topic_fault, topic_tree
from phial.synth.request import TeacherRequest

PARTS = {
    "Cooking": ["Bread", "Soups", "Knives"],
    "Cooking > Bread": ["Kneading and gluten", "Sourdough starters", "Soups"],
    "Cooking > Soups": ["1. Clear stocks", "Thickening with roux.", "Bread"],
    "Cooking > Knives": ["Sharpening stones", "Introduction", "Sharpening the stones"],
}


def children(request: TeacherRequest) -> dict:
    return {"topics": PARTS[request.messages[-1][1].partition("The subject: ")[2].partition("\n")[0]]}


def test_leaves_carry_their_paths(tmp_path: Path) -> None:
    asked: list[TeacherRequest] = []
    source = scripted({"topic-tree": children}, asked)
    made, drops = make(topic_tree, seed("Cooking"), source, tmp_path, {"branches": 3})
    assert [record.text for record in made] == [
        "Cooking > Bread > Kneading and gluten",
        "Cooking > Bread > Sourdough starters",
        "Cooking > Soups > Clear stocks",
        "Cooking > Soups > Thickening with roux",
        "Cooking > Knives > Sharpening stones",
    ]
    assert made[0].kind == "topic" and made[0].lineage.params["path"] == ("Cooking", "Bread", "Kneading and gluten")
    assert len(made[0].lineage.request_keys) == 2
    assert [drop.reason for drop in drops] == ["known already", "known already", "says nothing", "known already"]
    assert "Bread; Soups; Knives" in asked[1].messages[-1][1], "each node is told what is taken"


def test_depth_and_branches_are_settings(tmp_path: Path) -> None:
    source = scripted({"topic-tree": children})
    made, _ = make(topic_tree, seed("Cooking"), source, tmp_path, {"branches": 2, "depth": 1})
    assert [record.text for record in made] == ["Cooking > Bread", "Cooking > Soups"]


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("Baking", ""),
        ("42", "no words"),
        ("", "no words"),
        ("what one can do with bread that is two days old", "too long"),
        ("Introduction", "says nothing"),
        ("Overview:", "says nothing"),
        ("cooking", "known already"),
        ("The breads", "known already"),
    ],
)
def test_topics(topic: str, reason: str) -> None:
    assert topic_fault(topic, ["Cooking", "Bread"]).partition(":")[0] == reason


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_parts_make_nothing(name: str, tmp_path: Path) -> None:
    made, drops = make(topic_tree, seed("Cooking"), scripted({"topic-tree": HOSTILE[name]}), tmp_path)
    assert not made and drops[-1].reason == "wrong form"
    listed = scripted({"topic-tree": {"topics": [HOSTILE[name][:100]]}})
    made, drops = make(topic_tree, seed("Cooking"), listed, tmp_path / "listed", {"depth": 1})
    assert len(made) + len(drops) == 1
