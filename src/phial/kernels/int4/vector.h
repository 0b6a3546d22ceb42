// Eight floats at once, by the compiler's vector extension: every build does the same operations in the same order,
// lane by lane, so that all builds give the same bits. The sources are compiled without contraction of a * b + c.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__) || defined(__F16C__)
#include <immintrin.h>
#endif

#define INLINE inline __attribute__((always_inline))
#define EXPORT extern "C" __attribute__((visibility("default")))

constexpr long LANES = 8;
typedef float Floats __attribute__((vector_size(32)));
typedef int32_t Integers __attribute__((vector_size(32)));
typedef uint32_t Bits __attribute__((vector_size(32)));
typedef uint16_t Halves __attribute__((vector_size(16)));
typedef int8_t Bytes __attribute__((vector_size(8)));

INLINE Floats all(float value) { return Floats{value, value, value, value, value, value, value, value}; }

INLINE Floats load(const float* from) {
    Floats out;
    std::memcpy(&out, from, sizeof out);
    return out;
}

INLINE Floats load(const float* from, long count, float rest = 0) {
    Floats out = all(rest);
    std::memcpy(&out, from, count * sizeof(float));
    return out;
}

INLINE void store(float* to, Floats value) { std::memcpy(to, &value, sizeof value); }

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

INLINE Floats floats(Integers value) { return __builtin_convertvector(value, Floats); }

INLINE Integers as_integers(Floats value) {
    Integers out;
    std::memcpy(&out, &value, sizeof out);
    return out;
}

INLINE Floats as_floats(Integers value) {
    Floats out;
    std::memcpy(&out, &value, sizeof out);
    return out;
}

// ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)): the order of every sum across lanes.
INLINE float sum(Floats v) { return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7])); }

// The nearest integer, halves to even; |value| below 2^22.
INLINE Floats nearest(Floats value) {
    const Floats shift = all(12582912.0f);  // 1.5 * 2^23
    return (value + shift) - shift;
}

// IEEE half precision. NaN stays NaN (quiet), too large becomes infinite, to the nearest and halves to even.
INLINE Floats widened(const uint16_t* from) {
#if defined(__F16C__)
    __m128i halves;
    std::memcpy(&halves, from, sizeof halves);
    return (Floats)_mm256_cvtph_ps(halves);
#else
    Halves halves;
    std::memcpy(&halves, from, sizeof halves);
    const Integers wide = __builtin_convertvector(halves, Integers);
    const Integers magnitude = (wide & 0x7fff) << 13;
    const Integers sign = (wide & 0x8000) << 16;
    const Integers finite = as_integers(as_floats(magnitude) * all(5.192296858534828e33f));  // 2^112
    const Integers huge = (magnitude >= 0x0f800000) & 0x7f800000;
    const Integers quiet = (magnitude > 0x0f800000) & 0x00400000;
    return as_floats(finite | huge | quiet | sign);
#endif
}

INLINE void narrow(Floats value, uint16_t* to) {
#if defined(__F16C__)
    const __m128i halves = _mm256_cvtps_ph((__m256)value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    std::memcpy(to, &halves, sizeof halves);
#else
    const Integers bits = as_integers(value), magnitude = bits & 0x7fffffff, sign = (bits >> 16) & 0x8000;
    // Below 2^-14 adding 0.5 leaves the subnormal half in the low bits; above, half an ulp is added and shifted out.
    const Integers small = as_integers(as_floats(magnitude) + all(0.5f)) - 0x3f000000;
    const Integers normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
    const Integers nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
    Integers out = magnitude < 0x38800000 ? small : normal;
    out = magnitude >= 0x477ff000 ? Integers{} + 0x7c00 : out;
    out = magnitude > 0x7f800000 ? nan : out;
    const Halves halves = __builtin_convertvector(out | sign, Halves);
    std::memcpy(to, &halves, sizeof halves);
#endif
}

INLINE Floats widened(const int8_t* from) {
#if defined(__AVX2__)
    int64_t bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    return (Floats)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(bytes)));
#else
    Bytes bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    return floats(__builtin_convertvector(bytes, Integers));
#endif
}

// e^x = 2^k e^r with r in [-ln 2 / 2, ln 2 / 2] and e^r from its Taylor polynomial of degree 7, whose remainder is
// below 6e-9. 0 below the smallest normal number, infinite above the largest; NaN stays NaN.
INLINE Floats exponential(Floats x) {
    const Floats low = all(-87.33f), high = all(88.37f), shift = all(12582912.0f);
    const Floats clamped = x < low ? low : (x > high ? high : x);
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
    Bits power;
    std::memcpy(&power, &rounded, sizeof power);
    power = (power + 127) << 23;  // the low bits of `rounded` hold k
    Floats scale;
    std::memcpy(&scale, &power, sizeof scale);
    const Floats finite = p * scale;
    return x < low ? Floats{} : (x > high ? all(__builtin_inff()) : finite);
}
