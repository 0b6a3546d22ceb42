"""The optimizer: Muon for matrices inside the blocks, AdamW for embeddings and gains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


@dataclass(frozen=True)
class OptimizerConfig:
    """Peak learning rates and moments.

    Attributes:
        matrix_lr: Muon step, as a fraction of an orthogonal matrix of the parameter's shape.
        scalar_lr: AdamW rate of embeddings and norm gains.
        momentum: Muon's Nesterov momentum.
        betas: AdamW's moments.
        weight_decay: decoupled, on matrices only.
        newton_schulz_steps: iterations that orthogonalise the momentum.
    """

    matrix_lr: float = 0.02
    scalar_lr: float = 0.005
    momentum: float = 0.95
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.0
    newton_schulz_steps: int = 5


def orthogonalise(matrices: Tensor, steps: int) -> Tensor:
    """Push the singular values of a stack of matrices towards 1 (Jordan et al. 2024, Muon).

    In float32: the bfloat16 of torch's own Muon is emulated, and slow, on CPUs without it.

    Args:
        matrices: [count, rows, columns].
        steps: quintic Newton-Schulz iterations.

    Returns:
        A tensor of the same shape.
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = torch.bmm(x, x.transpose(1, 2))
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x.transpose(1, 2) if tall else x


def _gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        raise ValueError("a parameter has no gradient; call backward first")
    return parameter.grad


class Optimizer:
    """Muon and AdamW behind one step; all state is a flat dict of tensors, so it is saved without pickle."""

    def __init__(self, named_parameters: Iterable[tuple[str, nn.Parameter]], config: OptimizerConfig) -> None:
        self.config = config
        self.updates = 0
        shapes: dict[tuple[int, ...], list[tuple[str, nn.Parameter]]] = {}
        scalars: list[tuple[str, nn.Parameter]] = []
        for name, parameter in named_parameters:
            if parameter.ndim == 2 and "embed_tokens" not in name and "lm_head" not in name:
                shapes.setdefault(tuple(parameter.shape), []).append((name, parameter))
            else:
                scalars.append((name, parameter))
        self.matrices = list(shapes.values())
        self.scalars = scalars
        self.state: dict[str, Tensor] = {}
        for group in self.matrices:
            for name, parameter in group:
                self.state[f"momentum.{name}"] = torch.zeros_like(parameter)
        for name, parameter in scalars:
            self.state[f"first.{name}"] = torch.zeros_like(parameter)
            self.state[f"second.{name}"] = torch.zeros_like(parameter)

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """Update every parameter from its gradient.

        Args:
            scale: the schedule's multiplier of both learning rates, 0 to 1.
        """
        self.updates += 1
        for group in self.matrices:
            self._muon(group, scale)
        self._adamw(scale)

    def _muon(self, group: list[tuple[str, nn.Parameter]], scale: float) -> None:
        config = self.config
        gradients = [_gradient(parameter) for _, parameter in group]
        buffers = [self.state[f"momentum.{name}"] for name, _ in group]
        torch._foreach_lerp_(buffers, gradients, 1 - config.momentum)
        nesterov = list(torch._foreach_lerp(gradients, buffers, config.momentum))
        # One batched product a shape instead of one a matrix: small matrices leave the cores idle otherwise.
        updates = orthogonalise(torch.stack(nesterov), config.newton_schulz_steps)
        rows, columns = group[0][1].shape
        rate = config.matrix_lr * scale * max(1.0, rows / columns) ** 0.5
        parameters: list[Tensor] = [parameter for _, parameter in group]
        if config.weight_decay:
            torch._foreach_mul_(parameters, 1 - rate * config.weight_decay)
        torch._foreach_add_(parameters, list(updates.unbind(0)), alpha=-rate)

    def _adamw(self, scale: float) -> None:
        first_beta, second_beta = self.config.betas
        parameters: list[Tensor] = [parameter for _, parameter in self.scalars]
        gradients = [_gradient(parameter) for parameter in parameters]
        first = [self.state[f"first.{name}"] for name, _ in self.scalars]
        second = [self.state[f"second.{name}"] for name, _ in self.scalars]
        torch._foreach_lerp_(first, gradients, 1 - first_beta)
        torch._foreach_mul_(second, second_beta)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - second_beta)
        denominator = list(torch._foreach_sqrt(second))
        torch._foreach_mul_(denominator, (1 - second_beta**self.updates) ** -0.5)
        torch._foreach_add_(denominator, 1e-10)
        rate = self.config.scalar_lr * scale / (1 - first_beta**self.updates)
        torch._foreach_addcdiv_(parameters, first, denominator, -rate)
