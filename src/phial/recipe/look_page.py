"""A look at a folder of records, as one HTML file that loads nothing else."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from phial.errors import PhialError
from phial.page.printable import cut
from phial.page.template import environment, read, shown, style
from phial.recipe.look import Look, Spread
from phial.recipe.look_quality import Learned

_WIDTH, _HEIGHT = 240, 40
_SQUARE = 240


def write_page(found: Look, path: Path) -> None:
    """Write the page.

    Raises:
        PhialError: the file cannot be written.
    """
    try:
        path.write_text(render(found), encoding="utf-8")
    except OSError as error:
        do = "name a file in a folder that is there and may be written to"
        raise PhialError(f"the page cannot be written: {error.strerror}", where=str(path), do=do) from error


def render(found: Look) -> str:
    """The page; every text in it is escaped, and characters that steer are shown by their numbers."""
    engine = environment()
    engine.finalize = shown
    engine.filters |= {"count": "{:,}".format, "three": "{:.3g}".format, "two": "{:.2f}".format, "cut": cut}
    template = engine.from_string(read("phial.recipe.report", "look.html.j2"))
    return template.render(look=found, style=style("phial.recipe.report"), profile=profile, roc=roc)


def profile(spread: Spread) -> Markup:
    """The counts of a score from its lowest value to its highest, as bars."""
    most, step = max(spread.bins), _WIDTH / len(spread.bins)
    bars = Markup("").join(
        Markup('<rect class="solid" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            at * step, _HEIGHT - count / most * _HEIGHT, step - 1, count / most * _HEIGHT
        )
        for at, count in enumerate(spread.bins)
    )
    return Markup(
        '<svg class="bar" width="{}" height="{}" role="img" aria-label="{} from low to high">{}</svg>'
    ).format(_WIDTH, _HEIGHT, spread.name, bars)


def roc(found: Learned) -> Markup:
    """The curve of a classifier: across, the share of bad records kept; up, that of good ones."""
    points = " ".join(f"{x * _SQUARE:.1f},{_SQUARE - y * _SQUARE:.1f}" for x, y in found.roc)
    return Markup(
        '<svg class="chart" viewBox="-2 -2 {0} {0}" width="{0}" height="{0}" role="img" aria-label="ROC curve">'
        '<path d="M0 {1}L{1} 0" class="grid"/><polyline points="{2}" class="line"/></svg>'
    ).format(_SQUARE + 4, _SQUARE, points)
