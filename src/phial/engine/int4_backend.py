"""A `Backend` over packed int4 and int8 weights: the fast path on a CPU."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from phial.engine.backend import Work
from phial.engine.blocks import Blocks
from phial.engine.int4_adapter import Int4Adapters
from phial.engine.int4_decoder import Int4Decoder
from phial.errors import PhialError
from phial.kernels.arena import Arena, padded
from phial.kernels.int4_library import ThreadPool
from phial.kernels.layer import LayerCache, Span, layer_cache
from phial.model.adapter import Adapter
from phial.quant.quantized import QuantizedModel
from phial.quant.requantized import requantized

STEP = 128  # tokens a step: a prompt is read at full speed from about 64 on
BLOCK = 32  # positions; shared prefixes are found in whole blocks
_SAVED = "cache.safetensors"


class Int4Backend:
    """Sequences over one quantized model, their keys and values in blocks that prefixes and forks share.

    A token's logits have the same bits whether it is computed alone, in a batch, in a prompt's chunk, as a draft, or
    again after its cache was dropped.

    Args:
        model: the weights; they may be memory-mapped.
        tokens: positions that the cache holds, of all sequences together.
        cache_bits: 16 for half-precision keys and values, 8 for int8 with a scale a head.
        threads: of the kernels; one a core by default.
    """

    batch_invariant = True

    def __init__(
        self, model: QuantizedModel, tokens: int = 8192, cache_bits: int = 16, threads: int | None = None
    ) -> None:
        self.config = config = model.config
        self.step_tokens = STEP  # one budget for prompts and decoding: more would hold up the others
        self._bits = cache_bits
        count = -(-tokens // BLOCK)
        if count < 1 or cache_bits not in (8, 16):
            raise PhialError(
                f"a cache of {tokens} tokens of {cache_bits} bits", where="engine", do="give 1 or more, 8 or 16 bits"
            )
        shape = (count, config.num_key_value_heads, BLOCK, config.head_dim)
        # of keys and values, and of their scales; memory is taken when a block is first written
        sizes = padded(math.prod(shape) * cache_bits // 8), padded(math.prod(shape[:3]) * 4 if cache_bits == 8 else 0)
        needed = 2 * sum(sizes) * config.num_hidden_layers
        try:
            arena = Arena(needed)
        except (OSError, OverflowError, ValueError) as error:
            what = f"a cache of {tokens:,} tokens would take {needed / 1e9:,.1f} GB"
            raise PhialError(what, where="engine", do="give fewer tokens, or 8 bits") from error
        self._caches = [layer_cache(*shape, bits=cache_bits, arena=arena) for _ in range(config.num_hidden_layers)]
        self._blocks = Blocks(count, BLOCK, b"")
        self._long: dict[int, bool] = {}
        self._pool = ThreadPool(threads)
        self._use(model)

    def _use(self, model: QuantizedModel) -> None:
        self._model, self._adapters = model, Int4Adapters(model)
        self._decoder = Int4Decoder(model, self._caches, self._pool)

    @property
    def max_length(self) -> int:
        """Longest sequence: the model's context, or all of the cache if that is less."""
        return min(self.config.max_position_embeddings, self._blocks.count * BLOCK)

    @property
    def nbytes(self) -> int:
        """Memory of the cache when every block has been used."""
        return sum(array.nbytes for cache in self._caches for array in _arrays(cache).values())

    def open(self, ids: Sequence[int] = (), long: bool = False, salt: bytes = b"") -> tuple[int, int]:
        """Begin a sequence; see `Backend.open`."""
        sequence, shared = self._blocks.open(ids, long, salt)
        self._long[sequence] = long
        return sequence, shared

    def fork(self, sequence: int) -> int:
        """Share what is computed; see `Backend.fork`."""
        other = self._blocks.fork(sequence)
        self._long[other] = self._long[sequence]
        return other

    def length(self, sequence: int) -> int:
        """Tokens held."""
        return self._blocks.length(sequence)

    def trim(self, sequence: int, length: int) -> None:
        """Forget the newest tokens; see `Backend.trim`."""
        self._blocks.trim(sequence, length)

    def free(self, sequence: int) -> None:
        """Forget a sequence."""
        self._blocks.free(sequence)
        del self._long[sequence]

    def forget(self) -> None:
        """Share nothing that was computed before, so that a measurement computes it again."""
        self._blocks.clear()

    def room(self) -> int:
        """New tokens that can be stored; see `Backend.room`."""
        return self._blocks.room()

    def run(self, work: Sequence[Work]) -> list[np.ndarray]:
        """Add tokens to sequences; see `Backend.run`."""
        starts = [self._blocks.length(piece.sequence) for piece in work]
        self._check(work, starts)
        copies = self._blocks.extend_all([(piece.sequence, piece.ids) for piece in work])
        try:
            self._copy(copies)
            ids = np.concatenate([np.asarray(piece.ids, np.int64) for piece in work])
            spans = [
                Span(self._blocks.table(piece.sequence), start, len(piece.ids))
                for piece, start in zip(work, starts, strict=True)
            ]
            places = np.cumsum([0, *(len(piece.ids) for piece in work)]).tolist()
            images = [
                (first + place, np.asarray(embeddings, np.float32))
                for piece, first in zip(work, places, strict=False)
                for place, embeddings in piece.images
            ]
            wanted = [piece.wanted for piece in work]
            adapters = [self._adapters.hold(piece.adapter) if piece.adapter else None for piece in work]
            longs = [self._long[piece.sequence] for piece in work]
            logits = self._decoder.step(ids, spans, longs, wanted, images, adapters if any(adapters) else ())
        except BaseException:
            for piece, start in zip(work, starts, strict=True):
                self._blocks.trim(piece.sequence, start)
            raise
        for piece in work:
            self._blocks.seal(piece.sequence)
        return np.split(logits, np.cumsum(wanted)[:-1])

    def _check(self, work: Sequence[Work], starts: Sequence[int]) -> None:
        for piece, start in zip(work, starts, strict=True):
            count, size = len(piece.ids), self.config.vocab_size
            if not 0 < count <= self.max_length - start or not 0 <= piece.wanted <= count:
                raise ValueError(f"{count} tokens behind {start}, {piece.wanted} wanted, room for {self.max_length}")
            if min(piece.ids) < 0 or max(piece.ids) >= size:
                raise ValueError(f"ids from {min(piece.ids)} to {max(piece.ids)} of a vocabulary of {size}")
            for place, embeddings in piece.images:
                if not 0 <= place <= place + len(embeddings) <= count:
                    raise ValueError(f"an image at {place} to {place + len(embeddings)} of {count} tokens")

    def adapt(self, adapter: Adapter) -> None:
        """Bring an adapter into the kernels' form; see `Adapting`."""
        self._adapters.hold(adapter)

    def load_weights(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Take other weights, rounded to nearest in the form that the model has now; see `Reloading`.

        Beside the old packed weights there is room for the new ones until they are complete.
        """
        self._use(requantized(self._model, tensors))
        self._blocks.clear()

    def _copy(self, copies: Sequence[tuple[int, int]]) -> None:
        for old, new in copies:
            for cache in self._caches:
                for array in _arrays(cache).values():
                    array[new] = array[old]

    def save(self, sequence: int, folder: Path) -> None:
        """Write a sequence's tokens, keys and values; see `Storing.save`."""
        table = self._blocks.table(sequence)
        tensors = {
            f"{index}.{name}": array[table]
            for index, cache in enumerate(self._caches)
            for name, array in _arrays(cache).items()
        }
        facts = {
            "model": self.fingerprint(),
            "long": self._long[sequence],
            "tokens": list(self._blocks.tokens(sequence)),
        }
        save_file(tensors, folder / _SAVED, metadata={"phial": json.dumps(facts)})

    def load(self, folder: Path, salt: bytes = b"") -> int:
        """A new sequence that holds what was saved; see `Storing.load`."""
        path = folder / _SAVED
        try:
            with safe_open(path, framework="np") as file:
                facts = json.loads((file.metadata() or {}).get("phial", "{}"))
                tokens, long = self._saved_facts(facts, path)
                return self._restore(file, tokens, long, salt, path)
        except (OSError, SafetensorError, ValueError) as error:
            raise PhialError(f"no readable snapshot: {error}", where=str(path), do="take the snapshot again") from error

    def _saved_facts(self, facts: dict[str, object], path: Path) -> tuple[list[int], bool]:
        tokens = facts.get("tokens")
        if facts.get("model") != self.fingerprint():
            raise PhialError("a snapshot of another model", where=str(path), do="take the snapshot with this model")
        if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
            raise PhialError("a snapshot without tokens", where=str(path), do="take the snapshot again")
        return tokens, bool(facts.get("long"))

    def _restore(self, file: object, tokens: list[int], long: bool, salt: bytes, path: Path) -> int:
        sequence, _ = self.open(long=long, salt=salt)
        try:
            self._blocks.extend(sequence, tokens)
            table = self._blocks.table(sequence)
            for index, cache in enumerate(self._caches):
                for name, array in _arrays(cache).items():
                    saved = file.get_tensor(f"{index}.{name}")  # type: ignore[attr-defined]
                    if saved.shape != (len(table), *array.shape[1:]) or saved.dtype != array.dtype:
                        raise PhialError(
                            f"{index}.{name} is {saved.dtype} {saved.shape}", where=str(path), do="take it again"
                        )
                    array[table] = saved
        except BaseException:
            self.free(sequence)
            raise
        self._blocks.seal(sequence)
        return sequence

    def fingerprint(self) -> str:
        """Stands for the weights and the form of the cache: what a snapshot must agree with."""
        digest = hashlib.sha256(repr((self.config, self._bits, BLOCK)).encode())
        for name in sorted(self._model.matrices):
            digest.update(name.encode())
            digest.update(self._model.matrices[name].scales.tobytes())
        return digest.hexdigest()


def _arrays(cache: LayerCache) -> dict[str, np.ndarray]:
    """What a layer's cache is made of, block by block."""
    arrays = {"keys": cache.keys, "values": cache.values}
    if cache.key_scales is not None and cache.value_scales is not None:
        arrays |= {"key_scales": cache.key_scales, "value_scales": cache.value_scales}
    return arrays
