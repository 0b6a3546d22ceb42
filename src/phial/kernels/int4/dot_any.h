// Products of one group for 8 rows, for every machine.
#pragma once

#include "vector.h"

constexpr bool TILES = false;
constexpr int WIDE_ZERO = 128;
constexpr long WIDE_BYTES = 1;

template <int T, bool WIDE>
INLINE void group_sums(const uint8_t* weights, const int8_t* values, long stride, long group, Integers (&total)[T]) {
    for (int t = 0; t < T; ++t) {
        int32_t rows[LANES] = {};
        const int8_t* value = values + t * stride;
        for (long piece = 0; piece < group / (WIDE ? 4 : 8); ++piece)
            for (int row = 0; row < LANES; ++row)
                for (int i = 0; i < 4; ++i) {
                    const int32_t byte = weights[piece * 32 + row * 4 + i];
                    if (WIDE)
                        rows[row] += byte * value[piece * 4 + i];
                    else
                        rows[row] += (byte & 15) * value[piece * 8 + i] + (byte >> 4) * value[piece * 8 + 4 + i];
                }
        std::memcpy(&total[t], rows, sizeof rows);
    }
}

// Not used: without TILES every product goes through group_sums.
template <bool WIDE>
INLINE void unpack(const uint8_t*, const uint8_t*, long, uint8_t*) {}

template <int T>
INLINE void both_sums(const uint8_t*, const uint8_t*, const int8_t*, long, long, Integers (&)[2][T]) {}

template <int T, bool WIDE>
INLINE void tile_sums(const uint8_t*, const int8_t*, long, long, Integers (&)[2][T]) {}
