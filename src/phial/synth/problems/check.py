"""An independent evaluator of word problems: it trusts the rendered text and the closed form, never the generator.

It has its own arithmetic over the text (a recursive-descent parser of relation chains) and its own interpreter of the
closed form, so that a wrong step, a wrong answer or a number lost in a wording is found whatever made it.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from string import Formatter
from typing import Any, Final

from phial.syntax import parse_expression
from phial.synth.problems.lang import Family, Problem, Variant
from phial.synth.problems.lexicon import PEOPLE, WORD_FIELDS
from phial.synth.problems.plans import EXTRA, split_question

Values = tuple[int, ...]
Words = Mapping[str, str]
Formula = Callable[[Values, Words], Any]

_NUMBER = r"\d+(?:\.\d+)?(?:/\d+)?"
_OPERAND = rf"\(*-?(?:{_NUMBER}|[a-z](?![A-Za-z]))\)*"
_SIDE = rf"{_OPERAND}(?: [+\-*/] {_OPERAND})*"
_CHAIN: Final = re.compile(rf"(?<![A-Za-z\d.]){_SIDE}(?: [=<>] {_SIDE})+")
_SIMPLE: Final = re.compile(r"(\d+) ([+\-*/]) (\d+) = (\d+)")
_WORKED: Final = re.compile(r"(\d+) ([+\-*/]) (\d+) = (\d+) ([+-]) (\d+) = (\d+)")
_ABOUT: Final = re.compile(r"About (\w+)\. ")
_RELATION: Final = re.compile(r" ([=<>]) ")
_TOKEN: Final = re.compile(rf"{_NUMBER}|[a-z+\-*/()]")
_SIGN: Final = re.compile(r"[=<>]")
_BEFORE: Final = re.compile(r"[+\-*/=<>] $")
_AFTER: Final = re.compile(r" [+\-*/=<>]| ?\d|[*/+<>=]")


def verify(problem: Problem, family: Family) -> str | None:
    """Checks a problem without the generator.

    Args:
        problem: The problem to check.
        family: The family it claims to come from.

    Returns:
        None when everything is right, else the reason why not.
    """
    if problem.family != family.name or problem.version != family.version or problem.skill != family.skill:
        return f"the problem is of {problem.family} version {problem.version}, not of {family.name} {family.version}"
    sheet = _sheets(family).get(problem.steps)
    if sheet is None:
        return f"{family.name} has no variant of {problem.steps} steps"
    if problem.difficulty != problem.steps + problem.distracted:
        return f"difficulty {problem.difficulty} is not {problem.steps} steps + {int(problem.distracted)}"
    numbers = problem.numbers
    if len(numbers) != len(sheet.variant.quantities):
        return f"{len(numbers)} numbers for {len(sheet.variant.quantities)} quantities"
    for number, (low, high, wide_low, wide_high) in zip(numbers, sheet.ranges, strict=True):
        if not (low <= number <= high or wide_low <= number <= wide_high):
            return f"{number} lies neither in {low}..{high} nor in {wide_low}..{wide_high}"
    if not sheet.where(numbers, {}):
        return f"the condition {sheet.variant.where!r} does not hold for {numbers}"
    if not 0 <= problem.wording < len(sheet.readers):
        return f"there is no wording {problem.wording}"
    plain, *distracted = sheet.readers[problem.wording]
    words: dict[str, str] | str = "it has no distractor"
    for reader in distracted if problem.distracted else (plain,):
        words = reader.read(problem.question, numbers)
        if not isinstance(words, str):
            break
    if isinstance(words, str):
        return f"question: {words}"
    expected = sheet.answer(numbers, words)
    if str(expected) != problem.answer:
        return f"the answer {problem.answer} should be {expected}"
    if not problem.work.endswith(f"The answer is {problem.answer}."):
        return f"the work does not end with the answer {problem.answer}"
    named = {words[field] for field in PEOPLE if field in words}
    first = min(named, key=problem.question.index) if named else None
    about = _ABOUT.match(problem.work)
    if (about and about[1]) != first:
        return f"the work should begin with {first or 'no name'}, the first person of the question"
    return check_relations(problem.work)


def check_relations(text: str) -> str | None:
    """Checks every relation chain in a text, such as "3 * 4 = 12" or "7 < 9 < 12".

    A single letter is an unknown; some chain must give its value ("x = 12 - 3 = 9"), and every chain must then hold.

    Args:
        text: The worked text.

    Returns:
        None when all are true, else the first false, malformed or unreadable one.
    """
    signs, chains = 0, []
    for match in _CHAIN.finditer(text):
        chain, start = match.group(), match.start()
        if _BEFORE.search(text, max(0, start - 2), start) or _AFTER.match(text, match.end()):
            return f"malformed relation near {chain!r}"
        simple, worked = _SIMPLE.fullmatch(chain), _WORKED.fullmatch(chain)
        if worked is not None:
            signs += 2
            left, operator, right, big, sign, small, value = worked.groups()
            if not _simple_holds(int(left), operator, int(right), int(value)) or not _simple_holds(
                int(big), sign, int(small), int(value)
            ):
                return f"false relation {chain!r}"
            continue
        if simple is None:
            signs += len(_SIGN.findall(chain))
            chains.append(chain)
            continue
        signs += 1
        left, operator, right, value = simple.groups()
        if not _simple_holds(int(left), operator, int(right), int(value)):
            return f"false relation {chain!r}"
    if signs != text.count("=") + text.count("<") + text.count(">"):
        return f"unreadable relation in {text!r}"
    unknowns: dict[str, int | Fraction] = {}
    for chain in chains:
        sides = _RELATION.split(chain)
        if len(sides[0]) == 1 and sides[0].isalpha() and sides[1] == "=" and not re.search("[a-z]", sides[-1]):
            try:
                unknowns[sides[0]] = _evaluate(sides[-1], {})
            except (ValueError, ZeroDivisionError) as error:
                return f"unreadable relation {chain!r}: {error}"
    for chain in chains:
        try:
            sides = _RELATION.split(chain)
            values = [_evaluate(side, unknowns) for side in sides[::2]]
        except (ValueError, ZeroDivisionError) as error:
            return f"unreadable relation {chain!r}: {error}"
        for left_value, sign, right_value in zip(values, sides[1::2], values[1:], strict=False):
            if (left_value > right_value) - (left_value < right_value) != {"<": -1, "=": 0, ">": 1}[sign]:
                return f"false relation {chain!r}"
    return None


def _simple_holds(left: int, operator: str, right: int, value: int) -> bool:
    if operator == "+":
        return left + right == value
    if operator == "-":
        return left - right == value
    if operator == "*":
        return left * right == value
    return right != 0 and right * value == left


def _evaluate(side: str, unknowns: Mapping[str, int | Fraction]) -> int | Fraction:
    """Evaluates one side of a relation by recursive descent; a tight 3/4 is one number."""
    if side.isdigit():
        return int(side)
    tokens = _TOKEN.findall(side)
    tokens.append("")
    place = 0

    def factor() -> int | Fraction:
        nonlocal place
        token = tokens[place]
        place += 1
        if token == "(":
            value = total()
            if tokens[place] != ")":
                raise ValueError("a parenthesis is not closed")
            place += 1
            return value
        if token == "-":
            return -factor()
        if token.isdigit():
            return int(token)
        if token[:1].isdigit():
            top, _, bottom = token.partition("/")
            return Fraction(int(top), int(bottom)) if bottom and top.isdigit() else Fraction(top) / int(bottom or 1)
        if token in unknowns:
            return unknowns[token]
        raise ValueError(f"no value is given for {token!r}")

    def product() -> int | Fraction:
        nonlocal place
        value = factor()
        while tokens[place] in ("*", "/"):
            place += 1
            value = value * factor() if tokens[place - 1] == "*" else Fraction(value) / factor()
        return value

    def total() -> int | Fraction:
        nonlocal place
        value = product()
        while tokens[place] in ("+", "-"):
            place += 1
            value = value + product() if tokens[place - 1] == "+" else value - product()
        return value

    result = total()
    if tokens[place]:
        raise ValueError(f"{tokens[place]!r} is out of place")
    return result


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the words back out of a question, given what each of its numbers must be."""

    pattern: re.Pattern[str]
    fields: tuple[tuple[str, str, Formula | None], ...]  # field, format, its formula; no formula for a word

    def read(self, question: str, numbers: Values) -> dict[str, str] | str:
        """Returns the words by field, or the reason why the question does not say what it should."""
        match = self.pattern.fullmatch(question)
        if match is None:
            return f"{question!r} does not follow its wording"
        words: dict[str, str] = {}
        for (field, spec, formula), text in zip(self.fields, match.groups(), strict=True):
            if formula is None:
                if words.setdefault(field, text) != text:
                    return f"{field!r} is both {words[field]!r} and {text!r}"
                continue
            value = formula(numbers, words)
            if (format(value, spec) if spec else str(value)) != text:
                return f"it says {text} where {field!r} is {value}"
        return words


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A variant made ready to check."""

    variant: Variant
    ranges: tuple[tuple[int, int, int, int], ...]  # low, high, and the unseen low and high of each quantity
    where: Formula
    answer: Formula
    readers: tuple[tuple[_Reader, ...], ...]  # [wording][0 plain, then one per distractor]


@cache
def _sheets(family: Family) -> dict[int, _Sheet]:
    return {variant.steps: _sheet(variant) for variant in family.variants}


def _sheet(variant: Variant) -> _Sheet:
    names = tuple(variant.quantities)
    readers = []
    for wording in variant.wordings:
        head, last = split_question(wording)
        texts = [wording] + [f"{head}{distractor} {last}" for distractor in variant.distractors]
        readers.append(tuple(_reader(text, names) for text in texts))
    ranges = tuple((s.low, s.high, *s.wide) for s in variant.quantities.values())
    return _Sheet(
        variant,
        ranges,
        compile_formula(variant.where, names),
        compile_formula(variant.answer, names),
        tuple(readers),
    )


def _reader(template: str, names: tuple[str, ...]) -> _Reader:
    pattern, fields = "", []
    for text, field, spec, _ in Formatter().parse(template):
        pattern += re.escape(text)
        if field is None:
            continue
        if field in WORD_FIELDS or field == EXTRA:
            pattern += r"([A-Za-z]+)" if field != EXTRA else r"(\d+)"
            fields.append((field, "", None))
        else:
            pattern += r"(-?\d+(?:\.\d+)?(?:/\d+)?)"
            fields.append((field, spec or "", compile_formula(field, names)))
    return _Reader(re.compile(pattern), tuple(fields))


def compile_formula(text: str, names: tuple[str, ...]) -> Formula:
    """Compiles an expression over quantities by a whitelist of its syntax, without `eval`.

    Args:
        text: The expression.
        names: The quantities in declared order.

    Returns:
        A function of (numbers in that order, words by field); text in quotes such as '{name}' gives the word.

    Raises:
        ValueError: The expression uses anything else.
    """
    return _formula(parse_expression(_TIGHT.sub(r"(\1/\2)", text)).body, names)


_TIGHT: Final = re.compile(r"(?<![\w)])(\w+)/(\w+)")  # a fraction literal binds first
_COMPARE: Final[dict[type, Callable[[Any, Any], bool]]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}


def _formula(node: ast.expr, names: tuple[str, ...]) -> Formula:
    match node:
        case ast.Constant(value=bool() | int()):
            constant = node.value
            return lambda n, w: constant
        case ast.Constant(value=str()):
            string = str(node.value)
            if string[:1] == "{":
                field = string[1:-1]
                return lambda n, w: w[field]
            return lambda n, w: string
        case ast.Name(id=name) if name in names:
            place = names.index(name)
            return lambda n, w: n[place]
        case ast.BinOp():
            return _operation(node, names)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            negated = _formula(inner, names)
            return lambda n, w: -negated(n, w)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            denied = _formula(inner, names)
            return lambda n, w: not denied(n, w)
        case ast.BoolOp(op=op, values=parts):
            formulas = tuple(_formula(part, names) for part in parts)
            if isinstance(op, ast.And):
                return lambda n, w: all(formula(n, w) for formula in formulas)
            return lambda n, w: any(formula(n, w) for formula in formulas)
        case ast.Compare(left=first, ops=ops, comparators=others):
            sides = tuple(_formula(side, names) for side in (first, *others))
            tests = tuple(_COMPARE[type(op)] for op in ops)
            if len(tests) == 1:
                low, high, test = sides[0], sides[1], tests[0]
                return lambda n, w: test(low(n, w), high(n, w))
            pairs = tuple(zip(tests, sides, sides[1:], strict=False))
            return lambda n, w: all(test(a(n, w), b(n, w)) for test, a, b in pairs)
        case ast.IfExp(test=condition, body=body, orelse=other):
            choose, yes, no = (_formula(part, names) for part in (condition, body, other))
            return lambda n, w: yes(n, w) if choose(n, w) else no(n, w)
        case ast.Call(func=ast.Name(id="min" | "max" | "abs" as name), args=arguments, keywords=[]):
            called = {"min": min, "max": max, "abs": abs}[name]
            given = tuple(_formula(argument, names) for argument in arguments)
            return lambda n, w: called(*[argument(n, w) for argument in given])
    raise ValueError(f"not part of the closed-form language: {ast.unparse(node)!r}")


def _operation(node: ast.BinOp, names: tuple[str, ...]) -> Formula:
    left, right = _formula(node.left, names), _formula(node.right, names)
    match node.op:
        case ast.Add():
            return lambda n, w: left(n, w) + right(n, w)
        case ast.Sub():
            return lambda n, w: left(n, w) - right(n, w)
        case ast.Mult():
            return lambda n, w: left(n, w) * right(n, w)
        case ast.FloorDiv():
            return lambda n, w: left(n, w) // right(n, w)
        case ast.Mod():
            return lambda n, w: left(n, w) % right(n, w)
        case ast.Div():
            return lambda n, w: _quotient(left(n, w), right(n, w))
    raise ValueError(f"not part of the closed-form language: {ast.unparse(node)!r}")


def _quotient(dividend: int | Fraction, divisor: int | Fraction) -> int | Fraction:
    if isinstance(dividend, int) and isinstance(divisor, int) and dividend % divisor == 0:
        return dividend // divisor
    exact = Fraction(dividend) / divisor
    return exact.numerator if exact.denominator == 1 else exact
