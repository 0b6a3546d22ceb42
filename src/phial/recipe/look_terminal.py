"""A look at a folder of records, printed."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from phial.page.printable import cut, printable
from phial.recipe.look import Look, Sample, Spread
from phial.recipe.look_cost import Cost
from phial.recipe.look_quality import Learned

_SAMPLE_CHARACTERS = 600
_EXAMPLE_CHARACTERS = 200
_BLOCKS = " ▁▂▃▄▅▆▇█"


def print_look(found: Look, console: Console | None = None) -> None:
    """Print all of a look but the texts beyond their first lines; the page has those."""
    console = console or Console(highlight=False)
    console.print(_text(f"{found.title}: {found.form}, {found.records:,} records", "bold"))
    for note in found.notes:
        console.print(_text(f"note: {note}", "yellow"))
    _funnel(found, console)
    if found.cost:
        _cost(found.cost, found.records, console)
    if found.scores:
        _scores(found.scores, console)
    if found.learned:
        _learned(found.learned, console)
    _duplicates(found, console)
    _kinds(found, console)
    for kind in found.kinds:
        for sample in kind.samples:
            _sample(kind.name, sample, found.score, console)


def _text(words: str, style: str = "") -> Text:
    """Untrusted words: neither rich's markup nor a terminal's codes in them mean anything."""
    return Text(printable(words), style=style)


def _brief(words: str, length: int) -> str:
    return cut(" ".join(words.split()), length)


def _heading(words: str, console: Console) -> None:
    console.print()
    console.print(_text(words, "bold"))


def _table(console: Console, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A table of a name and numbers; a narrow terminal breaks the headings and the names."""
    table = Table(box=None, pad_edge=False)
    for number, heading in enumerate(headings):
        widest = max((len(row[number]) for row in rows), default=0) if number else None
        table.add_column(heading, justify="right" if number else "left", overflow="fold", min_width=widest)
    for row in rows:
        table.add_row(_text(row[0]), *(Text(printable(cell), no_wrap=True) for cell in row[1:]))
    console.print(table)


def _funnel(found: Look, console: Console) -> None:
    if not found.gates:
        return
    _heading("Funnel", console)
    for gate in found.gates:
        dropped = sum(reason.count for reason in gate.reasons)
        console.print(_text(f"{gate.name}: {gate.entered:,} in, {gate.kept:,} kept, {dropped:,} dropped"))
        for reason in gate.reasons:
            console.print(Padding(_text(f"{reason.count:,}  {reason.name}"), (0, 0, 0, 2)))
            for example in reason.examples[:1]:
                said = [part for part in (example.detail, example.text) if part]
                shown = _brief(" | ".join(said), _EXAMPLE_CHARACTERS)
                console.print(Padding(_text(shown, "dim"), (0, 0, 0, 6)))


def _cost(cost: Cost, records: int, console: Console) -> None:
    _heading("Cost and speed", console)
    if cost.paid:
        spent, lost = cost.paid
        words = f"the run paid for {spent.requests:,} requests, {spent.tokens:,} tokens, {spent.cost:,.4f}"
        if lost.requests:
            words += f"; {lost.requests:,} requests, {lost.tokens:,} tokens, {lost.cost:,.4f} perhaps in vain"
        console.print(_text(words))
    if not cost.tasks:
        return
    rows = [(task.name, task.spent) for task in cost.tasks] + [("all", cost.spent)]
    _table(
        console,
        ("task", "requests", "prompt tokens", "answer tokens", "cost"),
        [
            (name, f"{one.requests:,}", f"{one.prompt_tokens:,}", f"{one.completion_tokens:,}", f"{one.cost:,.4f}")
            for name, one in rows
        ],
    )
    console.print(_text(f"answered by {', '.join(cost.teachers)}"))
    if records:
        console.print(_text(f"{cost.spent.tokens / records:,.0f} tokens and {cost.spent.cost / records:,.5f} a record"))
    if cost.seconds:
        hours = cost.seconds / 3600
        words = f"{records / hours:,.1f} records, {cost.spent.completion_tokens / hours:,.0f} answer tokens an hour"
        console.print(_text(f"{words}, over {hours:.2f} hours without pauses of more than ten minutes"))


def _scores(scores: tuple[Spread, ...], console: Console) -> None:
    _heading("Scores", console)
    rows: list[tuple[str, ...]] = [
        (one.name, f"{one.records:,}", *(f"{value:.3g}" for value in (one.lowest, *one.quartiles, one.highest)),
         _profile(one.bins))
        for one in scores
    ]  # fmt: skip
    _table(console, ("score", "records", "lowest", "25 %", "median", "75 %", "highest", "from low to high"), rows)


def _learned(learned: Learned, console: Console) -> None:
    area = "none" if learned.auc is None else f"{learned.auc:.3f}"
    words = f"{learned.good:,} of {learned.records:,} marked good, area under the curve {area}"
    _heading(f"Quality classifier: {words}", console)
    if learned.threshold:
        at = learned.threshold
        words = f"from {at.score:.3g} on {at.kept:.0%} are kept: {at.good:.0%} of the good, {at.bad:.0%} of the bad"
        console.print(_text(words))
    rows: list[tuple[str, ...]] = [
        (f"{one.start:.2f}", f"{one.records:,}", f"{one.score:.2f}", f"{one.good:.2f}") for one in learned.calibration
    ]
    _table(console, ("score from", "records", "mean score", "share good"), rows)


def _profile(bins: tuple[int, ...]) -> str:
    """Blocks of a height for each two steps, so that a table of scores fits a narrow terminal."""
    bins = tuple(bins[at] + bins[at + 1] for at in range(0, len(bins), 2))
    most = max(bins)
    return "".join(_BLOCKS[-(-count * (len(_BLOCKS) - 1) // most)] for count in bins)


def _duplicates(found: Look, console: Console) -> None:
    if found.clustered:
        _heading(f"Near duplicates: {found.clustered:,} clusters, the largest", console)
        for cluster in found.clusters[:3]:
            console.print(_text(f"{cluster.dropped:,} dropped for {cluster.survivor[:12]}"))
            texts = (cluster.survivor_text, *(member.text for member in cluster.members[:1]))
            for text in texts:
                console.print(Padding(_text(_brief(text, _EXAMPLE_CHARACTERS), "dim"), (0, 0, 0, 2)))
    if found.contaminated:
        dropped, flagged = found.contaminated
        _heading(f"Contamination: {dropped:,} dropped, {flagged:,} kept and flagged", console)
        for one in found.contamination[:5]:
            said = "dropped" if one.dropped else "flagged"
            words = f"{said} {one.record.id[:12]}  {_brief(one.record.detail, 2 * _EXAMPLE_CHARACTERS)}"
            console.print(Padding(_text(words, "dim"), (0, 0, 0, 2)))


def _kinds(found: Look, console: Console) -> None:
    _heading("Kinds and their diversity", console)
    rows: list[tuple[str, ...]] = [
        (kind.name, f"{kind.records:,}", f"{kind.characters:,}", *(f"{share:.2f}" for share in kind.diversity.distinct),
         f"{kind.diversity.compressed:.2f}", f"{kind.diversity.texts:,}")
        for kind in found.kinds
    ]  # fmt: skip
    headings = ("kind", "records", "characters", "distinct words", "pairs", "fours", "compressed", "sample")
    _table(console, headings, rows)
    for kind in found.kinds:
        for opening, count in kind.diversity.openings:
            words = f"{kind.name}: {count:,} of {kind.diversity.texts:,} begin “{_brief(opening, 80)}”"
            console.print(_text(words, "dim"))


def _sample(kind: str, sample: Sample, score: str, console: Console) -> None:
    value = "" if sample.score is None else f", {score} {sample.score:.3g}"
    console.print()
    console.print(_text(f"{kind}{value}  {sample.id[:12]}  {sample.flow}", "bold"))
    console.print(Padding(_text(cut(sample.text.strip(), _SAMPLE_CHARACTERS)), (0, 0, 0, 2)))
