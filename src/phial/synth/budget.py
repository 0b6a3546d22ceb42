"""What a run may spend, what a request could cost at most, and what it did cost."""

from __future__ import annotations

from dataclasses import dataclass

from phial.synth.reply import Answer
from phial.synth.request import TeacherRequest

# Text has at least one token for so many bytes: the longest tokens of today's vocabularies are rare.
_BYTES_A_TOKEN = 16
# What text usually has.
_USUAL_BYTES_A_TOKEN = 4


@dataclass(frozen=True)
class Price:
    """Of a model, in any one currency.

    Attributes:
        prompt: of a million prompt tokens.
        completion: of a million completion tokens.
    """

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The cost of so many tokens."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


@dataclass(frozen=True)
class Limits:
    """What a run may spend at most, over all its processes and resumptions; None is no limit.

    Attributes:
        requests: sent, those that were turned away (429, 5xx) left aside.
        tokens: of prompts and completions.
        cost: in the price's currency.
    """

    requests: int | None = None
    tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True)
class Spending:
    """What a run has spent, or has reserved.

    Attributes:
        requests: sent.
        prompt_tokens: of prompts.
        completion_tokens: of answers.
        cost: in the price's currency.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        """Of prompts and completions."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost + other.cost,
        )

    def within(self, limits: Limits) -> bool:
        """Whether it stays inside of the limits."""
        return (
            (limits.requests is None or self.requests <= limits.requests)
            and (limits.tokens is None or self.tokens <= limits.tokens)
            and (limits.cost is None or self.cost <= limits.cost * (1 + 1e-12))
        )


def most(request: TeacherRequest, price: Price) -> Spending:
    """What one attempt can cost at most; reserved before it is sent."""
    prompt = request.most_prompt_tokens
    return Spending(1, prompt, request.max_tokens, price.of(prompt, request.max_tokens))


def usual(request: TeacherRequest, price: Price, share: float) -> Spending:
    """What an attempt will cost by estimate.

    Args:
        request: what is asked.
        price: of the teacher.
        share: of max_tokens that an answer is expected to take.
    """
    prompt = request.prompt_bytes // _USUAL_BYTES_A_TOKEN + 1
    completion = round(request.max_tokens * share)
    return Spending(1, prompt, completion, price.of(prompt, completion))


def settled(answer: Answer, prompt_bytes: int, reserved: Spending, price: Price) -> tuple[Spending, bool]:
    """What an answer cost.

    A server's count is believed where it is possible: no more than was reserved, no less than the text's bytes allow.
    A count that is missing is replaced by the usual number of bytes a token, one that is impossible by the nearest
    possible one.

    Args:
        answer: with the server's counts.
        prompt_bytes: of the messages.
        reserved: for the request.
        price: of the teacher.

    Returns:
        The cost, and whether the server's count was missing or impossible.
    """
    text_bytes = len(answer.text.encode()) + len(answer.reasoning.encode())
    prompt, doubted_prompt = _believe(answer.prompt_tokens, prompt_bytes, reserved.prompt_tokens)
    completion, doubted = _believe(answer.completion_tokens, text_bytes, reserved.completion_tokens)
    return Spending(1, prompt, completion, price.of(prompt, completion)), doubted_prompt or doubted


def _believe(reported: int | None, size: int, most_tokens: int) -> tuple[int, bool]:
    least = min(-(-size // _BYTES_A_TOKEN), most_tokens)
    if reported is None:
        return min(max(least, -(-size // _USUAL_BYTES_A_TOKEN)), most_tokens), True
    believed = min(max(reported, least), most_tokens)
    return believed, believed != reported
