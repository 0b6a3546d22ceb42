"""An image from outside, as RGB pixels: opened under limits, whatever it claims to be.

Sizes are read from the header and checked before a pixel is decoded. As the published processor does, transparency is
dropped without a background and the camera's orientation is not applied.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phial.errors import PhialError

if TYPE_CHECKING:
    from PIL.Image import Image

# Formats that browsers show; each further decoder is further C code that reads what strangers send.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_DATA_URL = re.compile(r"data:(?P<type>[^;,]*)(?P<options>(?:;[^;,]*)*),", re.ASCII)
_SPACE = re.compile(r"[ \t\r\n]+", re.ASCII)


@dataclass(frozen=True)
class ImageLimits:
    """What an image may be at most.

    Attributes:
        bytes: encoded, as a file.
        pixels: width times height.
        ratio: longer side over shorter side.
    """

    bytes: int = 20 << 20
    pixels: int = 50_000_000
    ratio: float = 200.0


LIMITS = ImageLimits()


def open_image(
    source: Path | bytes | str | np.ndarray | Image, limits: ImageLimits = LIMITS, where: str = "image"
) -> Image:
    """Decode an image.

    Args:
        source: a file's path (as a Path: a str is never taken for one, since a request's text must not name files), a
            file's content, its base64 or data URL, an array uint8 [height, width] or [height, width, 1, 3 or 4] or
            uint16 [height, width], or a Pillow image.
        limits: what is refused before it is decoded.
        where: what to call it in errors.

    Returns:
        A Pillow image of mode RGB.

    Raises:
        PhialError: Pillow is missing, or the source is unreadable, over a limit, animated, damaged, or of a form that
            has no RGB.
    """
    pillow = _pillow(where)
    if isinstance(source, np.ndarray):
        return _from_array(source, limits, where)
    if isinstance(source, pillow.Image):
        return _decode(source, limits, where)
    if isinstance(source, Path):
        content = _read(source, limits, where)
    elif isinstance(source, str):
        content = _from_text(source, limits, where)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(source)
    else:
        raise PhialError(
            f"{type(source).__name__} is no image", where=where, do="give a Path, bytes, base64, an array or an image"
        )
    if len(content) > limits.bytes:
        raise _too_many_bytes(len(content), limits, where)
    try:
        image = pillow.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:  # decoders raise nearly everything, and warnings may be made errors
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
    except (binascii.Error, ValueError) as error:
        raise PhialError(
            f"text that is no base64: {error}", where=where, do="give base64 or a data URL; a file as Path"
        ) from error


def _from_array(array: np.ndarray, limits: ImageLimits, where: str) -> Image:
    channels = array.shape[2] if array.ndim == 3 else 1
    deep = array.dtype == np.uint16 and array.ndim == 2
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or not (array.dtype == np.uint8 or deep):
        raise PhialError(
            f"an array {array.dtype} {list(array.shape)} is no image",
            where=where,
            do="give uint8 [height, width], [height, width, 3] or [height, width, 4]; scale floats to 0 to 255",
        )
    _check_size(array.shape[1], array.shape[0], limits, where)
    if deep:
        array = (array >> 8).astype(np.uint8)
    if array.ndim == 2 or channels == 1:
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    return _pillow(where).fromarray(np.ascontiguousarray(array[..., :3]))


def _decode(image: Image, limits: ImageLimits, where: str) -> Image:
    _check_size(image.width, image.height, limits, where)
    try:
        # MPO is a still photograph with a preview behind it
        animated = getattr(image, "is_animated", False) and image.format != "MPO"
    except Exception as error:
        raise PhialError(f"a damaged image: {error}", where=where, do="get or make it again") from error
    if animated:
        raise PhialError("an animation", where=where, do="give one of its frames as an image")
    if image.mode == "F":
        raise PhialError("an image of floating point numbers", where=where, do="scale it to 8 bits")
    try:
        image.load()
        if image.mode.startswith("I"):  # 16 bits in all formats that are opened here
            levels = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
            return _from_array(levels, limits, where)
        # by way of RGBA, because Pillow warns where it drops a palette's transparency
        return (image.convert("RGBA") if image.mode == "P" else image).convert("RGB")
    except PhialError:
        raise
    except Exception as error:
        raise PhialError(f"a damaged image: {error}", where=where, do="get or make it again") from error


def _check_size(width: int, height: int, limits: ImageLimits, where: str) -> None:
    if width < 1 or height < 1:
        raise PhialError(f"an image of {width} x {height} pixels", where=where, do="give one with pixels in it")
    if width * height > limits.pixels:
        raise PhialError(
            f"an image of {width} x {height} pixels is over the limit of {limits.pixels:,}",
            where=where,
            do="shrink it; more than a few million pixels are not looked at",
        )
    if max(width, height) > limits.ratio * min(width, height):
        raise PhialError(
            f"an image of {width} x {height} pixels is over the limit of {limits.ratio:g} to 1",
            where=where,
            do="cut it into shorter pieces",
        )


def _too_many_bytes(size: int, limits: ImageLimits, where: str) -> PhialError:
    return PhialError(f"{size:,} bytes are over the limit of {limits.bytes:,}", where=where, do="shrink the image")
