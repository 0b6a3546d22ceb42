"""VisionConfig: the image tower of Phi-3-vision by its dimensions, and its place in config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from phial.errors import PhialError

MODULE = "vision_embed_tokens"  # the published name of everything that belongs to images
MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP's training images, red, green, blue
STD = (0.26862954, 0.26130258, 0.27577711)
_CLIP = "openai/clip-vit-large-patch14-336"
_LARGEST = {
    "hidden_size": 1 << 16, "intermediate_size": 1 << 18, "num_hidden_layers": 256, "num_attention_heads": 1024,
    "image_size": 4096, "patch_size": 512, "max_crops": 256, "image_token_id": 1 << 31,
}  # fmt: skip


@dataclass(frozen=True)
class VisionConfig:
    """The CLIP tower of Phi-3-vision, and how its patches become tokens.

    Attributes:
        hidden_size: width of the tower.
        intermediate_size: width of its MLP.
        num_hidden_layers: blocks of the published tower; the features are those of the last but one.
        num_attention_heads: heads.
        image_size: side of one crop in pixels.
        patch_size: side of one patch.
        max_crops: crops of one image at most (HD transform).
        image_token_id: the id that stands where image embeddings go; `<|image|>` in the published vocabulary.
    """

    hidden_size: int = 1024
    intermediate_size: int = 4096
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    image_size: int = 336
    patch_size: int = 14
    max_crops: int = 16
    image_token_id: int = 32044

    def __post_init__(self) -> None:
        for field in fields(self):
            value, largest = getattr(self, field.name), _LARGEST[field.name]
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= largest:
                _refuse(f"{field.name} is {value!r}", f"give a whole number from 1 to {largest}")
        if self.num_hidden_layers < 2:
            _refuse("a tower of one layer has no last but one", "give num_hidden_layers = 2 or more")
        if self.hidden_size % self.num_attention_heads:
            _refuse(
                f"hidden_size {self.hidden_size} does not divide into {self.num_attention_heads} heads",
                "choose hidden_size as a multiple of num_attention_heads",
            )
        if self.image_size % (2 * self.patch_size):
            _refuse(
                f"a crop of {self.image_size} pixels has no even number of patches of {self.patch_size}",
                "choose image_size as a multiple of twice patch_size",
            )

    @property
    def patches(self) -> int:
        """Patches along one side of a crop."""
        return self.image_size // self.patch_size

    @property
    def side(self) -> int:
        """Tokens along one side of a crop: two by two patches become one."""
        return self.patches // 2

    def shapes(self, width: int) -> dict[str, tuple[int, ...]]:
        """Shape of every parameter of the image path, by its name in memory.

        Args:
            width: hidden_size of the decoder that reads the embeddings.
        """
        hidden, inner = self.hidden_size, self.intermediate_size
        tower = f"{MODULE}.img_processor.vision_model."
        shapes: dict[str, tuple[int, ...]] = {
            f"{tower}embeddings.class_embedding": (hidden,),
            f"{tower}embeddings.patch_embedding.weight": (hidden, 3, self.patch_size, self.patch_size),
            f"{tower}embeddings.position_embedding.weight": (self.patches**2 + 1, hidden),
        }

        def affine(name: str, rows: int, *columns: int) -> None:
            shapes[f"{name}.weight"] = (rows, *columns)
            shapes[f"{name}.bias"] = (rows,)

        affine(f"{tower}pre_layrnorm", hidden)  # spelt so in every checkpoint
        for index in range(self.num_hidden_layers):
            layer = f"{tower}encoder.layers.{index}."
            affine(f"{layer}layer_norm1", hidden)
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                affine(f"{layer}self_attn.{name}", hidden, hidden)
            affine(f"{layer}layer_norm2", hidden)
            affine(f"{layer}mlp.fc1", inner, hidden)
            affine(f"{layer}mlp.fc2", hidden, inner)
        affine(f"{tower}post_layernorm", hidden)
        shapes[f"{MODULE}.glb_GN"] = (1, 1, 4 * hidden)
        shapes[f"{MODULE}.sub_GN"] = (1, 1, 1, 4 * hidden)
        affine(f"{MODULE}.img_projection.0", width, 4 * hidden)
        affine(f"{MODULE}.img_projection.2", width, width)
        return shapes


_EXPECTED = {
    "img_processor": {"name": "clip_vision_model", "type_feature": "patch", "layer_idx": -2},
    "embd_layer": {
        "embedding_cls": "image", "hd_transform_order": "sub_glb", "projection_cls": "mlp", "use_hd_transform": True,
        "with_learnable_separator": True,
    },
}  # fmt: skip


def read_vision(facts: Mapping[str, Any], where: str) -> VisionConfig:
    """The tower that a config.json of layout phi3_v describes.

    The published files name a CLIP model and leave its dimensions to code. Dimensions beside the name, as
    `write_vision` puts them for other towers, are read too.

    Args:
        facts: the parsed file.
        where: its path, for errors.

    Raises:
        PhialError: a tower, projector or order of features that is not computed here, or a malformed dimension.
    """
    for room, expected in _EXPECTED.items():
        found = facts.get(room, {})
        if not isinstance(found, Mapping):
            raise PhialError(f"{room} is no table", where=where, do="give a released phi3_v model")
        for name, value in expected.items():
            if found.get(name, value) != value:
                raise PhialError(
                    f"{room}.{name} {found[name]!r} is not supported", where=where, do=f"give a model with {value!r}"
                )
    image = facts.get("img_processor", {})
    values = {field.name: image[field.name] for field in fields(VisionConfig) if field.name in image}
    if "num_crops" in image:
        values["max_crops"] = image["num_crops"]
    return VisionConfig(**values)


def write_vision(vision: VisionConfig) -> dict[str, Any]:
    """The keys of config.json that describe a tower; see `read_vision`."""
    facts: dict[str, Any] = {
        "name": "clip_vision_model",
        "image_dim_out": vision.hidden_size,
        "num_img_tokens": vision.side**2,
        "num_crops": vision.max_crops,
    }
    default = asdict(VisionConfig())
    changed = {name: value for name, value in asdict(vision).items() if value != default[name] and name != "max_crops"}
    facts |= changed or {"model_name": _CLIP}
    return {"img_processor": facts, "embd_layer": _EXPECTED["embd_layer"]}


def read_preprocessor(vision: VisionConfig, facts: Mapping[str, Any], where: str) -> VisionConfig:
    """The tower with the number of crops that a preprocessor_config.json asks for.

    Args:
        vision: the tower that config.json describes.
        facts: the parsed file.
        where: its path, for errors.

    Raises:
        PhialError: another normalisation than CLIP's, or a malformed number.
    """
    for name, expected in (("image_mean", MEAN), ("image_std", STD)):
        if facts.get(name, list(expected)) != list(expected):
            raise PhialError(f"{name} {facts[name]!r} is not supported", where=where, do=f"give {list(expected)}")
    return replace(vision, max_crops=facts.get("num_crops", vision.max_crops))


def write_preprocessor(vision: VisionConfig) -> dict[str, Any]:
    """The preprocessor_config.json of a tower, as the published image processor reads it."""
    return {
        "image_processor_type": "Phi3VImageProcessor",
        "processor_class": "Phi3VProcessor",
        "image_mean": list(MEAN),
        "image_std": list(STD),
        "num_crops": vision.max_crops,
        "num_img_tokens": vision.side**2,
    }


def _refuse(what: str, do: str) -> None:
    raise PhialError(what, where="vision configuration", do=do)
