"""The seccomp-BPF program: a list of the system calls a lone Python process needs; every other one fails with EPERM.

An allow list, so that new kernel interfaces (io_uring, pidfd, mounts, namespaces) are shut without being named. Absent
on purpose: clone, fork, execve, socket*, kill and every other way to signal, ptrace, prctl, setrlimit, chmod and chown
(Landlock does not see those), truncate (nor that one before ABI 3), memfd_create, mount*, and shared memory.
"""

from __future__ import annotations

import errno
import struct

# name: (x86_64, aarch64), from asm/unistd_64.h and asm-generic/unistd.h; None where the architecture lacks the call.
_ALLOWED: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "close": (3, 57),
    "close_range": (436, 436),
    "fstat": (5, 80),
    "stat": (4, None),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "select": (23, None),
    "pselect6": (270, 72),
    "poll": (7, None),
    "ppoll": (271, 73),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "ftruncate": (77, 46),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "getrandom": (318, 278),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "setitimer": (38, 103),
    "getitimer": (36, 102),
    "alarm": (37, None),
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "umask": (95, 166),
    "fadvise64": (221, 223),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
_FCNTL = (72, 25)
_IOCTL = (16, 29)
_OPENAT = (257, 56)
_OPEN = (2, None)
_CLONE3, _OPENAT2 = 435, 437

# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC. F_SETOWN would send signals, locks hold kernel memory.
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)
# TCGETS (isatty), TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
_IOCTL_REQUESTS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_O_TRUNC, _O_ACCMODE = 0o1000, 0o3

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH_*

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_DENY = _ERRNO | errno.EPERM
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand (struct sock_filter)


def supported(machine: str) -> bool:
    """Whether the call numbers of this architecture (`os.uname().machine`) are known."""
    return machine in _MACHINES


def program(machine: str) -> bytes:
    """The filter for one architecture as packed `struct sock_filter`, to be installed before untrusted code runs.

    Args:
        machine: "x86_64" or "aarch64".
    """
    column, architecture = _MACHINES[machine]
    instructions: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_OFFSET),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),  # a 32-bit call from a 64-bit process
        (_LOAD, 0, 0, _NUMBER_OFFSET),
    ]
    if machine == "x86_64":
        instructions += [(_JUMP_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _KILL_PROCESS)]  # the x32 table
    for numbers in _ALLOWED.values():
        number = numbers[column]
        if number is not None:
            instructions += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    instructions += _only_values(_FCNTL[column], 1, _FCNTL_COMMANDS)
    instructions += _only_values(_IOCTL[column], 1, _IOCTL_REQUESTS)
    instructions += _open_without_hidden_truncation(_OPENAT[column], 2)
    open_number = _OPEN[column]
    if open_number is not None:
        instructions += _open_without_hidden_truncation(open_number, 1)
    for number in (_CLONE3, _OPENAT2):  # ENOSYS makes the C library fall back to the calls judged above
        instructions += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    instructions.append((_RETURN, 0, 0, _DENY))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)


def _for_call(number: int, body: list[Instruction]) -> list[Instruction]:
    return [(_JUMP_EQUAL, 0, len(body), number), *body]


def _only_values(number: int, argument: int, values: tuple[int, ...]) -> list[Instruction]:
    """Allow call `number` only where the low 32 bits of an argument (all the kernel reads of it) are among `values`."""
    body: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENTS_OFFSET + 8 * argument)]
    for value in values:
        body += [(_JUMP_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return _for_call(number, [*body, (_RETURN, 0, 0, _DENY)])


def _open_without_hidden_truncation(number: int, argument: int) -> list[Instruction]:
    """Allow an open call unless it truncates without asking to write, which Landlock misses before ABI 3."""
    body: list[Instruction] = [
        (_LOAD, 0, 0, _ARGUMENTS_OFFSET + 8 * argument),
        (_AND, 0, 0, _O_TRUNC | _O_ACCMODE),
    ]
    for access_mode in (0, 3):
        body += [(_JUMP_EQUAL, 0, 1, _O_TRUNC | access_mode), (_RETURN, 0, 0, _DENY)]
    return _for_call(number, [*body, (_RETURN, 0, 0, _ALLOW)])
