// What a decoder layer does between its products: norms that end in int8, rotary positions and the key-value
// cache. One token is one piece of work, so its bits do not depend on the others.

#include <algorithm>
#include <cmath>
#include <vector>

#include "int4.h"
#include "quantize.h"
#include "vector.h"

namespace {

constexpr long TOKENS = 4;  // handed to a thread at a time

// Sum of f(value): value i goes to lane i % 8 of one of four sums, (i / 8) % 4.
template <class F>
INLINE float total(const float* row, long count, F f) {
    Floats sums[4] = {};
    each(count, [&](long i, long left) {
        Floats value = f(some(row + i, left));
        if (left < LANES) value = choose(lanes() < static_cast<int32_t>(left), value, Floats{});
        sums[i / LANES % 4] += value;
    });
    return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

struct Norm {
    const float* weight;
    const float* bias;
    float eps;
    bool centred;
    long width;

    void apply(const float* x, float* y) const {
        const float mean = centred ? total(x, width, [](Floats v) { return v; }) / width : 0.0f;
        const float squares = total(x, width, [&](Floats v) { return (v - mean) * (v - mean); });
        const float inverse = 1.0f / std::sqrt(squares / width + eps);
        each(width, [&](long i, long left) {
            Floats value = ((some(x + i, left) - mean) * inverse) * some(weight + i, left);
            if (bias) value += some(bias + i, left);
            put(y + i, value, left);
        });
    }
};

// The first 2 * half elements of a head: pairs (i, half + i) are turned by the angle of i.
void turn(float* head, const float* cosine, const float* sine, long half) {
    each(half, [&](long i, long left) {
        const Floats first = some(head + i, left), second = some(head + half + i, left);
        const Floats c = some(cosine + i, left), s = some(sine + i, left);
        put(head + i, first * c - second * s, left);
        put(head + half + i, second * c + first * s, left);
    });
}

void keep(const float* head, long head_dim, void* to, float* scales, long at, bool bytes) {
    if (!bytes) {
        uint16_t* halves = static_cast<uint16_t*>(to) + at * head_dim;
        for (long i = 0; i < head_dim; i += LANES) narrow(load(head + i), halves + i);
        return;
    }
    float inverse;
    int8_t* values = static_cast<int8_t*>(to) + at * head_dim;
    scales[at] = scale_of(magnitude(head, head_dim), &inverse);
    if (inverse == 0)
        std::memset(values, 0, head_dim);
    else
        quantize_group(head, head_dim, head_dim, inverse, values);
}

}  // namespace

// x float32 [tokens, width] normed into int8, and, where `normed` is not null, also into float32. RMSNorm, or LayerNorm
// where `centred`; bias may be null.
EXPORT void norm_quantize(Pool* pool, const float* x, const float* weight, const float* bias, float eps, long centred,
                          float* normed, const Activations* out) {
    const long width = out->width;
    const Norm norm{weight, bias, eps, centred != 0, width};
    share(pool, out->tokens, TOKENS, [&](long first, long last) {
        std::vector<float> room(normed ? 0 : width);
        for (long token = first; token < last; ++token) {
            float* y = normed ? normed + token * width : room.data();
            norm.apply(x + token * width, y);
            quantize_token(y, *out, token);
        }
    });
}

// qkv float32 [tokens, (heads + 2 * kv_heads) * head_dim], the tokens of all sequences one after another. Queries are
// turned in place; keys are turned and kept, values are kept. cosine, sine: [tokens, half] by token; half 0: no turning.
EXPORT void rotate_keep(Pool* pool, float* qkv, long heads, const float* cosine, const float* sine, long half,
                        const Sequence* sequences, long count, const Cache* cache) {
    const long head_dim = cache->head_dim, kv_heads = cache->kv_heads, width = (heads + 2 * kv_heads) * head_dim;
    const std::vector<long> firsts = first_tokens(sequences, count);
    share(pool, firsts[count], TOKENS, [&](long first, long last) {
        for (long token = first; token < last; ++token) {
            const long s = std::upper_bound(firsts.begin(), firsts.end(), token) - firsts.begin() - 1;
            const long position = sequences[s].start + token - firsts[s];
            float* row = qkv + token * width;
            for (long head = 0; half && head < heads + kv_heads; ++head)
                turn(row + head * head_dim, cosine + token * half, sine + token * half, half);
            for (long head = 0; head < kv_heads; ++head) {
                const long at = place(*cache, sequences[s], head, position);
                const float* key = row + (heads + head) * head_dim;
                keep(key, head_dim, cache->keys, cache->key_scales, at, cache->bits == 8);
                keep(key + kv_heads * head_dim, head_dim, cache->values, cache->value_scales, at, cache->bits == 8);
            }
        }
    });
}
