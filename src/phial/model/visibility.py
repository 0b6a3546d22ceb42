"""Which earlier tokens a token may attend to, and attention that never makes a mask over a whole long sequence."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from phial.model.config import BlockSparse

CHUNK = 512  # queries at a time: the mask and scores of a chunk are all that is held beside keys and values


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    positions: Tensor,
    scale: float,
    window: int | None = None,
    sparse: BlockSparse | None = None,
) -> Tensor:
    """Causal attention of queries at given positions over keys at positions 0, 1, 2, …

    Args:
        query: [batch, heads, time, head_dim].
        key: [batch, kv_heads, length, head_dim]; slot j is position j.
        value: like key.
        positions: int64 [batch, time] of the queries, ascending in each row.
        scale: of the scores.
        window: keys a query sees, itself included; None for all.
        sparse: Phi-3-small's block pattern; None for dense.

    Returns:
        [batch, heads, time, head_dim].
    """
    length, time = key.shape[2], query.shape[2]
    low, high = int(positions.min()), int(positions.max())
    narrow = window is not None and high >= window
    spread = sparse is not None and high // sparse.block_size >= sparse.local_blocks
    uniform = bool((positions == positions[:1]).all())
    if not narrow and not spread and uniform:
        if time == 1 and high == length - 1:
            return _grouped(query, key, value, None, scale)
        if low == 0 and high == time - 1 == length - 1:
            return _causal(query, key, value, scale)
    out = torch.empty_like(query)
    for start in range(0, time, CHUNK):
        rows = slice(start, start + CHUNK)
        place = positions[:, rows]
        first, last = int(place.min()), int(place.max())
        if sparse is not None and spread:
            out[:, :, rows] = _sparse_chunk(query[:, :, rows], key, value, place, scale, sparse)
            continue
        begin = max(0, first - window + 1) if window is not None else 0
        keys = torch.arange(begin, last + 1, device=key.device)
        seen = keys <= place.unsqueeze(-1)  # [batch, time, keys]
        if window is not None:
            seen &= keys > place.unsqueeze(-1) - window
        kept = slice(begin, last + 1)
        out[:, :, rows] = _grouped(query[:, :, rows], key[:, :, kept], value[:, :, kept], seen, scale)
    return out


def _causal(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    group = query.shape[1] // key.shape[1]
    if group > 1:
        key, value = (part.repeat_interleave(group, dim=1) for part in (key, value))
    return F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale)


def _grouped(query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None, scale: float) -> Tensor:
    """Heads that share keys become rows of one product, so that keys and values are read as they lie."""
    batch, heads, time, head_dim = query.shape
    kv_heads = key.shape[1]
    group = heads // kv_heads
    folded = query.reshape(batch, kv_heads, group * time, head_dim)
    mask = None if seen is None else seen.unsqueeze(1).repeat(1, 1, group, 1)  # [batch, 1, group * time, keys]
    out = F.scaled_dot_product_attention(folded, key, value, attn_mask=mask, scale=scale)
    return out.reshape(batch, heads, time, head_dim)


def _sparse_chunk(
    query: Tensor, key: Tensor, value: Tensor, place: Tensor, scale: float, sparse: BlockSparse
) -> Tensor:
    """One chunk of queries: heads with the same far blocks together, only the blocks they may see gathered."""
    heads, size = query.shape[1], sparse.block_size
    group = heads // key.shape[1]
    first, last = int(place.min()), int(place.max())
    near = max(0, first // size - sparse.local_blocks + 1)  # the first block that some query sees as a neighbour
    step = max(1, sparse.stride // heads)
    out = torch.empty_like(query)
    classes: dict[int, list[int]] = {}
    for head in range(heads):
        classes.setdefault(head * step % sparse.stride, []).append(head)
    for offset, members in classes.items():
        blocks = torch.arange(last // size + 1, device=key.device)
        far = (blocks + offset + 1) % sparse.stride == 0
        blocks = blocks[far | (blocks >= near)]
        keys = (blocks.unsqueeze(1) * size + torch.arange(size, device=key.device)).flatten()
        keys = keys[keys <= last]
        query_block, key_block = place.unsqueeze(-1) // size, keys // size
        seen = (query_block - key_block < sparse.local_blocks) | ((key_block + offset + 1) % sparse.stride == 0)
        seen &= keys <= place.unsqueeze(-1)
        index = torch.tensor(members, device=key.device)
        shared = index // group
        part = F.scaled_dot_product_attention(
            query[:, index],
            key[:, shared][:, :, keys],
            value[:, shared][:, :, keys],
            attn_mask=seen.unsqueeze(1),
            scale=scale,
        )
        out[:, index] = part
    return out
