// Sums of products of one group, as the instructions of the build make them. All are exact sums of integers, so no build
// has other bits than another. A header dot_*.h gives, for T tokens whose values lie `stride` bytes apart:
//
// - TILES: whether the functions below group_sums are used. Without, all products go through group_sums.
// - WIDE_ZERO: what its sums of 8-bit weights count from: 128 where it multiplies the stored bytes, 0 where it takes 128
//   off each.
// - WIDE_BYTES: how many bytes an 8-bit weight has that `unpack` has written; a 4-bit one has 1.
// - group_sums<T, WIDE>(weights, values, stride, group, total): total[t] := sums over a group of stored weights (8 rows)
//   times the values of token t. WIDE: 8 bits.
// - both_sums<T>(one, two, values, stride, group, total): the same for two times 8 rows, at 4 bits.
// - unpack<WIDE>(one, two, group, to): two times 8 rows in the form that tile_sums reads.
// - tile_sums<T, WIDE>(unpacked, values, stride, group, total): as group_sums, for two times 8 rows.
#pragma once

#if defined(VNNI)
#include "dot_vnni.h"
#elif defined(__AVX2__)
#include "dot_avx2.h"
#elif defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#include "dot_neon.h"
#else
#include "dot_any.h"
#endif
