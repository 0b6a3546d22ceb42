"""RMSNorm with its gradient written out, so that one pass each way touches the activations; and LayerNorm."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from phial.model.config import ModelConfig
from phial.model.native import library_for, pointer, require_kernels


class _RMSNorm(torch.autograd.Function):
    """y = weight * x / sqrt(mean(x^2) + eps) (Zhang & Sennrich 2019, equation 4)."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, eps: float) -> Tensor:  # type: ignore[override]
        width = x.shape[-1]
        # The norm of a row is one reduction; x.pow(2).mean() would write a whole tensor first.
        scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(width).add_(eps).rsqrt_()
        normal = x * scale
        ctx.save_for_backward(normal, weight, scale)
        return normal * weight

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        normal, weight, scale = ctx.saved_tensors
        product = gradient * normal
        weight_gradient = product.reshape(-1, weight.shape[0]).sum(0)
        correction = (product @ weight).unsqueeze(-1).div_(weight.shape[0])
        x_gradient = (gradient * weight).addcmul_(normal, correction, value=-1.0).mul_(scale)
        return x_gradient, weight_gradient, None


class _AddRMSNorm(torch.autograd.Function):
    """(x + delta, its RMSNorm) by the kernel; the backward pass joins both gradients. Without delta, the norm alone."""

    @staticmethod
    def forward(ctx, x: Tensor, delta: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        ctx.library = require_kernels()
        ctx.sizes = (x.numel() // weight.shape[0], weight.shape[0])
        added = x if delta is None else torch.empty_like(x)
        out, scale = torch.empty_like(x), x.new_empty(x.shape[:-1])
        inputs = (x.data_ptr(), pointer(delta), weight.data_ptr(), eps, *ctx.sizes)
        ctx.library.norm_forward(*inputs, added.data_ptr(), out.data_ptr(), scale.data_ptr())
        ctx.save_for_backward(added, weight, scale)
        ctx.set_materialize_grads(False)
        ctx.has_delta = delta is not None
        return added, out

    @staticmethod
    def backward(ctx, by_added: Tensor | None, gradient: Tensor | None) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        added, weight, scale = ctx.saved_tensors
        if gradient is None:
            return by_added, by_added if ctx.has_delta else None, None, None
        gradient = gradient.contiguous()
        by_added = None if by_added is None else by_added.contiguous()
        by_x, by_weight = torch.empty_like(added), torch.empty_like(weight)
        inputs = (gradient.data_ptr(), pointer(by_added), added.data_ptr(), weight.data_ptr(), scale.data_ptr())
        ctx.library.norm_backward(*inputs, *ctx.sizes, by_x.data_ptr(), by_weight.data_ptr())
        return by_x, by_x if ctx.has_delta else None, by_weight, None


class RMSNorm(nn.Module):
    """Root-mean-square normalisation over the last dimension, with a learnt gain."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor, delta: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Add a block's output to the residual stream and normalise it, in one pass over both.

        Args:
            x: [..., width].
            delta: [..., width], or None for nothing to add.

        Returns:
            x + delta, and its norm; both [..., width].
        """
        if library_for(x, self.weight) and (delta is None or library_for(delta)):
            return _AddRMSNorm.apply(x, delta, self.weight, self.eps)
        x = x if delta is None else x + delta
        if x.dtype == torch.float32:
            return x, _RMSNorm.apply(x, self.weight, self.eps)
        wide = x.float()  # half precision would lose the square; the reference models do the same
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return x, self.weight * (wide * scale).to(x.dtype)


class LayerNorm(nn.LayerNorm):
    """Layer normalisation with bias, called like `RMSNorm`."""

    def forward(self, x: Tensor, delta: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """x + delta, and its norm; both [..., width]."""
        x = x if delta is None else x + delta
        return x, super().forward(x)


def make_norm(config: ModelConfig) -> RMSNorm | LayerNorm:
    """The norm that a configuration asks for."""
    if config.norm == "rms":
        return RMSNorm(config.hidden_size, config.rms_norm_eps)
    return LayerNorm(config.hidden_size, config.rms_norm_eps)
