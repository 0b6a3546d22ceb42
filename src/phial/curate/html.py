"""The text of a web page: its main content as Markdown, with code blocks, tables and formulas whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from phial.curate.funnel import Dropped
from phial.curate.mathml import formulas
from phial.curate.stage import Outcome, judged, turned_away
from phial.errors import PhialError
from phial.record import Record

_PLACE = re.compile(r"zqcode(\d+)zq|zqmath(\d+)zq")
_TEX = re.compile(r"\$\$.+?\$\$|\\\[.+?\\\]|\\\(.+?\\\)", re.S)
_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|highlight|brush|sourceCode)[-: ]+([\w+#-]+)", re.I)


def extract(page: str) -> str:
    """The main content of an HTML page as Markdown; "" where there is none.

    `trafilatura` finds the content. Code blocks and formulas are put aside before, since it loses or rewrites some of
    them, and come back as fenced code with its language and as LaTeX between dollars.

    Raises:
        PhialError: trafilatura is not installed.
    """
    try:
        import trafilatura
        from lxml import etree, html
    except ImportError as error:
        raise PhialError("trafilatura is not installed", where="html", do="pip install 'phial-lm[data]'") from error
    try:
        tree = html.document_fromstring(page.encode(), parser=html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, ValueError):  # nothing but comments, for example
        return ""
    code: list[str] = []
    math: list[str] = []
    for block in list(tree.iter("pre")):
        text = "".join(block.itertext()).strip("\n")
        if text.strip() and block.getparent() is not None:
            code.append(f"```{_language(block)}\n{text.rstrip()}\n```")
            _put(block, "p", f"zqcode{len(code) - 1}zq")
    for element, latex, display in list(formulas(tree)):
        if element.getparent() is not None and latex:
            math.append(f"$${latex}$$" if display else f"${latex}$")
            _put(element, "span", f"zqmath{len(math) - 1}zq")
    for element in tree.iter():
        if element.tag in ("code", "script", "style"):
            continue
        for place in ("text", "tail"):
            text = getattr(element, place)
            if isinstance(element.tag, str) and text and ("\\(" in text or "\\[" in text or "$$" in text):
                setattr(element, place, _TEX.sub(lambda match: _aside(match[0], math), text))
    found = trafilatura.extract(
        tree, output_format="markdown", include_tables=True, include_comments=False, include_links=False
    )
    return _PLACE.sub(lambda match: code[int(match[1])] if match[1] else math[int(match[2])], found or "")


def _aside(latex: str, math: list[str]) -> str:
    inner = latex[2:-2].strip()
    math.append(f"${inner}$" if latex.startswith("\\(") else f"$${inner}$$")
    return f"zqmath{len(math) - 1}zq"


def _put(element: Any, tag: str, text: str) -> None:
    """Empty an element and make it another with this text; what follows it stays."""
    tail = element.tail
    element.clear()
    element.tag, element.text, element.tail = tag, text, tail


def _language(block: Any) -> str:
    for element in (block, *block.iter("code"), block.getparent()):
        found = _LANGUAGE.search((element.get("class") or "") if element is not None else "")
        if found:
            return found[1].lower()
    return ""


@dataclass(frozen=True)
class ExtractHtml:
    """Turn records of kind "html" into text; others pass.

    Attributes:
        kind: of the records made.
        fewest_characters: of the text, below which there was no content to speak of.
    """

    kind: str = "organic"
    fewest_characters: int = 100
    name: str = "html"
    version: int = 1

    def config(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def judge(self, records: Sequence[Record]) -> Outcome:
        """Drop for "no content"."""
        kept: list[Record] = []
        dropped: list[Dropped] = []
        for record in records:
            if record.kind != "html" or record.text is None:
                kept.append(record)
                continue
            text = extract(record.text)
            if len(text) < self.fewest_characters:
                dropped.append(turned_away(record, self.name, "no content", f"{len(text)} characters"))
            else:
                kept.append(judged(record, self.name, True, text=text, kind=self.kind))
        return Outcome(kept, dropped)
