"""The words a flow asks with: Jinja files beside it, which are part of its version.

    prompts = Prompts.beside(__file__)          # prompts/<name of this file>/*.jinja

    @flow("question-extraction", prompts.version("1"))
    async def question_extraction(record, teacher, tools):
        reply = await teacher.ask(prompts.render("ask", text=record.content))

What fills a template is text alone: it is never read as a template itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel

from phial.errors import PhialError
from phial.synth.fences import fenced

_SUFFIX = ".jinja"
Example = tuple[Mapping[str, Any], str | BaseModel]  # what a template uses, and a good answer


class Prompts:
    """The prompts of one flow.

    Args:
        templates: Jinja source by name; one may include another of them.
        where: named in errors.
    """

    def __init__(self, templates: Mapping[str, str], where: str = "prompts") -> None:
        self.templates, self.where = dict(templates), where

    @classmethod
    def beside(cls, file: str, *shared: str) -> Prompts:
        """The prompts of the flow in `file`: prompts/NAME/STEP.jinja or prompts/NAME.STEP.jinja, beside NAME.py.

        Args:
            file: of the flow.
            shared: steps that it shares with other flows: prompts/shared/STEP.jinja.

        Raises:
            PhialError: there are none.
        """
        name, folder = Path(file).stem, Path(file).parent / "prompts"
        paths = {path.name.removesuffix(_SUFFIX): path for path in folder.glob(f"{name}/*{_SUFFIX}")}
        paths |= {path.name.removesuffix(_SUFFIX).removeprefix(f"{name}."): path for path in folder.glob(f"{name}.*")}
        paths |= {step: folder / "shared" / f"{step}{_SUFFIX}" for step in shared}
        if not paths:
            do = f"write {folder / name}/STEP{_SUFFIX}, or give Prompts the templates themselves"
            raise PhialError(f"the flow {name} has no prompts", where=str(folder), do=do)
        return cls({step: path.read_text(encoding="utf-8") for step, path in paths.items()}, str(folder / name))

    def render(self, step: str, **values: Any) -> str:
        """The prompt of one step.

        Args:
            step: the template's name.
            values: all that it uses.

        Raises:
            PhialError: there is no such template, it is broken, or it uses what it is not given.
        """
        try:
            return self._engine.get_template(step).render(values).strip()
        except TemplateError as error:
            what = f"the prompt {step!r} cannot be rendered: {type(error).__name__}: {error}"
            raise PhialError(what, where=self.where, do=f"its templates are {', '.join(self.templates)}") from error

    def after(self, step: str, examples: Sequence[Example], **values: Any) -> list[tuple[str, str]]:
        """A request as the last turn of a conversation, after some of the same step that were answered well.

        Templates are also given `first`, true in the first turn: what holds for all turns is said there alone.

        Args:
            step: the template's name.
            examples: all that the template uses, and the answer in the form that is wanted. Of a single one small
                teachers copy the content, too.
            values: all that it uses, of the request.

        Raises:
            PhialError: see `render`.
        """
        turns: list[tuple[str, str]] = []
        for known, answer in examples:
            turns.append(("user", self.render(step, first=not turns, **known)))
            turns.append(("assistant", answer.model_dump_json() if isinstance(answer, BaseModel) else answer))
        return [*turns, ("user", self.render(step, first=not turns, **values))]

    def version(self, declared: str, *examples: Sequence[tuple[Any, Any]]) -> str:
        """A flow's version: the declared one and a hash of its prompts and examples, so that it changes with them."""
        content = json.dumps([self.templates, *examples] if examples else self.templates, sort_keys=True, default=dict)
        return f"{declared}+{hashlib.sha256(content.encode()).hexdigest()[:8]}"

    @cached_property
    def _engine(self) -> ImmutableSandboxedEnvironment:
        engine = ImmutableSandboxedEnvironment(
            loader=DictLoader(self.templates), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        engine.filters["fenced"] = fenced
        return engine
