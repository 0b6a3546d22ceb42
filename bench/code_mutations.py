"""Claim: canonical solutions of HumanEval and MBPP pass, and their mutations are caught.

    PHIAL_BENCHMARKS=… python bench/code_mutations.py [--items 20]

Five mutations of each solution, where it has a place for them: another operator, another constant, an early return, a
number off by one, two arguments swapped. A mutation that is no Python or leaves the syntax tree as it was is not
counted. Some of the rest mean the same as the original, so that no test can catch them. The last line is JSON.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from phial.evals.task import Item, Task
from phial.evals.tasks import humaneval, mbpp

_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def operator(tree: ast.Module, entry: str, random: Random) -> bool:
    """Another operator."""
    places: list[Callable[[], None]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in _OPERATORS:
            places.append(lambda node=node: setattr(node, "op", _OPERATORS[type(node.op)]()))
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _OPERATORS:
            places.append(lambda node=node: node.ops.__setitem__(0, _OPERATORS[type(node.ops[0])]()))
    return _do(places, random)


def constant(tree: ast.Module, entry: str, random: Random) -> bool:
    """Another constant: a number far off, another text, the other truth value."""
    places: list[Callable[[], None]] = []
    for node in _constants(tree):
        value = node.value
        other = not value if isinstance(value, bool) else value + "x" if isinstance(value, str) else value * 2 + 3
        places.append(lambda node=node, other=other: setattr(node, "value", other))
    return _do(places, random)


def early_return(tree: ast.Module, entry: str, random: Random) -> bool:
    """The function returns its first argument, or nothing, at once."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            value = ast.Name(node.args.args[0].arg, ast.Load()) if node.args.args and random.random() < 0.5 else None
            node.body.insert(0, ast.Return(value))
            return True
    return False


def off_by_one(tree: ast.Module, entry: str, random: Random) -> bool:
    """A whole number one larger or smaller."""
    places: list[Callable[[], None]] = []
    for node in _constants(tree):
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            by = random.choice((-1, 1))
            places.append(lambda node=node, by=by: setattr(node, "value", node.value + by))
    return _do(places, random)


def swapped(tree: ast.Module, entry: str, random: Random) -> bool:
    """Two arguments of a call, two operands whose order counts, or two parameters of the function change places."""
    places: list[Callable[[], None]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            places.append(lambda node=node: node.args.__setitem__(slice(0, 2), node.args[1::-1]))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow):
            places.append(lambda node=node: node.__dict__.update(left=node.right, right=node.left))
        if isinstance(node, ast.FunctionDef) and node.name == entry and len(node.args.args) >= 2:
            places.append(lambda node=node: node.args.args.__setitem__(slice(0, 2), node.args.args[1::-1]))
    return _do(places, random)


MUTATIONS = (operator, constant, early_return, off_by_one, swapped)


def _constants(tree: ast.Module) -> Iterator[ast.Constant]:
    described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str) and id(node) not in described:
            yield node


def _do(places: list[Callable[[], None]], random: Random) -> bool:
    if places:
        random.choice(places)()
    return bool(places)


def mutants(source: str, entry: str, seed: str) -> dict[str, str]:
    """The mutations of a solution, by name; without those for which it has no place."""
    found: dict[str, str] = {}
    tree = ast.parse(source)
    for mutate in MUTATIONS:
        changed = copy.deepcopy(tree)
        if mutate(changed, entry, Random(f"{seed} {mutate.__name__}")) and ast.dump(changed) != ast.dump(tree):
            found[mutate.__name__] = ast.unparse(ast.fix_missing_locations(changed))
    return found


def solution(task: Task, item: Item) -> str:
    """The canonical solution as a whole program."""
    return str(item.data.get("prompt", "")) + item.gold


def main() -> None:
    """Grade everything and print what was not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int)
    options = parser.parse_args()
    folder = Path(os.environ["PHIAL_BENCHMARKS"])
    everything = range(1, 975)
    tasks = (
        humaneval.load(folder / "humaneval", limit=options.items),
        mbpp.load(folder / "mbpp", limit=options.items, numbers=everything),
        mbpp.load_sanitized(folder / "mbpp", limit=options.items, numbers=everything),
    )
    report: dict[str, object] = {"claim": "code_mutations"}
    for task in tasks:
        passed = 0
        made: Counter[str] = Counter()
        caught: Counter[str] = Counter()
        for item in task.items:
            source = solution(task, item)
            answer = task.extract(f"```python\n{source}\n```", item).answer
            grade = task.grade(answer, item) if answer else None
            passed += grade is not None and grade.score == 1
            if grade is None or grade.score < 1:
                print(f"{task.name} {item.id}: the canonical solution fails: {grade}")
            for name, mutant in mutants(source, item.data["entry"], item.id).items():
                made[name] += 1
                caught[name] += task.grade(mutant, item).score < 1
        report[task.name] = {
            "items": len(task.items),
            "canonical_pass": passed,
            "mutants": made.total(),
            "caught": caught.total(),
            "share_caught": round(caught.total() / made.total(), 4),
            "by_mutation": {name: [caught[name], made[name]] for name in made},
        }
        print(task.name, json.dumps(report[task.name]))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
