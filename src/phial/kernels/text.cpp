// Hashes of the words of many texts. Single-threaded, without state.

#include <cstdint>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr uint64_t START = 0xcbf29ce484222325u, PRIME = 0x100000001b3u;  // FNV-1a, 64 bits
constexpr long ENDING = 3, WHOLE = 4;

struct Table {
    uint8_t lower[256] = {};  // 0 for what separates words
    constexpr Table() {
        for (int byte = '0'; byte <= '9'; byte++) lower[byte] = uint8_t(byte);
        for (int byte = 'a'; byte <= 'z'; byte++) lower[byte] = lower[byte - 32] = uint8_t(byte);
        for (int byte = 128; byte < 255; byte++) lower[byte] = uint8_t(byte);
    }
};
constexpr Table TABLE;

inline uint64_t mixed(uint64_t hash) {
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

}  // namespace

// Words are runs of ASCII letters, digits and bytes of 128 to 254, lowercased; a byte of 255 ends a text.
//   hashes  one for each word, [words]
//   shapes  the word itself up to 4 bytes, the last 3 bytes of a longer one, hashed, [words]
//   counts  words of each text, [texts]
// Returns the number of words. hashes and shapes must have room for (size + 1) / 2.
EXPORT long hash_words(const uint8_t* bytes, long size, uint64_t* hashes, uint64_t* shapes, int64_t* counts) {
    long words = 0, before = 0, at = 0;
    while (at < size) {
        if (bytes[at] == 255) {
            *counts++ = words - before;
            before = words;
        }
        if (!TABLE.lower[bytes[at]]) {
            at++;
            continue;
        }
        const long start = at;
        uint64_t hash = START;
        for (uint8_t byte; at < size && (byte = TABLE.lower[bytes[at]]); at++) hash = (hash ^ byte) * PRIME;
        hashes[words] = mixed(hash);
        if (at - start <= WHOLE) {
            shapes[words] = mixed(hash);
        } else {
            uint64_t ending = (START ^ '~') * PRIME;
            for (long k = at - ENDING; k < at; k++) ending = (ending ^ TABLE.lower[bytes[k]]) * PRIME;
            shapes[words] = mixed(ending);
        }
        words++;
    }
    return words;
}
