// Products of one group for 8 rows with AVX2. A register of weights holds 4 inputs of each of 8 rows; the 4 values of a
// token that belong to them are broadcast, and no sum across lanes is ever needed.
#pragma once

#include <immintrin.h>

#include "vector.h"

constexpr bool TILES = true;
constexpr int WIDE_ZERO = 128;
constexpr long WIDE_BYTES = 2;

// maddubs adds two products of a 4-bit weight and a value, at most 2 * 15 * 127 = 3,810. Eight of those fit into 16
// bits, so 32 inputs are summed before they are widened. 8-bit weights are two 4-bit halves, low and high, whose sums
// are put together at 32 bits: their own products would not fit.
constexpr long SEGMENT = 32;

INLINE __m256i broadcast(const int8_t* from) {
    int32_t four;
    std::memcpy(&four, from, sizeof four);
    return _mm256_set1_epi32(four);
}

INLINE __m256i bytes(const uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

INLINE __m256i low_half(__m256i both) { return _mm256_and_si256(both, _mm256_set1_epi8(15)); }

INLINE __m256i high_half(__m256i both) { return low_half(_mm256_srli_epi16(both, 4)); }

INLINE Integers widened(__m256i sums) { return (Integers)_mm256_madd_epi16(sums, _mm256_set1_epi16(1)); }

// The empty instruction keeps the compiler from changing the order of the additions, for which it would first write all
// products of a segment to memory.
INLINE void accumulate(__m256i& sum, __m256i weights, __m256i values) {
    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights, values));
    asm("" : "+x"(sum));
}

template <int T, bool WIDE>
INLINE void group_sums(const uint8_t* weights, const int8_t* values, long stride, long group, Integers (&total)[T]) {
    for (int t = 0; t < T; ++t) total[t] = Integers{};
    for (long start = 0; start < group; start += SEGMENT) {
        __m256i low[T], high[T];  // high is used for 8 bits only
        for (int t = 0; t < T; ++t) low[t] = high[t] = _mm256_setzero_si256();
#pragma GCC unroll 8
        for (long k = 0; k < SEGMENT; k += WIDE ? 4 : 8) {
            __m256i both = bytes(weights);
            asm("" : "+x"(both));  // loaded once, not again for each half
            const __m256i first = low_half(both), second = high_half(both);
            weights += 32;
#pragma GCC unroll 8
            for (int t = 0; t < T; ++t) {
                const int8_t* value = values + t * stride + start + k;
                const __m256i four = broadcast(value);
                accumulate(low[t], first, four);
                if (WIDE)
                    accumulate(high[t], second, four);
                else
                    accumulate(low[t], second, broadcast(value + 4));
            }
        }
#pragma GCC unroll 8
        for (int t = 0; t < T; ++t) {
            total[t] += widened(low[t]);
            if (WIDE) total[t] += widened(high[t]) << 4;
        }
    }
}

// What is broadcast serves both.
template <int T>
INLINE void both_sums(const uint8_t* one, const uint8_t* two, const int8_t* values, long stride, long group,
                      Integers (&total)[2][T]) {
    for (int t = 0; t < T; ++t) total[0][t] = total[1][t] = Integers{};
    for (long start = 0; start < group; start += SEGMENT) {
        __m256i sums[2][T];
        for (int t = 0; t < T; ++t) sums[0][t] = sums[1][t] = _mm256_setzero_si256();
#pragma GCC unroll 4
        for (long k = 0; k < SEGMENT; k += 8) {
            __m256i first = bytes(one), second = bytes(two);
            asm("" : "+x"(first), "+x"(second));
            one += 32, two += 32;
            const __m256i low_one = low_half(first), low_two = low_half(second);
            const __m256i high_one = high_half(first), high_two = high_half(second);
#pragma GCC unroll 4
            for (int t = 0; t < T; ++t) {
                const int8_t* value = values + t * stride + start + k;
                const __m256i four = broadcast(value), next = broadcast(value + 4);
                accumulate(sums[0][t], low_one, four);
                accumulate(sums[1][t], low_two, four);
                accumulate(sums[0][t], high_one, next);
                accumulate(sums[1][t], high_two, next);
            }
        }
#pragma GCC unroll 4
        for (int t = 0; t < T; ++t) {
            total[0][t] += widened(sums[0][t]);
            total[1][t] += widened(sums[1][t]);
        }
    }
}

// Two times 8 rows of `group` inputs, a byte a weight: [group / 4][2][32]. At 8 bits the low halves of all, then the
// high ones.
template <bool WIDE>
INLINE void unpack(const uint8_t* one, const uint8_t* two, long group, uint8_t* to) {
    const long plane = WIDE ? group * 16 : 64, step = WIDE ? 64 : 128;
    for (long piece = 0; piece < group / (WIDE ? 4 : 8); ++piece) {
        const __m256i first = bytes(one + piece * 32), second = bytes(two + piece * 32);
        uint8_t* at = to + piece * step;
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), low_half(first));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(at + 32), low_half(second));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(at + plane), high_half(first));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(at + plane + 32), high_half(second));
    }
}

template <int T>
INLINE void plane_sums(const uint8_t* weights, const int8_t* values, long stride, long group, Integers (&total)[2][T]) {
    for (int t = 0; t < T; ++t) total[0][t] = total[1][t] = Integers{};
    for (long start = 0; start < group; start += SEGMENT) {
        __m256i one[T], two[T];
        for (int t = 0; t < T; ++t) one[t] = two[t] = _mm256_setzero_si256();
#pragma GCC unroll 8
        for (long k = 0; k < SEGMENT; k += 4) {
            const __m256i first = bytes(weights), second = bytes(weights + 32);
            weights += 64;
#pragma GCC unroll 4
            for (int t = 0; t < T; ++t) {
                const __m256i four = broadcast(values + t * stride + start + k);
                accumulate(one[t], first, four);
                accumulate(two[t], second, four);
            }
        }
#pragma GCC unroll 4
        for (int t = 0; t < T; ++t) {
            total[0][t] += widened(one[t]);
            total[1][t] += widened(two[t]);
        }
    }
}

template <int T, bool WIDE>
INLINE void tile_sums(const uint8_t* weights, const int8_t* values, long stride, long group, Integers (&total)[2][T]) {
    plane_sums<T>(weights, values, stride, group, total);
    if (!WIDE) return;
    Integers high[2][T];
    plane_sums<T>(weights + group * 16, values, stride, group, high);
    for (int t = 0; t < T; ++t) {
        total[0][t] += high[0][t] << 4;
        total[1][t] += high[1][t] << 4;
    }
}
