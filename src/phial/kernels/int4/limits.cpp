// What this machine can do at most, for benchmarks to be held against: multiply-adds out of registers, and reading.

#include "int4.h"
#include "vector.h"

// Runs `turns` times ten independent products on every thread, and returns how many multiply-adds that was; 0 in a
// build that has no instruction for them.
EXPORT long peak(Pool* pool, long turns) {
#if defined(__AVX2__)
    const long threads = threads_of(pool);
    share(pool, threads, 1, [&](long first, long last) {
        for (long part = first; part < last; ++part) {
            const __m256i weights = _mm256_set1_epi8(3);
            __m256i a = weights, b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a;
            for (long turn = 0; turn < turns; ++turn) {
                a = _mm256_maddubs_epi16(weights, a), b = _mm256_maddubs_epi16(weights, b);
                c = _mm256_maddubs_epi16(weights, c), d = _mm256_maddubs_epi16(weights, d);
                e = _mm256_maddubs_epi16(weights, e), f = _mm256_maddubs_epi16(weights, f);
                g = _mm256_maddubs_epi16(weights, g), h = _mm256_maddubs_epi16(weights, h);
                i = _mm256_maddubs_epi16(weights, i), j = _mm256_maddubs_epi16(weights, j);
                asm volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e));
                asm volatile("" : "+x"(f), "+x"(g), "+x"(h), "+x"(i), "+x"(j));
            }
        }
    });
    return threads * turns * 10 * 32;
#else
    (void)pool, (void)turns;
    return 0;
#endif
}

// Reads bytes, a multiple of 1,024, once from first to last, as the products read weights.
EXPORT void read_once(Pool* pool, const uint8_t* data, long bytes) {
    share(pool, bytes / 1024, 256, [&](long first, long last) {
        Integers sums[4] = {};
        for (const uint8_t* at = data + first * 1024; at < data + last * 1024; at += 128) {
            __builtin_prefetch(at + 4096);
            __builtin_prefetch(at + 4160);
            for (int i = 0; i < 4; ++i) {
                Integers some;
                std::memcpy(&some, at + i * 32, sizeof some);
                sums[i] ^= some;
            }
        }
        for (Integers& sum : sums) asm volatile("" : : "m"(sum));
    });
}
