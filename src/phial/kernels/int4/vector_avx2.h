// Eight floats in one register of AVX2, by the compiler's vector extension. `vector_any.h` has the same functions for
// all other machines.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

typedef float Floats __attribute__((vector_size(32)));
typedef int32_t Integers __attribute__((vector_size(32)));
typedef int16_t Shorts __attribute__((vector_size(16)));
typedef int8_t Bytes __attribute__((vector_size(8)));
typedef int16_t Pairs __attribute__((vector_size(32)));  // 16 of 16 bits

INLINE Floats all(float value) { return Floats{value, value, value, value, value, value, value, value}; }

INLINE Integers all(int32_t value) { return Integers{} + value; }

INLINE Integers lanes() { return Integers{0, 1, 2, 3, 4, 5, 6, 7}; }

INLINE Floats load(const float* from) {
    Floats out;
    std::memcpy(&out, from, sizeof out);
    return out;
}

INLINE void store(float* to, Floats value) { std::memcpy(to, &value, sizeof value); }

template <class Vector>
INLINE Vector choose(Integers mask, Vector yes, Vector no) {
    return mask ? yes : no;
}

INLINE Floats floats(Integers value) { return __builtin_convertvector(value, Floats); }

INLINE Integers integers(Floats value) { return __builtin_convertvector(value, Integers); }  // towards 0

INLINE Integers as_integers(Floats value) { return (Integers)value; }

INLINE Floats as_floats(Integers value) { return (Floats)value; }

INLINE Integers integers(const uint8_t* from) {
    int64_t bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    return (Integers)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes));
}

INLINE Floats widened(const int8_t* from) {
    int64_t bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    return (Floats)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(bytes)));
}

INLINE Floats widened(const uint16_t* from) {
    __m128i halves;
    std::memcpy(&halves, from, sizeof halves);
    return (Floats)_mm256_cvtph_ps(halves);
}

INLINE void narrow(Floats value, uint16_t* to) {
    const __m128i halves = _mm256_cvtps_ph((__m256)value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    std::memcpy(to, &halves, sizeof halves);
}

INLINE void narrow(Integers value, int16_t* to) {
    const Shorts shorts = __builtin_convertvector(value, Shorts);
    std::memcpy(to, &shorts, sizeof shorts);
}

INLINE void narrow(Integers value, int8_t* to) {
    const Bytes bytes = __builtin_convertvector(value, Bytes);
    std::memcpy(to, &bytes, sizeof bytes);
}

// Lanes that differ in the bit `Step` change places.
template <int Step>
INLINE Floats swapped(Floats v) {
    if (Step == 4) return (Floats)_mm256_permute2f128_ps((__m256)v, (__m256)v, 1);
    return (Floats)_mm256_permute_ps((__m256)v, Step == 1 ? 0xb1 : 0x4e);
}

// Sums across lanes of four vectors, each in the order of `sum`.
INLINE void sums_of_four(const Floats* v, float* to) {
    const __m256 four = _mm256_hadd_ps(_mm256_hadd_ps((__m256)v[0], (__m256)v[1]),
                                       _mm256_hadd_ps((__m256)v[2], (__m256)v[3]));
    _mm_storeu_ps(to, _mm_add_ps(_mm256_castps256_ps128(four), _mm256_extractf128_ps(four, 1)));
}

INLINE void sums_of_four(const Integers* v, float* to) {
    const __m256i four = _mm256_hadd_epi32(_mm256_hadd_epi32((__m256i)v[0], (__m256i)v[1]),
                                           _mm256_hadd_epi32((__m256i)v[2], (__m256i)v[3]));
    const __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
    _mm_storeu_ps(to, _mm_cvtepi32_ps(sums));
}

// a[0] * b[0] + a[1] * b[1], a[2] * b[2] + a[3] * b[3], ...
INLINE Integers products(Pairs a, Pairs b) { return (Integers)_mm256_madd_epi16((__m256i)a, (__m256i)b); }

INLINE Pairs pairs(const int16_t* from) {
    Pairs out;
    std::memcpy(&out, from, sizeof out);
    return out;
}

// 16 bytes, or 8 and zeros.
INLINE Pairs pairs(const int8_t* from, bool whole) {
    __m128i bytes = _mm_setzero_si128();
    whole ? std::memcpy(&bytes, from, 16) : std::memcpy(&bytes, from, 8);
    return (Pairs)_mm256_cvtepi8_epi16(bytes);
}

// one[0], two[0], one[1], two[1], ... of 8 bytes each.
INLINE Pairs alternating(const int8_t* one, const int8_t* two) {
    int64_t first, second;
    std::memcpy(&first, one, 8), std::memcpy(&second, two, 8);
    return (Pairs)_mm256_cvtepi8_epi16(_mm_unpacklo_epi8(_mm_cvtsi64_si128(first), _mm_cvtsi64_si128(second)));
}

// pair[0], pair[1], pair[0], pair[1], ...
INLINE Pairs repeated(const int16_t* pair) {
    int32_t both;
    std::memcpy(&both, pair, sizeof both);
    return (Pairs)all(both);
}
