"""Presentation MathML as LaTeX, for pages that carry no LaTeX beside it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

_FENCED = {"mfrac": r"\frac{%s}{%s}", "mroot": r"\sqrt[%s]{%s}", "msup": "%s^{%s}", "msub": "%s_{%s}"}
_SCRIPTS = {
    "msubsup": "%s_{%s}^{%s}",
    "munderover": "%s_{%s}^{%s}",
    "munder": "%s_{%s}",
    "mover": "%s^{%s}",
}
_SYMBOLS = {
    "\u2212": "-",
    "\u00d7": r"\times ",
    "\u22c5": r"\cdot ",
    "\u00b7": r"\cdot ",
    "\u00f7": r"\div ",
    "\u00b1": r"\pm ",
    "\u2264": r"\le ",
    "\u2265": r"\ge ",
    "\u2260": r"\ne ",
    "\u2248": r"\approx ",
    "\u2208": r"\in ",
    "\u221e": r"\infty ",
    "\u2211": r"\sum ",
    "\u220f": r"\prod ",
    "\u222b": r"\int ",
    "\u2202": r"\partial ",
    "\u2192": r"\to ",
    "\u2026": r"\dots ",
    "\u2061": "",
    "\u2062": "",
    "\u2063": "",
}
_FUNCTIONS = {"sin", "cos", "tan", "log", "ln", "exp", "lim", "min", "max"}


def to_latex(element: Any) -> str:
    """The LaTeX of one MathML element of an lxml tree: its TeX annotation or `alttext` if it has one, else rebuilt."""
    for child in element.iter():
        if _tag(child) == "annotation" and "tex" in (child.get("encoding") or "").lower() and child.text:
            return child.text.strip()
    return (element.get("alttext") or _rebuilt(element)).strip()


def _tag(element: Any) -> str:
    return element.tag.rsplit("}", 1)[-1].rsplit(":", 1)[-1].lower() if isinstance(element.tag, str) else ""


def _rebuilt(element: Any) -> str:
    tag = _tag(element)
    if tag in ("annotation", "annotation-xml", "mphantom", "mspace"):
        return ""
    if tag in ("mi", "mn", "mo", "mtext", "ms"):
        text = "".join(element.itertext()).strip()
        if tag == "mtext" and text:
            return rf"\text{{{text}}}"
        return rf"\{text} " if text in _FUNCTIONS else "".join(map(_symbol, text))
    parts = [_rebuilt(child) for child in element if _tag(child)]
    if tag == "msqrt":
        return rf"\sqrt{{{''.join(parts)}}}"
    if tag == "mroot" and len(parts) == 2:
        parts.reverse()
    template = _FENCED.get(tag) or _SCRIPTS.get(tag)
    if template and len(parts) == template.count("%s"):
        return template % tuple(parts)
    if tag in ("mtr", "mlabeledtr"):
        return " & ".join(parts) + r" \\ "
    if tag == "mtable":
        return rf"\begin{{matrix}} {''.join(parts)}\end{{matrix}}"
    if tag == "mfenced":
        inner = (element.get("separators") or ",")[:1].join(parts)
        return f"{element.get('open', '(')}{inner}{element.get('close', ')')}"
    return "".join(parts)


def _symbol(character: str) -> str:
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    if greek is None:
        return _SYMBOLS.get(character, character)
    return f"\\{greek[2].lower() if greek[1] == 'SMALL' else greek[2].title()} "


def formulas(tree: Any) -> Iterator[tuple[Any, str, bool]]:
    """Every formula of a page: its element, its LaTeX, and whether it stands on a line of its own."""
    for element in tree.iter():
        tag, kind = _tag(element), (element.get("class") or "").lower() if isinstance(element.tag, str) else ""
        if tag == "math":
            yield element, to_latex(element), element.get("display") == "block"
        elif tag == "script" and (element.get("type") or "").startswith("math/tex"):
            yield element, (element.text or "").strip(), "display" in element.get("type")
        elif tag == "img" and element.get("alt") and any(sign in kind.split() for sign in ("tex", "latex", "math")):
            yield element, element.get("alt").strip(), False
