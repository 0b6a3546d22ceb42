"""Builds the training kernels; everything else about the package is in pyproject.toml.

The same source is compiled twice, for any machine of the architecture and for AVX2 with FMA; `phial.kernels` opens the
one that runs. Both are plain shared objects, opened with ctypes. Without a compiler the installation goes on without.
"""

from setuptools import Extension, setup

# Not -ffast-math: NaN and infinity must reach the loss, and sums keep the order that the source gives them.
FLAGS = [
    "-std=c++17",
    "-O3",
    "-g0",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fvisibility=hidden",
    "-Wno-psabi",
]


def kernel(name: str, *flags: str) -> Extension:
    """One build of the kernels."""
    return Extension(
        f"phial.kernels.{name}",
        ["src/phial/kernels/train.cpp"],
        extra_compile_args=[*FLAGS, *flags],
        language="c++",
        optional=True,
    )


setup(ext_modules=[kernel("train_any"), kernel("train_avx2", "-mavx2", "-mfma")])
