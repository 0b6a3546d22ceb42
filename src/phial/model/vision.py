"""The image path of Phi-3-vision: a CLIP tower, the merge of its patches into rows of tokens, and the projector.

Modules carry the published names, so that their parameters are the tensors of a checkpoint. CLIP: Radford et al. 2021;
the arrangement of crops: InternLM-XComposer2-4KHD, Dong et al. 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from phial.model.crops import Crops
from phial.model.vision_config import VisionConfig

EPSILON = 1e-5  # of CLIP's layer norms


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
    """A CLIP vision transformer, of which the features before the last block are used."""

    def __init__(self, vision: VisionConfig) -> None:
        super().__init__()
        self.embeddings = ClipEmbeddings(vision)
        self.pre_layrnorm = nn.LayerNorm(vision.hidden_size, EPSILON)
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


class ImageProcessor(nn.Module):
    """Holds the tower under its published name."""

    def __init__(self, vision: VisionConfig) -> None:
        super().__init__()
        self.vision_model = ClipVision(vision)


class ImageEmbedding(nn.Module):
    """From the crops of an image to the embeddings that a decoder reads in its place."""

    def __init__(self, vision: VisionConfig, width: int) -> None:
        super().__init__()
        merged = 4 * vision.hidden_size
        self.img_processor = ImageProcessor(vision)
        self.glb_GN = nn.Parameter(torch.zeros(1, 1, merged))
        self.sub_GN = nn.Parameter(torch.zeros(1, 1, 1, merged))
        self.img_projection = nn.Sequential(nn.Linear(merged, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, crops: Crops) -> Tensor:
        """Embeddings of one image.

        The crops' tokens row by row across the whole image, each row closed by the separator `sub_GN`; then `glb_GN`;
        then the rows of the global view, closed alike.

        Args:
            crops: the image, cut.

        Returns:
            [crops.tokens, width of the decoder].
        """
        features = self.img_processor.vision_model(crops.pixels.to(self.glb_GN))
        whole, parts = features[:1], features[1:]
        lines = [
            self._lines(parts, crops.rows, crops.columns),
            self.glb_GN.flatten().unsqueeze(0),
            self._lines(whole, 1, 1),
        ]
        return self.img_projection(torch.cat(lines))

    def _lines(self, features: Tensor, rows: int, columns: int) -> Tensor:
        """[rows * columns, patches, C] to [rows * side * (columns * side + 1), 4 C], each line closed by `sub_GN`."""
        side, width = int(features.shape[1] ** 0.5) // 2, features.shape[2]
        grid = features.view(rows, columns, side, 2, side, 2, width)
        # crop row, row of tokens, crop column, column of tokens; then the four patches of a token, row by row
        grid = grid.permute(0, 2, 1, 4, 3, 5, 6).reshape(rows * side, columns * side, 4 * width)
        closing = self.sub_GN.view(1, 1, -1).expand(len(grid), 1, -1)
        return torch.cat([grid, closing], dim=1).flatten(0, 1)
