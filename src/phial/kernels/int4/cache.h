// Keys and values of one layer, in blocks that sequences own or share.
#pragma once

#include <cstdint>
#include <vector>

#include "vector.h"

struct Cache {
    void* keys;  // [blocks, kv_heads, block_size, head_dim], half or int8
    void* values;
    float* key_scales;  // int8 only: [blocks, kv_heads, block_size]; NaN where a value was not finite
    float* value_scales;
    int64_t kv_heads, head_dim, block_size, bits;  // head_dim: a multiple of 8; bits: 16 (half) or 8
};

// `count` new tokens at positions start, start + 1, ...; position p lies in block table[p / block_size].
struct Sequence {
    const int32_t* table;
    int64_t start, count;
};

// Which positions a query sees of those up to its own. window > 0: the last `window`, its own included. block > 0
// (Phi-3-small): of blocks of so many positions the last `local`, its own included, and those whose number k has
// (k + head * step + 1) % stride == 0.
struct Visibility {
    int64_t window, block, local, stride, step;
};

// Index of a head of a position, in units of head_dim elements and of scales.
INLINE long place(const Cache& cache, const Sequence& sequence, long head, long position) {
    const long block = sequence.table[position / cache.block_size];
    return (block * cache.kv_heads + head) * cache.block_size + position % cache.block_size;
}

// Where each sequence's tokens begin, and the number of all last.
inline std::vector<long> first_tokens(const Sequence* sequences, long count) {
    std::vector<long> out(count + 1, 0);
    for (long s = 0; s < count; ++s) out[s + 1] = out[s] + sequences[s].count;
    return out;
}
