"""EvalPlus' published inputs as tests: the candidate's values against the canonical solution's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Run where the canonical solution is, under its own name, and the candidate is a call to another process.
_TESTS = """
import copy, math
import numpy

def _floats(value):
    if isinstance(value, (list, tuple)) and value:
        return all(isinstance(item, float) for item in value)
    return isinstance(value, float)

def _must(truth):
    assert truth
    return truth

def _pyramid(base, height):
    return round(base**2 + 2 * base * math.sqrt((base / 2) ** 2 + height**2))

def _digit_distance(one, other):
    width = max(len(str(one)), len(str(other)))
    return sum(abs(int(a) - int(b)) for a, b in zip(str(one).zfill(width), str(other).zfill(width)))

def _run(reference, inputs, tolerance):
    for arguments in inputs:
        expected = reference(*copy.deepcopy(arguments))
        out = candidate(*copy.deepcopy(arguments))
        if {accepted}:
            continue
        # Once an expected value is of floats, the tolerance stays for the inputs that follow, as it does in EvalPlus.
        if tolerance == 0 and _floats(expected):
            tolerance = 1e-6
        assert tolerance != 0 and type(out) is type(expected), f"not {expected!r}"
        assert not isinstance(expected, (list, tuple)) or len(out) == len(expected), f"not {expected!r}"
        assert numpy.allclose(out, expected, rtol=1e-07, atol=tolerance), f"not {expected!r}"
    assert inputs

"""
_EQUAL = "out == expected"
# Items with several right answers, or whose values have no equality: when `out` is right, by function.
_ACCEPTED: Mapping[str, Mapping[str, str]] = {
    "humaneval": {
        "find_zero": "_must(abs(sum(factor * math.pow(out, power) for power, factor in enumerate(arguments[0]))) "
        "<= tolerance)"
    },
    "mbpp": {
        "are_equivalent": "True",  # the canonical solution itself is in doubt
        "sum_div": f"{_EQUAL} or out == 0",
        "surface_Area": f"{_EQUAL} or abs(out - _pyramid(*arguments)) <= tolerance",
        "digit_distance_nums": f"{_EQUAL} or out == _digit_distance(*arguments)",
        **dict.fromkeys(
            ("check_str", "text_match_three", "text_starta_endb"),
            "bool(expected) == (out if isinstance(out, bool) else out is not None)",
        ),
        **dict.fromkeys(
            (
                "similar_elements",
                "find_char_long",
                "common_in_nested_lists",
                "extract_singly",
                "larg_nnum",
                "intersection_array",
                "find_dissimilar",
                "Diff",
            ),
            "set(out) == set(expected)",
        ),
    },
}


def differential_tests(benchmark: str, entry: str, inputs: list[Any], tolerance: float) -> str:
    """Tests of `candidate` against the function `entry` of the context, which must not be bound to the candidate.

    Args:
        benchmark: "humaneval" or "mbpp"; which items have several right answers.
        entry: the canonical solution's name.
        inputs: the arguments of each call; plain data.
        tolerance: absolute, of floats; 0 for the default of 1e-6.
    """
    accepted = _ACCEPTED[benchmark].get(entry, _EQUAL)
    return f"{_TESTS.replace('{accepted}', accepted)}\n_run({entry}, {inputs!r}, {tolerance!r})\n"


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _first_tuples(arguments: list[Any]) -> list[Any]:
    return [[tuple(item) for item in arguments[0]], *arguments[1:]]


_PUBLISHED_INPUTS: Mapping[Callable[[list[Any]], Any], tuple[int, ...]] = {
    lambda arguments: [tuple(item) for item in arguments]: (
        *(2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424),
        *(429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809),
    ),
    lambda arguments: [[tuple(item) for item in argument] for argument in arguments]: (
        *(63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780),
    ),
    _first_tuples: (75, 413, 444, 753),
    lambda arguments: [arguments[0], tuple(arguments[1])]: (106, 750),
    lambda arguments: [[set(item) if isinstance(item, list) and item else {} for item in arguments[0]]]: (115,),
    lambda arguments: [float(arguments[0]), complex(arguments[1])]: (124,),
    lambda arguments: [tuple(arguments[0]), arguments[1]]: (250, 405, 446, 617, 720, 763, 808),
    lambda arguments: [tuple(tuple(item) for item in argument) for argument in arguments]: (259, 401, 445),
    lambda arguments: [tuple(tuple(item) if isinstance(item, list) else item for item in arguments[0])]: (278,),
    lambda arguments: [tuple(arguments[0]), arguments[1], arguments[2]]: (307,),
    lambda arguments: [{key: tuple(value) for key, value in arguments[0].items()}, *arguments[1:]]: (722,),
    lambda arguments: [complex(arguments[0])]: (252,),
    _tuples: (580, 615, 791),
}


def mbpp_arguments(number: int, arguments: list[Any]) -> list[Any]:
    """The arguments of one MBPP+ call as they were before JSON made lists of tuples and sets.

    Args:
        number: of the item, as in "Mbpp/2".
        arguments: as published.
    """
    for restored, numbers in _PUBLISHED_INPUTS.items():
        if number in numbers:
            return list(restored(arguments))
    return arguments
