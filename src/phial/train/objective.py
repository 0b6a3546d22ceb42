"""Training objectives: pure functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from phial.model.native import library_for

IGNORE = -100
CHUNK = 1024


class _LinearCrossEntropy(torch.autograd.Function):
    """Sum of token cross-entropies of hidden @ weight.T, gradients made in the forward pass, chunk by chunk.

    The gradient of the loss by the logits is softmax - onehot, which is at hand when the loss is; making it there
    means the [tokens, vocabulary] matrix never exists as a whole and is read once while it is in cache.
    """

    @staticmethod
    def forward(ctx, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:  # type: ignore[override]
        total = hidden.new_zeros(())
        hidden_gradient = torch.zeros_like(hidden)
        weight_gradient = torch.zeros_like(weight)
        for start in range(0, hidden.shape[0], CHUNK):
            rows, goal = hidden[start : start + CHUNK], targets[start : start + CHUNK]
            logits = rows @ weight.T  # [chunk, vocabulary]
            loss, gradient = _softmax_cross_entropy(logits, goal)
            total += loss
            torch.mm(gradient, weight, out=hidden_gradient[start : start + CHUNK])
            weight_gradient.addmm_(gradient.T, rows)
        ctx.save_for_backward(hidden_gradient, weight_gradient)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        hidden_gradient, weight_gradient = ctx.saved_tensors
        return hidden_gradient.mul_(gradient), weight_gradient.mul_(gradient), None


def _softmax_cross_entropy(logits: Tensor, goal: Tensor) -> tuple[Tensor | float, Tensor]:
    """Summed loss of goal [tokens], and its gradient by logits [tokens, vocabulary], whose memory it takes."""
    library = library_for(logits)
    if library:
        goal = goal.contiguous()
        return library.cross_entropy(logits.data_ptr(), goal.data_ptr(), *logits.shape), logits
    kept = goal != IGNORE
    index = goal.clamp(min=0).unsqueeze(1)
    picked = logits.gather(1, index)
    maximum = logits.amax(1, keepdim=True)
    exponent = logits.sub_(maximum).exp_()
    normaliser = exponent.sum(1, keepdim=True)
    losses = normaliser.log() + maximum - picked
    gradient = exponent.div_(normaliser)
    gradient.scatter_add_(1, index, gradient.new_full((1, 1), -1.0).expand_as(index))
    return (losses.squeeze(1) * kept).sum(), gradient.mul_(kept.unsqueeze(1))


def linear_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Sum over kept tokens of -log softmax(hidden @ weight.T)[target].

    The sum, not the mean: the loop divides by the token count of the whole step, so that one batch of 8 rows and eight
    of one row give the same gradient, and a batch without targets adds 0 instead of NaN.

    Args:
        hidden: [tokens, hidden_size].
        weight: [vocab_size, hidden_size].
        targets: int64 [tokens], `IGNORE` where no loss is wanted.

    Returns:
        A scalar, in nats.
    """
    if torch.is_grad_enabled() and hidden.requires_grad:
        return _LinearCrossEntropy.apply(hidden, weight, targets)
    return torch.nn.functional.cross_entropy(hidden @ weight.T, targets, ignore_index=IGNORE, reduction="sum")
