// Calls every int4 kernel on drawn shapes, its arrays exactly as large as described and off every larger alignment, to
// be run under sanitizers. Prints how many rounds it did.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "int4.h"

namespace {

std::mt19937 random_bits;

long drawn(long low, long high) { return std::uniform_int_distribution<long>(low, high)(random_bits); }

// An array that ends where its memory ends and begins one element behind an aligned address.
template <class T>
struct Array {
    explicit Array(long count) : size(count), memory(static_cast<T*>(std::malloc((count + 1) * sizeof(T)))) {
        std::memset(static_cast<void*>(memory), 0, (count + 1) * sizeof(T));
    }
    ~Array() { std::free(memory); }
    Array(const Array&) = delete;
    T* data() { return memory + 1; }
    T& operator[](long i) { return memory[1 + i]; }

    Array& bytes() {
        for (long i = 0; i < size * static_cast<long>(sizeof(T)); ++i)
            reinterpret_cast<uint8_t*>(data())[i] = static_cast<uint8_t>(drawn(0, 255));
        return *this;
    }
    Array& floats() {
        const float extreme[] = {0.0f, -0.0f, 1e-45f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN};
        const bool mild = drawn(0, 2) > 0;
        for (long i = 0; i < size; ++i)
            (*this)[i] = mild || drawn(0, 20) ? std::normal_distribution<float>(0, 3)(random_bits) : extreme[drawn(0, 7)];
        return *this;
    }

    long size;
    T* memory;
};

struct Vectors {
    Vectors(long tokens, long width, long group, bool by_group)
        : groups((width + group - 1) / group),
          values(tokens * groups * group),
          sums(tokens * groups),
          scales(tokens * (by_group ? groups : 1)),
          as_c{values.data(), sums.data(), scales.data(), tokens, width, group, groups, by_group ? groups : 1} {}
    long groups;
    Array<int8_t> values;
    Array<int32_t> sums;
    Array<float> scales;
    Activations as_c;
};

void products(Pool* pool) {
    const long rows = drawn(1, 70), columns = drawn(1, 600), group = 32 << drawn(0, 2), tokens = drawn(1, 40);
    const long bits = drawn(0, 1) ? 4 : 8, half = drawn(0, 1), blocks = (rows + 7) / 8;
    const long groups = (columns + group - 1) / group, scale_groups = drawn(0, 1) ? groups : 1;
    Array<uint8_t> weights(blocks * groups * group * bits), zeros(blocks * groups * 8);
    Array<float> floats(half ? 0 : blocks * scale_groups * 8), x(tokens * columns), bias(rows), y(tokens * rows);
    Array<uint16_t> halves(half ? blocks * scale_groups * 8 : 0);
    weights.bytes(), zeros.bytes(), floats.floats(), halves.bytes(), x.floats(), bias.floats(), y.floats();
    const void* scales = half ? static_cast<void*>(halves.data()) : floats.data();
    const Matrix matrix{weights.data(), scales, bits == 4 && drawn(0, 1) ? zeros.data() : nullptr,
                        rows,           columns, group, groups, scale_groups, bits, half};
    Vectors vectors(tokens, columns, group, drawn(0, 1));
    quantize(pool, x.data(), drawn(0, 1), &vectors.as_c);
    multiply(pool, &matrix, &vectors.as_c, drawn(0, 1) ? bias.data() : nullptr, drawn(0, 1), y.data());
}

void layers(Pool* pool) {
    const long width = drawn(1, 300), tokens = drawn(1, 12);
    Array<float> x(tokens * 2 * width), weight(width), bias(width), normed(tokens * width);
    x.floats(), weight.floats(), bias.floats();
    Vectors vectors(tokens, width, 32 << drawn(0, 2), drawn(0, 1));
    norm_quantize(pool, x.data(), weight.data(), drawn(0, 1) ? bias.data() : nullptr, 1e-5f, drawn(0, 1),
                  drawn(0, 1) ? normed.data() : nullptr, &vectors.as_c);
    activate_quantize(pool, x.data(), drawn(0, 3), 2.0f, drawn(0, 1), nullptr, &vectors.as_c);
}

void adapters(Pool* pool) {
    const long width = drawn(1, 300), rows = drawn(1, 900), tokens = drawn(1, 12), count = drawn(1, 3);
    Array<float> x(tokens * width), y(tokens * rows);
    x.floats(), y.floats();
    std::deque<Array<float>> arrays;
    std::vector<LowRank> parts;
    long most = 0;
    for (long part = 0; part < count; ++part) {
        const long rank = drawn(1, 9), first = drawn(0, rows - 1), own = drawn(1, rows - first);
        arrays.emplace_back(rank * width), arrays.back().floats();
        arrays.emplace_back((own + 7) / 8 * 8 * rank), arrays.back().floats();
        parts.push_back({arrays[2 * part].data(), arrays[2 * part + 1].data(), rank, first, own});
        most += rank;
    }
    const Additions additions{parts.data(), count};
    std::vector<const Additions*> of_token(tokens);
    for (const Additions*& each : of_token) each = drawn(0, 2) ? &additions : nullptr;
    Array<float> inner(tokens * most);
    add_low_rank(pool, of_token.data(), x.data(), tokens, width, inner.data(), most, y.data(), rows);
}

void attention(Pool* pool) {
    const bool wide = drawn(0, 7) > 0;  // else more than one part of 512 positions
    const long kv_heads = drawn(1, wide ? 3 : 1), heads = kv_heads * drawn(1, wide ? 20 : 3);
    const long head_dim = 8 * drawn(1, wide ? 16 : 3), bits = 8 << drawn(0, 1), first = wide ? 0 : 600;
    const long block_size = drawn(1, 80), count = drawn(1, 3), steps = drawn(1, 3), half = drawn(0, head_dim / 2);
    const Visibility sees{drawn(0, 1) * drawn(1, 100), drawn(0, 1) * drawn(1, 70), drawn(1, 3), drawn(1, 4), drawn(1, 3)};
    const long most = first + steps * 40, table_size = (most + block_size - 1) / block_size;
    const long places = count * table_size * kv_heads * block_size, width = (heads + 2 * kv_heads) * head_dim;
    Array<uint16_t> halves(bits == 16 ? 2 * places * head_dim : 0);
    Array<int8_t> bytes(bits == 8 ? 2 * places * head_dim : 0);
    Array<float> scales(bits == 8 ? 2 * places : 0);
    Cache cache{halves.data(), halves.data() + places * head_dim, nullptr, nullptr, kv_heads, head_dim, block_size, bits};
    if (bits == 8)
        cache = {bytes.data(), bytes.data() + places * head_dim, scales.data(), scales.data() + places,
                 kv_heads,     head_dim,                         block_size,    bits};
    Array<int32_t> table(count * table_size);
    for (long i = 0; i < table.size; ++i) table[i] = static_cast<int32_t>(i);
    std::vector<Sequence> sequences;
    for (long s = 0; s < count; ++s) sequences.push_back({table.data() + s * table_size, 0, 0});
    for (long step = 0; step < steps; ++step) {
        long tokens = 0;
        for (Sequence& sequence : sequences) {
            sequence.start += sequence.count;
            sequence.count = drawn(0, 40) + (step ? 0 : first);
            tokens += sequence.count;
        }
        Array<float> qkv(tokens * width), cosine(tokens * half), sine(tokens * half), out(tokens * heads * head_dim);
        qkv.floats(), cosine.floats(), sine.floats();
        rotate_keep(pool, qkv.data(), heads, cosine.data(), sine.data(), half, sequences.data(), count, &cache);
        attend(pool, qkv.data(), heads, 0.1f, &sees, sequences.data(), count, &cache, out.data());
    }
}

}  // namespace

int main(int, char** arguments) {
    const long rounds = std::atol(arguments[1]);
    Pool* pool = pool_open(3);
    for (long round = 0; round < rounds; ++round) {
        random_bits.seed(round);
        Pool* mine = drawn(0, 1) ? pool : nullptr;
        products(mine), layers(mine), adapters(mine), attention(mine);
    }
    // Large enough to be shared, by two callers at once, one of whom finds the pool at work.
    const long rows = 512, columns = 1024, tokens = 4;
    Array<uint8_t> weights(rows * columns / 2), stream(1 << 20);
    Array<float> scales(rows), x(tokens * columns);
    weights.bytes(), x.floats();
    const Matrix matrix{weights.data(), scales.data(), nullptr, rows, columns, 128, 8, 1, 4, 0};
    const auto repeat = [&] {
        Vectors vectors(tokens, columns, 128, false);
        Array<float> y(tokens * rows);
        for (int i = 0; i < 20; ++i) {
            quantize(pool, x.data(), 0, &vectors.as_c);
            multiply(pool, &matrix, &vectors.as_c, nullptr, 1, y.data());
        }
    };
    std::thread other(repeat);
    repeat();
    other.join();
    read_once(pool, stream.data(), stream.size);
    peak(pool, 1000);
    pool_close(pool);
    std::printf("%ld rounds\n", rounds);
    return 0;
}
