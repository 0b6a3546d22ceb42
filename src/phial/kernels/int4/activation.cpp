// The functions between the two halves of a feed-forward, ending in int8. One token is one piece of work, so its bits do
// not depend on the others.

#include <algorithm>
#include <vector>

#include "hadamard.h"
#include "int4.h"
#include "quantize.h"
#include "vector.h"

namespace {

constexpr long TOKENS = 4;  // handed to a thread at a time

enum Kind : long { SWIGLU, GELU_TANH, GELU, GEGELU };  // as in layer.py

// value / (1 + e^-slope): value * sigmoid(slope)
INLINE Floats gated(Floats value, Floats slope) { return value / (exponential(-slope) + 1.0f); }

// x / 2 * (1 + tanh(y)) = x * sigmoid(2 y), y = sqrt(2 / pi) * (x + 0.044715 x^3)
INLINE Floats gelu_tanh(Floats x) {
    const Floats cubic = x + (x * x) * x * 0.044715f;
    return gated(x, cubic * 1.5957691216f);
}

// x times the normal distribution's mass below x. The mass beyond |x| is e^(-z^2) t P(t) / 2 with z = |x| / sqrt(2),
// t = 1 / (1 + 0.4 z); P is fitted at Chebyshev nodes to the scaled complementary error function over t: 1e-8.
INLINE Floats gelu(Floats x) {
    const Floats z = as_floats(as_integers(x) & 0x7fffffff) * 0.70710678f;
    const Floats t = 1.0f / (z * 0.4f + 1.0f);
    Floats p = t * -0.030429906f + 0.20237118f;
    p = p * t - 0.50861564f;
    p = p * t + 0.55989308f;
    p = p * t - 0.29419632f;
    p = p * t + 0.27704966f;
    p = p * t + 0.12805953f;
    p = p * t + 0.21524424f;
    p = p * t + 0.22491550f;
    p = p * t + 0.22570866f;
    const Floats beyond = exponential(-(z * z)) * (t * p * 0.5f);
    return x * choose(x > 0.0f, 1.0f - beyond, beyond);
}

// quick-GELU(gate) * (up + 1), gate at most `limit`, up between -limit and limit, infinities as they are (Phi-3-small)
INLINE Floats gegelu(Floats gate, Floats up, float limit) {
    const Floats infinite = all(__builtin_inff()), most = all(limit);
    const Floats g = choose((gate > most) & (gate < infinite), most, gate);
    const Floats low = choose((up < -most) & (up > -infinite), -most, up);
    const Floats u = choose((low > most) & (low < infinite), most, low);
    return gated(g, g * 1.702f) * (u + 1.0f);
}

struct Activation {
    const float* x;
    long kind;
    float limit;
    bool rotated;
    float* kept;
    const Activations& out;

    template <class F>
    INLINE void apply(const float* first, const float* second, float* to, F f) const {
        each(out.width, [&](long i, long left) { put(to + i, f(some(first + i, left), some(second + i, left)), left); });
    }

    void token(long token, float* room) const {
        const bool two = kind == SWIGLU || kind == GEGELU;
        const float* first = x + token * out.width * (two ? 2 : 1);
        const float* second = two ? first + out.width : first;
        switch (kind) {
            case SWIGLU: apply(first, second, room, [](Floats gate, Floats up) { return gated(gate, gate) * up; }); break;
            case GELU_TANH: apply(first, second, room, [](Floats value, Floats) { return gelu_tanh(value); }); break;
            case GELU: apply(first, second, room, [](Floats value, Floats) { return gelu(value); }); break;
            default: apply(first, second, room, [&](Floats gate, Floats up) { return gegelu(gate, up, limit); });
        }
        if (kept) std::copy(room, room + out.width, kept + token * out.width);
        if (rotated) rotate_blocks(room, out.width);
        quantize_token(room, out, token);
    }
};

}  // namespace

// x float32 [tokens, 2 * width], gates first, where the kind has gates, and [tokens, width] where not; f(x) into int8,
// after a Hadamard transform where `rotated`, and, where `kept` is not null, before it into float32. `limit` is that of
// GEGELU.
EXPORT void activate_quantize(Pool* pool, const float* x, long kind, float limit, long rotated, float* kept,
                              const Activations* out) {
    const Activation activation{x, kind, limit, rotated != 0, kept, *out};
    share(pool, out->tokens, TOKENS, [&](long first, long last) {
        std::vector<float> room(out->width);
        for (long token = first; token < last; ++token) activation.token(token, room.data());
    });
}

// x float32 [tokens, width] into int8, after a Hadamard transform where `rotated`.
EXPORT void quantize(Pool* pool, const float* x, long rotated, const Activations* out) {
    const long width = out->width;
    share(pool, out->tokens, rotated ? TOKENS : 2 * TOKENS, [&](long first, long last) {
        std::vector<float> room(rotated ? width : 0);
        for (long token = first; token < last; ++token) {
            const float* from = x + token * width;
            if (rotated) {
                room.assign(from, from + width);
                rotate_blocks(room.data(), width);
                from = room.data();
            }
            quantize_token(from, *out, token);
        }
    });
}
