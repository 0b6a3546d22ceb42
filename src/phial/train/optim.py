"""The optimizer: Muon for matrices inside the blocks, AdamW for embeddings and gains."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

# Odd quintics a x + b x^3 + c x^5, one a step. Each is the best uniform approximation of 1 on the interval that the
# step before left, from [0.003, 1] (Amsel et al. 2025, Polar Express, algorithm 1). They end in [0.80, 1.20], where
# five steps of (3.4445, -4.7750, 2.0315) (Jordan et al. 2024, Muon) end in [0.68, 1.20].
QUINTICS = (
    (8.383674, -24.765906, 18.357082),
    (4.043420, -3.011405, 0.569512),
    (3.505571, -2.626654, 0.525719),
    (2.490116, -1.834275, 0.436835),
)


@dataclass(frozen=True)
class OptimizerConfig:
    """Peak learning rates and moments.

    Attributes:
        matrix_lr: Muon step, as a fraction of an orthogonal matrix of the parameter's shape.
        scalar_lr: AdamW rate of embeddings and norm gains.
        momentum: Muon's Nesterov momentum.
        betas: AdamW's moments.
        weight_decay: decoupled, on matrices only.
    """

    matrix_lr: float = 0.02
    scalar_lr: float = 0.005
    momentum: float = 0.95
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.0


def orthogonalise(matrices: Tensor) -> Tensor:
    """Push the singular values of a stack of matrices towards 1, by Newton-Schulz steps with the best coefficients.

    In float32: the bfloat16 of torch's own Muon is emulated, and slow, on CPUs without it. The iterates of a long
    matrix x are all polynomials in g = x x' times x, so only the small square ones are iterated.

    Args:
        matrices: [count, rows, columns].

    Returns:
        A tensor of the same shape.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    x = _iterate_gram(x) if x.shape[2] >= 2 * x.shape[1] else _iterate(x)
    return x.transpose(1, 2) if tall else x


def _iterate(x: Tensor) -> Tensor:
    for a, b, c in QUINTICS:
        gram = torch.bmm(x, x.transpose(1, 2))
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x


def _iterate_gram(x: Tensor) -> Tensor:
    """With p = a + b g + c g^2: x becomes p x, so the product q of all p gathers, and g becomes p g p = p^2 g."""
    gram = torch.bmm(x, x.transpose(1, 2))
    product = polynomial = _polynomial(gram, *QUINTICS[0])
    for coefficients in QUINTICS[1:]:
        gram = torch.bmm(polynomial, torch.bmm(polynomial, gram))
        polynomial = _polynomial(gram, *coefficients)
        product = torch.bmm(polynomial, product)
    return torch.bmm(product, x)


def _polynomial(gram: Tensor, a: float, b: float, c: float) -> Tensor:
    out = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
    out.diagonal(dim1=1, dim2=2).add_(a)
    return out


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

    def step(self, scale: float, run: Callable[[list[Callable[[], None]]], object] | None = None) -> None:
        """Update every parameter from its gradient.

        Args:
            scale: the schedule's multiplier of both learning rates, 0 to 1.
            run: calls each of a list of independent tasks, in threads if it likes; by default one after the other.
        """
        self.updates += 1
        # The longest first, so that no thread begins a long one when the others are done.
        groups = sorted(self.matrices, key=lambda group: -sum(parameter.numel() for _, parameter in group))
        tasks: list[Callable[[], None]] = [partial(self._muon, group, scale) for group in groups]
        tasks.append(partial(self._adamw, scale))
        if run:
            run(tasks)
        else:
            for task in tasks:
                task()

    @torch.no_grad()
    def _muon(self, group: list[tuple[str, nn.Parameter]], scale: float) -> None:
        config = self.config
        gradients = [_gradient(parameter) for _, parameter in group]
        buffers = [self.state[f"momentum.{name}"] for name, _ in group]
        torch._foreach_lerp_(buffers, gradients, 1 - config.momentum)
        nesterov = list(torch._foreach_lerp(gradients, buffers, config.momentum))
        # One batched product a shape instead of one a matrix: small matrices leave the cores idle otherwise.
        updates = orthogonalise(torch.stack(nesterov))
        rows, columns = group[0][1].shape
        rate = config.matrix_lr * scale * max(1.0, rows / columns) ** 0.5
        parameters: list[Tensor] = [parameter for _, parameter in group]
        if config.weight_decay:
            torch._foreach_mul_(parameters, 1 - rate * config.weight_decay)
        torch._foreach_add_(parameters, list(updates.unbind(0)), alpha=-rate)

    @torch.no_grad()
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
