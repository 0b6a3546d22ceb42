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

    // Keys or values of positions [first, last) of a chunk that begins at `start`, as floats, with their scales.
    void fetch(const Task& task, const void* from, const float* from_scales, long start, long first, long last,
               float* to, float* scales) const {
        const Sequence& sequence = sequences[task.sequence];
        for (long position = first; position < last; ++position) {
            const long at = place(cache, sequence, task.head, position), dim = cache.head_dim;
            float* row = to + (position - start) * dim;
            if (cache.bits == 8)
                for (long i = 0; i < dim; i += LANES)
                    store(row + i, widened(static_cast<const int8_t*>(from) + at * dim + i));
            else
                for (long i = 0; i < dim; i += LANES)
                    store(row + i, widened(static_cast<const uint16_t*>(from) + at * dim + i));
            scales[position - start] = cache.bits == 8 ? from_scales[at] : 1.0f;
        }
    }

    // out[8] := query . key for eight keys.
    INLINE Floats dots(const float* query, const float* keys) const {
        Floats held[LANES] = {};
        for (long i = 0; i < cache.head_dim; i += LANES) {
            const Floats q = load(query + i);
            for (int key = 0; key < LANES; ++key) held[key] += q * load(keys + key * cache.head_dim + i);
        }
        return sums(held);
    }

    // output[8 V] := output * kept + sum of weight * value over the positions of the chunk that are seen.
    template <int V>
    INLINE void gather(float* output, float kept, const float* weights, const float* values, long first,
                       long last) const {
        Floats held[V];
        for (int v = 0; v < V; ++v) held[v] = load(output + v * LANES) * kept;
        for (long j = first; j < last; ++j)
            for (int v = 0; v < V; ++v) held[v] += load(values + j * cache.head_dim + v * LANES) * weights[j];
        for (int v = 0; v < V; ++v) store(output + v * LANES, held[v]);
    }

    void gather(float* output, float kept, const float* weights, const float* values, long first, long last) const {
        long i = 0;
        for (; i + 8 * LANES <= cache.head_dim; i += 8 * LANES)
            gather<8>(output + i, kept, weights, values + i, first, last);
        for (; i + 2 * LANES <= cache.head_dim; i += 2 * LANES)
            gather<2>(output + i, kept, weights, values + i, first, last);
        if (i < cache.head_dim) gather<1>(output + i, kept, weights, values + i, first, last);
    }

    // Scores of one query for a chunk become weights, positions that it does not see 0. Updates maximum and sum;
    // returns what the output so far is to be multiplied with.
    INLINE float weigh(float* scores, long first, long last, float* most, float* all_of_it) const {
        Floats peak = all(*most);
        for (long j = 0; j < CHUNK; j += LANES) {
            Floats score = load(scores + j);
            if (j < first || j + LANES > last)
                for (long lane = 0; lane < LANES; ++lane)
                    if (j + lane < first || j + lane >= last) score[lane] = -INFINITE;
            store(scores + j, score);
            peak = score > peak ? score : peak;
        }
        float highest = peak[0];
        for (int lane = 1; lane < LANES; ++lane) highest = peak[lane] > highest ? peak[lane] : highest;
        Floats sum_of_chunk{};
        for (long j = 0; j < CHUNK; j += LANES) {
            Floats weight = exponential(load(scores + j) - highest);
            if (j < first || j + LANES > last)  // not e^(-inf + inf) = NaN where all that is seen is -inf
                for (long lane = 0; lane < LANES; ++lane)
                    if (j + lane < first || j + lane >= last) weight[lane] = 0;
            store(scores + j, weight);
            sum_of_chunk += weight;
        }
        const float kept = exponential(all(*most - highest))[0];
        *most = highest;
        *all_of_it = *all_of_it * kept + sum(sum_of_chunk);
        return kept;
    }

    void run(const Task& task, float* room) const {
        const Sequence& sequence = sequences[task.sequence];
        const long dim = cache.head_dim, rows = task.count * group(), start = sequence.start + task.first;
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
        for (long from = oldest(start) / CHUNK * CHUNK; from < end; from += CHUNK) {
            const long first = std::max(from, oldest(start)), last = std::min(end, from + CHUNK);
            fetch(task, cache.keys, cache.key_scales, from, first, last, chunk, scales);
            for (long row = 0; row < rows; ++row) {
                const auto [low, high] = seen(row, from);
                if (low >= high) continue;
                const long head = task.head * group() + row % group();
                const float* query = qkv + (token + row / group()) * width() + head * dim;
                float* mine = scores + row * CHUNK;
                for (long j = low / LANES * LANES; j < high; j += LANES)
                    store(mine + j, dots(query, chunk + j * dim) * load(scales + j) * scale);
                kept[row] = weigh(mine, low, high, &most[row], &whole[row]);
            }
            fetch(task, cache.values, cache.value_scales, from, first, last, chunk, scales);
            for (long row = 0; row < rows; ++row) {
                const auto [low, high] = seen(row, from);
                if (low >= high) continue;
                float* mine = scores + row * CHUNK;
                for (long j = 0; j < CHUNK; j += LANES) store(mine + j, load(mine + j) * load(scales + j));
                gather(outputs + row * dim, kept[row], mine, chunk, low, high);
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
        for (long task = first; task < last; ++task) attention.run(tasks[task], room.data());
    });
}
