// A decoder layer as one call. Mirrored in block.py.
#pragma once

#include <cstdint>

#include "cache.h"
#include "lora.h"
#include "matrix.h"
#include "pool.h"
#include "vector.h"

struct Linear {
    Matrix matrix;
    const float* bias;  // may be null
    int64_t rotated;  // its input goes through the Hadamard transform before it is quantized
};

struct Gain {
    const float* weight;
    const float* bias;  // may be null
};

// What all layers of a model have in common.
struct Shape {
    int64_t heads;
    int64_t centred;  // LayerNorm instead of RMSNorm
    int64_t activation;  // as activate_quantize has it
    int64_t by_group;  // vectors get a scale a group
    float eps, limit, scale;
};

struct Block {
    Linear qkv, out, up, down;  // up without weights: the caller does the feed-forward
    Gain before, between;  // between without weights: attention and feed-forward read the same norm
    Visibility sees;
    Cache cache;
    int64_t layer;  // its place among the layers
};

// New tokens of several sequences. With `rows`, output is wanted for these tokens alone (ascending), which are those of
// the sequences `asked`: the last layer of a model.
struct Step {
    const float *cosine, *sine;  // [tokens, half]
    int64_t half;
    const Sequence* sequences;
    int64_t count, tokens;
    const int64_t* rows;
    const Sequence* asked;
    int64_t wanted;
    char* room;  // block_room bytes of scratch
    const LayerAdditions* const* adapters;  // [tokens]: the layers of each token's adapter; null: none has one
    const LayerAdditions* const* asked_adapters;  // [wanted]
    int64_t ranks;  // that an adapter adds to one product, at most
};

EXPORT long block_room(const Shape* shape, const Block* block, long tokens, long ranks);
EXPORT void block(Pool* pool, const Shape* shape, const Block* block, const Step* step, float* x);
