// float32 to int8, the last step of everything that makes a product's input.
#pragma once

#include "matrix.h"
#include "vector.h"

// The largest magnitude as bits of a float: NaN counts more than infinity, and infinity more than any number.
INLINE int32_t magnitude(const float* from, long count) {
    Integers most{};
    long i = 0;
    for (; i + LANES <= count; i += LANES) {
        const Integers bits = as_integers(load(from + i)) & 0x7fffffff;
        most = choose(bits > most, bits, most);
    }
    if (i < count) {
        const Integers bits = as_integers(load(from + i, count - i)) & 0x7fffffff;
        most = choose(bits > most, bits, most);
    }
    int32_t out = most[0];
    for (int lane = 1; lane < LANES; ++lane) out = most[lane] > out ? most[lane] : out;
    return out;
}

// One group's values; returns their sum. Beyond `count` and up to `group` they are 0.
INLINE int32_t quantize_group(const float* from, long count, long group, float inverse, int8_t* to) {
    Integers total{};
    for (long i = 0; i < group; i += LANES) {
        const long left = count - i;
        const Floats value = left >= LANES ? load(from + i) : (left > 0 ? load(from + i, left) : Floats{});
        const Integers steps = integers(nearest(value * inverse));
        total += steps;
        narrow(steps, to + i);
    }
    int32_t out = 0;
    for (int lane = 0; lane < LANES; ++lane) out += total[lane];
    return out;
}

// scale = magnitude / levels. A vector that is not finite has the scale NaN and values 0, so that all that is made of it
// is NaN; one below 2^-100, whose reciprocal could overflow, counts as 0.
INLINE float scale_of(int32_t bits, float* inverse, float levels = 127.0f) {
    float most;
    std::memcpy(&most, &bits, sizeof most);
    const bool finite = bits < 0x7f800000, tiny = most < 7.888609e-31f;
    *inverse = finite && !tiny ? levels / most : 0.0f;
    return finite ? (tiny ? 0.0f : most / levels) : __builtin_nanf("");
}

// One token, float32 [width].
inline void quantize_token(const float* from, const Activations& to, long token) {
    int8_t* values = to.values + token * to.groups * to.group;
    int32_t* sums = to.sums + token;  // of group g at g * to.tokens, and so its scale
    float* scales = to.scales + token;
    float inverse = 0;
    const bool by_group = to.scale_groups > 1;
    if (!by_group) scales[0] = scale_of(magnitude(from, to.width), &inverse);
    for (long g = 0; g < to.groups; ++g) {
        const long start = g * to.group, left = to.width - start, count = left < to.group ? left : to.group;
        if (by_group) scales[g * to.tokens] = scale_of(magnitude(from + start, count), &inverse);
        if (inverse == 0) {  // infinity times 0 would be NaN, which has no integer
            std::memset(values + start, 0, to.group);
            sums[g * to.tokens] = 0;
        } else {
            sums[g * to.tokens] = quantize_group(from + start, count, to.group, inverse, values + start);
        }
    }
}
