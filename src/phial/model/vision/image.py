"""An image from outside, as RGB pixels: opened under limits, whatever it claims to be.

Sizes are read from the header and checked before a pixel is decoded. As the published processor does, transparency is
dropped without a background, and the camera's orientation is not applied. Of 16-bit grey the upper half is taken,
where the published processor clips nearly everything to white.
"""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phial.errors import PhialError

if TYPE_CHECKING:
    from PIL.Image import Image

# What browsers show; each further decoder is further C code that reads what strangers send.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_MODES = frozenset(["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"])
_DATA_URL = re.compile(r"data:(?P<type>[^;,]*)(?P<options>(?:;[^;,]*)*),", re.ASCII)
_SPACE = re.compile(r"[ \t\r\n]+", re.ASCII)


@dataclass(frozen=True)
class ImageLimits:
    """What an image may be at most.

    Attributes:
        bytes: encoded, as a file.
        pixels: width times height.
    """

    bytes: int = 20 << 20
    pixels: int = 50_000_000


LIMITS = ImageLimits()


def open_image(source: Path | bytes | str | Image, limits: ImageLimits = LIMITS, where: str = "image") -> Image:
    """Decode an image.

    Args:
        source: a file's path (as a Path: a str is never taken for one, since a request's text must not name files), a
            file's content, its base64 or data URL, or a Pillow image.
        limits: what is refused before it is decoded.
        where: what to call it in errors.

    Returns:
        A Pillow image of mode RGB.

    Raises:
        PhialError: Pillow is missing, or the source is unreadable, over a limit, animated, damaged, or of a mode that
            has no RGB.
    """
    pillow = _pillow(where)
    if isinstance(source, pillow.Image):
        return _decode(source, limits, where)
    if isinstance(source, Path):
        content = _read(source, limits, where)
    elif isinstance(source, str):
        content = _from_text(source, limits, where)
    elif isinstance(source, bytes):
        content = source
    else:
        raise PhialError(f"{type(source).__name__} is no image", where=where, do="give a Path, bytes, base64 or image")
    if len(content) > limits.bytes:
        raise _too_many_bytes(len(content), limits, where)
    try:
        image = pillow.open(io.BytesIO(content), formats=FORMATS)
    except pillow.DecompressionBombError as error:
        raise PhialError(f"a decompression bomb: {error}", where=where, do="shrink it") from error
    except Exception as error:  # decoders raise nearly everything
        raise PhialError(f"not an image: {error}", where=where, do=f"give {', '.join(FORMATS)}") from error
    return _decode(image, limits, where)


def _pillow(where: str) -> Any:
    try:
        from PIL import Image as pillow
    except ImportError as error:
        raise PhialError("images need Pillow", where=where, do="pip install 'phial-lm[vision]'") from error
    return pillow


def _read(path: Path, limits: ImageLimits, where: str) -> bytes:
    if not path.is_file():
        raise PhialError(f"no file {path}", where=where, do="give the path of an image")
    try:
        with path.open("rb") as file:
            return file.read(limits.bytes + 1)
    except OSError as error:
        raise PhialError(f"can't read {path}: {error}", where=where, do="give a readable file") from error


def _from_text(text: str, limits: ImageLimits, where: str) -> bytes:
    if text[:5].lower() == "data:":
        found = _DATA_URL.match(text[:200])
        if found is None or not found["options"].lower().endswith(";base64"):
            raise PhialError("a data URL without base64", where=where, do="give data:image/…;base64,…")
        if found["type"] and not found["type"].lower().startswith("image/"):
            raise PhialError(f"a data URL of type {found['type']!r}", where=where, do="give data:image/…;base64,…")
        text = text[found.end() :]
    elif "://" in text[:20]:
        raise PhialError("an address, not an image", where=where, do="download it first; nothing is fetched here")
    if len(text) > 2 * limits.bytes + 4:
        raise _too_many_bytes(len(text) * 3 // 4, limits, where)
    try:
        return base64.b64decode(_SPACE.sub("", text), validate=True)
    except ValueError as error:
        raise PhialError(
            f"text that is no base64: {error}", where=where, do="give base64 or a data URL; a file as Path"
        ) from error


def _decode(image: Image, limits: ImageLimits, where: str) -> Image:
    if image.width < 1 or image.height < 1:
        raise PhialError(f"an image of {image.width} x {image.height} pixels", where=where, do="give one with pixels")
    if image.width * image.height > limits.pixels:
        raise PhialError(
            f"an image of {image.width} x {image.height} pixels is over the limit of {limits.pixels:,}",
            where=where,
            do="shrink it; more than a few million pixels are not looked at",
        )
    try:
        # an MPO is a still photograph with a preview behind it
        if getattr(image, "is_animated", False) and image.format != "MPO":
            raise PhialError("an animation", where=where, do="give one of its frames as an image")
        image.load()
        if image.mode.startswith("I;16"):
            return _pillow(where).fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
        if image.mode in _MODES:
            # by way of RGBA, because Pillow warns where it drops a palette's transparency
            return (image.convert("RGBA") if image.mode == "P" else image).convert("RGB")
    except PhialError:
        raise
    except Exception as error:  # decoders raise nearly everything
        raise PhialError(f"a damaged image: {error}", where=where, do="get or make it again") from error
    raise PhialError(f"an image of mode {image.mode!r}", where=where, do="convert it to RGB, 8 bits a channel")


def _too_many_bytes(size: int, limits: ImageLimits, where: str) -> PhialError:
    return PhialError(f"{size:,} bytes are over the limit of {limits.bytes:,}", where=where, do="shrink the image")
