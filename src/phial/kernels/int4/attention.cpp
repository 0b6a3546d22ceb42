// Attention of new tokens over the key-value cache.
//
// Keys are visited in chunks of 64 positions, cut at multiples of 64, in ascending order; a chunk that a query sees in
// part adds exact zeros for the rest. A score is the sum over 8 lanes of products of the elements of that lane,
// ascending; the running maximum, sum and output follow the chunks, and inside a chunk values are added by ascending
// position. All of it depends on the query's own position and on what it sees, not on the queries beside it.

#include <algorithm>
#include <utility>
#include <vector>

#include "int4.h"
#include "vector.h"

namespace {

constexpr long CHUNK = 64;  // positions
constexpr long ROWS = 16;  // queries times the heads that share a key: one chunk's conversion serves all
constexpr float INFINITE = __builtin_inff();

// Sums across lanes of eight vectors, each in the order of `sum`.
INLINE Floats sums(const Floats (&v)[LANES]) {
#if defined(__AVX2__)
    const auto four = [](Floats a, Floats b, Floats c, Floats d) {
        return _mm256_hadd_ps(_mm256_hadd_ps((__m256)a, (__m256)b), _mm256_hadd_ps((__m256)c, (__m256)d));
    };
    const __m256 low = four(v[0], v[1], v[2], v[3]), high = four(v[4], v[5], v[6], v[7]);
    return (Floats)_mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31));
#else
    Floats out;
    for (int i = 0; i < LANES; ++i) out[i] = sum(v[i]);
    return out;
#endif
}

INLINE Floats floats_at(const float* from) { return load(from); }
INLINE Floats floats_at(const uint16_t* from) { return widened(from); }
INLINE Floats floats_at(const int8_t* from) { return widened(from); }

// What a thread works on: queries [first, first + count) of a sequence, all heads of one key-value head.
struct Task {
    long sequence, head, first, count;
};

struct Attention {
    const float* qkv;
    long heads;
    float scale;
    long window;
    const Sequence* sequences;
    const Cache& cache;
    float* out;
    std::vector<long> tokens;

    INLINE long group() const { return heads / cache.kv_heads; }
    INLINE long width() const { return (heads + 2 * cache.kv_heads) * cache.head_dim; }
    INLINE long oldest(long position) const { return window ? std::max(0L, position - window + 1) : 0; }

    // Where the keys or values of positions [first, last) of a chunk that begins at `start` are, and their scales; the
    // other places of the chunk point at the first, to be read without being used.
    template <class Kind>
    void find(const Task& task, const void* from, const float* from_scales, long start, long first, long last,
              const Kind** rows, float* scales) const {
        for (long position = first; position < last; ++position) {
            const long at = place(cache, sequences[task.sequence], task.head, position);
            rows[position - start] = static_cast<const Kind*>(from) + at * cache.head_dim;
            if (cache.bits == 8) scales[position - start] = from_scales[at];
        }
        for (long j = 0; j < CHUNK; ++j)
            if (j < first - start || j >= last - start) rows[j] = rows[first - start];
    }

    // The same rows as floats, for several queries to use.
    template <class Kind>
    void widen(const Kind* const* rows, long first, long last, float* to, const float** wide) const {
        for (long j = first; j < last; ++j)
            for (long i = 0; i < cache.head_dim; i += LANES) store(to + j * cache.head_dim + i, floats_at(rows[j] + i));
        for (long j = 0; j < CHUNK; ++j) wide[j] = to + std::clamp(j, first, last - 1) * cache.head_dim;
    }

    // query . key for eight keys.
    template <class Kind>
    INLINE Floats dots(const float* query, const Kind* const* keys) const {
        Floats held[LANES] = {};
        for (long i = 0; i < cache.head_dim; i += LANES) {
            const Floats q = load(query + i);
            for (int key = 0; key < LANES; ++key) held[key] += q * floats_at(keys[key] + i);
        }
        return sums(held);
    }

    // output[8 V] := output * kept + sum of weight * value over positions [first, last) of the chunk.
    template <int V, class Kind>
    INLINE void gather(float* output, float kept, const float* weights, const Kind* const* values, long offset,
                       long first, long last) const {
        Floats held[V];
        for (int v = 0; v < V; ++v) held[v] = load(output + offset + v * LANES) * kept;
        for (long j = first; j < last; ++j)
            for (int v = 0; v < V; ++v) held[v] += floats_at(values[j] + offset + v * LANES) * weights[j];
        for (int v = 0; v < V; ++v) store(output + offset + v * LANES, held[v]);
    }

    template <class Kind>
    void gather(float* output, float kept, const float* weights, const Kind* const* values, long first,
                long last) const {
        long i = 0;
        for (; i + 8 * LANES <= cache.head_dim; i += 8 * LANES)
            gather<8>(output, kept, weights, values, i, first, last);
        for (; i + 4 * LANES <= cache.head_dim; i += 4 * LANES)
            gather<4>(output, kept, weights, values, i, first, last);
        for (; i < cache.head_dim; i += LANES) gather<1>(output, kept, weights, values, i, first, last);
    }

    // Scores of one query for positions [first, last) of a chunk become weights. Updates maximum and sum; returns what
    // the output so far is to be multiplied with. Registers that hold no position that is seen would add zeros.
    INLINE float weigh(float* scores, long first, long last, float* most, float* whole) const {
        const long begin = first / LANES * LANES;
        const auto seen = [&](long j) {
            const Integers at = Integers{0, 1, 2, 3, 4, 5, 6, 7} + static_cast<int32_t>(j);
            return (at >= static_cast<int32_t>(first)) & (at < static_cast<int32_t>(last));
        };
        Floats peak = all(*most);
        for (long j = begin; j < last; j += LANES) {
            const Floats score = seen(j) ? load(scores + j) : all(-INFINITE);
            store(scores + j, score);
            peak = score > peak ? score : peak;
        }
        float highest = peak[0];
        for (int lane = 1; lane < LANES; ++lane) highest = peak[lane] > highest ? peak[lane] : highest;
        Floats sum_of_chunk{};
        for (long j = begin; j < last; j += LANES) {
            // Selected again: where all that is seen is -inf, the rest must not become e^(-inf + inf) = NaN.
            const Floats weight = seen(j) ? exponential(load(scores + j) - highest) : Floats{};
            store(scores + j, weight);
            sum_of_chunk += weight;
        }
        const float kept = exponential(all(*most - highest))[0];
        *most = highest;
        *whole = *whole * kept + sum(sum_of_chunk);
        return kept;
    }

    template <class Kind>
    void scores_of(const float* query, const Kind* const* keys, const float* scales, long low, long high,
                   float* to) const {
        for (long j = low / LANES * LANES; j < high; j += LANES) {
            Floats score = dots(query, keys + j);
            if (cache.bits == 8) score *= load(scales + j);
            store(to + j, score * scale);
        }
    }

    template <class Kind>
    void run(const Task& task, float* room) const {
        const long dim = cache.head_dim, rows = task.count * group();
        const long start = sequences[task.sequence].start + task.first;
        float* chunk = room;  // [CHUNK, head_dim]
        float* scales = chunk + CHUNK * dim;  // [CHUNK]
        float* scores = scales + CHUNK;  // [rows, CHUNK]
        float* outputs = scores + rows * CHUNK;  // [rows, head_dim]
        float *most = outputs + rows * dim, *whole = most + rows, *kept = whole + rows;  // [rows]
        std::fill(outputs, most, 0.0f);
        std::fill(most, whole, -INFINITE);
        std::fill(whole, kept, 0.0f);
        const long token = tokens[task.sequence] + task.first, end = start + task.count;
        const auto seen = [&](long row, long from) {
            const long position = start + row / group();
            return std::pair<long, long>{std::max(oldest(position) - from, 0L), std::min(position + 1 - from, CHUNK)};
        };
        const bool several = rows > 4;  // worth a copy as floats
        const Kind* found[CHUNK];
        const float* wide[CHUNK];
        for (long from = oldest(start) / CHUNK * CHUNK; from < end; from += CHUNK) {
            const long first = std::max(from, oldest(start)), last = std::min(end, from + CHUNK);
            find(task, cache.keys, cache.key_scales, from, first, last, found, scales);
            if (several) widen(found, first - from, last - from, chunk, wide);
            for (long row = 0; row < rows; ++row) {
                const auto [low, high] = seen(row, from);
                if (low >= high) continue;
                const long head = task.head * group() + row % group();
                const float* query = qkv + (token + row / group()) * width() + head * dim;
                float* mine = scores + row * CHUNK;
                several ? scores_of(query, wide, scales, low, high, mine)
                        : scores_of(query, found, scales, low, high, mine);
                kept[row] = weigh(mine, low, high, &most[row], &whole[row]);
            }
            find(task, cache.values, cache.value_scales, from, first, last, found, scales);
            if (several) widen(found, first - from, last - from, chunk, wide);
            for (long row = 0; row < rows; ++row) {
                const auto [low, high] = seen(row, from);
                if (low >= high) continue;
                float *mine = scores + row * CHUNK, *to = outputs + row * dim;
                for (long j = low; cache.bits == 8 && j < high; ++j) mine[j] *= scales[j];
                several ? gather(to, kept[row], mine, wide, low, high) : gather(to, kept[row], mine, found, low, high);
            }
        }
        for (long row = 0; row < rows; ++row) {
            float* to = out + ((token + row / group()) * heads + task.head * group() + row % group()) * dim;
            for (long i = 0; i < dim; i += LANES) store(to + i, load(outputs + row * dim + i) / whole[row]);
        }
    }
};

}  // namespace

// out float32 [tokens, heads * head_dim] from the queries in qkv, laid out as in rotate_keep, which has kept the keys
// and values of these tokens too. A query sees its own position and those before it, with a window > 0 only the last
// `window` of them.
EXPORT void attend(Pool* pool, const float* qkv, long heads, float scale, long window, const Sequence* sequences,
                   long count, const Cache* cache, float* out) {
    const Attention attention{qkv, heads, scale, window, sequences, *cache, out, first_tokens(sequences, count)};
    const long queries = std::max(1L, ROWS / attention.group());
    std::vector<Task> tasks;
    for (long s = 0; s < count; ++s)
        for (long first = 0; first < sequences[s].count; first += queries)
            for (long head = 0; head < cache->kv_heads; ++head)
                tasks.push_back({s, head, first, std::min<long>(queries, sequences[s].count - first)});
    const long size = static_cast<long>(tasks.size()), grain = size / (threads_of(pool) * 8);
    share(pool, size, grain, [&](long first, long last) {
        const long dim = cache->head_dim, rows = queries * attention.group();
        std::vector<float> room(CHUNK * (dim + 1) + rows * (CHUNK + dim + 3));
        for (long task = first; task < last; ++task)
            cache->bits == 8 ? attention.run<int8_t>(tasks[task], room.data())
                             : attention.run<uint16_t>(tasks[task], room.data());
    });
}
