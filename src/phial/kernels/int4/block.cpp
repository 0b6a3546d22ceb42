// A decoder layer, from the residual stream to the residual stream, without a way back through the caller in between:
// for one token those ways took a tenth of the time.

#include "block.h"

#include <algorithm>
#include <cstring>

#include "int4.h"

namespace {

// Hands out scratch memory piece by piece; without a base it only counts.
struct Room {
    char* base;
    long used = 0;

    template <class T>
    T* take(long count) {
        char* const at = base ? base + used : nullptr;
        used += (count * static_cast<long>(sizeof(T)) + 63) / 64 * 64;
        return reinterpret_cast<T*>(at);
    }

    Activations activations(const Matrix& reader, long tokens, bool by_group) {
        const long scales = by_group ? reader.groups : 1;
        return {take<int8_t>(tokens * reader.groups * reader.group),
                take<int32_t>(tokens * reader.groups),
                take<float>(tokens * scales),
                tokens,
                reader.columns,
                reader.group,
                reader.groups,
                scales};
    }
};

struct Scratch {
    float *qkv, *attended, *up;
    float *read = nullptr, *ranks = nullptr;  // what a product's adapters read, and make of it
    const Additions** additions = nullptr;
    Activations normal, mixed, between, inner;

    Scratch(Room& room, const Shape& shape, const Block& block, long tokens, long most_ranks) {
        const bool by_group = shape.by_group != 0;
        qkv = room.take<float>(tokens * block.qkv.matrix.rows);
        attended = room.take<float>(tokens * block.out.matrix.columns);
        normal = room.activations(block.qkv.matrix, tokens, by_group);
        mixed = room.activations(block.out.matrix, tokens, by_group);
        up = room.take<float>(tokens * block.up.matrix.rows);
        between = room.activations(block.up.matrix, tokens, by_group);
        inner = room.activations(block.down.matrix, tokens, by_group);
        if (most_ranks == 0) return;
        read = room.take<float>(tokens * std::max(block.qkv.matrix.columns, block.down.matrix.columns));
        ranks = room.take<float>(tokens * most_ranks);
        additions = room.take<const Additions*>(tokens);
    }

    void narrow(long tokens) { normal.tokens = mixed.tokens = between.tokens = inner.tokens = tokens; }
};

// Moves the chosen rows to the front.
void gather(float* values, long width, const int64_t* rows, long count) {
    for (long i = 0; i < count; ++i)
        if (rows[i] != i) std::memcpy(values + i * width, values + rows[i] * width, width * sizeof(float));
}

}  // namespace

// Bytes of scratch for a step of so many tokens, whose adapters add so many ranks to one product at most.
EXPORT long block_room(const Shape* shape, const Block* block, long tokens, long ranks) {
    Room room{nullptr};
    Scratch scratch(room, *shape, *block, tokens, ranks);
    return room.used;
}

// x float32 [tokens, width] becomes the layer's output in place; with `rows` the first `wanted` rows of x are theirs.
EXPORT void block(Pool* pool, const Shape* shape, const Block* block, const Step* step, float* x) {
    Room room{step->room};
    Scratch s(room, *shape, *block, step->tokens, step->ranks);
    const Linear &qkv = block->qkv, &out = block->out, &up = block->up, &down = block->down;
    const auto norm = [&](const Gain& gain, const Activations& to) {
        norm_quantize(pool, x, gain.weight, gain.bias, shape->eps, shape->centred, s.read, &to);
    };
    const LayerAdditions* const* adapters = step->adapters;
    const auto adapt = [&](Additions LayerAdditions::* product, const Linear& linear, const float* from, float* to) {
        if (!adapters) return;
        const long tokens = s.normal.tokens;
        for (long i = 0; i < tokens; ++i) s.additions[i] = adapters[i] ? &(adapters[i][block->layer].*product) : nullptr;
        const Matrix& m = linear.matrix;
        add_low_rank(pool, s.additions, from, tokens, m.columns, s.ranks, step->ranks, to, m.rows);
    };
    norm(block->before, s.normal);
    multiply(pool, &qkv.matrix, &s.normal, qkv.bias, 0, s.qkv);
    adapt(&LayerAdditions::qkv, qkv, s.read, s.qkv);
    rotate_keep(pool, s.qkv, shape->heads, step->cosine, step->sine, step->half, step->sequences, step->count,
                &block->cache);
    const Sequence* sequences = step->sequences;
    if (step->rows) {
        if (step->wanted == 0) return;
        gather(x, qkv.matrix.columns, step->rows, step->wanted);
        gather(s.qkv, qkv.matrix.rows, step->rows, step->wanted);
        sequences = step->asked;
        adapters = step->asked_adapters;
        s.narrow(step->wanted);
        if (!block->between.weight) norm(block->before, s.normal);
    }
    attend(pool, s.qkv, shape->heads, shape->scale, &block->sees, sequences, step->count, &block->cache, s.attended);
    quantize(pool, s.attended, out.rotated, &s.mixed);
    multiply(pool, &out.matrix, &s.mixed, out.bias, 1, x);
    adapt(&LayerAdditions::out, out, s.attended, x);
    if (!up.matrix.weights) return;
    if (block->between.weight) norm(block->between, s.between);
    multiply(pool, &up.matrix, block->between.weight ? &s.between : &s.normal, up.bias, 0, s.up);
    adapt(&LayerAdditions::up, up, s.read, s.up);
    activate_quantize(pool, s.up, shape->activation, shape->limit, down.rotated, s.read, &s.inner);
    multiply(pool, &down.matrix, &s.inner, down.bias, 1, x);
    adapt(&LayerAdditions::down, down, s.read, x);
}
