"""Compiles the variants of a family once, so that drawing a problem is a few small function calls."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from string import Formatter
from typing import TYPE_CHECKING, Any, Final

from phial.syntax import parse_expression
from phial.synth.problems.equation import equation, multiples
from phial.synth.problems.lexicon import PEOPLE, WORD_FIELDS

if TYPE_CHECKING:
    from phial.synth.problems.lang import Family, Variant

EXTRA: Final = "extra"  # the irrelevant number of a distractor sentence


@dataclass(frozen=True, slots=True)
class Plan:
    """A variant made ready to draw: (low, count, step) of each quantity, conditions and texts compiled."""

    variant: "Variant"
    normal: tuple[tuple[int, int, int], ...]
    wide: tuple[tuple[int, int, int], ...]
    accepts: Callable[..., bool]
    solve: Callable[[dict[str, Any]], None]
    questions: tuple[tuple[str, ...], ...]  # [wording][0 plain, then one per distractor]
    openings: tuple[tuple[str, ...], ...]  # of the work, likewise: "About {name}. ", or nothing where nobody is named
    work: str


def split_question(wording: str) -> tuple[str, str]:
    """Splits a wording before its last sentence, where a distractor goes.

    Args:
        wording: The template of a question.

    Returns:
        The sentences before the last one with the space after them (maybe empty), and the last sentence.
    """
    cut = max(wording.rfind(end) for end in (". ", "? ", "! ")) + 2
    return (wording[:cut], wording[cut:]) if cut >= 2 else ("", wording)


def opening(question: str) -> str:
    """Returns how the work begins: with the first person of a question's template, "" when there is none.

    Names stand in a few families' answers only, too few for a small model to learn to repeat one. With one name at the
    head of every answer it learns that early (docs/experiments.md).
    """
    person = next((field for _, field, _ in _fields(question) if field in PEOPLE), None)
    return f"About {{{person}}}. " if person else ""


def _divide(dividend: int | Fraction, divisor: int | Fraction) -> int | Fraction:
    return Fraction(dividend) / divisor if dividend % divisor else dividend // divisor


_FUNCTIONS: Final[dict[str, Any]] = {
    "min": min, "max": max, "abs": abs, "multiples": multiples, "_divide": _divide,
}  # fmt: skip
_SCOPE: Final[dict[str, Any]] = {"__builtins__": {}, "_equation": equation, **_FUNCTIONS}
_ALLOWED: Final = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Name, ast.Constant,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip
_TIGHT: Final = re.compile(r"(?<![\w)])(\w+)/(\w+)")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_BINARY: Final = re.compile(r"(\w+) ([-+*/]) (\w+)")


class _Exact(ast.NodeTransformer):
    """Rewrites division to stay exact, and text such as '{name}' to the word it stands for."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            return ast.Call(ast.Name("_divide", ast.Load()), [node.left, node.right], [])
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str) and node.value[:1] == "{":
            return ast.Name(node.value[1:-1], ast.Load())
        return node


def _source(expression: str, known: set[str]) -> str:
    """Returns Python source for an expression of the template language, or raises ValueError."""
    tree = parse_expression(_TIGHT.sub(r"(\1/\2)", expression))
    tree = ast.fix_missing_locations(_Exact().visit(tree))
    nodes = list(ast.walk(tree))
    foreign = [type(node).__name__ for node in nodes if not isinstance(node, _ALLOWED)]
    foreign += [node.id for node in nodes if isinstance(node, ast.Name) and node.id not in known | _FUNCTIONS.keys()]
    if foreign:
        raise ValueError(f"{foreign[0]} is unknown to the template language in {expression!r}")
    return ast.unparse(tree)


def _fields(template: str) -> list[tuple[str, str, str]]:
    """Returns (literal text, field, format) of a template; the field is "" after the last literal."""
    return [(text, field or "", spec or "") for text, field, spec, _ in Formatter().parse(template)]


@cache
def plans(family: "Family") -> dict[int, Plan]:
    """Compiles a family, once.

    Args:
        family: The family.

    Returns:
        The plan of each variant by its number of steps.

    Raises:
        ValueError: A variant is malformed; the message names the family, the variant and the fault.
    """
    compiled: dict[int, Plan] = {}
    for variant in family.variants:
        if variant.steps in compiled:
            raise ValueError(f"family {family.name} has two variants of {variant.steps} steps")
        try:
            compiled[variant.steps] = _plan(variant)
        except (ValueError, SyntaxError) as error:
            raise ValueError(f"family {family.name}, {variant.steps} steps: {error}") from error
    return compiled


def _plan(variant: "Variant") -> Plan:
    quantities, words = set(variant.quantities), set(WORD_FIELDS)
    clash = quantities & (words | {EXTRA}) | {step.name for step in variant.work} & (quantities | words | {EXTRA, "eq"})
    if clash:
        raise ValueError(f"these names are taken: {sorted(clash)}")
    derived: dict[str, str] = {}  # expression in a wording -> the field that shows it

    def flatten(template: str, known: set[str]) -> tuple[str, set[str]]:
        parts, used = [], set()
        for text, field, spec in _fields(template):
            parts.append(text.replace("{", "{{").replace("}", "}}"))
            if not field:
                continue
            _source(field, known)
            used |= set(_NAME.findall(field))
            shown = field if field in known else derived.setdefault(field, f"shown{len(derived)}_")
            parts.append("{" + shown + (":" + spec if spec else "") + "}")
        return "".join(parts), used

    questions, common = [], set(words)
    for wording in variant.wordings:
        _, used = flatten(wording, quantities | words)
        if not quantities <= used:
            raise ValueError(f"wording {wording!r} does not name {sorted(quantities - used)}")
        common &= used
        head, last = split_question(wording)
        texts = [wording] + [f"{head}{distractor} {last}" for distractor in variant.distractors]
        questions.append(tuple(flatten(text, quantities | words | {EXTRA})[0] for text in texts))

    known, says = quantities | common, []
    lines = ["def solve(v):", *(f"    {name} = v[{name!r}]" for name in sorted(known))]
    lines += [f"    v[{shown!r}] = {_source(expression, quantities)}" for expression, shown in derived.items()]
    for step in variant.work:
        lines.append(f"    {step.name} = v[{step.name!r}] = {_source(step.expression, known)}")
        shown = _NAME.sub(lambda match: "{" + match.group() + "}", step.expression)
        known.add(step.name)
        say = step.say.replace("{eq}", f"{shown} = {{{step.name}}}")
        binary = _BINARY.fullmatch(step.expression)
        if binary and "{eq}" in step.say:
            left, operator, right = binary.groups()
            lines.append(f"    v['{step.name}_eq'] = _equation({left}, {operator!r}, {right}, {step.name})")
            known.add(f"{step.name}_eq")
            say = step.say.replace("{eq}", f"{{{step.name}_eq}}")
        unknown = {field for _, field, _ in _fields(say) if field} - known
        if unknown:
            raise ValueError(f"step {step.name} says {sorted(unknown)}, which not every wording names")
        if say:
            says.append(say)
    lines.append(f"    v['answer'] = {variant.work[-1].name}")
    scope = dict(_SCOPE)
    # every expression in it passed the whitelist of _source, and the scope has no builtins
    exec(compile("\n".join(lines), "<variant>", "exec"), scope)
    accepts = eval(f"lambda {', '.join(variant.quantities)}: {_source(variant.where, quantities)}", scope)
    spans = variant.quantities.values()
    return Plan(
        variant,
        tuple((s.low, (s.high - s.low) // s.step + 1, s.step) for s in spans),
        tuple((s.wide[0], (s.wide[1] - s.wide[0]) // s.step + 1, s.step) for s in spans),
        accepts,
        scope["solve"],
        tuple(questions),
        tuple(tuple(opening(text) for text in texts) for texts in questions),
        " ".join([*says, "The answer is {answer}."]),
    )
