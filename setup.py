"""Builds the compiled kernels; everything else about the package is in pyproject.toml.

Each source is compiled for any machine of the architecture and again for instructions that only some have;
`phial.kernels` opens the best build that runs. All are plain shared objects, opened with ctypes. A build that the
compiler does not know is left out; without a compiler the installation goes on without any.
"""

import os
import platform
from pathlib import Path

from setuptools import Extension, setup

# Not -ffast-math: NaN and infinity must reach the results, and sums keep the order that the source gives them.
FLAGS = [
    "-std=c++17",
    "-O3",
    "-g0",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
    "-Wno-psabi",
]
KERNELS = Path("src/phial/kernels")


def kernel(name: str, sources: list[Path], *flags: str, link: tuple[str, ...] = ()) -> Extension:
    """One build of some kernels."""
    return Extension(
        f"phial.kernels.{name}",
        [source.as_posix() for source in sources],
        depends=[header.as_posix() for header in sorted(sources[0].parent.glob("*.h"))],
        extra_compile_args=[*FLAGS, *flags],
        extra_link_args=list(link),
        language="c++",
        optional=True,
    )


MACHINE = platform.machine().lower()
X86, ARM = MACHINE in ("x86_64", "amd64"), MACHINE in ("aarch64", "arm64")
if platform.system() == "Darwin":  # not for both architectures at once: their flags differ
    os.environ.setdefault("ARCHFLAGS", f"-arch {MACHINE}")

train = [KERNELS / "train.cpp"]
train_flags = ["-ffp-contract=fast"]
train_builds = {"any": []}
int4 = sorted((KERNELS / "int4").glob("*.cpp"))
# Without contraction, so that all builds round alike.
int4_flags = ["-ffp-contract=off", "-pthread"]
int4_builds = {"any": []}
if X86:
    train_builds["avx2"] = ["-mavx2", "-mfma"]
    avx2 = ["-mavx2", "-mf16c"]
    int4_builds["avx2"] = avx2
    int4_builds["avxvnni"] = [*avx2, "-mavxvnni", "-DVNNI=256"]
    int4_builds["avx512vnni"] = [*avx2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vnni", "-DVNNI=512"]
if ARM:
    int4_builds["dotprod"] = ["-march=armv8.2-a+dotprod"]
    int4_builds["i8mm"] = ["-march=armv8.2-a+dotprod+i8mm"]
setup(
    ext_modules=[
        *(kernel(f"train_{name}", train, *train_flags, *flags) for name, flags in train_builds.items()),
        *(kernel(f"int4_{name}", int4, *int4_flags, *flags, link=("-pthread",)) for name, flags in int4_builds.items()),
        kernel("text_any", [KERNELS / "text.cpp"]),
    ]
)
