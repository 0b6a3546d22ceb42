"""Start, watch and stop one sandboxed program at a given level."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from phial.errors import PhialError
from phial.sandbox import bubblewrap, child, landlock, seccomp

LANDLOCK = "landlock+seccomp"
BUBBLEWRAP = "bubblewrap+seccomp"

_POLL_SECONDS = 0.05
_CHUNK = 65_536
_SIGNALLED = 128
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
        cpu_seconds: processor time, for verdicts that do not hang on what else the machine does; by default what
            `seconds` allows.
    """

    seconds: float = 5.0
    memory_bytes: int = 256 * 1024**2
    output_bytes: int = 64 * 1024
    file_bytes: int = 1024**2
    cpu_seconds: float | None = None


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
    """What the interpreter needs of this machine's files.

    Attributes:
        files: that it reads.
        directories: below which it may read everything.
        packages: directories of installed packages that it may import, likewise.
        beside: directories of libraries that they bring along, likewise.
        listings: roots of the standard library, whose names it may read; their contents are among `files` and
            `directories`.
        hidden: directories of installed packages in those roots.
    """

    files: tuple[str, ...]
    directories: tuple[str, ...]
    packages: tuple[str, ...]
    beside: tuple[str, ...]
    listings: tuple[str, ...]
    hidden: tuple[str, ...]


def _environment(workspace: str) -> dict[str, str]:
    environment = {
        "HOME": workspace,
        "TMPDIR": workspace,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",  # the filter allows no threads
        "OPENSSL_CONF": "/dev/null",
    }
    if "LD_LIBRARY_PATH" in os.environ:  # some interpreters do not start without it
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return environment


# The extension modules of the standard library that load shared libraries from outside it, and packages.
_DISCOVER = """
import os, sys
print(*[path for path in sys.path if os.path.exists(path)], sep="\\n", end="\\n\\n")
packages = [os.path.split(path) for path in sys.argv[1:]]
sys.path += [folder for folder, _ in packages]
names = "_bz2 _ctypes _decimal _hashlib _lzma _sqlite3 _ssl _uuid binascii math pyexpat zlib".split()
for name in names + [name for _, name in packages]:
    try:
        __import__(name)
    except ImportError:
        pass
with open("/proc/self/maps") as maps:
    paths = {line.split(maxsplit=5)[5].rstrip("\\n") for line in maps if ".so" in line}
print(*sorted(path for path in paths if os.path.isfile(path)), sep="\\n")
"""


@functools.cache
def _readable(packages: tuple[str, ...]) -> _Readable:
    """The standard library, of site-packages only what is named, and the very shared libraries that they load."""
    specifications = [importlib.util.find_spec(name) for name in packages]
    installed = [os.path.dirname(one.origin) for one in specifications if one and one.origin]
    beside = [f"{path}.libs" for path in installed if os.path.isdir(f"{path}.libs")]
    command = [sys.executable, *_INTERPRETER_OPTIONS, "-c", _DISCOVER, *installed]
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
    hidden: list[str] = []
    for path in roots:
        if os.path.isfile(path):
            files.append(path)
            continue
        # The import system lists its directories; the names of installed packages show, their files do not.
        listings.append(path)
        for entry in os.scandir(path):
            if entry.is_symlink():
                continue
            if entry.name in ("site-packages", "dist-packages"):
                hidden.append(entry.path)
                continue
            (directories if entry.is_dir() else files).append(entry.path)
    files = [path for path in files if not path.startswith(tuple(f"{other}/" for other in installed + beside))]
    lists = (files, directories, installed, beside, listings, hidden)
    return _Readable(*map(tuple, lists))


def execute(
    source: str,
    limits: Limits,
    level: str,
    packages: tuple[str, ...] = (),
    channel: Sequence[int] = (),
    stop: int | None = None,
) -> Outcome:
    """Run a program at a level, whether or not that level holds here; see `phial.sandbox.run.run_python`.

    Args:
        packages: installed packages that the program may import.
        channel: descriptors that the program inherits under their numbers; closed here once it has them.
        stop: a descriptor; the program is killed as soon as it can be read.

    Raises:
        SandboxUnavailable: the level's own restrictions could not be applied, so the program was not started.
        OSError: likewise.
    """
    readable = _readable(packages)
    with (
        contextlib.ExitStack() as inherited,
        tempfile.TemporaryDirectory(prefix="phial-sandbox-") as workspace,
        contextlib.ExitStack() as descriptors,
    ):
        for descriptor in channel:
            inherited.callback(os.close, descriptor)
        stdin = os.memfd_create("program")
        descriptors.callback(os.close, stdin)
        with open(stdin, "wb", closefd=False) as stream:
            stream.write(source.encode("utf-8", "surrogatepass"))
        os.lseek(stdin, 0, os.SEEK_SET)
        prefix: list[str] = []
        interpreter = sys.executable
        if level == LANDLOCK:
            directories = (*readable.directories, *readable.packages, *readable.beside)
            ruleset = landlock.create_ruleset(readable.files, directories, readable.listings, workspace)
            descriptors.callback(os.close, ruleset)
            parent = os.getpid()
        else:
            interpreter = os.path.realpath(sys.executable)
            roots = readable.listings
            files = [path for path in readable.files if not path.startswith(tuple(f"{root}/" for root in roots))]
            files += [*readable.packages, *readable.beside, interpreter, child.__file__]
            prefix = bubblewrap.command(files, roots, readable.hidden, workspace)
            ruleset = parent = child.OUTSIDE
        cpu_seconds = math.ceil(limits.seconds) + 1 if limits.cpu_seconds is None else math.ceil(limits.cpu_seconds)
        numbers = (parent, ruleset, cpu_seconds, limits.memory_bytes, limits.file_bytes)
        arguments = (_filter(), ":".join(readable.packages), *map(str, numbers))
        started = time.monotonic()
        process = subprocess.Popen(
            [*prefix, interpreter, *_INTERPRETER_OPTIONS, child.__file__, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_environment(workspace),
            cwd=workspace,
            pass_fds=(*channel, *(() if ruleset == child.OUTSIDE else (ruleset,))),
            start_new_session=True,
        )
        inherited.close()  # or nobody would see that the program is gone
        return _watch(process, started, limits, workspace, level, stop)


@functools.cache
def _filter() -> str:
    return seccomp.program(os.uname().machine).hex()


def _watch(
    process: subprocess.Popen[bytes], started: float, limits: Limits, workspace: str, level: str, stop: int | None
) -> Outcome:
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
            for descriptor in (*kept, ended, *(() if stop is None else (stop,))):
                selector.register(descriptor, selectors.EVENT_READ)
            next_look = started + _POLL_SECONDS
            running = True
            while running:
                for key, _ in selector.select(_POLL_SECONDS):
                    if key.fd == ended:
                        running = False
                    elif key.fd == stop:
                        stopped, running = "killed", False
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
    if level == BUBBLEWRAP and returncode > _SIGNALLED:  # how it tells that a signal ended what it ran
        returncode = _SIGNALLED - returncode
    exit_code = returncode if not stopped and returncode >= 0 else None
    if not stopped and returncode < 0:
        stopped = "timeout" if returncode == -signal.SIGXCPU else "killed"
    return Outcome(
        status=stopped or ("ok" if returncode == 0 else "failed"),
        exit_code=exit_code,
        stdout=stdout[len(child.READY) :][: limits.output_bytes].decode("utf-8", "replace"),
        stderr=stderr[: limits.output_bytes].decode("utf-8", "replace"),
        seconds=seconds,
        level=level,
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
