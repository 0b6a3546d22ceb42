// What the kernels and their callers pass to each other. Mirrored in structures.py.
#pragma once

#include <cstdint>

// Packed weights, as packing.py lays them out: 8 rows by 8 rows, each all groups, each its bytes.
struct Matrix {
    const uint8_t* weights;  // [blocks, groups, group * bits]
    const void* scales;  // [blocks, scale_groups, 8], half or float
    const uint8_t* zeros;  // [blocks, groups, 8]; null: 8 at 4 bits, 128 at 8 bits
    int64_t rows, columns, group, groups, scale_groups;  // scale_groups = groups, or 1: one scale a row
    int64_t bits, half;  // half: scales are half precision
};

// Vectors, quantized: value = values * scale.
struct Activations {
    int8_t* values;  // [tokens, groups * group], -127 to 127, filled up with zeros
    int32_t* sums;  // [groups, tokens]
    float* scales;  // [scale_groups, tokens]; NaN where a value was not finite
    int64_t tokens, width, group, groups, scale_groups;  // scale_groups = groups, or 1: one scale a token
};
