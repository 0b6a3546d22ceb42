// What this machine can do at most, for benchmarks to be held against: multiply-adds out of registers, and reading.

#include "int4.h"
#include "vector.h"

namespace {

// One product instruction of the build, its sums its second factor; PRODUCTS multiply-adds, 0 where it has none.
#if defined(VNNI) && VNNI == 512
typedef __m512i Register;
constexpr long PRODUCTS = 64;
INLINE Register step(Register sums) { return _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(3), sums); }
#elif defined(VNNI)
typedef __m256i Register;
constexpr long PRODUCTS = 32;
INLINE Register step(Register sums) { return _mm256_dpbusd_avx_epi32(sums, _mm256_set1_epi8(3), sums); }
#elif defined(__AVX2__)
typedef __m256i Register;
constexpr long PRODUCTS = 32;
INLINE Register step(Register sums) { return _mm256_maddubs_epi16(_mm256_set1_epi8(3), sums); }
#elif defined(__aarch64__) && defined(__ARM_FEATURE_MATMUL_INT8)
typedef int32x4_t Register;
constexpr long PRODUCTS = 32;
INLINE Register step(Register sums) { return vmmlaq_s32(sums, vdupq_n_s8(3), vreinterpretq_s8_s32(sums)); }
#elif defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
typedef int32x4_t Register;
constexpr long PRODUCTS = 16;
INLINE Register step(Register sums) { return vdotq_s32(sums, vdupq_n_s8(3), vreinterpretq_s8_s32(sums)); }
#else
typedef int32_t Register;
constexpr long PRODUCTS = 0;
INLINE Register step(Register sums) { return sums; }
#endif

}  // namespace

// Runs `turns` times ten independent products on every thread, and returns how many multiply-adds that was; 0 in a
// build that has no instruction for them.
EXPORT long peak(Pool* pool, long turns) {
    const long threads = threads_of(pool);
    share(pool, PRODUCTS ? threads : 0, 1, [&](long first, long last) {
        for (long part = first; part < last; ++part) {
            Register sums[10], whole{};
            for (int i = 0; i < 10; ++i) sums[i] = Register{} + static_cast<int32_t>(turns + i);  // no two alike
            for (long turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 10
                for (int i = 0; i < 10; ++i) sums[i] = step(sums[i]);
            }
            for (Register& sum : sums) whole += sum;
            asm volatile("" : : "m"(whole));
        }
    });
    return threads * turns * 10 * PRODUCTS;
}

// Reads bytes, a multiple of 1,024, once from first to last, as the products read weights.
EXPORT void read_once(Pool* pool, const uint8_t* data, long bytes) {
    share(pool, bytes / 1024, 256, [&](long first, long last) {
        Integers sums[4] = {};
        for (const uint8_t* at = data + first * 1024; at < data + last * 1024; at += 128) {
            __builtin_prefetch(at + 4096);
            __builtin_prefetch(at + 4160);
            for (int i = 0; i < 4; ++i) {
                sums[i] ^= as_integers(load(reinterpret_cast<const float*>(at + i * 32)));
            }
        }
        for (Integers& sum : sums) asm volatile("" : : "m"(sum));
    });
}
