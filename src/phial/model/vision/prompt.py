"""ImagePrompt: ids with room for images, and the embeddings that go there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from phial.errors import PhialError
from phial.model.vision.config import VisionConfig


@dataclass(frozen=True)
class ImagePrompt:
    """What a decoder reads.

    Attributes:
        ids: text ids, and one placeholder id for every embedding of an image.
        images: (first position, embeddings [tokens, hidden_size]) of every image, by position.
    """

    ids: tuple[int, ...]
    images: tuple[tuple[int, Tensor], ...]

    def part(self, start: int, stop: int, row: int = 0) -> tuple[tuple[int, ...], list[tuple[int, int, Tensor]]]:
        """A piece of the prompt as `Decoder.extend` takes it; an image may lie across its borders.

        Args:
            start: first position.
            stop: the position behind the last.
            row: row of the batch that the piece will be.

        Returns:
            ids[start:stop], and (row, position in the piece, embeddings) of what it holds of images.
        """
        inside = []
        for first, embeddings in self.images:
            begin, end = max(first, start), min(first + len(embeddings), stop)
            if begin < end:
                inside.append((row, begin - start, embeddings[begin - first : end - first]))
        return self.ids[start:stop], inside


def place_images(ids: Sequence[int], images: Sequence[Tensor], vision: VisionConfig) -> ImagePrompt:
    """Make room for images in an encoded conversation.

    Args:
        ids: of text, with one image_token_id for each image, as `encode_chat` gives them; no text of a user can
            become that id.
        images: embeddings [tokens, hidden_size], in the order of their places.
        vision: says which id that is.

    Raises:
        PhialError: there are more images than places, or fewer.
    """
    places = sum(token == vision.image_token_id for token in ids)
    if places != len(images):
        raise PhialError(
            f"{places} places for {len(images)} images",
            where="images of the prompt",
            do="give one image for every image part of the messages",
        )
    remaining = iter(images)
    room: list[int] = []
    placed: list[tuple[int, Tensor]] = []
    for token in ids:
        if token != vision.image_token_id:
            room.append(token)
            continue
        embeddings = next(remaining)
        placed.append((len(room), embeddings))
        room += [token] * len(embeddings)
    return ImagePrompt(tuple(room), tuple(placed))
