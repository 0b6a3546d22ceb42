"""The extractor that reads programs as EvalPlus does, against EvalPlus' own sanitizer, reply by reply.

PHIAL_EVALPLUS_PYTHON names an interpreter that has evalplus 0.3.1.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import random
import shlex
import string
import subprocess
import textwrap

import pytest

from phial.evals.evalplus import like_evalplus
from phial.evals.task import Item

PYTHON = os.environ.get("PHIAL_EVALPLUS_PYTHON")
pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not PYTHON, reason="PHIAL_EVALPLUS_PYTHON is not set")]

THEIRS = """
import json, sys
from evalplus.sanitize import sanitize
for line in sys.stdin:
    print(json.dumps(sanitize(*json.loads(line))))
"""
CODE = [
    textwrap.dedent(inspect.getsource(function))
    for function in (shlex.join, shlex.split, string.capwords, textwrap.shorten, textwrap.indent)
]
EXTRAS = [
    "from typing import List\nimport re, math as m\n",
    "from __future__ import annotations\n",
    "LIMIT = 3\nLIMIT = 4\na, b = 1, 2\n_x.y = LIMIT\n",
    "def helper(x):\n    return x + LIMIT\n",
    "def helper(y):\n    return y\n",
    "def silent(x):\n    print(x)\n",
    "class Box:\n    size: int = 3\n\n    def get(self):\n        return helper(self.size)\n",
    "@lru_cache\ndef cached(n):\n    return n\n",
    "async def later():\n    return await cached(1)\n",
    "if __name__ == '__main__':\n    print(f'{helper(2)}')\n",
    "x: int = 3; y = 4\n",
]
MAIN = "def asked(words):\n    box = Box()\n    return [helper(x) for x in words] + [LIMIT, box.get(), CALL(words)]\n"
FRAMES = [
    "Here's the code:\n\n```python\n{}```\n\nIt is O(n), isn't it?",
    "{}",
    "```\n{}```\n```python\nprint(asked([1]))\nasked([])\n```",
    "Sure\n\n```python\n{}",
    "1. First:\n\n   ```python\n{}   ```\n2. Done (mostly",
    "text = '''\n{}",
]


def replies(count: int) -> list[str]:
    draw = random.Random(0)
    made = []
    for index in range(count):
        parts = draw.sample(EXTRAS, draw.randint(0, 5)) + draw.sample(CODE, draw.randint(0, 2))
        parts.append(MAIN.replace("CALL", draw.choice(["len", "shorten", "join", "cached"])))
        draw.shuffle(parts)
        made.append(FRAMES[index % len(FRAMES)].replace("{}", "\n".join(parts) if draw.random() < 0.9 else ""))
    return [*made, "", "\n", "x", "I can't.", "def asked(x):", "def asked(x):\n    return x", "a = 1\n\nb c\n"]


def meaning(program: str) -> str:
    """What a program is without its layout; the text itself where it is none."""
    try:
        return ast.dump(ast.parse(program))
    except SyntaxError:
        return program.strip()


def test_programs_are_those_of_evalplus() -> None:
    assert PYTHON
    asked = replies(300)
    questions = "".join(json.dumps([reply, "asked"]) + "\n" for reply in asked)
    done = subprocess.run([PYTHON, "-c", THEIRS], input=questions, text=True, capture_output=True, check=True)
    item = Item("one", (("user", "?"),), "", data={"entry": "asked"})
    pairs = [
        (reply, like_evalplus(reply, item).answer or "", json.loads(line))
        for reply, line in zip(asked, done.stdout.splitlines(), strict=True)
    ]
    assert sum("def asked" in theirs for _, _, theirs in pairs) > 200
    assert not [pair for pair in pairs if meaning(pair[1]) != meaning(pair[2])]
