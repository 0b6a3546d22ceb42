"""The int4 kernels as other machines run them: aarch64 builds in an emulator, AVX-512 and AVX-VNNI through SIMDe.

Every build prints the same bits as the portable one of this machine. What this says nothing about is speed, and of the
VNNI builds the compiled instructions.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import phial.kernels
from phial.kernels.int4_library import int4_builds

SOURCES = Path(phial.kernels.__file__).parent / "int4"
DRIVER = Path(__file__).with_name("int4_driver.cpp")
FLAGS = ["-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi", "-ffp-contract=off", "-pthread"]
ROUNDS = 150
AARCH64 = {  # the build's flags, and the least of qemu's machines that has its instructions
    "any": ([], "cortex-a72"),
    "dotprod": (["-march=armv8.2-a+dotprod"], "neoverse-n1"),
    "i8mm": (["-march=armv8.2-a+dotprod+i8mm"], "max"),
}
SIMDE = {
    "avxvnni": ["-DVNNI=256", "-D_mm256_dpbusd_avx_epi32=_mm256_dpbusd_epi32"],
    "avx512vnni": ["-DVNNI=512"],
}

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")]


def compiled(program, *command):
    """The driver with the kernels."""
    sources = [str(DRIVER), *map(str, sorted(SOURCES.glob("*.cpp")))]
    subprocess.run([*command, *FLAGS, f"-I{SOURCES}", "-o", str(program), *sources], check=True)
    return str(program)


def lines(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """What the portable build of this machine prints."""
    out = lines(compiled(tmp_path_factory.mktemp("here") / "driver", "g++"), str(ROUNDS))
    assert len(set(out)) == ROUNDS + 1 and out[-1] == f"{ROUNDS} rounds"
    return out


@pytest.fixture(scope="module")
def aarch64(tmp_path_factory):
    """A build for aarch64, made once: its name to its program."""
    if shutil.which("aarch64-linux-gnu-g++") is None or shutil.which("qemu-aarch64") is None:
        pytest.skip("no aarch64-linux-gnu-g++ or no qemu-aarch64")
    made = {}

    def program(build):
        if build not in made:
            flags = AARCH64[build][0]
            folder = tmp_path_factory.mktemp(build)
            made[build] = compiled(folder / "driver", "aarch64-linux-gnu-g++", "-static", *flags)
        return made[build]

    return program


@pytest.mark.parametrize("build", AARCH64)
def test_aarch64_prints_the_bits_of_this_machine(aarch64, here, build):
    assert lines("qemu-aarch64", "-cpu", AARCH64[build][1], aarch64(build), str(ROUNDS)) == here


@pytest.mark.parametrize(("machine", "runs"), [("cortex-a72", "100"), ("neoverse-n1", "110"), ("max", "111")])
def test_aarch64_says_which_builds_run(aarch64, machine, runs):
    said = lines("qemu-aarch64", "-cpu", machine, aarch64("any"), "0", *AARCH64, "avx2")
    assert said == [f"{build} {value}" for build, value in zip([*AARCH64, "avx2"], runs + "0", strict=True)]


@pytest.mark.skipif("avx2" not in int4_builds(), reason="this machine has no AVX2")
def test_avx2_prints_the_bits_of_the_portable_build(tmp_path, here):
    assert lines(compiled(tmp_path / "driver", "g++", "-mavx2", "-mf16c"), str(ROUNDS)) == here


@pytest.mark.skipif("avx2" not in int4_builds(), reason="this machine has no AVX2")
@pytest.mark.parametrize("build", SIMDE)
def test_vnni_through_simde_prints_the_bits_of_the_portable_build(tmp_path, here, build):
    simde = ["-DSIMDE_ENABLE_NATIVE_ALIASES", "-include", "simde/x86/avx512.h"]
    probe = ["g++", "-mavx2", *simde, "-fsyntax-only", "-x", "c++", "/dev/null"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no SIMDe")
    program = compiled(tmp_path / "driver", "g++", "-mavx2", "-mf16c", *simde, *SIMDE[build])
    assert lines(program, str(ROUNDS)) == here
