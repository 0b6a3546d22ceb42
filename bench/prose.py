"""Prose on this machine for the benchmarks of curation: docstrings and text files of what is installed."""

from __future__ import annotations

import ast
import random
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path


def folders() -> list[Path]:
    """Where packages and their documentation lie."""
    roots = [Path(path) for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    roots += [Path(ast.__file__).parent, Path("/usr/share/doc"), Path("/usr/lib/python3/dist-packages")]
    return [root for root in dict.fromkeys(roots) if root.is_dir()]


def docstrings(folder: Path, least_words: int = 30) -> Iterator[str]:
    """The longer docstrings of a package's modules, classes and functions, in a seeded order of its files."""
    files = sorted(folder.rglob("*.py"))
    random.Random(0).shuffle(files)
    for path in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                if len(text.split()) >= least_words:
                    yield text


def paragraphs(characters: int) -> list[str]:
    """Distinct paragraphs of docstrings, from all packages in turn, until there are so many characters."""
    packages = [package for root in folders() for package in sorted(root.iterdir()) if package.is_dir()]
    random.Random(0).shuffle(packages)
    found: dict[str, None] = {}
    size = 0
    for package in packages:
        if package.name in ("site-packages", "dist-packages", "test", "tests"):
            continue
        for text in docstrings(package):
            for paragraph in text.split("\n\n"):
                words = " ".join(paragraph.split())
                if len(words) > 120 and words not in found:
                    found[words] = None
                    size += len(words)
        if size >= characters:
            break
    return list(found)


def documents(paragraphs: list[str], characters: int, seed: int) -> Iterator[str]:
    """Documents of 2 to 12 paragraphs drawn at random, until there are so many characters."""
    generator = random.Random(seed)
    size = 0
    while size < characters:
        text = "\n\n".join(generator.choices(paragraphs, k=generator.randint(2, 12)))
        size += len(text)
        yield text
