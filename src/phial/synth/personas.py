"""For whom and in whose voice things are written: short descriptions that vary what one topic brings forth."""

from __future__ import annotations

READERS = (
    "a curious ten-year-old", "a twelve-year-old who likes puzzles",
    "a pupil of fifteen who finds the subject hard", "a high-school student before an exam",
    "a first-year university student", "an adult who learns it for a new job", "a nurse who needs it at work",
    "a carpenter who needs it at work", "a shop owner who needs it at work",
    "a retired teacher who wants to refresh it", "a programmer from another field",
    "a parent who helps with homework",
)  # fmt: skip
STUDENTS = (
    "fourteen years old, quick but careless", "sixteen years old, who wants to know why and not only how",
    "eighteen years old, unsure and afraid of formulas",
    "a grown-up beginner who thinks in examples from the kitchen",
    "twenty years old, who mixes up words that sound alike",
    "a football fan who compares everything with matches", "a careful student who checks every step",
    "a student who learnt it wrongly once and has to unlearn it", "a musician who likes patterns",
    "a gardener who wants to use it tomorrow",
)  # fmt: skip
MOVES = (
    "say what you now believe, even if it may be wrong", "try the idea on an example of your own",
    "ask what happens in an extreme case", "ask why it must be so",
    "repeat it in your own words and ask whether that is right", "name something that seems to contradict it",
)  # fmt: skip
