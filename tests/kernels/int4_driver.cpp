// Calls every int4 kernel on drawn shapes, its arrays exactly as large as described and off every larger alignment, to
// be run under sanitizers and, by builds for other machines, in emulators. Prints for every round what it drew and a
// number for the bits of each kernel's results: every build must print the same. At the end how many rounds it did.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "block.h"
#include "int4.h"

namespace {

std::mt19937 random_bits;

// Not by a distribution of the standard library, which may draw otherwise on other machines. One draw an expression:
// the order of several is the compiler's.
long drawn(long low, long high) { return low + static_cast<long>(random_bits() % (high - low + 1)); }

bool coin() { return drawn(0, 1) != 0; }

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
    // Half precision from 2^-11 to 1/4, or any bits.
    Array& halves() {
        const bool mild = drawn(0, 2) > 0;
        for (long i = 0; i < size; ++i) {
            const long sign = drawn(0, 1) << 15;
            (*this)[i] = static_cast<uint16_t>(mild ? sign | drawn(0x1000, 0x3400) : drawn(0, 0xffff));
        }
        return *this;
    }
    Array& floats() {
        const float extreme[] = {0.0f, -0.0f, 1e-45f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN};
        const bool mild = drawn(0, 2) > 0;
        for (long i = 0; i < size; ++i) {
            const long kind = mild ? 1 : drawn(0, 40);
            const float a = static_cast<float>(drawn(-4000000, 4000000)), b = static_cast<float>(drawn(1, 1000));
            (*this)[i] = kind ? a * b * 1e-9f : extreme[drawn(0, 7)];
        }
        return *this;
    }

    long size;
    T* memory;
};

// A number for bits; all NaN count as one, since machines make different ones.
struct Digest {
    uint64_t state = 14695981039346656037u;

    void add(uint64_t value) { state = (state ^ value) * 1099511628211u; }
    void add(Array<float>& values) {
        for (long i = 0; i < values.size; ++i) {
            uint32_t bits;
            std::memcpy(&bits, &values[i], sizeof bits);
            add(uint64_t{std::isnan(values[i]) ? 0x7fc00000 : bits});
        }
    }
    void add(Array<uint16_t>& halves) {
        for (long i = 0; i < halves.size; ++i)
            add(uint64_t{(halves[i] & 0x7fff) > 0x7c00 ? uint16_t{0x7e00} : halves[i]});
    }
    template <class T>
    void add(Array<T>& values) {
        for (long i = 0; i < values.size; ++i) add(static_cast<uint64_t>(values[i]));
    }
};

struct Vectors {
    Vectors(long tokens, long width, long group, bool by_group)
        : groups((width + group - 1) / group),
          values(tokens * groups * group),
          sums(tokens * groups),
          scales(tokens * (by_group ? groups : 1)),
          as_c{values.data(), sums.data(), scales.data(), tokens, width, group, groups, by_group ? groups : 1} {}

    void into(Digest& digest) { digest.add(values), digest.add(sums), digest.add(scales); }

    long groups;
    Array<int8_t> values;
    Array<int32_t> sums;
    Array<float> scales;
    Activations as_c;
};

// A packed matrix of 4 or 8 bits and a bias.
struct Packed {
    Packed(long rows, long columns, long group, bool wide, bool half, bool by_row)
        : groups((columns + group - 1) / group),
          scale_groups(by_row ? 1 : groups),
          blocks((rows + 7) / 8),
          weights(blocks * groups * group * (wide ? 8 : 4)),
          zeros(blocks * groups * 8),
          wide_scales(half ? 0 : blocks * scale_groups * 8),
          scales(half ? blocks * scale_groups * 8 : 0),
          bias(rows) {
        weights.bytes(), zeros.bytes(), wide_scales.floats(), scales.halves(), bias.floats();
        const bool zero_points = coin() && !wide;
        for (long i = 0; i < zeros.size; ++i) zeros[i] &= 15;
        const void* of_half = half ? static_cast<void*>(scales.data()) : wide_scales.data();
        as_c = {weights.data(), of_half, zero_points ? zeros.data() : nullptr, rows, columns, group, groups, scale_groups,
                wide ? 8 : 4, half};
    }

    Linear linear(bool rotated) { return {as_c, bias.data(), rotated}; }

    long groups, scale_groups, blocks;
    Array<uint8_t> weights, zeros;
    Array<float> wide_scales;
    Array<uint16_t> scales;
    Array<float> bias;
    Matrix as_c;
};

Packed packed(long rows, long columns, long group) {
    const bool wide = coin(), half = coin(), by_row = coin();
    return {rows, columns, group, wide, half, by_row};
}

void products(Pool* pool) {
    const bool wide = drawn(0, 5) == 0;  // more than is unpacked at once
    const long rows = drawn(1, 70), columns = drawn(1, wide ? 2600 : 600), group = 32 << drawn(0, 2);
    const long tokens = drawn(1, 70);
    const bool by_group = coin(), rotated = coin(), with_bias = coin(), add = coin();
    Packed matrix = packed(rows, columns, group);
    Array<float> x(tokens * columns), y(tokens * rows);
    x.floats(), y.floats();
    Vectors vectors(tokens, columns, group, by_group);
    quantize(pool, x.data(), rotated, &vectors.as_c);
    Digest quantized, digest;
    vectors.into(quantized);
    multiply(pool, &matrix.as_c, &vectors.as_c, with_bias ? matrix.bias.data() : nullptr, add, y.data());
    digest.add(y);
    std::printf(" quantize %ld x %ld%s%s %016lx", tokens, columns, by_group ? " by group" : "",
                rotated ? " rotated" : "", static_cast<unsigned long>(quantized.state));
    std::printf(" multiply %ld rows %ld bits group %ld%s %016lx", rows, static_cast<long>(matrix.as_c.bits), group,
                matrix.as_c.zeros ? " zeros" : "", static_cast<unsigned long>(digest.state));
}

void layers(Pool* pool) {
    const long width = drawn(1, 300), tokens = drawn(1, 12), group = 32 << drawn(0, 2), kind = drawn(0, 3);
    const bool by_group = coin(), with_bias = coin(), centred = coin(), keep = coin(), rotated = coin();
    Array<float> x(tokens * 2 * width), weight(width), bias(width), normed(tokens * width);
    x.floats(), weight.floats(), bias.floats();
    Vectors vectors(tokens, width, group, by_group);
    norm_quantize(pool, x.data(), weight.data(), with_bias ? bias.data() : nullptr, 1e-5f, centred,
                  keep ? normed.data() : nullptr, &vectors.as_c);
    Digest norm, digest;
    norm.add(normed), vectors.into(norm);
    activate_quantize(pool, x.data(), kind, 2.0f, rotated, nullptr, &vectors.as_c);
    vectors.into(digest);
    std::printf(" norm %ld x %ld%s %016lx", tokens, width, centred ? " centred" : "",
                static_cast<unsigned long>(norm.state));
    std::printf(" activation %ld%s %016lx", kind, rotated ? " rotated" : "", static_cast<unsigned long>(digest.state));
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
    Digest digest;
    digest.add(y);
    std::printf(" adapters %ld x %ld %016lx", tokens, rows, static_cast<unsigned long>(digest.state));
}

// A cache of `count` sequences of up to `most` tokens, each in blocks of its own.
struct Keys {
    Keys(long count, long most, long kv_heads, long head_dim, long bits, long block_size)
        : table_size((most + block_size - 1) / block_size),
          places(count * table_size * kv_heads * block_size),
          halves(bits == 16 ? 2 * places * head_dim : 0),
          bytes(bits == 8 ? 2 * places * head_dim : 0),
          scales(bits == 8 ? 2 * places : 0),
          table(count * table_size) {
        as_c = {halves.data(), halves.data() + places * head_dim, nullptr, nullptr, kv_heads, head_dim, block_size, bits};
        if (bits == 8)
            as_c = {bytes.data(), bytes.data() + places * head_dim, scales.data(), scales.data() + places,
                    kv_heads,     head_dim,                         block_size,    bits};
        for (long i = 0; i < table.size; ++i) table[i] = static_cast<int32_t>(i);
        for (long s = 0; s < count; ++s) sequences.push_back({table.data() + s * table_size, 0, 0});
    }

    // Up to `most` new tokens of each sequence; returns how many in all.
    long next(long least, long most) {
        long tokens = 0;
        for (Sequence& sequence : sequences) {
            sequence.start += sequence.count;
            sequence.count = drawn(least, most);
            tokens += sequence.count;
        }
        return tokens;
    }

    void into(Digest& digest) { digest.add(halves), digest.add(bytes), digest.add(scales); }

    long table_size, places;
    Array<uint16_t> halves;
    Array<int8_t> bytes;
    Array<float> scales;
    Array<int32_t> table;
    std::vector<Sequence> sequences;
    Cache as_c;
};

Visibility visibility() {
    Visibility out{};
    if (coin()) out.window = drawn(1, 100);
    if (coin()) out.block = drawn(1, 70);
    out.local = drawn(1, 3), out.stride = drawn(1, 4), out.step = drawn(1, 3);
    return out;
}

void attention(Pool* pool) {
    const bool wide = drawn(0, 7) > 0;  // else more than one part of 512 positions
    const long kv_heads = drawn(1, wide ? 3 : 1), heads = kv_heads * drawn(1, wide ? 20 : 3);
    const long head_dim = 8 * drawn(1, wide ? 16 : 3), bits = 8 << drawn(0, 1), first = wide ? 0 : 600;
    const long block_size = drawn(1, 80), count = drawn(1, 3), steps = drawn(1, 3), half = drawn(0, head_dim / 2);
    const Visibility sees = visibility();
    const long width = (heads + 2 * kv_heads) * head_dim;
    Keys keys(count, first + steps * 40, kv_heads, head_dim, bits, block_size);
    Digest turned, digest;
    for (long step = 0; step < steps; ++step) {
        const long begun = step ? 0 : first, tokens = keys.next(begun, begun + 40);
        Array<float> qkv(tokens * width), cosine(tokens * half), sine(tokens * half), out(tokens * heads * head_dim);
        qkv.floats(), cosine.floats(), sine.floats();
        rotate_keep(pool, qkv.data(), heads, cosine.data(), sine.data(), half, keys.sequences.data(), count, &keys.as_c);
        turned.add(qkv);
        attend(pool, qkv.data(), heads, 0.1f, &sees, keys.sequences.data(), count, &keys.as_c, out.data());
        digest.add(out);
    }
    keys.into(turned);
    std::printf(" rotate %016lx", static_cast<unsigned long>(turned.state));
    std::printf(" attend %ld heads of %ld, %ld bits %016lx", heads, head_dim, bits,
                static_cast<unsigned long>(digest.state));
}

// A prompt and another step of a whole layer, the latter for some rows only.
void layer(Pool* pool) {
    const long kv_heads = drawn(1, 2), heads = kv_heads * drawn(1, 3), head_dim = 8 * drawn(1, 8), width = drawn(1, 150);
    const long inner = drawn(1, 200), kind = drawn(0, 3), group = 32 << drawn(0, 2), count = drawn(1, 2);
    const long bits = 8 << drawn(0, 1), half = drawn(0, head_dim / 2), block_size = drawn(1, 40);
    const bool by_group = coin(), centred = coin(), rotated = coin(), with_between = coin();
    const bool gates = kind == 0 || kind == 3;
    Packed qkv = packed((heads + 2 * kv_heads) * head_dim, width, group), out = packed(width, heads * head_dim, group);
    Packed up = packed(gates ? 2 * inner : inner, width, group), down = packed(width, inner, group);
    Array<float> before(width), between(width), bias(width);
    before.floats(), between.floats(), bias.floats();
    Keys keys(count, 80, kv_heads, head_dim, bits, block_size);
    const Shape shape{heads, centred, kind, by_group, 1e-5f, 2.0f, 0.1f};
    const Block mine{qkv.linear(false), out.linear(rotated), up.linear(false), down.linear(rotated),
                     {before.data(), bias.data()}, {with_between ? between.data() : nullptr, nullptr},
                     visibility(), keys.as_c};
    Digest digest;
    for (long step = 0; step < 2; ++step) {
        const long tokens = keys.next(1, 40);
        Array<float> x(tokens * width), cosine(tokens * half), sine(tokens * half);
        x.floats(), cosine.floats(), sine.floats();
        Array<char> room(block_room(&shape, &mine, tokens, 0) + 64);
        char* const aligned = room.data() + (64 - reinterpret_cast<uintptr_t>(room.data()) % 64) % 64;
        Step all{cosine.data(), sine.data(), half, keys.sequences.data(), count, tokens, nullptr, nullptr, 0, aligned};
        std::vector<int64_t> rows;  // the last of each sequence
        std::vector<Sequence> asked = keys.sequences;
        for (Sequence& sequence : asked) {
            rows.push_back((rows.empty() ? -1 : rows.back()) + sequence.count);
            sequence.start += sequence.count - 1, sequence.count = 1;
        }
        if (step) all.rows = rows.data(), all.asked = asked.data(), all.wanted = count;
        block(pool, &shape, &mine, &all, x.data());
        digest.add(x);
    }
    keys.into(digest);
    std::printf(" layer %ld wide, %ld heads of %ld %016lx", width, heads, head_dim,
                static_cast<unsigned long>(digest.state));
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 2) {  // builds
        for (int i = 2; i < count; ++i) std::printf("%s %d\n", arguments[i], runs(arguments[i]));
        return 0;
    }
    const long rounds = std::atol(arguments[1]);
    Pool* pool = pool_open(3);
    for (long round = 0; round < rounds; ++round) {
        random_bits.seed(round);
        Pool* mine = coin() ? pool : nullptr;
        std::printf("%ld", round);
        products(mine), layers(mine), adapters(mine), attention(mine), layer(mine);
        std::printf("\n");
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
