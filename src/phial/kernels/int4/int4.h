// The C interface of the int4 kernels. Each function is described where it is defined. Arrays are contiguous and
// row-major and need no more alignment than their elements; a pool may be null: the calling thread works alone.
//
// Every function gives the same bits for a token whatever tokens come with it, whatever the number of threads, in every
// build. No function keeps an address after it has returned.
#pragma once

#include "cache.h"
#include "lora.h"
#include "matrix.h"
#include "pool.h"
#include "vector.h"

EXPORT int runs(const char* build);

EXPORT Pool* pool_open(long threads);
EXPORT long pool_threads(const Pool* pool);
EXPORT void pool_close(Pool* pool);

EXPORT void quantize(Pool* pool, const float* x, long rotated, const Activations* out);
EXPORT void multiply(Pool* pool, const Matrix* m, const Activations* a, const float* bias, long add, float* y);

EXPORT void norm_quantize(Pool* pool, const float* x, const float* weight, const float* bias, float eps, long centred,
                          float* normed, const Activations* out);
EXPORT void activate_quantize(Pool* pool, const float* x, long kind, float limit, long rotated, float* kept,
                              const Activations* out);
EXPORT void rotate_keep(Pool* pool, float* qkv, long heads, const float* cosine, const float* sine, long half,
                        const Sequence* sequences, long count, const Cache* cache);
EXPORT void attend(Pool* pool, const float* qkv, long heads, float scale, const Visibility* sees,
                   const Sequence* sequences, long count, const Cache* cache, float* out);

EXPORT long peak(Pool* pool, long turns);
EXPORT void read_once(Pool* pool, const uint8_t* data, long bytes);
