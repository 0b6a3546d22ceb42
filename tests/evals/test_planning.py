"""Planning tasks: generators keep their promises, checkers agree with brute force, replies are read."""

import hashlib
import json
import re
from itertools import permutations, product
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.evals.tasks import calendar, maze, three_sat, tsp

TASKS = {"3sat": three_sat, "tsp": tsp, "calendar": calendar, "maze": maze}


@pytest.mark.parametrize(
    ("module", "golden"),
    [
        (three_sat, "63099f88a28eeaec"),
        (tsp, "15fe8810ebd7e3d8"),
        (calendar, "44fbb5efcab4c72d"),
        (maze, "642e65bb98c0c7d4"),
    ],
)
def test_what_is_generated_stays_as_it_is(module: ModuleType, golden):
    """If this fails because the output was meant to change, raise VERSION and put the new value here."""
    made = [[item.prompt, item.gold] for item in module.make(seed=1, items=40).items]
    assert (module.VERSION, hashlib.sha256(json.dumps(made).encode()).hexdigest()[:16]) == (1, golden)


@pytest.mark.parametrize("module", TASKS.values())
def test_fewer_items_are_the_first_of_more(module):
    assert module.make(items=6).items == module.make(items=9).items[:6]
    assert module.make(items=6).items != module.make(items=6, seed=1).items
    for name in module.PROTOCOLS:
        task = module.make(items=4, protocol=name)
        for item in task.items:
            assert module.blank(item).parts.keys() == module.grade(some_answer(task, item), item).parts.keys()
    with pytest.raises(PhialError, match="no protocol"):
        module.make(items=1, protocol="x")


def some_answer(task, item):
    """An answer that is wrong, but has the form of one."""
    return {
        "3sat": "x1=1,x1=0", "tsp": "0,0", "calendar": "Monday 08:00-08:30", "maze": "U" * 60,
    }[task.name]  # fmt: skip


clauses = st.lists(
    st.lists(st.integers(1, 6), min_size=3, max_size=3, unique=True).flatmap(
        lambda names: st.tuples(*[st.sampled_from((name, -name)) for name in names])
    ),
    max_size=40,
)


@given(clauses)
def test_the_solver_agrees_with_trying_everything(formula):
    every = [dict(enumerate(values, 1)) for values in product((False, True), repeat=6)]
    possible = [values for values in every if all(any(values[abs(v)] == (v > 0) for v in c) for c in formula)]
    found = three_sat.solve(formula)
    assert (found is not None) == bool(possible)
    if found is not None:
        assert three_sat.satisfied(formula, found)
    for values in every[:8]:
        assert three_sat.satisfied(formula, values) == (values in possible)


def test_formulas_are_as_tagged_and_any_assignment_counts():
    task = three_sat.make(items=64, variables=(4, 6))
    kinds = [item.gold for item in task.items]
    assert kinds.count("unsatisfiable") == 16
    right = wrong = 0
    for item in task.items:
        names = int(item.tags["variables"])
        assert all(len({abs(v) for v in clause}) == 3 for clause in item.data["clauses"])
        for values in product((0, 1), repeat=names):
            said = "Answer: " + ", ".join(f"x{n}={bool(value)}" for n, value in enumerate(values, 1))
            grade = three_sat.grade(three_sat.extract(said, item).answer, item)
            holds = all(any((v > 0) == values[abs(v) - 1] for v in clause) for clause in item.data["clauses"])
            assert grade.score == holds
            right, wrong = right + holds, wrong + (not holds)
            assert not (holds and item.gold == "unsatisfiable")
        assert three_sat.grade("unsatisfiable", item).score == (item.gold == "unsatisfiable")
    assert right > 48 and wrong > 48


@pytest.mark.parametrize(
    ("reply", "own", "eureka"),
    [
        ("Answer: x1=True, x2=False, x3 = true, x4: F", "x1=1,x2=0,x3=1,x4=0", None),
        ("**Answer:**\nx1 = 1\nx2 = 0", "x1=1,x2=0", None),
        ("Answer: unsatisfiable", "unsatisfiable", None),
        ("Thus no satisfying assignment exists.", "unsatisfiable", None),
        ("<final_answer>{'Solution': 'True, False'}</final_answer>", "x1=1,x2=0", "x1=1,x2=0"),
        ("<final_answer>{'Solution': 'true, false'}</final_answer>", "x1=1,x2=0", None),
        ("<final_answer>{'Solution': 'Unsatisfiable'}</final_answer>", "unsatisfiable", "unsatisfiable"),
        ("<final_answer>__import__('os')</final_answer>", None, None),
        (r"\boxed{x_1=T, x_2=F}", "x1=1,x2=0", None),
        ("I give up", None, None),
    ],
)
def test_assignments_are_read(reply, own, eureka):
    item = three_sat.make(items=1).items[0]
    assert three_sat.extract(reply, item).answer == own
    assert three_sat.extract_as_eureka(reply, item).answer == eureka


def test_a_variable_with_two_values_is_wrong_and_one_that_is_not_needed_may_be_missing():
    item = three_sat.make(items=1).items[0]
    found = three_sat.solve(item.data["clauses"])
    said = ",".join(f"x{name}={int(value)}" for name, value in found.items())
    assert three_sat.grade(said, item).score == 1
    name, value = next(iter(found.items()))
    assert three_sat.grade(f"{said},x{name}={int(not value)}", item).score == 0


@given(st.integers(4, 7), st.data())
def test_the_shortest_tour_is_the_shortest_of_all(count, data):
    distances = [[0] * count for _ in range(count)]
    for a in range(count):
        for b in range(a):
            distances[a][b] = distances[b][a] = data.draw(st.integers(1, 50))
    tours = [(0, *rest) for rest in permutations(range(1, count))]
    lengths = [sum(distances[a][b] for a, b in zip(tour, (*tour[1:], 0), strict=True)) for tour in tours]
    assert tsp.shortest(distances) == min(lengths)


def test_any_shortest_tour_counts_from_anywhere_either_way():
    for item in tsp.make(items=6, cities=(5, 6)).items:
        distances = item.data["distances"]
        count, best = len(distances), 0
        for tour in permutations(range(count)):
            length = sum(distances[a][b] for a, b in zip(tour, (*tour[1:], tour[0]), strict=True))
            for said in (tour, (*tour, tour[0])):
                grade = tsp.grade(",".join(map(str, said)), item)
                assert grade.score == (length == item.gold)
                assert grade.parts["shortest by own length"][0] == pytest.approx(item.gold / length)
            best += length == item.gold
        assert best >= 2 * count
        for said in ("0,1", "0,0,1,2,3,4,5", ",".join(map(str, range(count + 1))), "0"):
            assert tsp.grade(said, item).parts["is a tour"] == (0, 1)


@pytest.mark.parametrize(
    ("reply", "own", "eureka"),
    [
        ("Answer: 0 -> 2 -> 1 -> 0", "0,2,1,0", None),
        ("First 0 -> 1 -> 2.\nAnswer: 0, 2, 1", "0,2,1", None),
        (r"$\boxed{0 \to 2 \to 1}$", "0,2,1", None),
        ("The tour 0->2->1->0 has length 12", "0,2,1,0", None),
        ("<final_answer>{'Path': '0->2->1->0', 'TotalDistance': '12'}</final_answer>", "0,2,1,0", "0,2,1,0"),
        ("<final_answer>{'Path': '0, 2, 1', 'TotalDistance': '12'}</final_answer>", "0,2,1", "21"),
        ("none", None, None),
    ],
)
def test_tours_are_read(reply, own, eureka):
    item = tsp.make(items=1).items[0]
    assert tsp.extract(reply, item).answer == own
    assert tsp.extract_as_eureka(reply, item).answer == eureka


def test_times_are_checked_against_the_words_of_the_question():
    """A second reading of the prompt alone, minute by minute, must find what the generator promises."""
    for item in calendar.make(items=24).items:
        text = item.prompt[0][1]
        days = re.search(r"17:00 on (.+?)\. These", text)[1].split(" or ")
        length = int(re.search(r"(\d+) minutes with", text)[1])
        busy = {day: [] for day in days}
        for line in text.splitlines():
            if match := re.fullmatch(r"\w+, (\w+): (.+)", line):
                for a, b, c, d in re.findall(r"(\d\d):(\d\d)-(\d\d):(\d\d)", match[2]):
                    busy[match[1]].append((int(a) * 60 + int(b), int(c) * 60 + int(d)))
        low = re.search(r"start before (\d\d):(\d\d)", text)
        high = re.search(r"ends by (\d\d):(\d\d)", text)
        low = int(low[1]) * 60 + int(low[2]) if low else 540
        high = int(high[1]) * 60 + int(high[2]) if high else 1020
        spare = re.search(r"has (\d+) minutes without", text)
        spare = int(spare[1]) if spare else 0
        forbidden = re.search(r"not on (\w+day)", text)
        fitting = [
            (day, start)
            for day in days
            if not (forbidden and forbidden[1] == day)
            for start in range(low, high - length + 1)
            if all(start + length + spare <= a or b + spare <= start for a, b in busy[day])
        ]
        if "No earlier time" in text:
            fitting = fitting[:1]
        assert (item.gold == ["none"]) == (not fitting)
        for day in days:
            for start in range(530, 1030, 7):
                said = f"{day} {start // 60:02}:{start % 60:02}-{(start + length) // 60:02}:{(start + length) % 60:02}"
                assert calendar.grade(said, item).score == ((day, start) in fitting)
        for day, start in fitting[:20]:
            end = start + length
            said = f"{day} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
            assert calendar.grade(said, item).score == 1
        assert calendar.grade("none", item).score == (not fitting)


@pytest.mark.parametrize(
    ("reply", "own", "eureka"),
    [
        ("Answer: Tuesday 10:30-11:15", "Tuesday 10:30-11:15", None),
        ("**Answer:** tuesday, 9:30 to 10:15", "Tuesday 09:30-10:15", None),
        ("Answer: none", "none", None),
        ("Final Answer: Tuesday 10:30-11:15", "Tuesday 10:30-11:15", "Tuesday 10:30-11:15"),
        ("**Final Answer:**\nTuesday 10:30-11:15", "Tuesday 10:30-11:15", "Tuesday 10:30-11:15"),
        ("No common time slot available", "none", "none"),
        ("Monday 09:00-09:30 clashes, so Friday 11:00-11:30 it is.", "Friday 11:00-11:30", None),
        ("hm", None, None),
    ],
)
def test_times_are_read(reply, own, eureka):
    item = calendar.make(items=1).items[0]
    assert calendar.extract(reply, item).answer == own
    assert calendar.extract_as_eureka(reply, item).answer == eureka


def test_ways_through_mazes():
    for item in maze.make(items=16, sizes=(5, 7)).items:
        cells = item.data["maze"]
        start, end = maze.place(cells, "S"), maze.place(cells, "E")
        # Every way of the fewest moves, and one move more, by trying all that stay in the open.
        ways, found = [(start, "")], []
        for _ in range(item.gold + 1):
            ways = [
                ((row + down, column + right), said + move)
                for (row, column), said in ways
                for move, (down, right) in maze.STEPS.items()
                if cells[row + down][column + right] != "#"
            ]
            ways = list({(cell, said) for cell, said in ways})[:20_000]
            found += [said for cell, said in ways if cell == end]
        assert found and min(map(len, found)) == item.gold
        for said in found:
            shortest = len(said) == item.gold
            assert maze.grade(said, item).score == (shortest or item.tags["kind"] == "any")
        wall = next(m for m, (d, r) in maze.STEPS.items() if cells[start[0] + d][start[1] + r] == "#")
        assert maze.grade(wall + found[0], item).score == 0
        assert maze.grade(found[0][:-1], item).score == 0


@pytest.mark.parametrize(
    ("reply", "moves"),
    [
        ("Answer: RRDDL", "RRDDL"),
        ("Answer: R, R, D", "RRD"),
        ("Answer: R -> R -> D", "RRD"),
        ("Answer: right, right, then down", "RRD"),
        ("Go on.\nRRDDL", "RRDDL"),
        (r"\boxed{RRD}", "RRD"),
        ("No way", None),
    ],
)
def test_moves_are_read(reply, moves):
    assert maze.extract(reply, maze.make(items=1).items[0]).answer == moves


@pytest.mark.parametrize(
    "piece", ["x1=1, ", "0->", "0 ", "R, ", "Monday 10:00-", "<final_answer>", "Answer: ", "\n", "True, "]
)
def test_megabytes_are_read_at_once(piece):
    for module in TASKS.values():
        task = module.make(items=1)
        for extractor in task.extractors.values():
            extractor(piece * 1_000_000, task.items[0])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: three_sat.make(variables=(3,)), lambda: three_sat.make(ratio=9), lambda: tsp.make(cities=(20,)),
        lambda: calendar.make(days=9), lambda: calendar.make(people=(0,)), lambda: maze.make(sizes=(6,)),
        lambda: maze.make(kinds=("x",)),
    ],
)  # fmt: skip
def test_faults_are_named(wrong):
    with pytest.raises(PhialError, match=r"use|choose"):
        wrong()
