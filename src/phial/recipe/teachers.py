"""The teacher that a recipe, or a command, names, with what it may still spend."""

from __future__ import annotations

from phial.recipe.data_schema import Budget, TeacherSection
from phial.synth import procedural
from phial.synth.budget import Limits, Price, Spending
from phial.synth.endpoint import Endpoint
from phial.synth.endpoints import Endpoints
from phial.synth.ledger import Ledger
from phial.synth.offline import WRITERS
from phial.synth.procedural import Procedural
from phial.synth.request import Identity
from phial.synth.teacher import LedgerTeacher, Source


def identity_of(section: TeacherSection) -> Identity:
    """Whose answers these are: what the ledger goes by."""
    if not section.url and not section.model:
        return procedural.IDENTITY
    return Identity(section.name or section.model, section.model, section.revision)


def payer(recipe: str, section: TeacherSection, flow: str) -> str:
    """The name in the ledger under which a recipe's flow pays; what stands before its last "/" is the whole recipe."""
    return f"{recipe}/{identity_of(section).name}/{flow}"


def open_teacher(section: TeacherSection, ledger: Ledger, run: str, budget: Budget) -> LedgerTeacher:
    """The teacher of one run.

    Args:
        section: who it is.
        ledger: of the workspace; open.
        run: who pays, as `payer` names it.
        budget: of all runs with that beginning; what the others have spent is taken from it.

    Raises:
        PhialError: an address or a key is missing.
    """
    return LedgerTeacher(
        identity_of(section),
        _source(section),
        ledger,
        run=run,
        limits=_left(budget, _spent_by_others(ledger, run)),
        price=Price(section.price.prompt, section.price.completion),
        extra=section.extra,
    )


def _source(section: TeacherSection) -> Source | None:
    if section.replay:
        return None
    if not section.url:
        return Procedural(WRITERS)
    urls = (section.url,) if isinstance(section.url, str) else section.url
    endpoints = [
        Endpoint(
            url,
            section.api,
            section.key_env,
            section.concurrency,
            min(16, section.concurrency),
            section.timeout,
            section.structured,
            section.limit_field,
        )
        for url in urls
    ]
    return Endpoints(section.model, endpoints)


def _spent_by_others(ledger: Ledger, run: str) -> Spending:
    shared = run.rpartition("/")[0] + "/"
    accounts = [ledger.account(other) for other in ledger.runs() if other != run and other.startswith(shared)]
    return sum((one.spent + one.lost + one.held for one in accounts), Spending())


def _left(budget: Budget, spent: Spending) -> Limits:
    return Limits(
        None if budget.requests is None else max(0, budget.requests - spent.requests),
        None if budget.tokens is None else max(0, budget.tokens - spent.tokens),
        None if budget.cost is None else max(0.0, budget.cost - spent.cost),
    )
