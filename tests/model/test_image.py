"""Images from outside: opened or refused, and cut as the published description says, recomputed here step by step."""

import base64
import io
import math
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phial.errors import PhialError
from phial.model.vision.config import VisionConfig
from phial.model.vision.crops import cut, plan
from phial.model.vision.image import ImageLimits, open_image

PUBLISHED = VisionConfig()
SMALL = VisionConfig(
    hidden_size=8, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2, image_size=12, patch_size=2,
    max_crops=6, image_token_id=5,
)  # fmt: skip
MEAN = np.array([0.48145466, 0.4578275, 0.40821073])
STD = np.array([0.26862954, 0.26130258, 0.27577711])


def noise(width, height, mode="RGB", seed=0):
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (5, 7, 3), dtype=np.uint8)).resize((width, height))
    fine = Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return Image.blend(coarse, fine, 0.3).convert(mode)


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# The published rule, written from its description. Padded size of an image under the HD transform:


def padded_size(width, height, crops, side=336):
    wide, narrow = max(width, height), min(width, height)
    ratio = wide / narrow
    scale = max(s for s in range(1, crops + 1) if s * math.ceil(s / ratio) <= crops)
    long = scale * side
    short = math.ceil(int(long / ratio) / side) * side
    return (long, short) if width >= height else (short, long)


def triangle(old, new):
    """[new, old] weights of a resize by a triangle as wide as a new pixel, at least an old one."""
    step = old / new
    width = max(step, 1.0)
    weights = np.zeros((new, old))
    for i in range(new):
        for j in range(old):
            weights[i, j] = max(0.0, 1 - abs(j + 0.5 - (i + 0.5) * step) / width)
    return weights / weights.sum(axis=1, keepdims=True)


def cubic(old, new):
    """[new, old] weights of torch's bicubic interpolation (a = -0.75), borders repeated."""
    weights = np.zeros((new, old))
    for i in range(new):
        centre = (i + 0.5) * old / new - 0.5
        for j in range(math.floor(centre) - 1, math.floor(centre) + 3):
            x = abs(centre - j)
            value = 1.25 * x**3 - 2.25 * x**2 + 1 if x <= 1 else -0.75 * (x**3 - 5 * x**2 + 8 * x - 4)
            weights[i, min(max(j, 0), old - 1)] += value
    return weights


def reference(image, vision):
    """Padded levels [height, width, 3] before normalisation."""
    pixels = np.asarray(image).astype(np.float64)
    turned = pixels.shape[1] < pixels.shape[0]
    if turned:
        pixels = pixels.transpose(1, 0, 2)
    height, width, _ = pixels.shape
    ratio = width / height
    scales = range(1, vision.max_crops + 1)
    scale = max(s for s in scales if s * math.ceil(s / ratio) <= vision.max_crops)
    new_width = scale * vision.image_size
    new_height = int(new_width / ratio)
    # across first, then down, each rounded to a level
    across = np.floor(np.einsum("nw,hwc->hnc", triangle(width, new_width), pixels) + 0.5)
    down = np.floor(np.einsum("nh,hwc->nwc", triangle(height, new_height), across) + 0.5)
    target = math.ceil(new_height / vision.image_size) * vision.image_size
    top = int((target - new_height) / 2)
    padded = np.full((target, new_width, 3), 255.0)
    padded[top : top + new_height] = down
    return padded.transpose(1, 0, 2) if turned else padded


@pytest.mark.parametrize("size", [(40, 30), (30, 40), (7, 5), (5, 100), (100, 33), (36, 36), (1, 1), (64, 17), (3, 29)])
def test_crops_are_those_of_the_published_rule(size):
    image = noise(*size)
    crops = cut(image, SMALL)
    levels = reference(image, SMALL)
    rows, columns = crops.rows, crops.columns
    side = SMALL.image_size
    assert levels.shape == (rows * side, columns * side, 3)
    got = crops.pixels.double().numpy()
    assert got.shape == (1 + rows * columns, 3, side, side)
    joined = np.zeros((3, rows * side, columns * side))
    for row in range(rows):
        for column in range(columns):
            part = got[1 + row * columns + column]
            joined[:, row * side : (row + 1) * side, column * side : (column + 1) * side] = part
    drawn = joined.transpose(1, 2, 0) * STD * 255 + MEAN * 255
    # the resize computes in fixed point: a level near a half may be rounded the other way
    assert np.abs(drawn - levels).max() < 1.01
    assert (np.abs(drawn - levels) < 0.01).mean() > 0.95
    whole = np.einsum("nh,chw,mw->cnm", cubic(rows * side, side), joined, cubic(columns * side, side))
    assert np.abs(got[0] - whole).max() < 1e-4


@given(st.integers(1, 6000), st.integers(1, 6000), st.integers(1, 24))
def test_tokens_are_those_of_the_published_formula(width, height, crops):
    vision = VisionConfig(max_crops=crops)
    w, h = padded_size(width, height, crops)
    if min(w, h) == 0:
        with pytest.raises(PhialError, match="its narrow side vanishes"):
            plan(width, height, vision)
        return
    grid = plan(width, height, vision)
    assert (grid.columns, grid.rows) == (w // 336, h // 336)
    assert grid.tokens == ((h // 336) * (w // 336) + 1) * 144 + 1 + (h // 336 + 1) * 12
    assert grid.rows * grid.columns <= crops


@pytest.mark.parametrize(
    ("size", "crops", "tokens"),
    [((336, 336), 16, 2509), ((336, 336), 4, 757), ((1344, 336), 16, 2485), ((1920, 1080), 16, 2353),
     ((1080, 1920), 16, 2377), ((1300, 876), 16, 1921), ((1300, 876), 4, 757), ((50, 8000), 16, 2653),
     ((1, 1), 1, 313)],
)  # fmt: skip
def test_tokens_of_known_sizes(size, crops, tokens):
    assert plan(*size, VisionConfig(max_crops=crops)).tokens == tokens


def test_a_full_size_image_has_the_published_shape():
    crops = cut(noise(120, 90), VisionConfig(max_crops=4))
    assert crops.pixels.shape == (5, 3, 336, 336)
    assert crops.tokens == plan(120, 90, VisionConfig(max_crops=4)).tokens == 757


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_every_kind_of_source_gives_the_same_pixels(kind, tmp_path):
    content = encoded(noise(20, 10), kind)
    path = tmp_path / "image"
    path.write_bytes(content)
    text = base64.b64encode(content).decode()
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    sources = [path, content, text, text[:40] + "\n" + text[40:], f"data:image/{kind.lower()};base64,{text}",
               f"data:;charset=x;base64,{text}", Image.open(path)]  # fmt: skip
    for source in sources:
        opened = open_image(source)
        assert opened.mode == "RGB"
        assert np.array_equal(np.asarray(opened), expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB"])
def test_modes_become_colours_as_the_published_processor_makes_them(mode):
    image = noise(6, 4, "RGB").convert("RGB" if mode == "LAB" else mode)
    image = Image.fromarray(np.asarray(image), "LAB") if mode == "LAB" else image
    assert np.array_equal(np.asarray(open_image(image)), np.asarray(image.convert("RGB")))


def test_transparency_is_dropped_without_a_background():
    clear = Image.new("RGBA", (2, 2), (10, 20, 30, 0))
    assert open_image(encoded(clear)).getpixel((0, 0)) == (10, 20, 30)
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    content = encoded(palette, transparency=bytes([0, 0]))
    assert Image.open(io.BytesIO(content)).info["transparency"]
    assert open_image(content).getpixel((0, 0)) == (10, 20, 30)


def test_orientation_is_not_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert open_image(encoded(noise(20, 10), "JPEG", exif=exif)).size == (20, 10)


def test_of_sixteen_bits_the_upper_half_is_taken():
    grey = np.array([[0, 255, 256, 40000, 65535]], np.uint16)
    opened = open_image(encoded(Image.fromarray(grey)))
    assert np.asarray(opened)[0, :, 0].tolist() == [0, 0, 1, 156, 255]
    assert opened.mode == "RGB"


def png_header(width, height):
    """A PNG of a few bytes that claims any size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def animation(kind):
    first, second = noise(8, 8), noise(8, 8, seed=1)
    return encoded(first, kind, save_all=True, append_images=[second])


REFUSED = {
    "nothing": (b"", "not an image"),
    "text": (b"hello", "not an image"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    "another format": (encoded(noise(8, 8), "TIFF"), "not an image"),
    "a truncated PNG": (encoded(noise(90, 90))[:9000], "a damaged image"),
    "a truncated JPEG": (encoded(noise(90, 90), "JPEG")[:900], "a damaged image"),
    "a damaged PNG": (encoded(noise(90, 90)).replace(b"IDAT", b"IDAT" + b"\0", 1), "a damaged image"),
    "a bomb": (png_header(50_000, 50_000), "a decompression bomb"),
    "a big claim": (png_header(9_000, 9_000), "over the limit of 50,000,000"),
    "an empty claim": (png_header(0, 5), "an image"),
    "an animated GIF": (animation("GIF"), "an animation"),
    "an animated PNG": (animation("PNG"), "an animation"),
    "an animated WEBP": (animation("WEBP"), "an animation"),
    "an address": ("https://example.com/cat.png", "an address"),
    "a file's address": ("file:///etc/passwd", "an address"),
    "a path as text": ("cat.png", "text that is no base64"),
    "bad base64": ("data:image/png;base64,a", "text that is no base64"),
    "a plain data URL": ("data:image/png,abc", "a data URL without base64"),
    "a data URL of text": ("data:text/html;base64,YQ==", "a data URL of type"),
    "an unfinished data URL": ("data:", "a data URL without base64"),
    "letters of no alphabet": ("é" * 20, "text that is no base64"),
    "a number": (5, "int is no image"),
    "floats": (Image.new("F", (2, 2)), "an image of mode 'F'"),
    "wide integers": (Image.new("I", (2, 2)), "an image of mode 'I'"),
    "no pixels": (Image.new("RGB", (0, 4)), "an image of 0 x 4 pixels"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_no_usable_image_is_refused(name):
    source, what = REFUSED[name]
    with pytest.raises(PhialError, match=what) as raised:
        open_image(source, where="messages[3]")
    assert raised.value.where == "messages[3]" and raised.value.do


def test_files_that_cannot_be_read_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "missing.png"):
        with pytest.raises(PhialError, match="no file"):
            open_image(path)


def test_limits_hold_before_anything_is_decoded(tmp_path):
    content = encoded(noise(40, 40))
    tight = ImageLimits(bytes=len(content) - 1)
    path = tmp_path / "image.png"
    path.write_bytes(content)
    text = base64.b64encode(content).decode()
    for source in (content, path, text, "data:image/png;base64," + 3 * text):
        with pytest.raises(PhialError, match="bytes are over the limit"):
            open_image(source, tight)
    for source in (content, Image.open(path)):
        with pytest.raises(PhialError, match="40 x 40 pixels is over the limit of 1,599"):
            open_image(source, ImageLimits(pixels=1599))
    assert open_image(content, ImageLimits(bytes=len(content), pixels=1600)).size == (40, 40)


@given(st.binary(max_size=40), st.integers(0, 2000), st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP"]))
def test_damage_is_an_error_or_an_image(junk, place, kind):
    content = DAMAGED[kind]
    place %= len(content)
    try:
        assert open_image(content[:place] + junk + content[place + len(junk) :], ImageLimits(pixels=10_000))
    except PhialError as error:
        assert error.where and error.do


DAMAGED = {kind: encoded(noise(16, 16), kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP")}


def test_an_image_too_long_for_its_narrow_side_is_refused():
    with pytest.raises(PhialError, match="its narrow side vanishes"):
        cut(Image.new("RGB", (400, 1)), SMALL)
