"""A respondent: whoever answers questions, in this process or behind an address."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from phial.engine.request import Sampling
from phial.evals.task import Messages, OptionScore

Key = tuple[str, int]  # item, repeat


@dataclass(frozen=True)
class Question:
    """An item, asked once.

    Attributes:
        item: its id.
        repeat: which of its repeats.
        prompt: messages, the system's included, or a string that is continued as it stands. A last message of the
            assistant is continued.
        sampling: of the answer, with a seed of its own.
        stop: strings that end the answer.
        options: continuations whose log probabilities are wanted instead of an answer.
    """

    item: str
    repeat: int
    prompt: Messages | str
    sampling: Sampling
    stop: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Which sample of a log the answer becomes."""
        return self.item, self.repeat


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        text: thinking included, where the respondent writes it into its text.
        reasoning: thinking that the respondent kept apart.
        finish: "stop", "length", "prompt-too-long", "refused".
        prompt_tokens: None where the server did not say.
        tokens: of the reply; None where the server did not say.
        seconds: from question to end of the answer.
        options: of each option.
        cpu_seconds: see `Sample`.
        joules: see `Sample`.
    """

    text: str = ""
    reasoning: str = ""
    finish: str = "stop"
    prompt_tokens: int | None = None
    tokens: int | None = None
    seconds: float = 0.0
    options: tuple[OptionScore, ...] = ()
    cpu_seconds: float | None = None
    joules: float | None = None


Take = Callable[[Question, Reply], None]


class Respondent(Protocol):
    """Whoever answers."""

    @property
    def name(self) -> str:
        """As reports name it."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """What tells it from others of its name, JSON-able; two logs of equal identity have one respondent.

        "opened" says whether its prompts end with the opening tag of its thinking.
        """
        ...

    @property
    def address(self) -> str:
        """Where it is reached, for people."""
        ...

    def answer(self, questions: Sequence[Question], known: Collection[Key], take: Take) -> None:
        """Answer the questions whose answers are not known.

        Args:
            questions: all of a task, in order: an answer's last bits may depend on which others are computed with it,
                so that some known ones may have to be computed again.
            known: what needs no answer.
            take: is given each answer when it is there, in any order and by any thread.

        Raises:
            PhialError: the respondent can't go on; what was taken is kept.
        """
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...
