"""Float decoders of every family in torch, on the CPU or a GPU: for models that no faster backend runs, for roll-outs
of a model in training, and as the reference of the faster ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from phial.engine.backend import NoRoom, Work
from phial.engine.torch_adapter import TorchAdapters
from phial.errors import PhialError
from phial.model.adapter import Adapter
from phial.model.cache import KeyValueCache
from phial.model.decoder import Decoder

_FILE = "keys.safetensors"


class TorchBackend:
    """A `Backend` over a decoder; its weights may change between steps, as they do in training.

    Live sequences fill the first rows of the cache, so that a batch of all of them reads it in place. Sequences share
    nothing but what `fork` copies.

    Args:
        model: computes the logits.
        tokens: all that the sequences together may hold; None for no limit.
    """

    def __init__(self, model: Decoder, tokens: int | None = None) -> None:
        self.model, self.config = model, model.config
        weight = model.embed_tokens.weight
        self._most = 1 << 40 if tokens is None else tokens
        self._cache = KeyValueCache(self.config, 1, weight.dtype, weight.device)
        self._row_of: dict[int, int] = {}
        self._handle_of: list[int] = []  # by row
        self._adapters = TorchAdapters(model)

    @property
    def max_length(self) -> int:
        """Longest sequence, in tokens."""
        return self.config.max_position_embeddings

    def open(self, ids: Sequence[int] = (), long: bool = False, salt: bytes = b"") -> tuple[int, int]:
        """Begin a sequence; `ids` and `salt` are not looked at, since nothing is shared."""
        handle = self._take_row()
        self._cache.long[self._row_of[handle]] = long
        return handle, 0

    def fork(self, sequence: int) -> int:
        """A sequence with a copy of what another one holds."""
        handle = self._take_row()
        self._cache.copy_row(self._row_of[sequence], self._row_of[handle])
        return handle

    def length(self, sequence: int) -> int:
        """Tokens that a sequence holds."""
        return len(self._cache.tokens[self._row_of[sequence]])

    def trim(self, sequence: int, length: int) -> None:
        """Forget the newest tokens."""
        self._cache.trim(self._row_of[sequence], length)

    def free(self, sequence: int) -> None:
        """Forget a sequence."""
        row, last = self._row_of.pop(sequence), len(self._handle_of) - 1
        if row != last:
            self._cache.copy_row(last, row)
            self._handle_of[row] = self._handle_of[last]
            self._row_of[self._handle_of[row]] = row
        self._cache.trim(last, 0)
        self._handle_of.pop()

    def room(self) -> int:
        """Tokens that are left of those allowed."""
        return self._most - sum(self._cache.lengths)

    def run(self, work: Sequence[Work]) -> list[np.ndarray]:
        """Add tokens to sequences; see `Backend.run`. Pieces of one token are computed together, and so are those with
        guesses; parts of prompts one by one, for padding them to one length would cost more."""
        if sum(len(piece.ids) for piece in work) > self.room():
            raise NoRoom(f"room for {self.room()} tokens")
        groups: dict[int, list[int]] = {}
        for index, piece in enumerate(work):
            kind = -1 if len(piece.ids) == 1 else -2 if piece.wanted > 1 else index
            groups.setdefault(kind, []).append(index)
        results: list[np.ndarray] = [np.empty(0)] * len(work)
        for members in groups.values():
            members.sort(key=lambda index: self._row_of[work[index].sequence])
            for index, rows in zip(members, self._compute([work[index] for index in members]), strict=True):
                results[index] = rows
        return results

    @torch.no_grad()
    def _compute(self, work: Sequence[Work]) -> list[np.ndarray]:
        device = self._cache.device
        counts = [len(piece.ids) for piece in work]
        ids = torch.tensor([[*piece.ids, *[0] * (max(counts) - len(piece.ids))] for piece in work], device=device)
        images = [
            (row, place, torch.from_numpy(embeddings).to(device))
            for row, piece in enumerate(work)
            for place, embeddings in piece.images
        ]
        rows = [self._row_of[piece.sequence] for piece in work]
        wanted, adapters = max(piece.wanted for piece in work), [piece.adapter for piece in work]
        if any(adapters) and max(counts) > 1:
            # for one row the last block would not go through its modules, where an adapter adds to what they compute
            wanted = max(wanted, 2)
        with self._adapters.on(adapters):
            logits = self.model.append(ids, self._cache, rows, counts, images, wanted).float().cpu().numpy()
        return [logits[row, wanted - piece.wanted :] for row, piece in enumerate(work)]

    def save(self, sequence: int, folder: Path) -> None:
        """Write a sequence's keys and values; see `Storing`."""
        row = self._row_of[sequence]
        layers = {str(index): layer.contiguous().cpu() for index, layer in enumerate(self._cache.read_row(row))}
        tokens = torch.tensor(self._cache.tokens[row], dtype=torch.int64)
        facts = {"model": self._identity(), "long": str(int(self._cache.long[row]))}
        save_file({**layers, "tokens": tokens}, folder / _FILE, facts)

    def load(self, folder: Path, salt: bytes = b"") -> int:
        """A sequence with what `save` wrote; see `Storing`."""
        path, config = folder / _FILE, self.config
        try:
            with safe_open(path, "pt") as file:
                facts = file.metadata() or {}
                tokens = file.get_tensor("tokens").tolist()
                layers = [file.get_tensor(str(index)) for index in range(config.num_hidden_layers)]
        except (OSError, SafetensorError) as error:
            raise PhialError("no whole keys and values", where=str(path), do="make the snapshot anew") from error
        shape = (2, config.num_key_value_heads, len(tokens), config.head_dim)
        if facts.get("model") != self._identity() or any(tuple(layer.shape) != shape for layer in layers):
            raise PhialError("a snapshot of another model", where=str(path), do="make it anew with this one")
        if len(tokens) > self.room():
            raise NoRoom(f"room for {self.room()} tokens")
        handle, _ = self.open((), facts.get("long") == "1")
        self._cache.write_row(self._row_of[handle], tokens, layers)
        return handle

    def adapt(self, adapter: Adapter) -> None:
        """Bring an adapter to the model's device; see `Adapting`."""
        self._adapters.hold(adapter)

    @torch.no_grad()
    def load_weights(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Take other weights; see `Reloading`."""
        state = self.model.state_dict()
        if {name: tuple(held.shape) for name, held in state.items()} != {n: t.shape for n, t in tensors.items()}:
            raise PhialError("other parameters than the model's", where="weights", do="give those of the same model")
        for name, held in state.items():
            held.copy_(torch.from_numpy(tensors[name]))

    def _identity(self) -> str:
        """Tells models apart by their shape and a few numbers of every parameter."""
        digest = hashlib.sha256(repr((self.config, self._cache.dtype)).encode())
        for name, parameter in self.model.named_parameters():
            digest.update(name.encode() + parameter.detach().flatten()[:64].float().cpu().numpy().tobytes())
        return digest.hexdigest()

    def _take_row(self) -> int:
        handle, row = next(handle for handle in count() if handle not in self._row_of), len(self._handle_of)
        if row == len(self._cache.tokens):
            self._cache.add_rows(row)
        self._row_of[handle] = row
        self._handle_of.append(handle)
        self._cache.long[row] = False
        return handle
