"""Crops: an image resized, padded and cut for the CLIP tower by the HD transform, and the tokens it will take.

A wide image is resized to as many crops side by side as the limit allows with its own proportions, and padded with
white above and below to whole crops; a tall one is turned, treated so, and turned back. The whole image, shrunk to one
crop, comes first. Every step, its order and its rounding are those of the published image processor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from phial.errors import PhialError
from phial.model.vision.config import MEAN, STD, VisionConfig

if TYPE_CHECKING:
    from PIL.Image import Image

WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Grid:
    """How an image is cut.

    Attributes:
        rows: crops from top to bottom.
        columns: crops from left to right.
        size: width and height that the image is resized to, before padding; of the turned image where it is turned.
        turned: rows and columns of pixels are exchanged while it is resized and padded.
        side: tokens along one side of a crop.
    """

    rows: int
    columns: int
    size: tuple[int, int]
    turned: bool
    side: int

    @property
    def tokens(self) -> int:
        """Tokens of the image: of every crop and the global view, one a line of both, one between them."""
        return (self.rows * self.columns + 1) * self.side**2 + 1 + (self.rows + 1) * self.side


@dataclass(frozen=True)
class Crops:
    """An image, ready for the tower.

    Attributes:
        pixels: float32 [1 + rows * columns, 3, image_size, image_size], normalised: the global view, then the crops
            row by row.
        rows: crops from top to bottom.
        columns: crops from left to right.
        tokens: embeddings that it becomes.
    """

    pixels: Tensor
    rows: int
    columns: int
    tokens: int


def plan(width: int, height: int, vision: VisionConfig) -> Grid:
    """How an image of this size is cut.

    Args:
        width: in pixels.
        height: in pixels.
        vision: the crop's size and how many there may be.

    Raises:
        PhialError: the image is empty, or so long that its narrow side would vanish.
    """
    if width < 1 or height < 1:
        raise PhialError(f"an image of {width} x {height} pixels", where="image", do="give one with pixels in it")
    turned = width < height
    ratio = height / width if turned else width / height
    # Floating point as in the published code: where a product is whole, its last bit decides.
    scale = 1
    while (scale + 1) * math.ceil((scale + 1) / ratio) <= vision.max_crops:
        scale += 1
    long = scale * vision.image_size
    short = int(long / ratio)
    if short < 1:
        raise PhialError(
            f"an image of {width} x {height} pixels is too long: resized to {long}, its narrow side vanishes",
            where="image",
            do="cut it into shorter pieces",
        )
    across = math.ceil(short / vision.image_size)
    rows, columns = (scale, across) if turned else (across, scale)
    return Grid(rows, columns, (long, short), turned, vision.side)


def cut(image: Image, vision: VisionConfig) -> Crops:
    """Resize, pad, normalise and cut an image.

    Args:
        image: in mode RGB, as `open_image` gives it.
        vision: the crop's size and how many there may be.

    Raises:
        PhialError: see `plan`.
    """
    from PIL import Image as pillow

    grid = plan(image.width, image.height, vision)
    if grid.turned:
        image = image.transpose(pillow.Transpose.TRANSPOSE)
    resized = image.resize(grid.size, pillow.Resampling.BILINEAR)
    width, height = grid.size
    target = math.ceil(height / vision.image_size) * vision.image_size
    padded = pillow.new("RGB", (width, target), WHITE)
    padded.paste(resized, (0, (target - height) // 2))
    if grid.turned:
        padded = padded.transpose(pillow.Transpose.TRANSPOSE)
    pixels = torch.from_numpy(np.array(padded)).permute(2, 0, 1).to(torch.float32) / 255  # [3, height, width]
    pixels = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    size = vision.image_size
    # shrunk without a low-pass filter, as the model has learnt to see it
    whole = torch.nn.functional.interpolate(pixels.unsqueeze(0), size=(size, size), mode="bicubic")
    parts = pixels.reshape(3, grid.rows, size, grid.columns, size).permute(1, 3, 0, 2, 4).reshape(-1, 3, size, size)
    return Crops(torch.cat([whole, parts]), grid.rows, grid.columns, grid.tokens)
