"""The launcher: a fresh interpreter runs this file, which locks itself in for good and then runs the program on stdin.

It stands alone (run by path, without site-packages) and imports little, since every run pays for it: `ctypes` is 5 ms.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 38, 22
_SECCOMP_MODE_FILTER = 2
_LANDLOCK_RESTRICT_SELF = 446
_SIGKILL = 9
_CAPABILITY_VERSION_3 = 0x20080522
_OPEN_FILES = 32
_RLIMIT_CPU, _RLIMIT_FSIZE, _RLIMIT_CORE, _RLIMIT_NOFILE = 0, 1, 4, 7
_RLIMIT_MEMLOCK, _RLIMIT_AS, _RLIMIT_MSGQUEUE = 8, 9, 12

OUTSIDE = -1  # in place of the ruleset and the parent: namespaces around this process do their work
READY = b"\x06"  # the first byte on stdout: every restriction holds, untrusted code starts after it


class _FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


class _Installed:
    """Finds the packages that may be imported besides the standard library; the others are as if not installed."""

    def __init__(self, paths: str) -> None:
        self._paths = {os.path.basename(path): path for path in paths.split(":")}

    def find_spec(self, name, path=None, target=None):
        """See `importlib.abc.MetaPathFinder`."""
        if name not in self._paths:
            return None
        from importlib.util import spec_from_file_location

        folder = self._paths[name]
        return spec_from_file_location(name, f"{folder}/__init__.py", submodule_search_locations=[folder])


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def restrict(program: bytes, ruleset: int, cpu_seconds: int, memory_bytes: int, file_bytes: int) -> None:
    """Give up, for good, all that untrusted code must not have.

    Args:
        program: the seccomp filter.
        ruleset: descriptor of the Landlock ruleset, closed here; or OUTSIDE.
        cpu_seconds: processor time before SIGXCPU.
        memory_bytes: address space.
        file_bytes: size of any one file.

    Raises:
        OSError: a restriction could not be applied.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    unsigned_long = ctypes.c_ulong

    def prctl(option: int, first: int, second: object = 0) -> int:
        return libc.prctl(option, unsigned_long(first), second, unsigned_long(0), unsigned_long(0))

    _check(prctl(_PR_SET_PDEATHSIG, _SIGKILL, unsigned_long(0)), "prctl(PR_SET_PDEATHSIG)")
    for resource, limit in (
        (_RLIMIT_CPU, cpu_seconds),
        (_RLIMIT_FSIZE, file_bytes),
        (_RLIMIT_CORE, 0),
        (_RLIMIT_NOFILE, _OPEN_FILES),
        (_RLIMIT_MEMLOCK, 0),
        (_RLIMIT_AS, memory_bytes),
        (_RLIMIT_MSGQUEUE, 0),
    ):
        _check(libc.setrlimit(resource, (ctypes.c_uint64 * 2)(limit, limit)), f"setrlimit({resource})")
    _check(prctl(_PR_SET_NO_NEW_PRIVS, 1, unsigned_long(0)), "prctl(PR_SET_NO_NEW_PRIVS)")
    if ruleset != OUTSIDE:
        _check(libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, ctypes.c_uint(0)), "landlock_restrict_self")
        os.close(ruleset)
    # Root would otherwise keep its capabilities: raise the limits again, ignore file modes, reach kernel interfaces.
    header, no_capabilities = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    _check(libc.capset(header, no_capabilities), "capset")
    filters = _FilterProgram(len(program) // 8, program)
    _check(prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filters)), "prctl(PR_SET_SECCOMP)")


def main() -> None:
    """Read the program, restrict this process, run the program as `__main__`."""
    with open(0, "rb") as stream:  # closes descriptor 0, so the source cannot be read twice
        source = stream.read()
    if os.open("/dev/null", os.O_RDONLY) != 0:
        raise OSError("descriptor 0 is taken")
    program, packages, *numbers = sys.argv[1:]
    parent, ruleset, cpu_seconds, memory_bytes, file_bytes = map(int, numbers)
    restrict(bytes.fromhex(program), ruleset, cpu_seconds, memory_bytes, file_bytes)
    if parent not in (OUTSIDE, os.getppid()):  # it died before PR_SET_PDEATHSIG could tell
        sys.exit("the parent is gone")
    os.write(1, READY)
    sys.argv = ["program.py"]
    sys.meta_path.append(_Installed(packages))
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    try:
        exec(compile(source, "<program>", "exec", dont_inherit=True), module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        own_frame = error.__traceback__
        error = error.with_traceback(own_frame.tb_next if own_frame else None)
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


if __name__ == "__main__":
    main()
