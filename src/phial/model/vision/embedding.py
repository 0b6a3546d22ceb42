"""ImageEmbedding: from the crops of an image to the embeddings that a decoder reads in its place.

The arrangement of crops is that of InternLM-XComposer2-4KHD (Dong et al. 2024).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from phial.model.vision.clip import ClipVision
from phial.model.vision.config import VisionConfig
from phial.model.vision.crops import Crops


class ImageProcessor(nn.Module):
    """Holds the tower under its published name."""

    def __init__(self, vision: VisionConfig) -> None:
        super().__init__()
        self.vision_model = ClipVision(vision)


class ImageEmbedding(nn.Module):
    """Tower, merge of two by two patches, separators and projector, under their published names."""

    def __init__(self, vision: VisionConfig, width: int) -> None:
        super().__init__()
        merged = 4 * vision.hidden_size
        self.side = vision.side
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
        features = self.img_processor.vision_model(crops.pixels.to(self.glb_GN))  # [1 + crops, patches, hidden_size]
        parts = self._lines(features[1:], crops.rows, crops.columns)
        whole = self._lines(features[:1], 1, 1)
        return self.img_projection(torch.cat([parts, self.glb_GN.flatten(0, 1), whole]))

    def _lines(self, features: Tensor, rows: int, columns: int) -> Tensor:
        """[rows * columns, patches, C] to [rows * side * (columns * side + 1), 4 C], each line closed by `sub_GN`."""
        side, width = self.side, features.shape[2]
        grid = features.view(rows, columns, side, 2, side, 2, width)
        # crop row, row of tokens, crop column, column of tokens; then the four patches of a token, row by row
        grid = grid.permute(0, 2, 1, 4, 3, 5, 6).reshape(rows * side, columns * side, 4 * width)
        closing = self.sub_GN.view(1, 1, -1).expand(len(grid), 1, -1)
        return torch.cat([grid, closing], dim=1).flatten(0, 1)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights: normal with standard deviation 1 / sqrt(fan_in), norms as identity, biases zero."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif "norm" in name:
                parameter.fill_(1.0)
            else:
                fan_in = parameter.flatten(1).shape[1] if parameter.ndim > 1 else len(parameter)
                parameter.normal_(0.0, fan_in**-0.5, generator=generator)
