// Products of one group for 8 rows with the dot products of VNNI: 4 inputs of a row a lane, unsigned weights, summed at
// 32 bits. In registers of 32 bytes (AVX-VNNI), and for two times 8 rows of 64 bytes where VNNI is 512 (AVX-512).
#pragma once

#include <immintrin.h>

#include "vector.h"

constexpr bool TILES = true;
constexpr int WIDE_ZERO = 128;
constexpr long WIDE_BYTES = 1;

INLINE int32_t four(const int8_t* from) {
    int32_t out;
    std::memcpy(&out, from, sizeof out);
    return out;
}

INLINE __m256i bytes(const uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

INLINE __m256i low_half(__m256i both) { return _mm256_and_si256(both, _mm256_set1_epi8(15)); }

INLINE __m256i high_half(__m256i both) { return low_half(_mm256_srli_epi16(both, 4)); }

INLINE __m256i dot(__m256i sums, __m256i weights, const int8_t* values) {
#if VNNI == 512
    return _mm256_dpbusd_epi32(sums, weights, _mm256_set1_epi32(four(values)));
#else
    return _mm256_dpbusd_avx_epi32(sums, weights, _mm256_set1_epi32(four(values)));
#endif
}

template <int T, bool WIDE>
INLINE void group_sums(const uint8_t* weights, const int8_t* values, long stride, long group, Integers (&total)[T]) {
    __m256i sums[T];
    for (int t = 0; t < T; ++t) sums[t] = _mm256_setzero_si256();
    for (long k = 0; k < group; k += WIDE ? 4 : 8, weights += 32) {
        const __m256i both = bytes(weights), first = WIDE ? both : low_half(both), second = high_half(both);
#pragma GCC unroll 8
        for (int t = 0; t < T; ++t) {
            sums[t] = dot(sums[t], first, values + t * stride + k);
            if (!WIDE) sums[t] = dot(sums[t], second, values + t * stride + k + 4);
        }
    }
    for (int t = 0; t < T; ++t) total[t] = (Integers)sums[t];
}

template <int T>
INLINE void both_sums(const uint8_t* one, const uint8_t* two, const int8_t* values, long stride, long group,
                      Integers (&total)[2][T]) {
    __m256i sums[2][T];
    for (int t = 0; t < T; ++t) sums[0][t] = sums[1][t] = _mm256_setzero_si256();
    for (long k = 0; k < group; k += 8, one += 32, two += 32) {
        const __m256i both[2] = {bytes(one), bytes(two)};
#pragma GCC unroll 4
        for (int t = 0; t < T; ++t)
#pragma GCC unroll 2
            for (int pair = 0; pair < 2; ++pair) {
                const __m256i early = dot(sums[pair][t], low_half(both[pair]), values + t * stride + k);
                sums[pair][t] = dot(early, high_half(both[pair]), values + t * stride + k + 4);
            }
    }
    for (int pair = 0; pair < 2; ++pair)
        for (int t = 0; t < T; ++t) total[pair][t] = (Integers)sums[pair][t];
}

// [group / 4][2][8 rows][4]
template <bool WIDE>
INLINE void unpack(const uint8_t* one, const uint8_t* two, long group, uint8_t* to) {
    const auto put = [&](__m256i first, __m256i second) __attribute__((always_inline)) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), first);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32), second);
        to += 64;
    };
    for (long byte = 0; byte < group * (WIDE ? 8 : 4); byte += 32) {
        const __m256i first = bytes(one + byte), second = bytes(two + byte);
        if (WIDE) {
            put(first, second);
        } else {
            put(low_half(first), low_half(second));
            put(high_half(first), high_half(second));
        }
    }
}

template <int T, bool WIDE>
INLINE void tile_sums(const uint8_t* weights, const int8_t* values, long stride, long group, Integers (&total)[2][T]) {
#if VNNI == 512
    __m512i sums[T];
    for (int t = 0; t < T; ++t) sums[t] = _mm512_setzero_si512();
    for (long k = 0; k < group; k += 4, weights += 64) {
        const __m512i both = _mm512_loadu_si512(weights);
#pragma GCC unroll 4
        for (int t = 0; t < T; ++t)
            sums[t] = _mm512_dpbusd_epi32(sums[t], both, _mm512_set1_epi32(four(values + t * stride + k)));
    }
    for (int t = 0; t < T; ++t) {
        Integers both[2];
        _mm512_storeu_si512(both, sums[t]);  // gcc warns of the extracting instructions' headers
        total[0][t] = both[0], total[1][t] = both[1];
    }
#else
    __m256i sums[2][T];
    for (int t = 0; t < T; ++t) sums[0][t] = sums[1][t] = _mm256_setzero_si256();
    for (long k = 0; k < group; k += 4, weights += 64) {
        const __m256i first = bytes(weights), second = bytes(weights + 32);
#pragma GCC unroll 4
        for (int t = 0; t < T; ++t) {
            sums[0][t] = dot(sums[0][t], first, values + t * stride + k);
            sums[1][t] = dot(sums[1][t], second, values + t * stride + k);
        }
    }
    for (int pair = 0; pair < 2; ++pair)
        for (int t = 0; t < T; ++t) total[pair][t] = (Integers)sums[pair][t];
#endif
}
