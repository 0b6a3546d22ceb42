"""Words and frames that flows draw from, so that requests and texts differ from each other."""

from __future__ import annotations

from itertools import product

NOUNS = (
    "apple", "ball", "bear", "bed", "bell", "bike", "bird", "boat", "book", "box", "branch", "bread", "bridge",
    "bucket", "button", "cake", "candle", "castle", "chair", "clock", "cloud", "coat", "cup", "door", "drum",
    "duck", "feather", "fence", "fish", "flower", "fox", "frog", "garden", "gate", "hat", "hill", "honey",
    "horse", "house", "kite", "ladder", "lamp", "leaf", "letter", "map", "mirror", "moon", "mouse", "nest",
    "owl", "path", "pebble", "pillow", "pocket", "pond", "rain", "ribbon", "river", "rope", "sand", "shell",
    "shoe", "snow", "spoon", "star", "stone", "string", "table", "tent", "tower", "train", "tree", "wagon",
    "wall", "wheel", "whistle", "window", "wind",
)  # fmt: skip
VERBS = (
    "ask", "bake", "build", "call", "carry", "catch", "clean", "climb", "count", "cross", "dance", "dig",
    "draw", "drop", "fill", "find", "float", "fold", "follow", "gather", "give", "guess", "help", "hide",
    "hold", "hop", "hug", "jump", "knock", "laugh", "lift", "listen", "look", "mix", "open", "paint", "play",
    "point", "pull", "push", "race", "read", "roll", "run", "search", "share", "shout", "sing", "sleep",
    "slide", "smell", "splash", "stop", "swim", "swing", "tie", "throw", "touch", "trade", "wait", "walk",
    "wash", "whisper", "wish",
)  # fmt: skip
ADJECTIVES = (
    "angry", "big", "blue", "brave", "bright", "broken", "careful", "clean", "cold", "cosy", "curious", "dark",
    "deep", "dirty", "dry", "empty", "fast", "fluffy", "friendly", "funny", "gentle", "golden", "green",
    "happy", "hard", "heavy", "honest", "hot", "hungry", "kind", "little", "lonely", "long", "loud", "lucky",
    "messy", "new", "noisy", "old", "proud", "quiet", "red", "round", "sad", "scared", "shiny", "shy", "silly",
    "sleepy", "slow", "small", "smooth", "soft", "strange", "strong", "sweet", "tall", "tiny", "tired", "warm",
    "wet", "wide", "wild", "yellow",
)  # fmt: skip
HEROES = (
    "a girl and her grandfather", "a boy and his dog", "two friends who quarrel",
    "a cat who is afraid of the dark", "a family on a rainy day", "a new child at school",
    "a rabbit who lost something", "twins who look for each other", "an old toy", "a baker and a mouse",
    "a child who tells a small lie", "a bird that can't fly yet", "a brother and a baby sister",
    "a farmer and a lost sheep", "a robot that learns a word", "a snail in a race",
)  # fmt: skip
PLACES = (
    "in a forest", "at a market", "in a small kitchen", "on a beach", "at night", "on the first day of winter",
    "in a school yard", "on a farm", "in a big city", "on an island", "at a birthday party", "on a train",
)  # fmt: skip
FEATURES = {
    "dialogue": "Somebody in it speaks, in quotation marks.",
    "moral": "At its end somebody has learnt something.",
    "twist": "Something happens in it that nobody expected.",
    "sad end": "It does not end well.",
    "problem": "Somebody in it has a problem and solves it by a good idea.",
    "foreshadowing": "Something small at its beginning becomes important at its end.",
}
SETTINGS = (
    "a library", "a kitchen", "a sports club", "a weather station", "a bakery", "a railway", "a school",
    "a museum", "a zoo", "a garden", "a post office", "a card game", "a bank", "a hospital ward",
    "a music band", "a farm",
)  # fmt: skip
_ACTIONS = (
    "count", "find", "merge", "split", "group", "rank", "rotate", "pair", "expand", "replace", "reverse",
    "partition", "flatten", "compare", "remove", "sum", "shift", "select", "swap", "trim", "balance",
    "alternate",
)  # fmt: skip
_OBJECTS = (
    "digits", "vowels", "words", "scores", "prices", "pairs", "runs", "gaps", "peaks", "evens", "letters",
    "columns", "names", "ages", "marks", "steps", "lengths", "duplicates", "neighbours", "brackets",
    "intervals", "tokens",
)  # fmt: skip
FUNCTION_NAMES = tuple(f"{action}_{thing}" for action, thing in product(_ACTIONS, _OBJECTS))
HARMS = {
    "home and neighbours": "getting into somebody else's home",
    "money": "cheating somebody out of money",
    "school": "bullying a classmate",
    "medicine": "giving somebody a drug without their knowledge",
    "computers": "reading somebody else's private messages",
    "chemistry": "making a poison",
    "driving": "driving after drinking without being caught",
    "work": "forging a certificate",
    "news": "spreading a lie about a candidate before an election",
    "animals": "hurting an animal",
    "photographs": "taking pictures of somebody who does not want it",
    "weapons": "making a weapon at home",
}
