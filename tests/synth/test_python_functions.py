"""Functions out of sources: headers, bodies, and those that stand alone."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from phial.record import Lineage, Record
from phial.synth.python_functions import (
    find_function,
    functions_of,
    header,
    idle,
    parameters,
    standalone_functions,
    with_docstring,
)
from phial.synth.seeds import read_seeds

SOURCE = '''import math
import os
from collections import Counter

def area(radius, *rest, scale=1, **more):
    """Area of a circle.

    Nothing below 0.
    """
    square = radius * radius
    return math.pi * square * scale

def common(words):
    counts = Counter(words)
    best = counts.most_common(1)
    return best[0]

def size(path):
    status = os.stat(path)
    total = status.st_size
    return total

def say(words):
    text = " ".join(words)
    print(text)
    return text

def walk(tree):
    for leaf in tree:
        yield leaf
    return None

def helper(x):
    y = area(x)
    z = y + 1
    return z

def short(x):
    return x

@wrapped
def dressed(x):
    y = x + 1
    z = y + 1
    return z
'''


def test_functions_that_stand_alone_come_with_their_imports() -> None:
    found = list(standalone_functions(SOURCE))
    assert [find_function(text).name for text in found] == ["area", "common"]  # type: ignore[union-attr]
    assert found[0].startswith("import math\n\n\ndef area") and found[1].startswith("from collections import Counter")
    for text in found:
        namespace: dict = {}
        exec(text, namespace)
    assert namespace["common"]("aab") == ("a", 2)
    assert list(standalone_functions("def f(:")) == list(standalone_functions("")) == []


def test_a_record_with_tests_is_taken_whole() -> None:
    lineage = Lineage("test", "1", params={"tests": ["assert short(1) == 1"]})
    assert functions_of(Record("code", "test", "MIT", lineage, text=SOURCE)) == [SOURCE]
    assert len(functions_of(Record("code", "test", "MIT", Lineage("test", "1"), text=SOURCE))) == 2


def test_a_header_is_signature_and_docstring() -> None:
    function = find_function(SOURCE)
    assert function and parameters(function) == ["radius", "rest", "scale", "more"]
    head = header(function)
    assert head.startswith("def area(radius, *rest, scale=1, **more):") and head.endswith('Nothing below 0.\n    """')
    returned = ["None", "True", "False", "radius", "rest", "scale", "more"]
    assert [source.splitlines()[-1].split()[-1] for source in idle(head, [])] == returned
    assert idle(head, ["assert area(1) == [3]", "assert area(2) == 5"])[3].endswith("    return [3]\n")
    assert len(idle(head, ["assert area(1)"])) == len(idle(head, ["assert area(1) is True"])) == len(returned)
    assert header(find_function("def f(x):\n    return x")) == ""  # type: ignore[arg-type]
    assert find_function("x = 1") is find_function("def f(") is find_function("def f(): 1", "g") is None


def test_a_solution_gets_the_docstring_it_was_asked_for() -> None:
    head = 'def f(x: int) -> int:\n    """Give x."""'
    for written in (
        "def f(x):\n    y = x\n    return y\n",
        "def f(x):\n    '''Other.'''\n    y = x\n    return y\n",
        "def f(x):\n    '''Other\n    lines.'''\n    y = x\n    return y",
    ):
        assert with_docstring(written, head) == f"{head}\n    y = x\n    return y\n"
    assert with_docstring("def f(x): return x", head) == f"{head}\n    return x\n"
    assert with_docstring("def f(x):\n    '''Only words.'''", head) == f"{head}\n    pass\n"
    assert with_docstring("import math\n\ndef f(x):\n    # why\n    return x\n\nA = 1", head).endswith(
        "return x\n\nA = 1\n"
    )


@given(
    indent=st.sampled_from(["  ", "    ", "\t", "   \t", "        "]),
    docstring=st.sampled_from(["", '"""Says more.\n{}And on."""', "'short'"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    body=st.sampled_from(
        [
            "return [x,\n 1]",
            "if x:\n{0}{0}return 1  # why\n{0}return 0",
            'y = """\na\n"""\n{}return y',
            "return x; y = 2",
        ]
    ),
    before=st.sampled_from(["", "import math\n", "# a\x0cb\nA = 1\n", "def g(x):\n return f(x)\n\n\n"]),
    joined=st.booleans(),
)
def test_however_it_is_written_a_body_gets_the_docstring(
    indent: str, docstring: str, end: str, body: str, before: str, joined: bool
) -> None:
    """Small teachers indent by two, or by tabs; what comes out is a module with the same body."""
    separator = "; " if docstring and joined and not body.startswith("if") else f"\n{indent}"
    inner = (docstring.replace("{}", indent) + separator if docstring else "") + body.replace("{0}", indent)
    source = f"{before}def f(x):\n{indent}{inner.replace('{}', indent)}\n".replace("\n", end)
    head = 'def f(x):\n    """Return something else."""'
    made = find_function(with_docstring(source, head), "f")
    given_function = find_function(source, "f")
    assert made is not None and given_function is not None
    bodies = [ast.dump(node) for node in given_function.body[bool(docstring) :]]
    assert ast.get_docstring(made) == "Return something else." and [ast.dump(node) for node in made.body[1:]] == bodies
    assert (find_function(with_docstring(source, head), "g") is None) == ("def g" not in before)


@given(st.text(st.sampled_from("def f(x):\n return #'\""), max_size=60))
def test_no_source_is_too_strange(source: str) -> None:
    list(standalone_functions(source))
    find_function(source)


def test_the_standard_library_has_many() -> None:
    found = 0
    for record in read_seeds(["stdlib-source"], limit_bytes=1_000_000):
        for text in standalone_functions(record.content):
            compile(text, "<seed>", "exec")
            found += 1
    assert found > 20
