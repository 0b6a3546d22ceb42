// Low-rank additions to products, token by token. Mirrored in lora.py.
#pragma once

#include <cstdint>

#include "pool.h"
#include "vector.h"

// Rows [first, first + rows) of a product's output become more by b a x.
struct LowRank {
    const float* a;  // [rank, width]
    const float* b;  // [blocks of 8 rows, rank, 8], the last one filled up with zeros
    int64_t rank, first, rows;
};

// All that one adapter adds to one product.
struct Additions {
    const LowRank* parts;
    int64_t count;
};

// All that one adapter adds to one layer.
struct LayerAdditions {
    Additions qkv, out, up, down;
};

EXPORT void add_low_rank(Pool* pool, const Additions* const* of_token, const float* x, long tokens, long width,
                         float* inner, long most, float* y, long rows);
