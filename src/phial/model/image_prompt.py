"""ImagePrompt: ids with room for images, and the embeddings that go there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from phial.errors import PhialError
from phial.model.vision_config import VisionConfig

_PLACEHOLDER = re.compile(r"<\|image_([1-9][0-9]{0,5})\|>", re.ASCII)


@dataclass(frozen=True)
class ImageSlot:
    """The place of an image among pieces of text.

    Attributes:
        number: the k of `<|image_k|>`: the k-th image, counted from 1.
    """

    number: int


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


def split_placeholders(text: str) -> list[str | ImageSlot]:
    """Cut a prompt at `<|image_1|>`, `<|image_2|>`, …

    Only for text whose writer may place images: a template, a command line. A user's own text is a piece by itself.
    """
    pieces: list[str | ImageSlot] = []
    end = 0
    for found in _PLACEHOLDER.finditer(text):
        pieces += [text[end : found.start()], ImageSlot(int(found[1]))]
        end = found.end()
    pieces.append(text[end:])
    return [piece for piece in pieces if piece != ""]


def place_images(
    pieces: Sequence[Sequence[int] | ImageSlot], images: Sequence[Tensor], vision: VisionConfig
) -> ImagePrompt:
    """Join ids of text and images into one prompt.

    Each image stands where its own number is, whatever their order.

    Args:
        pieces: ids of text, and the slots between them, in order.
        images: embeddings [tokens, hidden_size]; slot k takes images[k - 1].
        vision: its image_token_id holds the places.

    Raises:
        PhialError: a slot without an image, an image without a slot, or a slot named twice.
    """
    ids: list[int] = []
    placed: list[tuple[int, Tensor]] = []
    seen: set[int] = set()
    for piece in pieces:
        if not isinstance(piece, ImageSlot):
            ids += piece
            continue
        name = f"<|image_{piece.number}|>"
        if not 1 <= piece.number <= len(images):
            given = f"{len(images)} image{'s are' if len(images) != 1 else ' is'} given"
            raise _misplaced(f"{name} has no image: {given}", "give an image for every placeholder")
        if piece.number in seen:
            raise _misplaced(f"{name} is there twice", "give the image twice, under two numbers")
        seen.add(piece.number)
        embeddings = images[piece.number - 1]
        placed.append((len(ids), embeddings))
        ids += [vision.image_token_id] * len(embeddings)
    missing = [f"<|image_{number}|>" for number in range(1, len(images) + 1) if number not in seen]
    if missing:
        raise _misplaced(f"the prompt has no {', '.join(missing)}", "name every image in the prompt, or leave it out")
    return ImagePrompt(tuple(ids), tuple(placed))


def _misplaced(what: str, do: str) -> PhialError:
    return PhialError(what, where="images of the prompt", do=do)
