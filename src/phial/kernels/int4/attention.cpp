// Attention of new tokens over the key-value cache.
//
// Keys are visited in chunks, cut at multiples of 64 positions and of the visibility's block, in ascending order; a
// chunk that a query sees in part adds exact zeros for the rest. The running maximum, sum and output follow the chunks
// of a part of 512 positions; parts are merged in ascending order. All of it depends on the query's own position and on
// what it sees, not on the queries beside it, nor on which thread does which part.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "attend.h"
#include "int4.h"
#include "vector.h"

namespace {

constexpr long PART = 512;  // positions
constexpr long TASK_ROWS = 16;  // queries times the heads that share a key
constexpr float INFINITE = __builtin_inff();

// What a thread works on: queries [first, first + count) of a sequence, all heads of one key-value head, parts
// [part, last) of the positions.
struct Task {
    long sequence, head, first, count, part, last;
};

// Output, sum and maximum over some positions: [head_dim], sum, maximum. A sum of 0: nothing was seen.
struct Result {
    float* output;
    long dim;

    INLINE float& whole() const { return output[dim]; }
    INLINE float& most() const { return output[dim + 1]; }

    void clear() const {
        std::fill(output, output + dim + 1, 0.0f);
        most() = -INFINITE;
    }

    void merge(const Result& other) const {
        if (other.whole() == 0) return;
        if (whole() == 0) {
            std::copy(other.output, other.output + dim + 2, output);
            return;
        }
        const float highest = std::max(most(), other.most());
        const float mine = exponential(all(most() - highest))[0], its = exponential(all(other.most() - highest))[0];
        for (long i = 0; i < dim; i += LANES) store(output + i, load(output + i) * mine + load(other.output + i) * its);
        whole() = whole() * mine + other.whole() * its;
        most() = highest;
    }

    void divide(float* to) const {
        for (long i = 0; i < dim; i += LANES) store(to + i, load(output + i) / whole());
    }
};

// What a task needs, row by row.
template <class Kind>
struct Room {
    Room(long count, long dim)
        : floats(new float[count * (CHUNK + 2 * (dim + LANES))]),
          shorts(new int16_t[count * (dim + LANES)]),
          rows(count),
          ranges(count) {
        for (long row = 0; row < count; ++row) {
            float* mine = floats.get() + row * (CHUNK + 2 * (dim + LANES));
            parts.push_back({mine + CHUNK, dim}), wholes.push_back({mine + CHUNK + dim + LANES, dim});
            rows[row].scores = mine, rows[row].output = parts[row].output;
            rows[row].lend(shorts.get() + row * (dim + LANES));
        }
    }
    std::unique_ptr<float[]> floats;
    std::unique_ptr<int16_t[]> shorts;
    std::vector<Row<Kind>> rows;
    std::vector<std::pair<long, long>> ranges;
    std::vector<Result> parts, wholes;
};

struct Attention {
    const float* qkv;
    long heads;
    float scale;
    const Visibility& sees;
    const Sequence* sequences;
    const Cache& cache;
    float* out;
    std::vector<long> tokens;
    float* results;  // not null: each part's results, to be merged later, [row of out, parts of its sequence, head_dim + 8]
    std::vector<long> offsets;  // in results, of each sequence

    INLINE long group() const { return heads / cache.kv_heads; }
    INLINE long width() const { return (heads + 2 * cache.kv_heads) * cache.head_dim; }
    INLINE long result_size() const { return cache.head_dim + LANES; }
    INLINE long oldest(long position) const { return sees.window ? std::max(0L, position - sees.window + 1) : 0; }
    INLINE long next_cut(long position) const {
        const long chunk = (position / CHUNK + 1) * CHUNK;
        return sees.block ? std::min(chunk, (position / sees.block + 1) * sees.block) : chunk;
    }

    // Positions [low, high) of a chunk [from, to) that a query sees, counted from the multiple of 64 below.
    INLINE std::pair<long, long> seen(long position, long head, long from, long to) const {
        const long base = from / CHUNK * CHUNK;
        if (sees.block) {
            const long block = from / sees.block;
            const bool near = position / sees.block - block < sees.local;
            if (!near && (block + head * sees.step + 1) % sees.stride) return {0, 0};
        }
        return {std::max(oldest(position), from) - base, std::min(position + 1, to) - base};
    }

    // Where keys and values of positions [from, to) of a chunk are, and their scales; other places of the chunk point
    // at the first, to be read without being used.
    template <class Kind>
    void find(const Task& task, long from, long to, const Kind** keys, const Kind** values, float* key_scales,
              float* value_scales) const {
        const Kind *all_keys = static_cast<const Kind*>(cache.keys), *all_values = static_cast<const Kind*>(cache.values);
        const long first = from % CHUNK, last = first + to - from;
        for (long j = first, left = 0, at = 0; j < last; ++j, ++at, --left) {
            if (left == 0) {  // a new block
                const long position = from - first + j;
                at = place(cache, sequences[task.sequence], task.head, position);
                left = cache.block_size - position % cache.block_size;
            }
            keys[j] = all_keys + at * cache.head_dim, values[j] = all_values + at * cache.head_dim;
            if (cache.bits == 8) key_scales[j] = cache.key_scales[at], value_scales[j] = cache.value_scales[at];
        }
        std::fill(keys, keys + first, keys[first]), std::fill(keys + last, keys + CHUNK, keys[first]);
        std::fill(values, values + first, values[first]), std::fill(values + last, values + CHUNK, values[first]);
    }

    // body(R, first row) for neighbouring rows that see the same, R at a time; rows that see nothing are left out.
    template <class Body>
    INLINE void tiles(const std::vector<std::pair<long, long>>& ranges, long rows, Body body) const {
        for (long row = 0, size; row < rows; row += size) {
            size = 1;
            if (ranges[row].first >= ranges[row].second) continue;
            while (size < ROWS && row + size < rows && ranges[row + size] == ranges[row]) ++size;
            switch (size) {
                case 1: body(std::integral_constant<int, 1>(), row); break;
                case 2: body(std::integral_constant<int, 2>(), row); break;
                case 3: body(std::integral_constant<int, 3>(), row); break;
                default: body(std::integral_constant<int, ROWS>(), row);
            }
        }
    }

    template <class Kind>
    void chunk(const Task& task, long from, long to, Room<Kind>& room) const {
        const long count = task.count * group(), start = sequences[task.sequence].start + task.first;
        bool any = false;
        for (long row = 0; row < count; ++row) {
            room.ranges[row] = seen(start + row / group(), task.head * group() + row % group(), from, to);
            any |= room.ranges[row].first < room.ranges[row].second;
        }
        if (!any) return;
        const Kind *keys[CHUNK], *values[CHUNK];
        float key_scales[CHUNK] = {}, value_scales[CHUNK] = {};
        find(task, from, to, keys, values, key_scales, value_scales);
        tiles(room.ranges, count, [&](auto size, long row) {
            const auto [low, high] = room.ranges[row];
            scores_of<size>(&room.rows[row], keys, cache.head_dim, low, high);
            for (long i = row; i < row + size; ++i) {
                weigh(room.rows[i], key_scales, low, high, &room.parts[i].most(), &room.parts[i].whole());
                room.rows[i].weighted(value_scales, low, high);
            }
        });
        tiles(room.ranges, count, [&](auto size, long row) {
            const auto [low, high] = room.ranges[row];
            gather<size>(&room.rows[row], values, cache.head_dim, low, high);
        });
    }

    template <class Kind>
    void run(const Task& task, Room<Kind>& room) const {
        const long count = task.count * group(), start = sequences[task.sequence].start + task.first;
        const auto row_of_out = [&](long row) {
            return (tokens[task.sequence] + task.first + row / group()) * heads + task.head * group() + row % group();
        };
        for (long row = 0; row < count; ++row) {
            const long at = row_of_out(row), query = at / heads * width() + at % heads * cache.head_dim;
            room.rows[row].prepare(qkv + query, cache.head_dim, scale);
            room.wholes[row].clear();
        }
        for (long part = task.part; part < task.last; ++part) {
            for (long row = 0; row < count; ++row) room.parts[row].clear();
            const long end = std::min((part + 1) * PART, start + task.count);
            for (long from = std::max(part * PART, oldest(start)), to; from < end; from = to) {
                to = std::min(next_cut(from), end);
                chunk(task, from, to, room);
            }
            for (long row = 0; row < count; ++row) {
                const float* mine = room.parts[row].output;
                if (results)
                    std::copy(mine, mine + result_size(), result(task.sequence, row_of_out(row), part));
                else
                    room.wholes[row].merge(room.parts[row]);
            }
        }
        for (long row = 0; !results && row < count; ++row)
            room.wholes[row].divide(out + row_of_out(row) * cache.head_dim);
    }

    template <class Kind>
    void run(Pool* pool, const std::vector<Task>& tasks) const {
        const long size = static_cast<long>(tasks.size()), grain = size / (threads_of(pool) * 8);
        share(pool, size, grain, [&](long first, long last) {
            Room<Kind> room(queries() * group(), cache.head_dim);
            for (long task = first; task < last; ++task) run(tasks[task], room);
        });
    }

    INLINE long queries() const { return std::max(1L, TASK_ROWS / group()); }
    INLINE long first_part(long s) const { return oldest(sequences[s].start) / PART; }
    INLINE long parts(long s) const { return (sequences[s].start + sequences[s].count + PART - 1) / PART; }

    float* result(long s, long row, long part) const {
        return results + offsets[s] + ((row - tokens[s] * heads) * parts(s) + part) * result_size();
    }

    // One task for each part.
    std::vector<Task> split(const std::vector<Task>& tasks) const {
        std::vector<Task> out;
        for (Task task : tasks)
            for (long part = first_part(task.sequence), last = task.last; part < last; ++part) {
                task.part = part, task.last = part + 1;
                out.push_back(task);
            }
        return out;
    }

    // A row of the output, from all of its parts.
    void merge(long row) const {
        const long s = std::upper_bound(tokens.begin(), tokens.end(), row / heads) - tokens.begin() - 1;
        const long position = sequences[s].start + row / heads - tokens[s];
        const Result whole{result(s, row, first_part(s)), cache.head_dim};
        for (long part = first_part(s) + 1; part <= position / PART; ++part)
            whole.merge({result(s, row, part), cache.head_dim});
        whole.divide(out + row * cache.head_dim);
    }
};

}  // namespace

// out float32 [tokens, heads * head_dim] from the queries in qkv, laid out as in rotate_keep, which has kept the keys
// and values of these tokens too. A query sees its own position, and of those before it what `sees` says.
EXPORT void attend(Pool* pool, const float* qkv, long heads, float scale, const Visibility* sees,
                   const Sequence* sequences, long count, const Cache* cache, float* out) {
    Attention attention{qkv, heads, scale, *sees, sequences, *cache, out, first_tokens(sequences, count), nullptr, {}};
    std::vector<Task> tasks;
    bool several = false;  // parts
    for (long s = 0; s < count; ++s)
        for (long first = 0, size; first < sequences[s].count; first += size) {
            size = std::min<long>(attention.queries(), sequences[s].count - first);
            const long start = sequences[s].start + first, part = attention.oldest(start) / PART;
            const long last = (start + size - 1) / PART + 1;
            several |= last - part > 1;
            for (long head = 0; head < cache->kv_heads; ++head) tasks.push_back({s, head, first, size, part, last});
        }
    std::unique_ptr<float[]> results;
    if (several && static_cast<long>(tasks.size()) < threads_of(pool) * 16 && threads_of(pool) > 1) {
        long size = 0;
        for (long s = 0; s < count; ++s) {
            attention.offsets.push_back(size);
            size += sequences[s].count * heads * attention.parts(s) * attention.result_size();
        }
        results.reset(new float[size]);
        attention.results = results.get();
        tasks = attention.split(tasks);
    }
    cache->bits == 8 ? attention.run<int8_t>(pool, tasks) : attention.run<uint16_t>(pool, tasks);
    if (!results) return;
    share(pool, attention.tokens[count] * heads, 8, [&](long first, long last) {
        for (long row = first; row < last; ++row) attention.merge(row);
    });
}
