// Eight floats in two registers of 16 bytes, as SSE2 and NEON have them: a vector longer than a register would be kept
// in memory by gcc. The same functions as in `vector_avx2.h`.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

template <class T>
struct Two {
    typedef T Four __attribute__((vector_size(16)));
    Four low, high;

    Two() = default;
    INLINE Two(Four low, Four high) : low(low), high(high) {}
    INLINE Two(T value) : low{value, value, value, value}, high(low) {}
    INLINE T operator[](long lane) const { return lane < 4 ? low[lane] : high[lane - 4]; }

    friend INLINE Two operator+(Two a, Two b) { return {a.low + b.low, a.high + b.high}; }
    friend INLINE Two operator-(Two a, Two b) { return {a.low - b.low, a.high - b.high}; }
    friend INLINE Two operator*(Two a, Two b) { return {a.low * b.low, a.high * b.high}; }
    friend INLINE Two operator/(Two a, Two b) { return {a.low / b.low, a.high / b.high}; }
    friend INLINE Two operator&(Two a, Two b) { return {a.low & b.low, a.high & b.high}; }
    friend INLINE Two operator|(Two a, Two b) { return {a.low | b.low, a.high | b.high}; }
    friend INLINE Two operator^(Two a, Two b) { return {a.low ^ b.low, a.high ^ b.high}; }
    friend INLINE Two operator<<(Two a, int bits) { return {a.low << bits, a.high << bits}; }
    friend INLINE Two operator>>(Two a, int bits) { return {a.low >> bits, a.high >> bits}; }
    friend INLINE Two operator-(Two a) { return {-a.low, -a.high}; }
    friend INLINE Two& operator+=(Two& a, Two b) { return a = a + b; }
    friend INLINE Two& operator^=(Two& a, Two b) { return a = a ^ b; }
    friend INLINE Two<int32_t> operator<(Two a, Two b) { return {a.low < b.low, a.high < b.high}; }
    friend INLINE Two<int32_t> operator>(Two a, Two b) { return {a.low > b.low, a.high > b.high}; }
    friend INLINE Two<int32_t> operator>=(Two a, Two b) { return {a.low >= b.low, a.high >= b.high}; }
    friend INLINE Two<int32_t> operator!=(Two a, Two b) { return {a.low != b.low, a.high != b.high}; }
};

typedef Two<float> Floats;
typedef Two<int32_t> Integers;

template <class T>
INLINE Two<T> all(T value) {
    return value;
}

INLINE Integers lanes() { return {Integers::Four{0, 1, 2, 3}, Integers::Four{4, 5, 6, 7}}; }

template <class T>
INLINE Two<T> load(const T* from) {
    Two<T> out;
    std::memcpy(&out.low, from, 16), std::memcpy(&out.high, from + 4, 16);
    return out;
}

template <class T>
INLINE void store(T* to, Two<T> value) {
    std::memcpy(to, &value.low, 16), std::memcpy(to + 4, &value.high, 16);
}

template <class T>
INLINE Two<T> choose(Integers mask, Two<T> yes, Two<T> no) {
    return {mask.low ? yes.low : no.low, mask.high ? yes.high : no.high};
}

INLINE Floats floats(Integers value) {
    return {__builtin_convertvector(value.low, Floats::Four), __builtin_convertvector(value.high, Floats::Four)};
}

INLINE Integers integers(Floats value) {  // towards 0
    return {__builtin_convertvector(value.low, Integers::Four), __builtin_convertvector(value.high, Integers::Four)};
}

INLINE Integers as_integers(Floats value) { return {(Integers::Four)value.low, (Integers::Four)value.high}; }

INLINE Floats as_floats(Integers value) { return {(Floats::Four)value.low, (Floats::Four)value.high}; }

#if defined(__aarch64__)

INLINE Integers integers(int16x8_t value) {
    return {(Integers::Four)vmovl_s16(vget_low_s16(value)), (Integers::Four)vmovl_high_s16(value)};
}

INLINE Integers integers(const uint8_t* from) { return integers(vreinterpretq_s16_u16(vmovl_u8(vld1_u8(from)))); }

INLINE Floats widened(const int8_t* from) { return floats(integers(vmovl_s8(vld1_s8(from)))); }

INLINE Floats widened(const uint16_t* from) {
    const float16x8_t halves = vreinterpretq_f16_u16(vld1q_u16(from));
    return {(Floats::Four)vcvt_f32_f16(vget_low_f16(halves)), (Floats::Four)vcvt_high_f32_f16(halves)};
}

INLINE void narrow(Floats value, uint16_t* to) {
    const float16x4_t low = vcvt_f16_f32((float32x4_t)value.low);
    vst1q_u16(to, vreinterpretq_u16_f16(vcvt_high_f16_f32(low, (float32x4_t)value.high)));
}

INLINE int16x8_t shorts(Integers value) {
    return vmovn_high_s32(vmovn_s32((int32x4_t)value.low), (int32x4_t)value.high);
}

INLINE void narrow(Integers value, int16_t* to) { vst1q_s16(to, shorts(value)); }

INLINE void narrow(Integers value, int8_t* to) { vst1_s8(to, vmovn_s16(shorts(value))); }

template <int Step>
INLINE Floats swapped(Floats v) {
    const float32x4_t low = (float32x4_t)v.low, high = (float32x4_t)v.high;
    if (Step == 4) return {v.high, v.low};
    if (Step == 1) return {(Floats::Four)vrev64q_f32(low), (Floats::Four)vrev64q_f32(high)};
    return {(Floats::Four)vextq_f32(low, low, 2), (Floats::Four)vextq_f32(high, high, 2)};
}

INLINE void sums_of_four(const Floats* v, float* to) {
    float32x4_t four[4];
    for (int i = 0; i < 4; ++i) four[i] = vpaddq_f32((float32x4_t)v[i].low, (float32x4_t)v[i].high);
    vst1q_f32(to, vpaddq_f32(vpaddq_f32(four[0], four[1]), vpaddq_f32(four[2], four[3])));
}

INLINE void sums_of_four(const Integers* v, float* to) {
    int32x4_t four[4];
    for (int i = 0; i < 4; ++i) four[i] = vaddq_s32((int32x4_t)v[i].low, (int32x4_t)v[i].high);
    vst1q_f32(to, vcvtq_f32_s32(vpaddq_s32(vpaddq_s32(four[0], four[1]), vpaddq_s32(four[2], four[3]))));
}

struct Pairs {
    int16x8_t low, high;
};

INLINE int32x4_t products(int16x8_t a, int16x8_t b) {
    return vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b));
}

INLINE Integers products(Pairs a, Pairs b) {
    return {(Integers::Four)products(a.low, b.low), (Integers::Four)products(a.high, b.high)};
}

INLINE Pairs pairs(const int16_t* from) { return {vld1q_s16(from), vld1q_s16(from + 8)}; }

INLINE Pairs pairs(const int8_t* from, bool whole) {
    return {vmovl_s8(vld1_s8(from)), whole ? vmovl_s8(vld1_s8(from + 8)) : vdupq_n_s16(0)};
}

INLINE Pairs alternating(const int8_t* one, const int8_t* two) {
    const int8x8_t first = vld1_s8(one), second = vld1_s8(two);
    return {vmovl_s8(vzip1_s8(first, second)), vmovl_s8(vzip2_s8(first, second))};
}

INLINE Pairs repeated(const int16_t* pair) {
    int32_t both;
    std::memcpy(&both, pair, sizeof both);
    const int16x8_t out = vreinterpretq_s16_s32(vdupq_n_s32(both));
    return {out, out};
}

#else

template <class From>
INLINE Integers integers(const From* from) {
    int32_t out[8];
    for (int lane = 0; lane < 8; ++lane) out[lane] = from[lane];
    return load(out);
}

template <class To>
INLINE void narrow(Integers value, To* to) {
    int32_t out[8];
    store(out, value);
    for (int lane = 0; lane < 8; ++lane) to[lane] = static_cast<To>(out[lane]);
}

INLINE Floats widened(const int8_t* from) { return floats(integers(from)); }

INLINE Floats widened(const uint16_t* from) {
    const Integers wide = integers(from);
    const Integers magnitude = (wide & 0x7fff) << 13;
    const Integers sign = (wide & 0x8000) << 16;
    const Integers finite = as_integers(as_floats(magnitude) * 5.192296858534828e33f);  // 2^112
    const Integers huge = (magnitude >= 0x0f800000) & 0x7f800000;
    const Integers quiet = (magnitude > 0x0f800000) & 0x00400000;
    return as_floats(finite | huge | quiet | sign);
}

INLINE void narrow(Floats value, uint16_t* to) {
    const Integers bits = as_integers(value), magnitude = bits & 0x7fffffff, sign = (bits >> 16) & 0x8000;
    // Below 2^-14 adding 0.5 leaves the subnormal half in the low bits; above, half an ulp is added and shifted out.
    const Integers small = as_integers(as_floats(magnitude) + 0.5f) - 0x3f000000;
    const Integers normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
    const Integers nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
    Integers out = choose(magnitude < 0x38800000, small, normal);
    out = choose(magnitude >= 0x477ff000, all(0x7c00), out);
    out = choose(magnitude > 0x7f800000, nan, out);
    narrow(out | sign, to);
}

template <int Step>
INLINE Floats swapped(Floats v) {
    float from[8], to[8];
    store(from, v);
    for (int lane = 0; lane < 8; ++lane) to[lane] = from[lane ^ Step];
    return load(to);
}

INLINE void sums_of_four(const Floats* v, float* to) {
    for (int i = 0; i < 4; ++i)
        to[i] = ((v[i][0] + v[i][1]) + (v[i][2] + v[i][3])) + ((v[i][4] + v[i][5]) + (v[i][6] + v[i][7]));
}

INLINE void sums_of_four(const Integers* v, float* to) {
    for (int i = 0; i < 4; ++i) {
        const Integers::Four four = v[i].low + v[i].high;
        to[i] = static_cast<float>(four[0] + four[1] + four[2] + four[3]);
    }
}

struct Pairs {
    int16_t at[16];
};

INLINE Integers products(Pairs a, Pairs b) {
    int32_t out[8];
    for (int i = 0; i < 8; ++i) out[i] = a.at[2 * i] * b.at[2 * i] + a.at[2 * i + 1] * b.at[2 * i + 1];
    return load(out);
}

INLINE Pairs pairs(const int16_t* from) {
    Pairs out;
    std::memcpy(&out, from, sizeof out);
    return out;
}

INLINE Pairs pairs(const int8_t* from, bool whole) {
    Pairs out{};
    for (int i = 0; i < (whole ? 16 : 8); ++i) out.at[i] = from[i];
    return out;
}

INLINE Pairs alternating(const int8_t* one, const int8_t* two) {
    Pairs out;
    for (int i = 0; i < 8; ++i) out.at[2 * i] = one[i], out.at[2 * i + 1] = two[i];
    return out;
}

INLINE Pairs repeated(const int16_t* pair) {
    Pairs out;
    for (int i = 0; i < 8; ++i) out.at[2 * i] = pair[0], out.at[2 * i + 1] = pair[1];
    return out;
}

#endif
