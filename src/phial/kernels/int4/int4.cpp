// Products of packed weights with quantized vectors.
//
// The order of every sum is fixed: inside a group integers are added, which is exact; groups are added in float32 in
// ascending order, sum + centred * (weight scale * value scale), each operation rounded, none fused; a scale of the
// whole token, the bias and the addend come last, in this order. So a row of the output does not depend on how many
// tokens come with it, on the number of threads or on the build.

#include <algorithm>

#include "dot.h"
#include "int4.h"
#include "vector.h"

namespace {

constexpr int FEW = 4;  // tokens that do not pay for unpacking weights into memory; twice as many at 8 bits
constexpr int TILE = 4;  // tokens whose sums fit into registers beside two times 8 unpacked rows
constexpr long UNPACKED = 16384;  // bytes of unpacked weights, half of a first-level cache
constexpr long CHUNK = 128;  // tokens that one pass over the weights serves at most
constexpr long CHUNK_BYTES = 393216;  // of values, which stay in the second-level cache
constexpr long AHEAD = 4096;  // bytes: how far the weights are fetched before they are needed

// What is known when the kernels are compiled: 8 bits; zero points that differ (else 8, or 128 at 8 bits); values with a
// scale a group.
template <bool Wide, bool Zeros, bool Scaled>
struct Form {
    static constexpr bool wide = Wide, zeros = Zeros, scaled = Scaled;
};

struct Product {
    const Matrix& m;
    const Activations& a;
    const float* bias;
    bool add;
    float* y;

    INLINE long group_bytes() const { return m.group * m.bits; }

    INLINE const uint8_t* weights(long block, long g) const {
        return m.weights + (block * m.groups + g) * group_bytes();
    }

    // Starts to bring a group of a block, or where it has no more of the block `step` further, into the second level: the
    // first one has no place for as many lines as must be on their way to keep the memory busy.
    INLINE void fetch(long block, long g, long step) const {
        const uint8_t* at = g < m.groups ? weights(block, g) : weights(block + step, g - m.groups);
        for (long byte = 0; byte < group_bytes(); byte += 64) __builtin_prefetch(at + byte, 0, 2);
    }

    INLINE const int8_t* values(long token, long g) const {
        return a.values + token * a.groups * a.group + g * a.group;
    }

    INLINE Floats weight_scales(long block, long g) const {
        const long at = (block * m.scale_groups + (m.scale_groups > 1 ? g : 0)) * LANES;
        return m.half ? widened(static_cast<const uint16_t*>(m.scales) + at)
                      : load(static_cast<const float*>(m.scales) + at);
    }

    INLINE Integers zeros(long block, long g) const {
        return integers(m.zeros + (block * m.groups + g) * LANES);
    }

    // Adds a group's products for T tokens.
    template <int T, class Form>
    INLINE void add_group(Floats (&sum)[T], const Integers (&total)[T], long token, long block, long g) const {
        constexpr bool SCALED = Form::scaled;
        const Floats scale = weight_scales(block, g);
        const int32_t* value_sums = a.sums + g * a.tokens + token;
        const float* value_scales = a.scales + (SCALED ? g * a.tokens + token : 0);
        for (int t = 0; t < T; ++t) {
            const Integers all_sums = Integers{} + value_sums[t];
            const Integers offset = Form::zeros ? zeros(block, g) * all_sums : all_sums * (Form::wide ? WIDE_ZERO : 8);
            const Floats centred = floats(total[t] - offset);
            sum[t] = sum[t] + centred * (SCALED ? scale * value_scales[t] : scale);
        }
    }

    INLINE void finish(Floats sum, long token, long block) const {
        const long first = block * LANES, count = std::min(LANES, m.rows - first);
        float* to = y + token * m.rows + first;
        if (a.scale_groups == 1) sum = sum * a.scales[token];
        if (bias) sum = sum + (count == LANES ? load(bias + first) : load(bias + first, count));
        if (count == LANES) {
            store(to, add ? load(to) + sum : sum);
        } else {
            store(to, add ? load(to, count) + sum : sum, count);
        }
    }

    // T tokens from `token` on, 8 rows, weights as they lie in memory. For one token they are one stream, which the
    // processor foresees better than any hint of ours: 4 to 5 % more bytes a second.
    template <int T, class Form>
    void few(long token, long block) const {
        Floats sum[T];
        for (int t = 0; t < T; ++t) sum[t] = Floats{};
        const long stride = a.groups * a.group;
        for (long g = 0; g < m.groups; ++g) {
            const uint8_t* at = weights(block, g);
            if (T > 1) fetch(block, g + AHEAD / group_bytes(), 1);
            Integers total[T];
            group_sums<T, Form::wide>(at, values(token, g), stride, m.group, total);
            add_group<T, Form>(sum, total, token, block, g);
        }
        for (int t = 0; t < T; ++t) finish(sum[t], token + t, block);
    }

    // The first T tokens, two times 8 rows, 4-bit weights as they lie in memory.
    template <int T, class Form>
    void both(const long (&block)[2]) const {
        Floats sum[2][T];
        for (int t = 0; t < T; ++t) sum[0][t] = sum[1][t] = Floats{};
        const long stride = a.groups * a.group;
        for (long g = 0; g < m.groups; ++g) {
            for (long b : block) fetch(b, g + AHEAD / group_bytes(), 2);
            Integers total[2][T];
            both_sums<T>(weights(block[0], g), weights(block[1], g), values(0, g), stride, m.group, total);
            for (int pair = 0; pair < 2; ++pair) add_group<T, Form>(sum[pair], total[pair], 0, block[pair], g);
        }
        for (int t = 0; t < T; ++t)
            for (int pair = 0; pair < (block[0] == block[1] ? 1 : 2); ++pair) finish(sum[pair][t], t, block[pair]);
    }

    template <class Form>
    void few(long token, long count, long block) const {
        switch (count) {
            case 1: return few<1, Form>(token, block);
            case 2: return few<2, Form>(token, block);
            case 3: return few<3, Form>(token, block);
            case 4: return few<4, Form>(token, block);
            case 5: return few<5, Form>(token, block);
            case 6: return few<6, Form>(token, block);
            case 7: return few<7, Form>(token, block);
            default: return few<2 * FEW, Form>(token, block);
        }
    }

    // T tokens from `token` on, two times 8 rows, groups [first, last) from unpacked weights.
    template <int T, class Form>
    void tile(const uint8_t* unpacked, long token, const long (&block)[2], long first, long last, float* sums) const {
        Floats sum[2][T];
        for (int t = 0; t < T; ++t)
            for (int pair = 0; pair < 2; ++pair) sum[pair][t] = load(sums + (2 * t + pair) * LANES);
        const long stride = a.groups * a.group;
        for (long g = first; g < last; ++g) {
            Integers total[2][T];
            tile_sums<T, Form::wide>(unpacked, values(token, g), stride, m.group, total);
            unpacked += m.group * 2 * LANES * (Form::wide ? WIDE_BYTES : 1);
            for (int pair = 0; pair < 2; ++pair)
                add_group<T, Form>(sum[pair], total[pair], token, block[pair], g);
        }
        for (int t = 0; t < T; ++t)
            for (int pair = 0; pair < 2; ++pair) store(sums + (2 * t + pair) * LANES, sum[pair][t]);
    }

    // Tokens [token, token + count), at most CHUNK, two times 8 rows.
    template <class Form>
    void many(long token, long count, const long (&block)[2]) const {
        alignas(64) uint8_t unpacked[UNPACKED];
        alignas(64) float sums[CHUNK * 2 * LANES];
        std::fill(sums, sums + count * 2 * LANES, 0.0f);
        const long bytes = m.group * 2 * LANES * (Form::wide ? WIDE_BYTES : 1), step = UNPACKED / bytes;
        for (long first = 0; first < m.groups; first += step) {
            const long last = std::min(m.groups, first + step);
            for (long g = first; g < last; ++g) {
                unpack<Form::wide>(weights(block[0], g), weights(block[1], g), m.group, unpacked + (g - first) * bytes);
                for (long b : block) fetch(b, g + step, 2);
            }
            long t = 0;
            for (; t + TILE <= count; t += TILE)
                tile<TILE, Form>(unpacked, token + t, block, first, last, sums + t * 2 * LANES);
            float* rest = sums + t * 2 * LANES;
            if (count - t == 3) tile<3, Form>(unpacked, token + t, block, first, last, rest);
            if (count - t == 2) tile<2, Form>(unpacked, token + t, block, first, last, rest);
            if (count - t == 1) tile<1, Form>(unpacked, token + t, block, first, last, rest);
        }
        for (long t = 0; t < count; ++t)
            for (int pair = 0; pair < (block[0] == block[1] ? 1 : 2); ++pair)
                finish(load(sums + (2 * t + pair) * LANES), token + t, block[pair]);
    }

    template <class Form>
    void blocks(long first, long last) const {
        if (TILES && !Form::wide && a.tokens > 1 && a.tokens <= FEW) {
            for (long block = first; block < last; block += 2) {
                const long pair[2] = {block, std::min(block + 1, last - 1)};
                switch (a.tokens) {
                    case 2: both<2, Form>(pair); break;
                    case 3: both<3, Form>(pair); break;
                    default: both<FEW, Form>(pair);
                }
            }
            return;
        }
        const long most = Form::wide ? 2 * FEW : FEW;
        if (!TILES || a.tokens <= most) {
            for (long block = first; block < last; ++block)
                for (long token = 0; token < a.tokens; token += most)
                    few<Form>(token, std::min<long>(most, a.tokens - token), block);
            return;
        }
        const long fitting = CHUNK_BYTES / (a.groups * a.group) / TILE * TILE;
        const long chunk = std::clamp<long>(fitting, 32, CHUNK);
        for (long token = 0; token < a.tokens; token += chunk)
            for (long block = first; block < last; block += 2)
                many<Form>(token, std::min(chunk, a.tokens - token), {block, std::min(block + 1, last - 1)});
    }
};

}  // namespace

// y float32 [tokens, rows] = a m^T + bias, or y + that; bias [rows] may be null. Both have the same width and groups.
EXPORT void multiply(Pool* pool, const Matrix* m, const Activations* a, const float* bias, long add, float* y) {
    if (a->tokens == 0) return;
    const Product product{*m, *a, bias, add != 0, y};
    const long blocks = (m->rows + LANES - 1) / LANES, threads = threads_of(pool);
    const bool small = m->rows * m->columns * a->tokens < 200000;  // less work than waking a thread
    const long even = (blocks / (threads * 8) + 1) / 2 * 2;  // pairs of blocks stay together
    share(small ? nullptr : pool, blocks, std::max(2L, even), [&](long first, long last) {
        const bool scaled = a->scale_groups > 1;
        if (m->bits == 8)
            scaled ? product.blocks<Form<true, false, true>>(first, last)
                   : product.blocks<Form<true, false, false>>(first, last);
        else if (m->zeros)
            scaled ? product.blocks<Form<false, true, true>>(first, last)
                   : product.blocks<Form<false, true, false>>(first, last);
        else
            scaled ? product.blocks<Form<false, false, true>>(first, last)
                   : product.blocks<Form<false, false, false>>(first, last);
    });
}
