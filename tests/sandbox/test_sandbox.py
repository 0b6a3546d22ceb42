"""The sandbox: attacks fail, ordinary programs run, limits end what exceeds them, and without a level nothing runs."""

from __future__ import annotations

import errno
import os
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from phial.errors import PhialError
from phial.sandbox import Limits, SandboxUnavailable, level, run_many, run_python, seccomp
from phial.sandbox.launch import execute
from phial.sandbox.levels import LEVELS, probe

held = pytest.mark.skipif(
    level() == "none", reason="no sandbox level holds on this machine, so there is nothing to attack"
)
QUICK = Limits(seconds=3.0)

_REPORT = """
import os, sys, ctypes
def attempt(action):
    try:
        result = action()
    except (OSError, MemoryError, RuntimeError, ValueError) as error:
        print("blocked", type(error).__name__)
    else:
        print("OPEN", repr(result)[:200])
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "call")
    return result
"""


def attack(*attempts: str, limits: Limits = QUICK) -> list[str]:
    """Run attempts, each an expression, and return what each reported."""
    source = _REPORT + "".join(f"attempt(lambda: {attempt})\n" for attempt in attempts)
    outcome = run_python(source, limits)
    assert outcome.status == "ok", outcome
    lines = outcome.stdout.splitlines()
    assert len(lines) == len(attempts), outcome
    return lines


def all_blocked(lines: list[str]) -> bool:
    return all(line.startswith("blocked") for line in lines)


@held
def test_reading_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    lines = attack(
        f"open({str(secret)!r}).read()",
        f"os.listdir({str(tmp_path)!r})",
        "open('/etc/passwd').read()",
        "open('/etc/shadow').read()",
        "open('/proc/1/environ').read()",
        "open('/proc/self/environ').read()",
        "open(f'/proc/{os.getppid()}/mem', 'rb')",
        "os.listdir('/proc/self/fd')",
        "os.listdir('/')",
        "os.listdir(os.path.expanduser('~root'))",
        f"open({pytest.__file__!r}).read()",
    )
    assert all_blocked(lines), lines


@held
def test_writing_outside(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    target.chmod(0o666)
    tmp_path.chmod(0o777)
    path = str(target)
    lines = attack(
        f"open({path!r}, 'w')",
        f"open({path + '2'!r}, 'w')",
        f"os.truncate({path!r}, 0)",
        f"os.open({path!r}, os.O_RDONLY | os.O_TRUNC)",
        f"os.open({os.__file__!r}, os.O_RDONLY | os.O_TRUNC)",
        f"os.open({os.__file__!r}, 3 | os.O_TRUNC)",
        f"os.unlink({path!r})",
        f"os.rename({path!r}, 'mine')",
        f"os.chmod({path!r}, 0)",
        f"os.chown({path!r}, os.getuid(), os.getgid())",
        f"os.utime({path!r}, (0, 0))",
        f"os.setxattr({path!r}, 'user.mark', b'1')",
        f"os.mkdir({path + '3'!r})",
    )
    assert all_blocked(lines), lines
    assert target.read_text() == "kept"
    assert os.listdir(tmp_path) == ["target"]
    assert Path(os.__file__).stat().st_size > 0


@held
def test_links_lead_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    lines = attack(
        f"(os.symlink({str(secret)!r}, 'link'), open('link').read())",
        f"(os.link({str(secret)!r}, 'link'), open('link').read())",
        f"open(os.path.join('..', '..', '..', '..', {str(secret)[1:]!r})).read()",
        f"(os.chdir({str(tmp_path)!r}), open('secret').read())",
        "os.mkfifo('fifo')",
        "os.mknod('device', 0o020666, os.makedev(1, 3))",
        "os.mkdir('folder')",
    )
    assert all_blocked(lines), lines


@held
def test_sockets() -> None:
    lines = attack(
        "__import__('socket').socket()",
        "__import__('socket').socket(1, 1)",
        "__import__('socket').socketpair()",
        "__import__('socket').create_connection(('127.0.0.1', 80), 1)",
        "__import__('socket').socket(16, 3, 0)",
    )
    assert all_blocked(lines), lines


@held
def test_processes_and_threads() -> None:
    lines = attack(
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.execv('/bin/sh', ['sh', '-c', 'echo OPEN'])",
        f"os.execv({sys.executable!r}, ['python'])",
        "os.popen('true')",
        "__import__('subprocess').run(['true'])",
        "__import__('threading').Thread(target=print).start()",
        "os.setsid()",
        "os.setpgid(0, 0)",
    )
    assert all_blocked(lines), lines


@held
def test_fork_bomb() -> None:
    before = len([name for name in os.listdir("/proc") if name.isdigit()])
    outcome = run_python("import os\nwhile True:\n    os.fork()\n", QUICK)
    assert outcome.status == "failed"
    assert "PermissionError" in outcome.stderr
    assert len([name for name in os.listdir("/proc") if name.isdigit()]) < before + 50


@held
def test_signals_to_others() -> None:
    lines = attack(
        "os.kill(os.getppid(), 9)",
        "os.kill(-1, 9)",
        "os.killpg(0, 9)",
        "__import__('fcntl').fcntl(os.pipe()[0], 8, os.getppid())",  # F_SETOWN
        "os.pidfd_open(os.getppid())",
    )
    assert all_blocked(lines), lines


# (x86_64, aarch64) numbers of calls that Python does not wrap.
_RAW_CALLS = {
    "ptrace": ((101, 117), "16, os.getppid(), 0, 0"),
    "process_vm_readv": ((310, 270), "os.getppid(), 0, 0, 0, 0, 0"),
    "mount": ((165, 40), "b'none', b'.', b'tmpfs', 0, 0"),
    "unshare": ((272, 97), "0x10000000"),
    "setns": ((308, 268), "0, 0"),
    "chroot": ((161, 51), "b'.'"),
    "bpf": ((321, 280), "0, 0, 0"),
    "perf_event_open": ((298, 241), "0, 0, -1, -1, 0"),
    "io_uring_setup": ((425, 425), "1, ctypes.create_string_buffer(256)"),
    "userfaultfd": ((323, 282), "1"),
    "memfd_create": ((319, 279), "b'x', 0"),
    "keyctl": ((250, 219), "0, -3, 0"),
    "shmget": ((29, 194), "0, 4096, 0o1600"),
    "mq_open": ((240, 180), "b'x', 0o102, 0o600, 0"),
    "prctl": ((157, 167), "4, 1, 0, 0, 0"),
    "prlimit64": ((302, 261), "0, 9, struct, 0"),
    "clone3": ((435, 435), "ctypes.create_string_buffer(88), 88"),
    "openat2": ((437, 437), "-100, b'/etc/passwd', ctypes.create_string_buffer(24), 24"),
    "sched_setaffinity": ((203, 122), "0, 8, struct"),
    "reboot": ((169, 142), "0, 0, 0, 0"),
}


@held
def test_raw_system_calls() -> None:
    column = 0 if os.uname().machine == "x86_64" else 1
    attempts = [
        f"call({numbers[column]}, {arguments.replace('struct', 'ctypes.create_string_buffer(bytes([255]) * 16)')})"
        for numbers, arguments in _RAW_CALLS.values()
    ]
    lines = attack(*attempts)
    assert lines == [
        "blocked " + ("OSError" if name in ("clone3", "openat2") else "PermissionError") for name in _RAW_CALLS
    ]


@held
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the x32 call table is x86_64's")
def test_the_other_call_table_kills() -> None:
    assert run_python(_REPORT + "call(0x40000000 + 39)", QUICK).status == "killed"


@held
def test_limits_cannot_be_raised() -> None:
    lines = attack(
        "__import__('resource').setrlimit(__import__('resource').RLIMIT_AS, (-1, -1))",
        "[open(str(n), 'w') for n in range(64)] and [os.dup(1) for n in range(64)]",
        "open('big', 'wb').write(bytes(2 ** 21))",
        "os.nice(-5)",
        "os.setuid(0 if os.getuid() else 1)",
    )
    assert all_blocked(lines), lines


@held
def test_memory_bomb() -> None:
    lines = attack("bytearray(2 ** 31)")
    assert lines == ["blocked MemoryError"]
    outcome = run_python("kept = []\nwhile True:\n    kept.append(bytearray(2 ** 20))\n", QUICK)
    assert outcome.status == "failed"
    assert "MemoryError" in outcome.stderr


@held
@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "import time\ntime.sleep(60)",
        "import os, time\nos.close(1)\nos.close(2)\ntime.sleep(60)",
        "import signal\nfor number in range(1, 32):\n"
        "    if number not in (9, 19): signal.signal(number, signal.SIG_IGN)\nwhile True: pass",
        "while True: print('x' * 1000)",
    ],
    ids=["loop", "sleep", "closed pipes", "ignored signals", "endless output"],
)
def test_time_limit(source: str) -> None:
    started = time.monotonic()
    outcome = run_python(source, Limits(seconds=0.5))
    assert outcome.status == "timeout"
    assert outcome.exit_code is None
    assert 0.5 <= outcome.seconds <= time.monotonic() - started < 1.5


@held
def test_giant_output_is_capped() -> None:
    source = "import sys\nfor _ in range(50):\n    sys.stdout.write('x' * 10**6)\n    sys.stderr.write('y' * 10**6)\n"
    outcome = run_python(source, Limits(seconds=5.0, output_bytes=1000))
    assert outcome.status == "ok"
    assert outcome.stdout == "x" * 1000
    assert outcome.stderr == "y" * 1000


@held
def test_filling_the_disk_ends_the_program() -> None:
    source = "for n in range(10**9):\n    with open(str(n), 'wb') as f: f.write(bytes(2**20))\n"
    assert run_python(source, QUICK).status == "killed"
    assert run_python("for n in range(10**9): open(str(n), 'w').close()", QUICK).status == "killed"


@held
def test_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "secret")
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        outcome = run_python(
            "import os, sys\nprint(dict(os.environ))\nprint(os.listdir('.'), sys.path, hash('a'))\n"
            "for descriptor in range(3, 32):\n"
            "    try: os.fstat(descriptor)\n"
            "    except OSError: continue\n"
            "    print('inherited', descriptor)\n"
            "print(repr(sys.stdin.read()))",
            QUICK,
        )
    finally:
        os.close(read)
        os.close(write)
    assert outcome.status == "ok", outcome.stderr
    assert "secret" not in outcome.stdout
    assert "API_KEY" not in outcome.stdout
    assert "site-packages" not in outcome.stdout
    assert "inherited" not in outcome.stdout
    assert outcome.stdout.endswith("''\n")
    assert "'PYTHONHASHSEED': '0'" in outcome.stdout


@held
def test_ordinary_programs_run() -> None:
    source = (
        "import collections, datetime, decimal, fractions, hashlib, heapq, itertools, json, math, random, re, sqlite3\n"
        "import statistics, string, tempfile, typing\n"
        "with open('notes.txt', 'w') as stream: stream.write('kept\\n')\n"
        "with open('notes.txt', 'a') as stream: stream.write('more\\n')\n"
        "with tempfile.TemporaryFile() as stream: stream.write(b'x')\n"
        "print(open('notes.txt').read(), __name__, math.prod(range(1, 20)), 'ü')\n"
    )
    outcome = run_python(source)
    assert (outcome.status, outcome.exit_code) == ("ok", 0), outcome.stderr
    assert outcome.stdout == "kept\nmore\n __main__ 121645100408832000 ü\n"
    assert outcome.level == level() != "none"


@pytest.mark.parametrize("name", LEVELS)
def test_of_installed_packages_only_those_that_are_named_can_be_imported(name: str) -> None:
    if probe(name):
        pytest.skip(probe(name))
    packages = os.path.dirname(os.path.dirname(np.__file__))
    tried = [
        "numpy.linalg.inv(numpy.eye(3)).sum(), numpy.random.default_rng(0).integers(1, 2)",
        "__import__('torch')",
        "open(os.path.join(packages, 'torch', '__init__.py'))",
        "open(numpy.__file__, 'a')",
        "open(os.path.join(packages, 'new'), 'w')",
        "open(os.path.join(os.path.dirname(os.__file__), 'site-packages', 'new'), 'w')",
    ]
    source = f"import os\npackages = {packages!r}\nimport numpy\n" + "".join(
        f"try: print({expression})\nexcept Exception as error: print(type(error).__name__)\n" for expression in tried
    )
    outcome = execute(source, Limits(memory_bytes=512 << 20), name, ("numpy",))
    refused = outcome.stdout.splitlines()
    assert refused[:2] == ["3.0 1", "ModuleNotFoundError"] and len(refused) == 6, outcome
    assert set(refused[2:]) <= {"PermissionError", "FileNotFoundError", "OSError"}
    assert "ModuleNotFoundError" in execute("import numpy", QUICK, name).stderr


@held
@pytest.mark.parametrize(
    ("source", "status", "exit_code"),
    [
        ("", "ok", 0),
        ("import sys; sys.exit(3)", "failed", 3),
        ("raise SystemExit", "ok", 0),
        ("import os; os._exit(7)", "failed", 7),
        ("1 / 0", "failed", 1),
        ("def", "failed", 1),
        ("x = '\ud800'", "failed", 1),
        ("\0", "failed", 1),
        ("import ctypes; ctypes.string_at(0)", "killed", None),
    ],
)
def test_endings(source: str, status: str, exit_code: int | None) -> None:
    outcome = run_python(source, QUICK)
    assert (outcome.status, outcome.exit_code) == (status, exit_code), outcome


@held
def test_tracebacks_show_the_program_only() -> None:
    stderr = run_python("def f():\n    return 1 / 0\nf()", QUICK).stderr
    assert "ZeroDivisionError" in stderr
    assert 'File "<program>", line 2, in f' in stderr
    assert "child.py" not in stderr


@held
def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    descriptors = os.listdir("/proc/self/fd")
    outcomes = run_many(
        ["open('a', 'w')", "while True: pass", "import os\nos.open('b', os.O_CREAT, 0)"], Limits(seconds=0.4)
    )
    assert [outcome.status for outcome in outcomes] == ["ok", "timeout", "ok"]
    assert os.listdir(tmp_path) == []
    assert os.listdir("/proc/self/fd") == descriptors


@held
def test_run_many_keeps_order() -> None:
    outcomes = run_many([f"print({number})" for number in range(6)], workers=2)
    assert [outcome.stdout for outcome in outcomes] == [f"{number}\n" for number in range(6)]


def test_without_a_level_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHIAL_SANDBOX", "off")
    assert level() == "none"
    with pytest.raises(SandboxUnavailable) as caught:
        run_python(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert isinstance(caught.value, PhialError)
    assert "PHIAL_SANDBOX" in str(caught.value)
    with pytest.raises(SandboxUnavailable):
        run_many(["print(1)"])
    assert os.listdir(tmp_path) == []


def test_the_filter_denies_by_default() -> None:
    for machine in ("x86_64", "aarch64"):
        program = seccomp.program(machine)
        instructions = list(struct.iter_unpack("HBBI", program))
        assert instructions[-1] == (0x06, 0, 0, 0x00050000 | errno.EPERM)
        for index, (code, jump_true, jump_false, _) in enumerate(instructions):
            if code & 7 == 5:
                assert index + 1 + max(jump_true, jump_false) < len(instructions)
    assert not seccomp.supported("riscv64")


def decide(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would return for a call, by its rules for classic BPF."""
    data = struct.pack("IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    instructions = list(struct.iter_unpack("HBBI", program))
    accumulator = position = 0
    while True:
        code, jump_true, jump_false, operand = instructions[position]
        position += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            accumulator = struct.unpack_from("I", data, operand)[0]
        elif code == 0x54:
            accumulator &= operand
        elif code == 0x15:
            position += jump_true if accumulator == operand else jump_false
        elif code == 0x35:
            position += jump_true if accumulator >= operand else jump_false
        else:
            raise AssertionError(code)


@pytest.mark.parametrize(
    ("machine", "architecture", "read", "execve", "clone", "kill", "openat", "fcntl"),
    [("x86_64", 0xC000003E, 0, 59, 56, 62, 257, 72), ("aarch64", 0xC00000B7, 63, 221, 220, 129, 56, 25)],
)
def test_the_filter_of_each_architecture(
    machine: str, architecture: int, read: int, execve: int, clone: int, kill: int, openat: int, fcntl: int
) -> None:
    program = seccomp.program(machine)
    allow, deny, kill_process = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
    assert decide(program, architecture, read) == allow
    assert [decide(program, architecture, number) for number in (execve, clone, kill, 999)] == [deny] * 4
    assert decide(program, 0x40000003, read) == kill_process
    # flags of openat: only an open for writing may truncate
    assert [decide(program, architecture, openat, 0, 0, flags) for flags in (0, 0o1101, 0o1002)] == [allow] * 3
    assert [decide(program, architecture, openat, 0, 0, flags) for flags in (0o1000, 0o1003)] == [deny] * 2
    assert decide(program, architecture, fcntl, 1, 3) == allow
    assert decide(program, architecture, fcntl, 1, 8) == deny


@pytest.mark.skipif(level() == "none", reason="there is no sandbox here")
def test_processor_time_has_a_limit_of_its_own():
    outcome = run_python("while True: pass", Limits(seconds=60.0, cpu_seconds=1.0))
    assert outcome.status in ("timeout", "killed") and outcome.seconds < 60  # the kernel chooses the signal
