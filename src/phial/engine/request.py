"""What is asked of the engine and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from phial.errors import PhialError

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Sampling:
    """How one answer is drawn.

    Attributes:
        temperature: divides the logits; 0 takes the likeliest token.
        top_k: only so many of the likeliest tokens are drawn from; 0 is all.
        top_p: only the likeliest tokens that together reach this probability are drawn from (Holtzman et al. 2020).
        max_tokens: longest answer, in tokens.
        seed: of this request's own random stream; no effect at temperature 0.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    max_tokens: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        allowed = {
            "temperature": (self.temperature >= 0, "0 or more"),
            "top_k": (self.top_k >= 0, "0 or more"),
            "top_p": (0 < self.top_p <= 1, "more than 0 and at most 1"),
            "max_tokens": (self.max_tokens >= 1, "1 or more"),
            "seed": (self.seed >= 0, "0 or more"),
        }
        for name, (valid, domain) in allowed.items():
            if not valid:
                raise PhialError(f"{name} = {getattr(self, name)}", where="sampling", do=f"make it {domain}")


@dataclass(frozen=True)
class Generation:
    """One answer.

    Attributes:
        ids: its tokens, without the one that stopped it.
        text: the tokens as text.
        finish_reason: "stop" if the model ended the answer, "length" if max_tokens or the context did.
    """

    ids: tuple[int, ...]
    text: str
    finish_reason: FinishReason
