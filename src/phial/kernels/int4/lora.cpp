// Low-rank additions to products. Each sum has one order, which does not depend on the tokens that come with it: of a row
// of a, value i goes to lane i % 8 of one of four sums, (i / 8) % 4; of a row of b, ascending.

#include "lora.h"

#include <algorithm>

namespace {

constexpr long RANKS = 4;  // rows of a, and
constexpr long BLOCKS = 64;  // blocks of b that are one piece of work: they stay in a cache for all tokens

// R rows of a, of one token.
template <int R>
INLINE void dots(const float* a, const float* x, long width, float* to) {
    Floats sums[R][4] = {};
    long i = 0;
    for (; i + 4 * LANES <= width; i += 4 * LANES) {
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) {
            const Floats value = load(x + i + k * LANES);
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r) sums[r][k] = sums[r][k] + load(a + r * width + i + k * LANES) * value;
        }
    }
    for (int k = 0; i < width; i += LANES, ++k) {
        const long left = std::min(width - i, LANES);
        for (int r = 0; r < R; ++r) sums[r][k] = sums[r][k] + some(a + r * width + i, left) * some(x + i, left);
    }
    for (int r = 0; r < R; ++r) to[r] = sum((sums[r][0] + sums[r][1]) + (sums[r][2] + sums[r][3]));
}

// Ranks [first, last) of all parts together, of one token.
void inner_values(const Additions& additions, const float* x, long width, long first, long last, float* inner) {
    long start = 0;
    for (const LowRank* part = additions.parts; part < additions.parts + additions.count; ++part) {
        const long end = start + part->rank, stop = std::min(last, end);
        long j = std::max(first, start);
        for (; j + 2 <= stop; j += 2) dots<2>(part->a + (j - start) * width, x, width, inner + j);
        if (j < stop) dots<1>(part->a + (j - start) * width, x, width, inner + j);
        start = end;
    }
}

// B blocks of one part from `block` on, of one token.
template <int B>
INLINE void add_blocks(const LowRank& part, const float* inner, long block, float* y) {
    Floats added[B] = {};
    const float* b = part.b + block * LANES * part.rank;
    for (long j = 0; j < part.rank; ++j)
#pragma GCC unroll 8
        for (int k = 0; k < B; ++k) added[k] = added[k] + load(b + (k * part.rank + j) * LANES) * inner[j];
    for (int k = 0; k < B; ++k) {
        const long row = (block + k) * LANES, left = std::min(part.rows - row, LANES);
        float* to = y + part.first + row;
        put(to, some(to, left) + added[k], left);
    }
}

// Blocks [first, last) of all parts together, of one token.
void outer_values(const Additions& additions, const float* inner, long first, long last, float* y) {
    long start = 0;
    for (const LowRank* part = additions.parts; part < additions.parts + additions.count; ++part) {
        const long end = start + (part->rows + LANES - 1) / LANES, stop = std::min(last, end);
        long block = std::max(first, start);
        for (; block + 8 <= stop; block += 8) add_blocks<8>(*part, inner, block - start, y);
        for (; block < stop; ++block) add_blocks<1>(*part, inner, block - start, y);
        inner += part->rank;
        start = end;
    }
}

}  // namespace

// y float32 [tokens, rows] becomes more by what of_token[i] adds to the product of x's [tokens, width] vector i; null:
// nothing. inner: scratch [tokens, most], no token's parts having more ranks together.
EXPORT void add_low_rank(Pool* pool, const Additions* const* of_token, const float* x, long tokens, long width,
                         float* inner, long most, float* y, long rows) {
    long blocks = 0, adapted = 0;
    for (long token = 0; token < tokens; ++token) {
        if (!of_token[token]) continue;
        long own = 0;
        const Additions& additions = *of_token[token];
        for (long part = 0; part < additions.count; ++part) own += (additions.parts[part].rows + LANES - 1) / LANES;
        blocks = std::max(blocks, own);
        ++adapted;
    }
    if (blocks == 0) return;
    if (adapted * most * std::max(width, rows) < 200000) pool = nullptr;  // less work than waking a thread
    // A piece of the weights meets all tokens before the next one is read.
    share(pool, (most + RANKS - 1) / RANKS * tokens, tokens, [&](long first, long last) {
        for (long i = first; i < last; ++i) {
            const long token = i % tokens, rank = i / tokens * RANKS;
            if (of_token[token])
                inner_values(*of_token[token], x + token * width, width, rank, rank + RANKS, inner + token * most);
        }
    });
    share(pool, (blocks + BLOCKS - 1) / BLOCKS * tokens, tokens, [&](long first, long last) {
        for (long i = first; i < last; ++i) {
            const long token = i % tokens, block = i / tokens * BLOCKS;
            if (of_token[token])
                outer_values(*of_token[token], inner + token * most, block, block + BLOCKS, y + token * rows);
        }
    });
}
