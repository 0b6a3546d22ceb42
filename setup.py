"""Builds the compiled kernels; everything else about the package is in pyproject.toml.

Each source is compiled twice, for any machine of the architecture and for AVX2; `phial.kernels` opens the one that
runs. All are plain shared objects, opened with ctypes. Without a compiler the installation goes on without.
"""

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


train = [KERNELS / "train.cpp"]
train_flags = ["-ffp-contract=fast"]
int4 = sorted((KERNELS / "int4").glob("*.cpp"))
# Without contraction, so that all builds round alike.
int4_flags = ["-ffp-contract=off", "-pthread"]
setup(
    ext_modules=[
        kernel("train_any", train, *train_flags),
        kernel("train_avx2", train, *train_flags, "-mavx2", "-mfma"),
        kernel("text_any", [KERNELS / "text.cpp"]),
        kernel("int4_any", int4, *int4_flags, link=("-pthread",)),
        kernel("int4_avx2", int4, *int4_flags, "-mavx2", "-mf16c", link=("-pthread",)),
    ]
)
