"""Templates of pages: every text in them is escaped, and their style lies in the page itself."""

from __future__ import annotations

from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from phial.page.printable import printable
from phial.page.wording import count, interval, percent, seconds, size


def environment() -> Environment:
    """An environment that escapes, knows how numbers are written and refuses names that are not there."""
    engine = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    engine.filters |= {"percent": percent, "interval": interval, "count": count, "seconds": seconds, "size": size}
    return engine


def style(*packages: str) -> Markup:
    """The style sheet of all pages, and after it those of packages that add to it."""
    return Markup("\n").join(Markup(read(package, "style.css")) for package in ("phial.page", *packages))


def read(package: str, name: str) -> str:
    """A file that lies in a package."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


def shown(value: Any) -> Any:
    """A template's value with characters that steer shown by their numbers; for `Environment.finalize`."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
