// Eight floats at once, in one register or in two: every build does the same operations in the same order,
// lane by lane, so that all builds give the same bits. The sources are compiled without contraction of a * b + c.
#pragma once

#include <cstdint>
#include <cstring>

#define INLINE inline __attribute__((always_inline))
#define EXPORT extern "C" __attribute__((visibility("default")))

constexpr long LANES = 8;

// Half precision is IEEE's: NaN stays NaN (quiet), too large becomes infinite, to the nearest and halves to even.
#if defined(__AVX2__)
#include "vector_avx2.h"
#else
#include "vector_any.h"
#endif

INLINE Floats load(const float* from, long count, float rest = 0) {
    Floats out = all(rest);
    std::memcpy(&out, from, count * sizeof(float));
    return out;
}

INLINE void store(float* to, Floats value, long count) { std::memcpy(to, &value, count * sizeof(float)); }

// body(index, count) over [0, count) in steps of 8, the last step with what is left.
template <class Body>
INLINE void each(long count, Body body) {
    long i = 0;
    for (; i + LANES <= count; i += LANES) body(i, LANES);
    if (i < count) body(i, count - i);
}

INLINE Floats some(const float* from, long count) { return count == LANES ? load(from) : load(from, count); }

INLINE void put(float* to, Floats value, long count) { count == LANES ? store(to, value) : store(to, value, count); }

// ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)): the order of every sum across lanes.
INLINE float sum(Floats v) { return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7])); }

// The nearest integer, halves to even; |value| below 2^22.
INLINE Floats nearest(Floats value) {
    const Floats shift = all(12582912.0f);  // 1.5 * 2^23
    return (value + shift) - shift;
}

// e^x = 2^k e^r with r in [-ln 2 / 2, ln 2 / 2] and e^r from its Taylor polynomial of degree 7, whose remainder is
// below 6e-9. 0 below the smallest normal number, infinite above the largest; NaN stays NaN.
INLINE Floats exponential(Floats x) {
    const Floats low = all(-87.33f), high = all(88.37f), shift = all(12582912.0f);
    const Floats clamped = choose(x < low, low, choose(x > high, high, x));
    const Floats rounded = clamped * 1.44269504f + shift;
    const Floats k = rounded - shift;
    const Floats r = (clamped - k * 0.693359375f) + k * 2.12194440e-4f;  // ln 2 in two parts, the first exact times k
    Floats p = all(1.0f / 5040) * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const Floats scale = as_floats((as_integers(rounded) + 127) << 23);  // the low bits of `rounded` hold k
    const Floats finite = p * scale;
    return choose(x < low, Floats{}, choose(x > high, all(__builtin_inff()), finite));
}
