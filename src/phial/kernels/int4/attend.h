// Products of several queries with cached keys, and of their weights with cached values, a few rows at a time so that a
// key or value is converted once for all of them. What a row gets does not depend on the rows beside it.
//
// Half precision is widened, and a score is the sum over 8 lanes of products of the elements of that lane, ascending.
// For int8 queries and weights are rounded to 16 bits, which costs the four-hundredth part of what the cache's own
// rounding does, and the sums are of integers, so exact.
#pragma once

#include <algorithm>

#include "quantize.h"
#include "vector.h"

constexpr long CHUNK = 64;  // positions
constexpr int ROWS = 4;  // at a time

// Which of the positions from j on lie in [low, high).
INLINE Integers seen(long j, long low, long high) {
    const Integers at = lanes() + static_cast<int32_t>(j);
    return (at >= static_cast<int32_t>(low)) & (at < static_cast<int32_t>(high));
}

// Starts to bring a row of the cache into the second level. The first one has no place for as many rows as must be on
// their way to keep the memory busy.
template <class Kind>
INLINE void fetch_row(const Kind* row, long dim) {
    const char* from = reinterpret_cast<const char*>(row);
    for (long byte = 0; byte < dim * static_cast<long>(sizeof(Kind)); byte += 64) __builtin_prefetch(from + byte, 0, 2);
}

// The sums across lanes of [R][K] vectors, into places of the rows' scores.
template <int R, int K, class Vector, class Rows>
INLINE void put_sums(const Vector* held, const Rows* rows, long first) {
    if constexpr (K >= 4) {
        for (int n = 0; n < R * K; n += 4) sums_of_four(held + n, rows[n / K].scores + first + n % K);
    } else {
        float sums[R * K];
        for (int n = 0; n < R * K; n += 4) sums_of_four(held + n, sums + n);
        for (int r = 0; r < R; ++r) std::memcpy(rows[r].scores + first, sums + r * K, K * sizeof(float));
    }
}

template <class Kind>
struct Row;

// A query of some head against a cache of halves.
template <>
struct Row<uint16_t> {
    const float* query;  // [head_dim]
    float factor;  // of its scores
    float* scores;  // [CHUNK], then weights
    float kept;  // what its output so far is multiplied with
    float* output;  // [head_dim]

    // Scores of K keys, from place `first` on, for R rows.
    template <int R, int K>
    static INLINE void dots(const Row* rows, const uint16_t* const* keys, long dim, long first) {
        Floats held[R * K] = {};
        for (long i = 0; i < dim; i += LANES) {
            Floats queries[R];
            for (int r = 0; r < R; ++r) queries[r] = load(rows[r].query + i);
#pragma GCC unroll 8
            for (int k = 0; k < K; ++k) {
                const Floats key = widened(keys[k] + i);
                for (int r = 0; r < R; ++r) held[r * K + k] += queries[r] * key;
            }
        }
        put_sums<R, K>(held, rows, first);
    }

    // V times 8 elements of the outputs of R rows, values by ascending position.
    template <int R, int V>
    static INLINE void gather(const Row* rows, const uint16_t* const* values, const uint16_t* const* fetch, long dim, long offset,
                              long low, long high) {
        Floats held[R * V];
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < V; ++v) held[r * V + v] = load(rows[r].output + offset + v * LANES) * rows[r].kept;
        for (long j = low; j < high; ++j) {
            if (fetch) fetch_row(fetch[j], dim);
            for (int v = 0; v < V; ++v) {
                const Floats value = widened(values[j] + offset + v * LANES);
                for (int r = 0; r < R; ++r) held[r * V + v] += value * rows[r].scores[j];
            }
        }
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < V; ++v) store(rows[r].output + offset + v * LANES, held[r * V + v]);
    }

    void lend(int16_t*) {}
    void prepare(const float* from, long, float scale) { query = from, factor = scale; }
    INLINE Floats scaled(const float*, long j) const { return load(scores + j) * factor; }
    void weighted(const float*, long, long) {}
};

// The same against a cache of int8.
template <>
struct Row<int8_t> {
    int16_t* query;  // [head_dim to a multiple of 16]
    float factor;
    float* scores;
    float kept;
    float* output;
    int16_t weights[CHUNK];  // of values without their scales
    float weight;  // of which each is a multiple

    template <int R, int K>
    static INLINE void dots(const Row* rows, const int8_t* const* keys, long dim, long first) {
        Integers held[R * K] = {};
        const auto step = [&](long i, bool whole) __attribute__((always_inline)) {
#pragma GCC unroll 8
            for (int k = 0; k < K; ++k) {
                const Pairs key = pairs(keys[k] + i, whole);
#pragma GCC unroll 4
                for (int r = 0; r < R; ++r) {
                    held[r * K + k] += products(pairs(rows[r].query + i), key);
                }
            }
        };
        long i = 0;
        for (; i + 2 * LANES <= dim; i += 2 * LANES) step(i, true);
        if (i < dim) step(i, false);
        put_sums<R, K>(held, rows, first);
    }

    template <int R, int V>
    static INLINE void gather(const Row* rows, const int8_t* const* values, const int8_t* const* fetch, long dim, long offset,
                              long low, long high) {
        Integers held[R * V] = {};
        for (long j = low / 2 * 2; j < high; j += 2) {
            if (fetch) fetch_row(fetch[j], dim), fetch_row(fetch[j + 1], dim);
            for (int v = 0; v < V; ++v) {
                const long at = offset + v * LANES;
                const Pairs value = alternating(values[j] + at, values[j + 1] + at);
                for (int r = 0; r < R; ++r) held[r * V + v] += products(value, repeated(rows[r].weights + j));
            }
        }
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < V; ++v) {
                float* at = rows[r].output + offset + v * LANES;
                store(at, load(at) * rows[r].kept + floats(held[r * V + v]) * rows[r].weight);
            }
    }

    void lend(int16_t* room) { query = room; }

    // The query in 16 bits: fewer levels where more than 512 products of 16 by 8 bits would not fit 32 bits.
    void prepare(const float* from, long dim, float scale) {
        float inverse;
        const float levels = static_cast<float>(std::min(32767L, (1L << 24) / dim));
        factor = scale_of(magnitude(from, dim), &inverse, levels) * scale;
        std::memset(query, 0, (dim + LANES) / (2 * LANES) * 2 * LANES * sizeof *query);
        for (long i = 0; inverse != 0 && i < dim; i += LANES) {
            narrow(integers(nearest(load(from + i) * inverse)), query + i);
        }
    }

    INLINE Floats scaled(const float* scales, long j) const { return load(scores + j) * load(scales + j) * factor; }

    // Weights times their values' scales in 16 bits; 0 outside positions [low, high).
    void weighted(const float* scales, long low, long high) {
        const long begin = low / LANES * LANES, end = (high + LANES - 1) / LANES * LANES;
        for (long j = begin; j < end; j += LANES)
            store(scores + j, choose(seen(j, low, high), load(scores + j) * load(scales + j), Floats{}));
        float inverse;
        weight = scale_of(magnitude(scores + begin, end - begin), &inverse, 32767);
        if (begin > 0 || end < CHUNK || inverse == 0) std::memset(weights, 0, sizeof weights);
        for (long j = begin; inverse != 0 && j < end; j += LANES) {
            narrow(integers(nearest(load(scores + j) * inverse)), weights + j);
        }
    }
};

// Scores of positions [low, high) for R rows; up to 7 places on either side are written too. Meanwhile the rows that
// `fetch` names, if it is not null, are fetched.
template <int R, class Kind>
void scores_of(Row<Kind>* rows, const Kind* const* keys, const Kind* const* fetch, long dim, long low, long high) {
    constexpr int K = R == 1 ? 8 : (R == 4 ? 2 : 4);
    for (long j = low / LANES * LANES; j < high; j += K) {
        for (int k = 0; fetch && k < K; ++k) fetch_row(fetch[j + k], dim);
        Row<Kind>::template dots<R, K>(rows, keys + j, dim, j);
    }
}

// As many strips of V times 8 elements as fit, then narrower ones.
template <int R, int V, class Kind>
INLINE void strips(Row<Kind>* rows, const Kind* const* values, const Kind* const* fetch, long dim, long low, long high,
                   long done) {
    for (; done + V * LANES <= dim; done += V * LANES)
        Row<Kind>::template gather<R, V>(rows, values, done ? nullptr : fetch, dim, done, low, high);
    if constexpr (V > 1) strips<R, V / 2>(rows, values, fetch, dim, low, high, done);
}

// output := output * kept + sum of weight * value over positions [low, high), for R rows.
template <int R, class Kind>
void gather_all(Row<Kind>* rows, const Kind* const* values, const Kind* const* fetch, long dim, long low, long high) {
    strips<R, R == 1 ? 8 : (R == 4 ? 2 : 4)>(rows, values, fetch, dim, low, high, 0);
}

// Scores of a row for positions [low, high) become weights. Updates the maximum and the sum so far, and what the output
// so far is to be multiplied with. Registers that hold no position that is seen would add zeros.
template <class Kind>
INLINE void weigh(Row<Kind>& row, const float* scales, long low, long high, float* most, float* whole) {
    const long begin = low / LANES * LANES;
    float* scores = row.scores;
    Floats peak = all(*most);
    for (long j = begin; j < high; j += LANES) {
        const Floats score = choose(seen(j, low, high), row.scaled(scales, j), all(-__builtin_inff()));
        store(scores + j, score);
        peak = choose(score > peak, score, peak);
    }
    float highest = peak[0];
    for (int lane = 1; lane < LANES; ++lane) highest = peak[lane] > highest ? peak[lane] : highest;
    Floats sum_of_chunk{};
    for (long j = begin; j < high; j += LANES) {
        // Selected again: where all that is seen is -inf, the rest must not become e^(-inf + inf) = NaN.
        const Floats weight = choose(seen(j, low, high), exponential(load(scores + j) - highest), Floats{});
        store(scores + j, weight);
        sum_of_chunk += weight;
    }
    row.kept = exponential(all(*most - highest))[0];
    *most = highest;
    *whole = *whole * row.kept + sum(sum_of_chunk);
}
