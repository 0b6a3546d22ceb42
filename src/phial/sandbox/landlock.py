"""Landlock rulesets: which files the sandboxed program may read and the one directory it may write."""

from __future__ import annotations

import ctypes
import functools
import os
import struct
from collections.abc import Iterable

# The three calls have the same numbers on every architecture (linux/Documentation/userspace-api/landlock.rst).
_CREATE_RULESET, _ADD_RULE = 444, 445
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_REGULAR, _TRUNCATE = 1 << 5, 1 << 8, 1 << 14
# No directories, links or special files: a flat directory is measured and removed without surprises.
_WORKSPACE_RIGHTS = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_FILE | _MAKE_REGULAR
_FILE_RIGHT_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # ABI version -> number of file access rights it knows


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _check(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


@functools.cache
def abi() -> int:
    """The kernel's Landlock ABI version; 0 where Landlock is missing, disabled or forbidden."""
    version = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG))
    return max(0, version)


def create_ruleset(files: Iterable[str], directories: Iterable[str], listings: Iterable[str], workspace: str) -> int:
    """A ruleset that forbids every file access, TCP, abstract sockets and outward signals, but for what is named.

    Args:
        files: files that may be read.
        directories: directories whose files, at any depth, may be read and listed.
        listings: directories that may be listed, at any depth, without reading their files.
        workspace: the directory in which regular files may also be made, written and removed.

    Returns:
        A file descriptor for `landlock_restrict_self`; the caller closes it.

    Raises:
        OSError: Landlock is missing or a path does not exist.
    """
    version = abi()
    handled = (1 << _FILE_RIGHT_BITS.get(version, 16)) - 1
    attributes = struct.pack("QQQ", handled, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0)
    # Kernels refuse a longer attribute than they know unless its tail is zero; ours is, by construction.
    ruleset = _check(
        _libc().syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0)),
        "landlock_create_ruleset",
    )
    try:
        for path in files:
            _allow(ruleset, path, _READ_FILE)
        for path in directories:
            _allow(ruleset, path, _READ_FILE | _READ_DIR)
        for path in listings:
            _allow(ruleset, path, _READ_DIR)
        _allow(ruleset, "/dev/null", _READ_FILE | _WRITE_FILE)
        _allow(ruleset, workspace, (_WORKSPACE_RIGHTS | _TRUNCATE) & handled)
    except OSError:
        os.close(ruleset)
        raise
    return ruleset


def _allow(ruleset: int, path: str, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        result = _libc().syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, ctypes.c_uint(0))
        _check(result, f"landlock_add_rule({path})")
    finally:
        os.close(descriptor)
