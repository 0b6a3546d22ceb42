"""The int4 kernels under the address, undefined-behaviour and thread sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import phial.kernels
from phial.kernels.int4_library import int4_builds

SOURCES = Path(phial.kernels.__file__).parent / "int4"
DRIVER = Path(__file__).with_name("int4_driver.cpp")
FLAGS = ["-std=c++17", "-O1", "-g", "-Wno-psabi", "-ffp-contract=off", "-pthread", "-fno-sanitize-recover=all"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler"),
]


@pytest.mark.parametrize("build", ["any", "avx2"])
@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_no_sanitizer_objects(tmp_path, build, sanitizers):
    if build not in int4_builds():
        pytest.skip("this machine does not run the build")
    machine = ["-mavx2", "-mf16c"] if build == "avx2" else []
    program = tmp_path / "driver"
    command = ["g++", *FLAGS, *machine, f"-fsanitize={sanitizers}", f"-I{SOURCES}", "-o", str(program), str(DRIVER)]
    subprocess.run([*command, *map(str, sorted(SOURCES.glob("*.cpp")))], check=True)
    rounds = 30 if sanitizers == "thread" else 100
    done = subprocess.run([program, str(rounds)], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0 and done.stdout.endswith(f"\n{rounds} rounds\n"), done.stderr[-4000:]
