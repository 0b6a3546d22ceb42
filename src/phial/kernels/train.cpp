// The parts of a training step that are not matrix products of the model: masked attention, RMSNorm, SwiGLU and
// softmax cross-entropy, forward and backward, float32.
//
// Every function is single-threaded, has no state and reads nothing but its arguments: the caller owns threads, and the
// same inputs give the same bits. All tensors are contiguous and row-major. Sums keep explicit accumulators instead of -ffast-math, so that their
// order is written here, does not depend on alignment, and NaN and infinity reach the loss.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#define INLINE inline __attribute__((always_inline))
#define INLINE_LAMBDA __attribute__((always_inline))
#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

#if defined(__AVX2__)
constexpr long WIDTH = 8;
#else
constexpr long WIDTH = 4;  // SSE2 and NEON
#endif
typedef float Floats __attribute__((vector_size(4 * WIDTH)));
typedef int32_t Integers __attribute__((vector_size(4 * WIDTH)));

constexpr float INFINITE = std::numeric_limits<float>::infinity();
using Whole = std::integral_constant<long, WIDTH>;

INLINE Floats all(float value) { return value - Floats{}; }  // x - 0 is x, folded away; 0 + x is not x for -0

INLINE Floats load(const float* from, Whole = {}, float = 0) {
    Floats out;
    std::memcpy(&out, from, sizeof out);
    return out;
}

INLINE Floats load(const float* from, long count, float rest = 0) {
    Floats out = all(rest);
    std::memcpy(&out, from, count * sizeof(float));
    return out;
}

INLINE void store(float* to, Floats value, Whole = {}) { std::memcpy(to, &value, sizeof value); }

INLINE void store(float* to, Floats value, long count) { std::memcpy(to, &value, count * sizeof(float)); }

INLINE float sum(Floats v) {
    float total = 0;
    for (int lane = 0; lane < WIDTH; ++lane) total += v[lane];
    return total;
}

// body(index, width) over [0, count) in steps of WIDTH, the last step with what is left.
template <class Body>
INLINE void each(long count, Body body) {
    long i = 0;
    for (; i + WIDTH <= count; i += WIDTH) body(i, Whole{});
    if (i < count) body(i, count - i);
}

// e^x = 2^k e^r with r in [-ln 2 / 2, ln 2 / 2] and e^r from its Taylor polynomial of degree 7, whose remainder is
// below 6e-9. 0 below the smallest normal number; NaN stays NaN.
INLINE Floats exponential(Floats x) {
    const Floats low = all(-87.33f), high = all(88.37f), shift = all(12582912.0f);  // 1.5 * 2^23: rounds to an integer
    const Floats clamped = x < low ? low : (x > high ? high : x);
    const Floats rounded = clamped * 1.44269504f + shift;
    const Floats k = rounded - shift;
    const Floats r = (clamped - k * 0.693359375f) + k * 2.12194440e-4f;  // ln 2 in two parts, the first exact times k
    Floats p = all(1.0f / 5040) * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    Integers bits;
    std::memcpy(&bits, &rounded, sizeof bits);
    bits = (bits + 127) << 23;  // the low bits of `rounded` hold k
    Floats power;
    std::memcpy(&power, &bits, sizeof power);
    return x < low ? Floats{} : p * power;
}

INLINE float largest(const float* row, long count) {
    Floats most = all(-INFINITE);
    each(count, [&](long i, auto width) INLINE_LAMBDA {
        const Floats value = load(row + i, width, -INFINITE);
        most = value > most ? value : most;
    });
    float out = most[0];
    for (int lane = 1; lane < WIDTH; ++lane) out = most[lane] > out ? most[lane] : out;
    return out;
}

// row := e^(row - offset); returns the sum.
INLINE float exponentiate(float* row, long count, float offset) {
    Floats total{};
    each(count, [&](long i, auto width) INLINE_LAMBDA {
        const Floats value = exponential(load(row + i, width, -INFINITE) - offset);
        store(row + i, value, width);
        total += value;
    });
    return sum(total);
}

// A matrix by its first element and the distances between rows and between columns.
struct View {
    const float* data;
    long row, column;
};

// c[M, V WIDTH] (+)= a[M, depth] b[depth, V WIDTH], held in registers.
template <int M, int V, bool ADD>
INLINE void tile(long depth, View a, const float* b, long b_row, float* c, long c_row) {
    Floats held[M][V];
    for (int m = 0; m < M; ++m)
        for (int v = 0; v < V; ++v) held[m][v] = ADD ? load(c + m * c_row + v * WIDTH) : Floats{};
    for (long k = 0; k < depth; ++k) {
        Floats right[V];
        for (int v = 0; v < V; ++v) right[v] = load(b + k * b_row + v * WIDTH);
        for (int m = 0; m < M; ++m) {
            const Floats left = all(a.data[m * a.row + k * a.column]);
            for (int v = 0; v < V; ++v) held[m][v] += left * right[v];
        }
    }
    for (int m = 0; m < M; ++m)
        for (int v = 0; v < V; ++v) store(c + m * c_row + v * WIDTH, held[m][v]);
}

template <int M, bool ADD>
void band(long columns, long depth, View a, const float* b, long b_row, float* c, long c_row) {
    long n = 0;
    for (; n + 2 * WIDTH <= columns; n += 2 * WIDTH) tile<M, 2, ADD>(depth, a, b + n, b_row, c + n, c_row);
    if (n < columns) tile<M, 1, ADD>(depth, a, b + n, b_row, c + n, c_row);
}

constexpr long BAND = 6;  // 6 x 2 accumulators, two columns of b and one broadcast fill 15 of AVX2's 16 registers

// c[rows, columns] (+)= a[rows, depth] b[depth, columns] with at most BAND rows and columns a multiple of WIDTH.
template <bool ADD>
void multiply(long rows, long columns, long depth, View a, const float* b, long b_row, float* c, long c_row) {
    switch (rows) {
        case 1: return band<1, ADD>(columns, depth, a, b, b_row, c, c_row);
        case 2: return band<2, ADD>(columns, depth, a, b, b_row, c, c_row);
        case 3: return band<3, ADD>(columns, depth, a, b, b_row, c, c_row);
        case 4: return band<4, ADD>(columns, depth, a, b, b_row, c, c_row);
        case 5: return band<5, ADD>(columns, depth, a, b, b_row, c, c_row);
        default: return band<6, ADD>(columns, depth, a, b, b_row, c, c_row);
    }
}

long round_up(long value) { return (value + WIDTH - 1) / WIDTH * WIDTH; }

// Pairs (x_i, x_{i + d/2}) of one head turned by the position's angle, or back by it (direction -1), times `factor`.
INLINE void rotate(const float* x, const float* cos, const float* sin, long half, float direction, float factor,
                   float* out) {
    for (long i = 0; i < half; ++i) {
        const float first = x[i], second = x[i + half], s = direction * sin[i];
        out[i] = (first * cos[i] - second * s) * factor;
        out[i + half] = (second * cos[i] + first * s) * factor;
    }
}

// The shape of a fused projection [rows, time, (heads + 2 kv_heads) head_dim] and the rotary tables [time, head_dim / 2].
struct Shape {
    long time, heads, kv_heads, head_dim;
    const float *cos, *sin;
    long fused() const { return (heads + 2 * kv_heads) * head_dim; }
    long half() const { return head_dim / 2; }
};

// One document of a row: `length` positions from `first`.
struct Document {
    long row, first, length;
};

void rotate_head(const Shape& shape, const Document& document, const float* x, long stride, float direction,
                 float factor, float* out, long out_stride) {
    const long half = shape.half();
    for (long t = 0; t < document.length; ++t) {
        const long angle = (document.first + t) * half;
        rotate(x + t * stride, shape.cos + angle, shape.sin + angle, half, direction, factor, out + t * out_stride);
    }
}

// out[head_dim, stride] := x[length, head_dim] transposed, the columns after `length` zero.
void transpose(const float* x, long x_stride, long length, long head_dim, float* out, long stride) {
    for (long d = 0; d < head_dim; ++d) {
        for (long t = 0; t < length; ++t) out[d * stride + t] = x[t * x_stride + d];
        for (long t = length; t < stride; ++t) out[d * stride + t] = 0;
    }
}

}  // namespace

// Softmax attention inside documents, causal, with rotary positions (by the index in the row) and grouped keys.
//   qkv        [rows, time, (heads + 2 kv_heads) head_dim], queries first, then keys, then values
//   documents  [count, 3]: row, first position, length; together they cover every position once
//   out        [rows, time, heads head_dim]
//   normaliser [heads, rows * time]: log of the sum of exponentials, kept for the backward pass
EXPORT void attention_forward(const float* qkv, const float* cos, const float* sin, const int32_t* documents, long count,
                              long rows, long time, long heads, long kv_heads, long head_dim, float* out,
                              float* normaliser) {
    const Shape shape{time, heads, kv_heads, head_dim, cos, sin};
    const long fused = shape.fused(), wide = heads * head_dim, stride = round_up(time), group = heads / kv_heads;
    std::vector<float> query(time * head_dim), key(time * head_dim), turned(head_dim * stride), score(BAND * stride);
    for (long index = 0; index < count; ++index) {
        const Document document{documents[3 * index], documents[3 * index + 1], documents[3 * index + 2]};
        const long at = document.row * time + document.first, padded = round_up(document.length);
        const float* const base = qkv + at * fused;
        for (long head = 0; head < heads; ++head) {
            if (head % group == 0) {
                rotate_head(shape, document, base + (heads + head / group) * head_dim, fused, 1, 1, key.data(), head_dim);
                transpose(key.data(), head_dim, document.length, head_dim, turned.data(), padded);
            }
            const float* const value = base + (heads + kv_heads + head / group) * head_dim;
            const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
            rotate_head(shape, document, base + head * head_dim, fused, 1, scale, query.data(), head_dim);
            for (long i = 0; i < document.length; i += BAND) {
                const long end = std::min(i + BAND, document.length), seen = round_up(end);
                float* const to = out + (at + i) * wide + head * head_dim;
                multiply<false>(end - i, seen, head_dim, {query.data() + i * head_dim, head_dim, 1}, turned.data(),
                                padded, score.data(), seen);
                float inverse[BAND];
                for (long m = 0; m < end - i; ++m) {
                    float* const row = score.data() + m * seen;
                    std::fill(row + i + m + 1, row + seen, -INFINITE);
                    const float most = largest(row, seen), total = exponentiate(row, seen, most);
                    normaliser[head * rows * time + at + i + m] = most + std::log(total);
                    inverse[m] = 1 / total;
                }
                multiply<false>(end - i, head_dim, end, {score.data(), seen, 1}, value, fused, to, wide);
                for (long m = 0; m < end - i; ++m)
                    for (long d = 0; d < head_dim; ++d) to[m * wide + d] *= inverse[m];
            }
        }
    }
}

// Gradient of attention_forward by qkv, from the gradient by its output. With p the recomputed probabilities,
// dv = p' do, dp = do v', ds = p (dp - sum(p dp)), dq = ds k / sqrt(d), dk = ds' q / sqrt(d) (Dao et al. 2022, appendix
// B.2), queries in blocks so that p and ds of a block stay in cache.
EXPORT void attention_backward(const float* gradient, const float* qkv, const float* normaliser, const float* cos,
                               const float* sin, const int32_t* documents, long count, long rows, long time, long heads,
                               long kv_heads, long head_dim, float* out) {
    constexpr long BLOCK = 8 * BAND;
    const Shape shape{time, heads, kv_heads, head_dim, cos, sin};
    const long fused = shape.fused(), wide = heads * head_dim, stride = round_up(time), group = heads / kv_heads;
    const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
    std::vector<float> query(time * head_dim), key(time * head_dim), key_turned(head_dim * stride),
        value_turned(head_dim * stride), chance(BLOCK * stride), slope(BLOCK * stride), by_query(BAND * head_dim),
        by_key(time * head_dim), by_value(time * head_dim);
    for (long index = 0; index < count; ++index) {
        const Document document{documents[3 * index], documents[3 * index + 1], documents[3 * index + 2]};
        const long at = document.row * time + document.first, length = document.length, padded = round_up(length);
        const float* const base = qkv + at * fused;
        for (long head = 0; head < heads; ++head) {
            const long key_at = (heads + head / group) * head_dim, value_at = key_at + kv_heads * head_dim;
            if (head % group == 0) {
                rotate_head(shape, document, base + key_at, fused, 1, 1, key.data(), head_dim);
                transpose(key.data(), head_dim, length, head_dim, key_turned.data(), padded);
                transpose(base + value_at, fused, length, head_dim, value_turned.data(), padded);
                std::fill_n(by_key.begin(), length * head_dim, 0.0f);
                std::fill_n(by_value.begin(), length * head_dim, 0.0f);
            }
            rotate_head(shape, document, base + head * head_dim, fused, 1, scale, query.data(), head_dim);
            const float* const above = gradient + at * wide + head * head_dim;
            for (long begin = 0; begin < length; begin += BLOCK) {
                const long stop = std::min(begin + BLOCK, length);
                for (long i = begin; i < stop; i += BAND) {
                    const long end = std::min(i + BAND, stop), seen = round_up(end);
                    float* const p = chance.data() + (i - begin) * padded;
                    float* const s = slope.data() + (i - begin) * padded;
                    multiply<false>(end - i, seen, head_dim, {query.data() + i * head_dim, head_dim, 1},
                                    key_turned.data(), padded, p, padded);
                    multiply<false>(end - i, seen, head_dim, {above + i * wide, wide, 1}, value_turned.data(), padded, s,
                                    padded);
                    for (long m = 0; m < end - i; ++m) {
                        float *const p_row = p + m * padded, *const s_row = s + m * padded;
                        std::fill(p_row + i + m + 1, p_row + seen, -INFINITE);
                        exponentiate(p_row, seen, normaliser[head * rows * time + at + i + m]);
                        Floats total{};
                        for (long j = 0; j < seen; j += WIDTH) total += load(p_row + j) * load(s_row + j);
                        const float delta = sum(total);
                        for (long j = 0; j < seen; j += WIDTH)
                            store(s_row + j, load(p_row + j) * (load(s_row + j) - delta));
                    }
                    multiply<false>(end - i, head_dim, end, {s, padded, 1}, key.data(), head_dim, by_query.data(),
                                    head_dim);
                    rotate_head(shape, {document.row, document.first + i, end - i}, by_query.data(), head_dim, -1, scale,
                                out + (at + i) * fused + head * head_dim, fused);
                }
                for (long j = 0; j < stop; j += BAND) {
                    // Queries before key j have no probability for it; a block's rows hold nothing right of the band.
                    const long from = std::max(begin, j / BAND * BAND), keys = std::min(BAND, stop - j);
                    const long skip = (from - begin) * padded + j;
                    multiply<true>(keys, head_dim, stop - from, {chance.data() + skip, 1, padded}, above + from * wide,
                                   wide, by_value.data() + j * head_dim, head_dim);
                    multiply<true>(keys, head_dim, stop - from, {slope.data() + skip, 1, padded},
                                   query.data() + from * head_dim, head_dim, by_key.data() + j * head_dim, head_dim);
                }
            }
            if (head % group == group - 1) {
                float* const to = out + at * fused;
                rotate_head(shape, document, by_key.data(), head_dim, -1, 1, to + key_at, fused);
                for (long t = 0; t < length; ++t)
                    std::copy_n(by_value.data() + t * head_dim, head_dim, to + t * fused + value_at);
            }
        }
    }
}

// added := x + delta (delta null: none, and added is not written); out := weight added / sqrt(mean(added^2) + eps).
// scale [rows] keeps the reciprocal root.
EXPORT void norm_forward(const float* x, const float* delta, const float* weight, float eps, long rows, long width,
                         float* added, float* out, float* scale) {
    for (long r = 0; r < rows; ++r, x += width, out += width) {
        Floats squares{};
        if (delta)
            each(width, [&](long i, auto w) INLINE_LAMBDA {
                const Floats value = load(x + i, w) + load(delta + r * width + i, w);
                store(added + r * width + i, value, w);
                squares += value * value;
            });
        else
            each(width, [&](long i, auto w) INLINE_LAMBDA {
                const Floats value = load(x + i, w);
                squares += value * value;
            });
        const float* const row = delta ? added + r * width : x;
        const float factor = scale[r] = 1 / std::sqrt(sum(squares) / width + eps);
        each(width, [&](long i, auto w) INLINE_LAMBDA { store(out + i, load(row + i, w) * factor * load(weight + i, w), w); });
    }
}

// by_x := gradient of norm_forward by x (and by delta) from `gradient` by its output, plus `by_added`, the gradient that
// reaches the sum by other ways (null: none). by_weight [width] is overwritten.
EXPORT void norm_backward(const float* gradient, const float* by_added, const float* x, const float* weight,
                          const float* scale, long rows, long width, float* by_x, float* by_weight) {
    std::fill_n(by_weight, width, 0.0f);
    for (long r = 0; r < rows; ++r) {
        const float *const g = gradient + r * width, *const row = x + r * width, factor = scale[r];
        Floats total{};
        each(width, [&](long i, auto w) INLINE_LAMBDA {
            const Floats product = load(g + i, w) * load(row + i, w) * factor;
            store(by_weight + i, load(by_weight + i, w) + product, w);
            total += product * load(weight + i, w);
        });
        const float correction = sum(total) / width * factor;
        each(width, [&](long i, auto w) INLINE_LAMBDA {
            Floats value = (load(g + i, w) * load(weight + i, w) - load(row + i, w) * correction) * factor;
            if (by_added) value += load(by_added + r * width + i, w);
            store(by_x + r * width + i, value, w);
        });
    }
}

// out [rows, width] := silu(gate) up, with gate_up [rows, 2 width].
EXPORT void swiglu_forward(const float* gate_up, long rows, long width, float* out) {
    for (long r = 0; r < rows; ++r, gate_up += 2 * width, out += width)
        each(width, [&](long i, auto w) INLINE_LAMBDA {
            const Floats gate = load(gate_up + i, w);
            store(out + i, gate / (1 + exponential(-gate)) * load(gate_up + width + i, w), w);
        });
}

// by_gate_up [rows, 2 width] from gradient [rows, width].
EXPORT void swiglu_backward(const float* gradient, const float* gate_up, long rows, long width, float* by_gate_up) {
    for (long r = 0; r < rows; ++r, gradient += width, gate_up += 2 * width, by_gate_up += 2 * width)
        each(width, [&](long i, auto w) INLINE_LAMBDA {
            const Floats gate = load(gate_up + i, w), up = load(gate_up + width + i, w), g = load(gradient + i, w);
            const Floats open = 1 / (1 + exponential(-gate)), silu = gate * open;
            store(by_gate_up + i, g * up * (open + silu * (1 - open)), w);
            store(by_gate_up + width + i, g * silu, w);
        });
}

// The sum of -log softmax(logits)[target] over rows whose target is not negative; logits [rows, vocabulary] become its
// gradient, zero in the other rows.
EXPORT double cross_entropy(float* logits, const int64_t* targets, long rows, long vocabulary) {
    double loss = 0;
    for (long r = 0; r < rows; ++r, logits += vocabulary) {
        if (targets[r] < 0) {
            std::fill_n(logits, vocabulary, 0.0f);
            continue;
        }
        const float picked = logits[targets[r]], most = largest(logits, vocabulary);
        const float total = exponentiate(logits, vocabulary, most), inverse = 1 / total;
        loss += static_cast<double>(std::log(total)) + (most - picked);
        each(vocabulary, [&](long i, auto w) INLINE_LAMBDA { store(logits + i, load(logits + i, w) * inverse, w); });
        logits[targets[r]] -= 1;
    }
    return loss;
}

// Whether the build of this file for AVX2 and FMA runs on this machine.
EXPORT int has_avx2() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 0;
#endif
}
