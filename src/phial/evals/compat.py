r"""Extractors that read replies as other harnesses do, their faults included, so that their numbers can be compared.

Behaviour of lm-eval 0.4.13, simple-evals of 2025-07, Eureka of 2025-10 and MMLU-Pro's own script, each in linear time.
What a harness makes of a reply without an answer ("[invalid]", "", None) is no answer here.

    lm-eval GSM8K strict    the first "#### 5"; no other form
    lm-eval GSM8K flexible  the last run of digits, dots, commas and dollar signs, so "72," and a lone "..." count
    lm-eval Hendrycks MATH  what stands between the first and the last dollar sign, else the whole reply; \boxed is not
                            looked for
    lm-eval Minerva MATH    only "Final Answer: The final answer is X. I hope it is correct."
    lm-eval GPQA flexible   any "(X)", the last; an option that is only spoken of counts where there is none
    lm-eval MMLU-Pro        the first "answer is (X)"; no other form
    simple-evals            the FIRST "Answer:", so a model that restates it loses; the stray "**" of "**Answer:** 5"
                            stays; letters in lower case count as wrong
    Eureka                  "Final Answer: 70", but neither "**Final Answer:** 70" nor "Final Answer: \boxed{70}"
    MMLU-Pro                three rules, the last of which takes any lone capital
"""

from __future__ import annotations

import ast
import operator
import re
import unicodedata
from collections.abc import Callable

from phial.evals.choices import LETTERS
from phial.evals.task import Extraction, Item
from phial.syntax import parse_expression

_NONE = Extraction(None)
_NUMBER_RUN = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")
_ANSWER_LINE = re.compile(r"(?i)Answer\s*:\s*([^\n]+)")
_OPERATIONS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def lm_eval_gsm8k_strict(reply: str, item: Item) -> Extraction:
    """lm-eval's filter `strict-match` of gsm8k."""
    match = re.search(r"#### (\-?[0-9\.\,]+)", reply)
    return Extraction(match[1], "strict-match") if match else _NONE


def lm_eval_gsm8k_flexible(reply: str, item: Item) -> Extraction:
    """lm-eval's filter `flexible-extract` of gsm8k and mgsm."""
    found = _last(_NUMBER_RUN, reply)
    return Extraction(found.strip(), "flexible-extract") if found else _NONE


def lm_eval_mmlu_pro(reply: str, item: Item) -> Extraction:
    """lm-eval's filter `custom-extract` of mmlu_pro."""
    match = re.search(r"answer is \(?([A-J])\)?", reply)
    return Extraction(match[1], "custom-extract") if match else _NONE


def lm_eval_hendrycks_math(reply: str, item: Item) -> Extraction:
    """lm-eval's reading of hendrycks_math."""
    first, last = reply.find("$"), reply.rfind("$")
    if first == last:
        return Extraction(reply, "whole-reply")
    return Extraction(reply[first + 1 : last], "between-dollars")


def lm_eval_aime(reply: str, item: Item) -> Extraction:
    r"""lm-eval's reading of aime24 and aime25: as hendrycks_math, but the last \boxed wins where it can be read."""
    box = _last_box(reply)
    return lm_eval_hendrycks_math(reply, item) if box is None else Extraction(box, "boxed")


def lm_eval_minerva_math(reply: str, item: Item) -> Extraction:
    """lm-eval's reading of minerva_math, before it is normalised."""
    lines = (reply + "I hope it is correct.").split("\n")
    for line in lines:
        _, opening, rest = line.partition("Final Answer: The final answer is")
        # One character stands before the closing words, whatever it is, and one behind them.
        if opening and (match := re.search(r". I hope it is correct.", rest)):
            return Extraction(rest[: match.start()].strip(), "final-answer")
    return _NONE


def lm_eval_gpqa_strict(reply: str, item: Item) -> Extraction:
    """lm-eval's filter `strict-match` of gpqa: the rest of the line without its last character."""
    match = re.search(r"(?<=The answer is )([^\n]*)(?=[^\n])", reply)
    return Extraction(match[1].strip() or None, "strict-match") if match else _NONE


def lm_eval_gpqa_flexible(reply: str, item: Item) -> Extraction:
    """lm-eval's filter `flexible-extract` of gpqa: the last "(B)", else the last option that is told, else ": B"."""
    if found := _last(re.compile(r"\([A-Z]\)"), reply):
        return Extraction(found, "letter-in-parentheses")
    options = [_lm_eval_words(_lm_eval_option(option)) for option in item.data["options"]]
    letters = {option: f"({LETTERS[place]})" for place, option in enumerate(options)}
    longest_first = "|".join(re.escape(option) for option in sorted(options, key=len, reverse=True))
    told = re.findall(longest_first, _lm_eval_words(reply))
    if told and told[-1].strip():
        return Extraction(letters.get(told[-1].strip(), told[-1].strip()), "option-told")
    if found := _last(re.compile(rf":\s*([{LETTERS[: len(options)]}])"), reply):
        return Extraction(f"({found})", "letter-after-colon")
    return _NONE


def simple_evals_math(reply: str, item: Item) -> Extraction:
    """simple-evals' MATH: the rest of the first "Answer:" line, or of the next line if that is empty."""
    match = _ANSWER_LINE.search(reply)
    return Extraction(match[1], "first-answer-colon") if match else _NONE


def simple_evals_letter(reply: str, item: Item) -> Extraction:
    """simple-evals' GPQA: the letter behind the first "Answer:" that has one, in the case it is written in."""
    match = re.search(r"(?i)Answer[ \t]*:[ \t]*\$?([A-D])\$?", reply)
    return Extraction(match[1], "first-answer-colon") if match else _NONE


def simple_evals_mmlu(reply: str, item: Item) -> Extraction:
    """simple-evals' MMLU: markup and LaTeX are dropped, then the first "Answer:" of the first language that has one."""
    for mark in _MARKUP:
        reply = reply.replace(mark, "")
    for word in _ANSWER_WORDS:
        if match := re.search(rf"(?i){word}[ \t]*([A-D]|[أ-د]|[অবডঢ]|[ＡＢＣＤ])", reply):  # noqa: RUF001
            return Extraction(_SCRIPT_LETTERS.get(match[1], match[1]), "first-answer-colon")
    return _NONE


def simple_evals_mgsm(reply: str, item: Item) -> Extraction:
    """simple-evals' MGSM: the last number behind the last "Answer:" in the item's language; signs are dropped."""
    _, prefix, rest = reply.rpartition(item.data["prefix"])
    if not prefix:
        return _NONE
    found = _last(re.compile(r"\d+\.?\d*"), rest.strip().replace(",", ""))
    if not found:
        return _NONE
    found = found.rstrip(".")
    return Extraction(found.rstrip("0").rstrip(".") if "." in found else found, "prefix")


def simple_evals_drop(reply: str, item: Item) -> Extraction:
    """simple-evals' DROP: the first "Answer:" line, else the whole reply."""
    match = _ANSWER_LINE.search(reply)
    return Extraction(match[1], "first-answer-colon") if match else Extraction(reply, "whole-reply")


def eureka_gsm8k(reply: str, item: Item) -> Extraction:
    """Eureka's GSM8K: all that follows the last "####" must be a number or a sum; commas, $, % and "g" are dropped.

    Eureka evaluates it as Python; here only arithmetic is.
    """
    if "####" not in reply:
        return _NONE
    text = re.sub(r"[,$%g]", "", reply.rpartition("####")[2].strip())
    text = {"True": "1", "true": "1", "False": "0", "false": "0"}.get(text, text)
    try:
        value = float(text) if len(text) < 400 else None
    except ValueError:
        value = _arithmetic(text)
    return _NONE if value is None else Extraction(repr(value), "hashes")


def eureka_number(reply: str, item: Item) -> Extraction:
    """Eureka's AIME: the first "Final Answer: 70", or else "Final Answer: [70]"; per cents are divided by 100."""
    number = r"([\$]?-?[\d,]+(?:\.\d+)?%?)"
    match = re.search(rf"Final Answer:\s*{number}", reply) or re.search(rf"Final Answer:\s*\[{number}\]", reply)
    text = match[1].replace("$", "").replace(",", "") if match else ""
    percent = text.endswith("%")
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        return _NONE
    return Extraction(repr(value / 100 if percent else value), "final-answer")


def eureka_letter(reply: str, item: Item) -> Extraction:
    """Eureka's GPQA: the last "Final Answer: B"; its question to another model where there is none is left out."""
    found = _last(re.compile(r"Final Answer: (\w)(?!\w)"), reply)
    return Extraction(found, "final-answer") if found else _NONE


def eureka_drop(reply: str, item: Item) -> Extraction:
    """Eureka's DROP: the rest of the last line that has "My answer is"."""
    found = _last(re.compile(r"My answer is ([^\n]+)"), reply)
    return Extraction(found, "my-answer-is") if found else _NONE


def mmlu_pro(reply: str, item: Item) -> Extraction:
    """MMLU-Pro's own three rules, the second of which takes the square of a line's length there.

    The first "answer is (X)"; the last "Answer: X" of the first line that has one; the last lone capital from A to J.
    """
    if match := re.search(r"answer is \(?([A-J])\)?", reply):
        return Extraction(match[1], "answer-is")
    found = ""
    line_end = len(reply)
    # A match may begin inside another: "Answer: Answer: B" has two.
    for match in re.finditer(r"(?=[aA]nswer:\s*([A-J]))", reply):
        if match.start() > line_end:
            break
        if not found:
            line_end = reply.find("\n", match.start()) % (len(reply) + 1)
        found = match[1]
    if found:
        return Extraction(found, "answer-colon")
    last = _last(re.compile(r"\b([A-J])\b"), reply)
    return Extraction(last, "last-letter") if last else _NONE


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    """The first filled group of a pattern's last match, without a look at all the others where the end will do.

    A match that begins where the part that is looked at does may have begun before it, so a longer part is taken then.
    """
    part = 1 << 16
    while True:
        offset = max(0, len(text) - part)
        # The search sees what stands before it, as a word's border needs.
        last = None
        for match in pattern.finditer(text, max(0, offset)):
            last = match
        if offset == 0 or (last and last.start() > offset):
            return next(group for group in last.groups() or (last[0],) if group) if last else None
        part *= 8


def _lm_eval_option(option: str) -> str:
    return option.strip().replace(" [title]", ". ").replace("  ", " ").strip()


def _lm_eval_words(text: str) -> str:
    """In lower case, without punctuation as Unicode has it."""
    return "".join(character for character in text.lower() if unicodedata.category(character)[0] != "P")


def _last_box(text: str) -> str | None:
    r"""The last \boxed as lm-eval finds it: escaped braces count as well, and "\boxed 5" goes to the next dollar."""
    if "\\boxed " in text:
        return text.rpartition("\\boxed ")[2].partition("$")[0]
    start = text.rfind("\\boxed")
    if start < 0:
        start = text.rfind("\\fbox")
    if start < 0:
        return None
    depth = 0
    for match in re.finditer(r"[{}]", text[start:]):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            box = text[start : start + match.end()]
            return box[7:-1] if box.startswith("\\boxed{") else None
    return None


def _arithmetic(text: str) -> float | None:
    """The value of a sum; None where it is none."""
    try:
        value = _value(parse_expression(text).body) if len(text) <= 200 else None
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
        return None
    return value


def _value(node: ast.expr) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATIONS:
            value = _value(operand)
            return None if value is None else _OPERATIONS[type(op)](value)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            one, other = _value(left), _value(right)
            return None if one is None or other is None else _OPERATIONS[type(op)](one, other)
        case _:
            return None


# In simple-evals' order, which matters: "$\boxed{" goes before "$" does.
_MARKUP = (
    "**",
    "$\\boxed{",
    "}$",
    "\\$",
    "$\\text{",
    "$",
    "\\mathrm{",
    "\\{",
    "\\text",
    "\\(",
    "\\mathbf{",
    "{",
    "\\boxed",
)
_ANSWER_WORDS = (
    r"Answer\s*:",
    "উত্তর\\s*:",
    "उत्तर\\s*:",
    "উত্তরঃ",
    r"Antwort\s*:",
    r"답변\s*:",
    r"정답\s*:",
    r"답\s*:",
    "答案\\s*：",  # noqa: RUF001
    r"答案\s*:",
    "答\\s*：",  # noqa: RUF001
    r"答\s*:",
    "答复\\s*：",  # noqa: RUF001
    "答曰\\s*：",  # noqa: RUF001
    "الإجابة:",
    "الجواب:",
    "إجابة:",
    "الإجابة النهائية:",
    "الإجابة الصحيحة:",
    "الإجابة الصحيحة هي:",
    "الإجابة هي:",
    "الجواب النهائي:",
    r"Respuesta\s*:",
    r"Risposta\s*:",
    r"答え\s*:",
    "答え\\s*：",  # noqa: RUF001
    r"回答\s*:",
    "回答\\s*：",  # noqa: RUF001
    r"解答\s*:",
    r"Jawaban\s*:",
    r"Réponse\s*:",
    r"Resposta\s*:",
    r"Jibu\s*:",
    r"Idahun\s*:",
    r"Ìdáhùn\s*:",
    r"Idáhùn\s*:",
    r"Àmọ̀nà\s*:",
    r"Àdáhùn\s*:",
    r"Ànúgọ\s*:",
    r"Àṣàyàn\s*:",
)
_SCRIPT_LETTERS: dict[str, str] = dict(zip("أبجدঅবডঢＡＢＣＤ", "ABCDABCDABCD", strict=True))
