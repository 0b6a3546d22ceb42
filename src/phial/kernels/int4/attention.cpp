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

// Positions [from, to) between two cuts, what each row sees of them, and where they are, all counted from the multiple
// of 64 below.
template <class Kind>
struct Chunk {
    long from, to;
    std::vector<std::pair<long, long>> ranges;
    const Kind *keys[CHUNK], *values[CHUNK];
    long places[CHUNK];  // of scales, at positions [from, to)
};

// What a task needs, row by row.
template <class Kind>
struct Room {
    Room(long count, long dim)
        : floats(new float[count * (CHUNK + 2 * (dim + LANES))]),
          shorts(new int16_t[count * (dim + LANES)]),
          rows(count) {
        for (Chunk<Kind>& chunk : chunks) chunk.ranges.resize(count);
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
    std::vector<Result> parts, wholes;
    Chunk<Kind> chunks[2];
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

    // Where keys and values of a chunk are; other places point at the first, to be read without being used.
    template <class Kind>
    void find(const Task& task, Chunk<Kind>& chunk) const {
        const Kind *keys = static_cast<const Kind*>(cache.keys), *values = static_cast<const Kind*>(cache.values);
        const long base = chunk.from / CHUNK * CHUNK, first = chunk.from - base, last = chunk.to - base;
        for (long j = first, left = 0, at = 0; j < last; ++j, ++at, --left) {
            if (left == 0) {  // a new block
                at = place(cache, sequences[task.sequence], task.head, base + j);
                left = cache.block_size - (base + j) % cache.block_size;
            }
            chunk.keys[j] = keys + at * cache.head_dim, chunk.values[j] = values + at * cache.head_dim;
            chunk.places[j] = at;
            if (cache.bits == 8 && (j % LANES == 0 || j == first))
                __builtin_prefetch(cache.key_scales + at), __builtin_prefetch(cache.value_scales + at);
        }
        for (long j = 0; j < first; ++j) chunk.keys[j] = chunk.keys[first], chunk.values[j] = chunk.values[first];
        for (long j = last; j < CHUNK; ++j) chunk.keys[j] = chunk.keys[first], chunk.values[j] = chunk.values[first];
    }

    // Scales of a chunk, 0 outside it.
    template <class Kind>
    void take(const float* scales, const Chunk<Kind>& chunk, float* to) const {
        const long first = chunk.from % CHUNK, last = first + chunk.to - chunk.from;
        std::fill(to, to + CHUNK, 0.0f);
        for (long j = first; j < last; ++j) to[j] = scales[chunk.places[j]];
    }

    // The first chunk from `from` on of which a row sees something, if there is one.
    template <class Kind>
    bool next(const Task& task, long from, Chunk<Kind>& chunk) const {
        const long start = sequences[task.sequence].start + task.first;
        const long end = std::min(task.last * PART, start + task.count);
        for (; from < end; from = chunk.to) {
            chunk.from = from, chunk.to = std::min(next_cut(from), end);
            bool any = false;
            for (long row = 0; row < task.count * group(); ++row) {
                const long position = start + row / group(), head = task.head * group() + row % group();
                chunk.ranges[row] = seen(position, head, from, chunk.to);
                any |= chunk.ranges[row].first < chunk.ranges[row].second;
            }
            if (!any) continue;
            find(task, chunk);
            return true;
        }
        return false;
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

    // `ahead` is the chunk whose keys and values are fetched meanwhile.
    template <class Kind>
    void compute(const Task& task, const Chunk<Kind>& chunk, const Chunk<Kind>& ahead, Room<Kind>& room) const {
        const long count = task.count * group(), dim = cache.head_dim;
        const bool last = &ahead == &chunk;
        float key_scales[CHUNK], value_scales[CHUNK];
        if (cache.bits == 8) take(cache.key_scales, chunk, key_scales), take(cache.value_scales, chunk, value_scales);
        const Kind* const* fetch = last ? nullptr : ahead.keys;
        tiles(chunk.ranges, count, [&](auto size, long row) {
            const auto [low, high] = chunk.ranges[row];
            scores_of<size>(&room.rows[row], chunk.keys, fetch, dim, low, high);
            fetch = nullptr;
            for (long i = row; i < row + size; ++i) {
                weigh(room.rows[i], key_scales, low, high, &room.parts[i].most(), &room.parts[i].whole());
                room.rows[i].weighted(value_scales, low, high);
            }
        });
        fetch = last ? nullptr : ahead.values;
        tiles(chunk.ranges, count, [&](auto size, long row) {
            const auto [low, high] = chunk.ranges[row];
            gather_all<size>(&room.rows[row], chunk.values, fetch, dim, low, high);
            fetch = nullptr;
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
            room.wholes[row].clear(), room.parts[row].clear();
            for (long part = task.part; results && part < task.last; ++part)
                Result{result(task.sequence, at, part), cache.head_dim}.whole() = 0;
        }
        Chunk<Kind>*chunk = &room.chunks[0], *ahead = &room.chunks[1];
        bool more = next(task, std::max(task.part * PART, oldest(start)), *chunk);
        while (more) {
            more = next(task, chunk->to, *ahead);
            compute(task, *chunk, more ? *ahead : *chunk, room);
            const long part = chunk->from / PART;
            for (long row = 0; (!more || ahead->from / PART > part) && row < count; ++row) {
                const float* mine = room.parts[row].output;
                if (results)
                    std::copy(mine, mine + result_size(), result(task.sequence, row_of_out(row), part));
                else
                    room.wholes[row].merge(room.parts[row]);
                room.parts[row].clear();
            }
            std::swap(chunk, ahead);
        }
        for (long row = 0; !results && row < count; ++row)
            room.wholes[row].divide(out + row_of_out(row) * cache.head_dim);
    }

    template <class Kind>
    void run(Pool* pool, const std::vector<Task>& tasks) const {
        const long size = static_cast<long>(tasks.size()), grain = size / (threads_of(pool) * 2);
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

    // Each task in about `pieces` pieces, as far as it has parts.
    std::vector<Task> split(const std::vector<Task>& tasks, long pieces) const {
        std::vector<Task> out;
        for (const Task& task : tasks) {
            const long first = first_part(task.sequence), size = (task.last - first + pieces - 1) / pieces;
            for (long part = first; part < task.last; part += size) {
                out.push_back(task);
                out.back().part = part, out.back().last = std::min(part + size, task.last);
            }
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
    const long enough = threads_of(pool) * 16, pieces = enough / std::max<long>(1, tasks.size());
    if (several && threads_of(pool) > 1 && pieces > 1) {
        long size = 0;
        for (long s = 0; s < count; ++s) {
            attention.offsets.push_back(size);
            size += sequences[s].count * heads * attention.parts(s) * attention.result_size();
        }
        results.reset(new float[size]);
        attention.results = results.get();
        tasks = attention.split(tasks, pieces);
    }
    cache->bits == 8 ? attention.run<int8_t>(pool, tasks) : attention.run<uint16_t>(pool, tasks);
    if (!results) return;
    share(pool, attention.tokens[count] * heads, 8, [&](long first, long last) {
        for (long row = first; row < last; ++row) attention.merge(row);
    });
}
