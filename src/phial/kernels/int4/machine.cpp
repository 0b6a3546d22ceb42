// Which builds of the kernels this machine runs. The builds and their names are in setup.py.

#include <cstring>

#include "int4.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace {

#if defined(__x86_64__)

bool has(const char* build) {
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
    if (!std::strcmp(build, "avx2")) return avx2;
    if (!std::strcmp(build, "avxvnni")) {  // not every compiler knows its name
        unsigned a = 0, b = 0, c = 0, d = 0;
        return avx2 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
    }
    if (!std::strcmp(build, "avx512vnni"))
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    return false;
}

#elif defined(__aarch64__) && defined(__linux__)

bool has(const char* build) {
    const bool dotprod = getauxval(AT_HWCAP) >> 20 & 1, i8mm = getauxval(AT_HWCAP2) >> 13 & 1;
    if (!std::strcmp(build, "dotprod")) return dotprod;
    return !std::strcmp(build, "i8mm") && dotprod && i8mm;
}

#elif defined(__aarch64__) && defined(__APPLE__)

bool flag(const char* name) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value == 1;
}

bool has(const char* build) {
    const bool dotprod = flag("hw.optional.arm.FEAT_DotProd");
    if (!std::strcmp(build, "dotprod")) return dotprod;
    return !std::strcmp(build, "i8mm") && dotprod && flag("hw.optional.arm.FEAT_I8MM");
}

#else

bool has(const char*) { return false; }

#endif

}  // namespace

// Whether this machine runs the build of that name, of those that were made for its architecture.
EXPORT int runs(const char* build) { return !std::strcmp(build, "any") || has(build); }
