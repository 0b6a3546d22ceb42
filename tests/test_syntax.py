"""Parsing from several threads gives what parsing alone gives."""

import ast
from concurrent.futures import ThreadPoolExecutor
from inspect import getsource

import pytest

from phial.syntax import literal, parse_expression, parse_module


def test_threads_do_not_disturb_each_other():
    text = getsource(ast)
    alone = ast.dump(ast.parse(text))
    with ThreadPoolExecutor(4) as pool:
        trees = list(pool.map(lambda _: ast.dump(parse_module(text)), range(8)))
    assert set(trees) == {alone}


def test_expressions_and_literals():
    assert ast.dump(parse_expression("a + 1")) == ast.dump(ast.parse("a + 1", mode="eval"))
    assert literal("{'a': [1, 2]}") == {"a": [1, 2]}
    with pytest.raises(SyntaxError):
        parse_module("def")
    with pytest.raises(ValueError, match="malformed"):
        literal("f(x)")
