"""LoRA adapters over packed weights, rotated or not."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from phial.errors import PhialError
from phial.kernels.lora import BoundAdapter, bind_adapter, bind_additions
from phial.model.adapter import Adapter
from phial.quant.quantized import HEAD, QuantizedModel
from phial.quant.turned_adapter import turned_adapter


class Int4Adapters:
    """The adapters of a model in the form that the kernels read, while anybody has them.

    Args:
        model: what they add to.
    """

    def __init__(self, model: QuantizedModel) -> None:
        self._model = model
        self._held: WeakKeyDictionary[Adapter, BoundAdapter] = WeakKeyDictionary()

    def hold(self, adapter: Adapter) -> BoundAdapter:
        """An adapter in C, made once.

        Raises:
            PhialError: it does not fit the model, or the model was rotated without a record of how.
        """
        if adapter not in self._held:
            self._held[adapter] = _bind(adapter, self._model)
        return self._held[adapter]


def _bind(adapter: Adapter, model: QuantizedModel) -> BoundAdapter:
    config = model.config
    up = "mlp.gate_up_proj" if config.gated else "mlp.up_proj"
    names = ("self_attn.qkv_proj", "self_attn.o_proj", up, "mlp.down_proj")
    layers = [[f"layers.{index}.{name}" for name in names] for index in range(config.num_hidden_layers)]
    known = {name for layer in layers for name in layer if name in model.matrices}
    if not config.tie_word_embeddings:
        known.add(HEAD)
    try:
        if unknown := set(adapter.parts) - known:
            raise ValueError(f"there is no matrix {min(unknown)}")
        parts = turned_adapter(adapter, model)
        bound = {
            name: bind_additions(parts.get(name, ()), model.matrices[name].rows, model.matrices[name].columns)
            for name in known
        }
    except ValueError as error:
        raise PhialError(f"the adapter does not fit: {error}", where="engine", do="give the model's own") from error
    nothing = bind_additions((), 0, 0)
    return bind_adapter([[bound.get(name, nothing) for name in layer] for layer in layers], bound.get(HEAD, nothing))
