"""The feed-forward of a block: SwiGLU, Phi-3-small's clamped GEGLU, or one plain GELU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phial.model.config import ModelConfig
from phial.model.linear import Linear
from phial.model.native import library_for


class _SwiGLU(torch.autograd.Function):
    """silu(gate) * up on the fused projection; keeps only the projection for the backward pass."""

    @staticmethod
    def forward(ctx, gate_up: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(gate_up)
        library, width = library_for(gate_up), gate_up.shape[-1] // 2
        if library:
            out = gate_up.new_empty(*gate_up.shape[:-1], width)
            library.swiglu_forward(gate_up.data_ptr(), out.numel() // width, width, out.data_ptr())
            return out
        gate, up = gate_up.chunk(2, dim=-1)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[override]
        (gate_up,) = ctx.saved_tensors
        library, width = library_for(gate_up), gate_up.shape[-1] // 2
        out = torch.empty_like(gate_up)
        if library:
            gradient = gradient.contiguous()
            rows = gradient.numel() // width
            library.swiglu_backward(gradient.data_ptr(), gate_up.data_ptr(), rows, width, out.data_ptr())
            return out
        gate, up = gate_up.chunk(2, dim=-1)
        gate_gradient, up_gradient = out.chunk(2, dim=-1)
        torch.mul(gradient, F.silu(gate), out=up_gradient)
        torch.ops.aten.silu_backward.grad_input(gradient * up, gate, grad_input=gate_gradient)
        return out


def _gegelu(gate_up: Tensor, limit: float) -> Tensor:
    """quick_gelu(gate) * (up + 1), both branches clamped, infinities kept as they are (Phi-3-small)."""
    gate, up = gate_up.chunk(2, dim=-1)
    gate = torch.where(torch.isinf(gate), gate, gate.clamp(max=limit))
    up = torch.where(torch.isinf(up), up, up.clamp(-limit, limit))
    return gate * torch.sigmoid(1.702 * gate) * (up + 1)


class MLP(nn.Module):
    """down(f(up(x))), gate and up as one matrix where there are two, as Phi-3 stores them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation, self.limit = config.activation, config.gegelu_limit
        inner, bias = config.intermediate_size, config.mlp_bias
        if config.gated:
            self.gate_up_proj = Linear(config.hidden_size, 2 * inner, bias=bias)
        else:
            self.up_proj = Linear(config.hidden_size, inner, bias=bias)
        self.down_proj = Linear(inner, config.hidden_size, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """x [..., hidden_size] -> [..., hidden_size]."""
        match self.activation:
            case "silu":
                inner = _SwiGLU.apply(self.gate_up_proj(x))
            case "gegelu":
                inner = _gegelu(self.gate_up_proj(x), self.limit)
            case "gelu_new":
                inner = F.gelu(self.up_proj(x), approximate="tanh")
            case "gelu":
                inner = F.gelu(self.up_proj(x))
        return self.down_proj(inner)
