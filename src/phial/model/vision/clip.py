"""The image tower of Phi-3-vision: CLIP's vision transformer (Radford et al. 2021), up to its last but one block.

Modules carry the published names, so that their parameters are the tensors of a checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from phial.model.vision.config import VisionConfig

EPSILON = 1e-5  # of every layer norm


class ClipAttention(nn.Module):
    """Every patch sees every patch."""

    def __init__(self, vision: VisionConfig) -> None:
        super().__init__()
        self.heads, width = vision.num_attention_heads, vision.hidden_size
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x and the result are [crops, patches + 1, hidden_size]."""
        query, key, value = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )  # each [crops, heads, patches + 1, head_dim]
        return self.out_proj(scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class ClipMLP(nn.Module):
    """Up, x * sigmoid(1.702 x), down."""

    def __init__(self, vision: VisionConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(vision.hidden_size, vision.intermediate_size)
        self.fc2 = nn.Linear(vision.intermediate_size, vision.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """x and the result are [..., hidden_size]."""
        inner = self.fc1(x)
        return self.fc2(inner * torch.sigmoid(1.702 * inner))


class ClipBlock(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, vision: VisionConfig) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(vision.hidden_size, EPSILON)
        self.self_attn = ClipAttention(vision)
        self.layer_norm2 = nn.LayerNorm(vision.hidden_size, EPSILON)
        self.mlp = ClipMLP(vision)

    def forward(self, x: Tensor) -> Tensor:
        """x and the result are [crops, patches + 1, hidden_size]."""
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class ClipEmbeddings(nn.Module):
    """Patches as vectors behind a class vector, with learned positions."""

    def __init__(self, vision: VisionConfig) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(vision.hidden_size))
        self.patch_embedding = nn.Conv2d(
            3, vision.hidden_size, kernel_size=vision.patch_size, stride=vision.patch_size, bias=False
        )
        self.position_embedding = nn.Embedding(vision.patches**2 + 1, vision.hidden_size)

    def forward(self, pixels: Tensor) -> Tensor:
        """[crops, 3, image_size, image_size] to [crops, patches + 1, hidden_size]."""
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(pixels), 1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding.weight


class ClipEncoder(nn.Module):
    """The blocks; a checkpoint holds all of them, the last one is never run."""

    def __init__(self, vision: VisionConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ClipBlock(vision) for _ in range(vision.num_hidden_layers))


class ClipVision(nn.Module):
    """The tower; its last block and the norm behind it are kept for the checkpoint's sake."""

    def __init__(self, vision: VisionConfig) -> None:
        super().__init__()
        self.embeddings = ClipEmbeddings(vision)
        self.pre_layrnorm = nn.LayerNorm(vision.hidden_size, EPSILON)  # spelt so in every checkpoint
        self.encoder = ClipEncoder(vision)
        self.post_layernorm = nn.LayerNorm(vision.hidden_size, EPSILON)

    def forward(self, pixels: Tensor) -> Tensor:
        """Features of the last but one block, without the class vector.

        Args:
            pixels: [crops, 3, image_size, image_size], normalised.

        Returns:
            [crops, patches, hidden_size], row by row.
        """
        x = self.pre_layrnorm(self.embeddings(pixels))
        for layer in self.encoder.layers[:-1]:
            x = layer(x)
        return x[:, 1:]
