"""Start, watch and stop sandboxed programs; prove once by attacks that the sandbox holds, and refuse if it does not."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from phial.errors import PhialError
from phial.sandbox import child, landlock, seccomp

HELD = "landlock+seccomp"
NONE = "none"

_POLL_SECONDS = 0.05
_CHUNK = 65_536
_MAXIMUM_FILES = 256
_WORKSPACE_FILE_SIZES = 16  # the workspace may hold this many times `file_bytes`
# No -I: it would ignore PYTHONHASHSEED. The environment is ours, so -s -P -S isolate as much.
_INTERPRETER_OPTIONS = ("-s", "-P", "-S", "-X", "utf8")


class SandboxUnavailable(PhialError):
    """Untrusted code was to run and no sandbox level holds on this machine."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use.

    Attributes:
        seconds: wall-clock time, the interpreter's start included.
        memory_bytes: address space.
        output_bytes: what is kept of stdout, and of stderr; the rest is read and dropped.
        file_bytes: size of any one file it writes.
    """

    seconds: float = 5.0
    memory_bytes: int = 256 * 1024**2
    output_bytes: int = 64 * 1024
    file_bytes: int = 1024**2


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    Attributes:
        status: "ok" (exit code 0), "failed" (another exit code), "timeout", or "killed" (by a signal or a limit).
        exit_code: None unless the program ended by itself.
        seconds: wall-clock time.
        level: the sandbox level it ran under.
    """

    status: Literal["ok", "failed", "timeout", "killed"]
    exit_code: int | None
    stdout: str
    stderr: str
    seconds: float
    level: str


@dataclass(frozen=True, slots=True)
class _Readable:
    files: tuple[str, ...]
    directories: tuple[str, ...]
    listings: tuple[str, ...]


def level() -> str:
    """The level that holds here: "landlock+seccomp", or "none" where an attack got through or PHIAL_SANDBOX is "off".

    The attacks run once a process.
    """
    return NONE if _fault() else HELD


def run_python(source: str, limits: Limits = DEFAULT_LIMITS) -> Outcome:
    """Run a Python program in the sandbox.

    Args:
        source: the program; it is executed as `__main__` in an empty temporary directory that is removed afterwards.

    Raises:
        SandboxUnavailable: the level is "none"; the program was not started.
    """
    fault = _fault()
    if fault:
        raise SandboxUnavailable(
            f"no sandbox for untrusted code: {fault}",
            where="phial.sandbox",
            do="use Linux 5.13 or later (x86_64 or aarch64) with Landlock on (`lsm=landlock,...`), and a container "
            "whose seccomp profile allows the landlock system calls; unset PHIAL_SANDBOX",
        )
    return _execute(source, limits)


def run_many(sources: Sequence[str], limits: Limits = DEFAULT_LIMITS, workers: int = 2) -> list[Outcome]:
    """Run several programs, `workers` at a time.

    Returns:
        Their outcomes in the order of `sources`.

    Raises:
        SandboxUnavailable: the level is "none".
    """
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(functools.partial(run_python, limits=limits), sources))


def _environment(workspace: str) -> dict[str, str]:
    environment = {
        "HOME": workspace,
        "TMPDIR": workspace,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENSSL_CONF": "/dev/null",
    }
    if "LD_LIBRARY_PATH" in os.environ:  # some interpreters do not start without it
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return environment


# The extension modules of the standard library that load shared libraries from outside it.
_DISCOVER = """
import os, sys
for name in "_bz2 _ctypes _decimal _hashlib _lzma _sqlite3 _ssl _uuid binascii math pyexpat zlib".split():
    try:
        __import__(name)
    except ImportError:
        pass
print(*[path for path in sys.path if os.path.exists(path)], sep="\\n", end="\\n\\n")
with open("/proc/self/maps") as maps:
    paths = {line.split(maxsplit=5)[5].rstrip("\\n") for line in maps if ".so" in line}
print(*sorted(path for path in paths if os.path.isfile(path)), sep="\\n")
"""


@functools.cache
def _readable() -> _Readable:
    """The standard library without its site-packages, and the very shared libraries that it loads."""
    command = [sys.executable, *_INTERPRETER_OPTIONS, "-c", _DISCOVER]
    text = subprocess.run(command, env=_environment("/"), capture_output=True, check=True, encoding="utf-8").stdout
    search_path, _, libraries = text.partition("\n\n")
    roots = search_path.splitlines()
    # lib-dynload often lies inside the standard library's directory, whose rules then cover it.
    roots = [path for path in roots if not any(path.startswith(other + os.sep) for other in roots)]
    files = [path for path in libraries.splitlines() if not any(path.startswith(root + os.sep) for root in roots)]
    if os.path.exists("/etc/ld.so.cache"):
        files.append("/etc/ld.so.cache")
    directories: list[str] = []
    listings: list[str] = []
    for path in roots:
        if os.path.isfile(path):
            files.append(path)
            continue
        # The import system lists its directories; the names of installed packages show, their files do not.
        listings.append(path)
        for entry in os.scandir(path):
            if entry.name in ("site-packages", "dist-packages") or entry.is_symlink():
                continue
            (directories if entry.is_dir() else files).append(entry.path)
    return _Readable(tuple(files), tuple(directories), tuple(listings))


def _execute(source: str, limits: Limits) -> Outcome:
    readable = _readable()
    with tempfile.TemporaryDirectory(prefix="phial-sandbox-") as workspace, contextlib.ExitStack() as descriptors:
        ruleset = landlock.create_ruleset(readable.files, readable.directories, readable.listings, workspace)
        descriptors.callback(os.close, ruleset)
        stdin = os.memfd_create("program")
        descriptors.callback(os.close, stdin)
        with open(stdin, "wb", closefd=False) as stream:
            stream.write(source.encode("utf-8", "surrogatepass"))
        os.lseek(stdin, 0, os.SEEK_SET)
        arguments = (os.getpid(), ruleset, math.ceil(limits.seconds) + 1, limits.memory_bytes, limits.file_bytes)
        started = time.monotonic()
        process = subprocess.Popen(
            [
                sys.executable,
                *_INTERPRETER_OPTIONS,
                str(Path(child.__file__)),
                _filter(),
                *map(str, arguments),
            ],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_environment(workspace),
            cwd=workspace,
            pass_fds=(ruleset,),
            start_new_session=True,
        )
        return _watch(process, started, limits, workspace)


@functools.cache
def _filter() -> str:
    return seccomp.program(os.uname().machine).hex()


def _watch(process: subprocess.Popen[bytes], started: float, limits: Limits, workspace: str) -> Outcome:
    """Read the program's output until it ends, and end it at a limit; reaps the process on every path."""
    assert process.stdout is not None and process.stderr is not None
    kept = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    # One byte more than asked for: stdout begins with the launcher's.
    room = limits.output_bytes + len(child.READY)
    stopped: Literal["", "timeout", "killed"] = ""
    try:
        with contextlib.ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            ended = os.pidfd_open(process.pid)
            stack.callback(os.close, ended)
            for descriptor in (*kept, ended):
                selector.register(descriptor, selectors.EVENT_READ)
            next_look = started + _POLL_SECONDS
            running = True
            while running:
                for key, _ in selector.select(_POLL_SECONDS):
                    if key.fd == ended:
                        running = False
                    elif not _read(key.fd, kept[key.fd], room):
                        selector.unregister(key.fd)
                now = time.monotonic()
                if running and now > started + limits.seconds:
                    stopped, running = "timeout", False
                if running and now > next_look:
                    next_look = now + _POLL_SECONDS
                    if _overfull(workspace, limits):
                        stopped, running = "killed", False
    finally:
        # Not yet reaped, so the group cannot be somebody else's.
        os.killpg(process.pid, signal.SIGKILL)
        returncode = process.wait()
    for descriptor, text in kept.items():  # what was still in the pipes; nobody is left to write more
        while _read(descriptor, text, room):
            pass
    process.stdout.close()
    process.stderr.close()
    seconds = time.monotonic() - started
    stdout, stderr = (bytes(text) for text in kept.values())
    if not stdout.startswith(child.READY) and not stopped:
        reason = stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"exit code {returncode}"]
        raise SandboxUnavailable(
            f"the sandbox did not start: {reason[0]}",
            where="phial.sandbox",
            do="raise Limits.memory_bytes if it is below 64 MiB; otherwise report this message",
        )
    exit_code = returncode if not stopped and returncode >= 0 else None
    if not stopped and returncode < 0:
        stopped = "timeout" if returncode == -signal.SIGXCPU else "killed"
    return Outcome(
        status=stopped or ("ok" if returncode == 0 else "failed"),
        exit_code=exit_code,
        stdout=stdout[len(child.READY) :][: limits.output_bytes].decode("utf-8", "replace"),
        stderr=stderr[: limits.output_bytes].decode("utf-8", "replace"),
        seconds=seconds,
        level=HELD,
    )


def _read(descriptor: int, kept: bytearray, room: int) -> bool:
    chunk = os.read(descriptor, _CHUNK)
    kept += chunk[: max(0, room - len(kept))]
    return bool(chunk)


def _overfull(workspace: str, limits: Limits) -> bool:
    """Whether the program fills the disk with many files, which no resource limit prevents."""
    total = 0
    for count, entry in enumerate(os.scandir(workspace), 1):
        with contextlib.suppress(FileNotFoundError):  # removed since it was listed
            total += entry.stat(follow_symlinks=False).st_size
        if count > _MAXIMUM_FILES or total > _WORKSPACE_FILE_SIZES * limits.file_bytes:
            return True
    return False


_ATTACK = """
import os, socket

def attempt(name, action):
    try:
        action()
    except OSError:
        print(name, "blocked")
    else:
        print(name, "open")

def fork():
    if os.fork() == 0:
        os._exit(0)

attempt("read", lambda: open({secret!r}).read())
attempt("write", lambda: open({outside!r}, "w"))
attempt("socket", lambda: socket.socket())
attempt("fork", fork)
attempt("execute", lambda: os.execv("/bin/sh", ["sh", "-c", "exit 0"]))
attempt("signal", lambda: os.kill(os.getppid(), 0))
with open("own.txt", "w") as stream:
    stream.write("own")
print("own", open("own.txt").read())
"""
_DEFENCE = [f"{name} blocked" for name in ("read", "write", "socket", "fork", "execute", "signal")] + ["own own"]


def _fault() -> str:
    """Why the level does not hold; empty where it does."""
    if os.environ.get("PHIAL_SANDBOX", "").lower() == "off":
        return "PHIAL_SANDBOX=off"
    return _probe()


@functools.cache
def _probe() -> str:
    if sys.platform != "linux":
        return f"{sys.platform} has no Landlock"
    machine = os.uname().machine
    if not seccomp.supported(machine):
        return f"system call numbers of {machine} are not known"
    if landlock.abi() == 0:
        return "this kernel or container offers no Landlock"
    with tempfile.TemporaryDirectory(prefix="phial-probe-") as outside:
        secret, written = Path(outside, "secret"), Path(outside, "written")
        secret.write_text("secret")
        try:
            outcome = _execute(_ATTACK.format(secret=str(secret), outside=str(written)), Limits())
        except (OSError, subprocess.SubprocessError, SandboxUnavailable) as error:
            return f"the probe could not run: {error}"
        if outcome.status != "ok" or outcome.stdout.splitlines() != _DEFENCE or written.exists():
            return f"an attack got through: {outcome.status}, {outcome.stdout.split()}, {outcome.stderr[-200:]}"
    return ""
