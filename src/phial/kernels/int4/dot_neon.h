// Products of one group for 8 rows with NEON. A register of weights holds 4 inputs of each of 4 rows, one of values holds
// 16 of a token, and a dot product takes 4 of those for all rows. With i8mm a tile's weights lie as 8 inputs of each of 2
// rows, and an instruction takes 8 values of each of 2 tokens: twice the products.
#pragma once

#include <arm_neon.h>

#include <initializer_list>

#include "vector.h"

constexpr bool TILES = true;
constexpr int WIDE_ZERO = 0;  // both factors of a dot product have a sign
constexpr long WIDE_BYTES = 1;

// 8 inputs of 4 rows, with sign.
struct Inputs {
    int8x16_t early, late;
};

template <bool WIDE>
INLINE Inputs inputs(const uint8_t* at) {
    const uint8x16_t first = vld1q_u8(at);
    if (!WIDE)
        return {vreinterpretq_s8_u8(vandq_u8(first, vdupq_n_u8(15))), vreinterpretq_s8_u8(vshrq_n_u8(first, 4))};
    const uint8x16_t centre = vdupq_n_u8(128), second = vld1q_u8(at + 32);
    return {vreinterpretq_s8_u8(veorq_u8(first, centre)), vreinterpretq_s8_u8(veorq_u8(second, centre))};
}

INLINE Integers rows(int32x4_t low, int32x4_t high) { return {(Integers::Four)low, (Integers::Four)high}; }

template <int T>
INLINE void load_values(const int8_t* values, long stride, int8x16_t (&to)[T]) {
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) to[t] = vld1q_s8(values + t * stride);
}

// Adds 4 rows' products with inputs 4 * LANE to 4 * LANE + 3 of the 16 that the values are.
template <int LANE, int T>
INLINE void dot(int32x4_t (&sums)[T], int8x16_t weights, const int8x16_t (&values)[T]) {
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) sums[t] = vdotq_laneq_s32(sums[t], weights, values[t], LANE);
}

// The same with 16 inputs of 8 rows, as they lie in memory.
template <int T, bool WIDE>
INLINE void dot_stored(int32x4_t (&low)[T], int32x4_t (&high)[T], const uint8_t* at, const int8x16_t (&values)[T]) {
    constexpr long NEXT = WIDE ? 64 : 32;
    const Inputs first = inputs<WIDE>(at), second = inputs<WIDE>(at + NEXT);
    dot<0>(low, first.early, values), dot<1>(low, first.late, values);
    dot<2>(low, second.early, values), dot<3>(low, second.late, values);
    const Inputs third = inputs<WIDE>(at + 16), fourth = inputs<WIDE>(at + 16 + NEXT);
    dot<0>(high, third.early, values), dot<1>(high, third.late, values);
    dot<2>(high, fourth.early, values), dot<3>(high, fourth.late, values);
}

template <int T, bool WIDE>
INLINE void group_sums(const uint8_t* weights, const int8_t* values, long stride, long group, Integers (&total)[T]) {
    int32x4_t low[T] = {}, high[T] = {};
    for (long k = 0; k < group; k += 16) {
        int8x16_t value[T];
        load_values(values + k, stride, value);
        dot_stored<T, WIDE>(low, high, weights + k * (WIDE ? 8 : 4), value);
    }
    for (int t = 0; t < T; ++t) total[t] = rows(low[t], high[t]);
}

template <int T>
INLINE void both_sums(const uint8_t* one, const uint8_t* two, const int8_t* values, long stride, long group,
                      Integers (&total)[2][T]) {
    int32x4_t low[2][T] = {}, high[2][T] = {};
    for (long k = 0; k < group; k += 16) {
        int8x16_t value[T];
        load_values(values + k, stride, value);
        dot_stored<T, false>(low[0], high[0], one + k * 4, value);
        dot_stored<T, false>(low[1], high[1], two + k * 4, value);
    }
    for (int pair = 0; pair < 2; ++pair)
        for (int t = 0; t < T; ++t) total[pair][t] = rows(low[pair][t], high[pair][t]);
}

#if defined(__ARM_FEATURE_MATMUL_INT8)

// [group / 8][2][4 pairs of rows][2][8]
template <bool WIDE>
INLINE void unpack(const uint8_t* one, const uint8_t* two, long group, uint8_t* to) {
    for (long k = 0; k < group; k += 8)
        for (const uint8_t* block : {one, two})
            for (long half = 0; half < 2; ++half, to += 32) {
                const Inputs four = inputs<WIDE>(block + k * (WIDE ? 8 : 4) + half * 16);
                const int32x4_t early = vreinterpretq_s32_s8(four.early), late = vreinterpretq_s32_s8(four.late);
                vst1q_u8(to, vreinterpretq_u8_s32(vzip1q_s32(early, late)));
                vst1q_u8(to + 16, vreinterpretq_u8_s32(vzip2q_s32(early, late)));
            }
}

// An odd last token is its own neighbour.
template <int T, bool WIDE>
INLINE void tile_sums(const uint8_t* weights, const int8_t* values, long stride, long group, Integers (&total)[2][T]) {
    constexpr int TWOS = (T + 1) / 2;
    int32x4_t sums[8][TWOS] = {};  // of rows 2 i, 2 i + 1: [2 rows][2 tokens]
    for (long k = 0; k < group; k += 16) {
        int8x16_t value[2][TWOS];
#pragma GCC unroll 4
        for (int t = 0; t < TWOS; ++t) {
            const int8_t* at = values + 2 * t * stride + k;
            const int64x2_t one = vreinterpretq_s64_s8(vld1q_s8(at));
            const int64x2_t two = vreinterpretq_s64_s8(vld1q_s8(2 * t + 1 < T ? at + stride : at));
            value[0][t] = vreinterpretq_s8_s64(vzip1q_s64(one, two));
            value[1][t] = vreinterpretq_s8_s64(vzip2q_s64(one, two));
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i, weights += 16) {
            const int8x16_t rows = vreinterpretq_s8_u8(vld1q_u8(weights));
#pragma GCC unroll 4
            for (int t = 0; t < TWOS; ++t) sums[i % 8][t] = vmmlaq_s32(sums[i % 8][t], rows, value[i / 8][t]);
        }
    }
#pragma GCC unroll 2
    for (int pair = 0; pair < 2; ++pair)
#pragma GCC unroll 4
        for (int t = 0; t < TWOS; ++t) {
            const int32x4_t a = sums[4 * pair][t], b = sums[4 * pair + 1][t];
            const int32x4_t c = sums[4 * pair + 2][t], d = sums[4 * pair + 3][t];
            total[pair][2 * t] = rows(vuzp1q_s32(a, b), vuzp1q_s32(c, d));
            if (2 * t + 1 < T) total[pair][2 * t + 1] = rows(vuzp2q_s32(a, b), vuzp2q_s32(c, d));
        }
}

#else

// [group / 4][2][8 rows][4]
template <bool WIDE>
INLINE void unpack(const uint8_t* one, const uint8_t* two, long group, uint8_t* to) {
    for (long k = 0; k < group; k += 8, to += 64)
        for (const uint8_t* block : {one, two})
            for (long half = 0; half < 2; ++half, to += 16) {
                const Inputs four = inputs<WIDE>(block + k * (WIDE ? 8 : 4) + half * 16);
                vst1q_u8(to, vreinterpretq_u8_s8(four.early));
                vst1q_u8(to + 64, vreinterpretq_u8_s8(four.late));
            }
}

template <int T, bool WIDE>
INLINE void tile_sums(const uint8_t* weights, const int8_t* values, long stride, long group, Integers (&total)[2][T]) {
    int32x4_t sums[4][T] = {};
    const auto four_rows = [&](int step, int i) __attribute__((always_inline)) {
        return vreinterpretq_s8_u8(vld1q_u8(weights + step * 64 + i * 16));
    };
    for (long k = 0; k < group; k += 16, weights += 256) {
        int8x16_t value[T];
        load_values(values + k, stride, value);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            dot<0>(sums[i], four_rows(0, i), value), dot<1>(sums[i], four_rows(1, i), value);
            dot<2>(sums[i], four_rows(2, i), value), dot<3>(sums[i], four_rows(3, i), value);
        }
    }
    for (int pair = 0; pair < 2; ++pair)
        for (int t = 0; t < T; ++t) total[pair][t] = rows(sums[2 * pair][t], sums[2 * pair + 1][t]);
}

#endif
