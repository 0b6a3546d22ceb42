// The normalised Hadamard transform of an activation, which spreads its outliers over their block before quantization
// (Ashkboos et al. 2024, QuaRot, section 4).
#pragma once

#include <cmath>

#include "vector.h"

// Stage `Step` inside a register: lanes that differ in that bit become their sum and their difference.
template <int Step>
INLINE Floats stage(Floats v) {
    const Integers upper = (lanes() & Step) != 0;
    return swapped<Step>(v) + as_floats(as_integers(v) ^ (upper & static_cast<int32_t>(0x80000000)));
}

// In place, in blocks of the largest power of 2 that divides `width`: value i becomes the sum of values j with the sign
// (-1)^popcount(i & j), by the block's square root. The sums are those of a butterfly, the lowest bit first.
inline void rotate_blocks(float* values, long width) {
    const long block = width & -width;
    const float scale = 1.0f / std::sqrt(static_cast<float>(block));
    long step = 1;
    if (block < LANES) {
        for (long i = 0; i < width; ++i) values[i] *= scale;
        for (; step < block; step *= 2)
            for (long i = 0; i < width; i += 2 * step)
                for (long j = i; j < i + step; ++j) {
                    const float one = values[j], two = values[j + step];
                    values[j] = one + two, values[j + step] = one - two;
                }
        return;
    }
    for (long i = 0; i < width; i += LANES) store(values + i, stage<4>(stage<2>(stage<1>(load(values + i) * scale))));
    // Two stages a pass over the values, which takes half of its time to load and store them.
    for (step = LANES; step * 4 <= block; step *= 4)
        for (long i = 0; i < width; i += 4 * step)
            for (float* at = values + i; at < values + i + step; at += LANES) {
                const Floats a = load(at), b = load(at + step), c = load(at + 2 * step), d = load(at + 3 * step);
                const Floats e = a + b, f = a - b, g = c + d, h = c - d;
                store(at, e + g), store(at + step, f + h), store(at + 2 * step, e - g), store(at + 3 * step, f - h);
            }
    if (step < block)
        for (long i = 0; i < width; i += 2 * step)
            for (float* at = values + i; at < values + i + step; at += LANES) {
                const Floats a = load(at), b = load(at + step);
                store(at, a + b), store(at + step, a - b);
            }
}
