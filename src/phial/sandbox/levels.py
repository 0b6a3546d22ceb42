"""Which level of the sandbox holds on this machine, proved once a process by attacks.

The levels, the first that holds is used: Landlock and seccomp, which needs nothing but the kernel; bubblewrap's
namespaces and the same seccomp filter, for kernels without Landlock that let users make namespaces; none, where nothing
is run.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from phial.sandbox import bubblewrap, landlock, seccomp
from phial.sandbox.launch import BUBBLEWRAP, LANDLOCK, Limits, SandboxUnavailable, execute

NONE = "none"
LEVELS = (LANDLOCK, BUBBLEWRAP)

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


def held() -> tuple[str, str]:
    """The level that holds, and why the ones above it do not.

    The environment may shut levels: PHIAL_SANDBOX is "off", or the name of the only level that may be used.
    """
    wanted = os.environ.get("PHIAL_SANDBOX", "")
    if wanted.lower() == "off":
        return NONE, "PHIAL_SANDBOX=off"
    if wanted and wanted not in LEVELS:
        return NONE, f"PHIAL_SANDBOX={wanted} is no level ({', '.join(LEVELS)})"
    faults: list[str] = []
    for level in LEVELS:
        if wanted in ("", level):
            fault = probe(level)
            if not fault:
                return level, "; ".join(faults)
            faults.append(f"{level}: {fault}")
    return NONE, "; ".join(faults)


@functools.cache
def probe(level: str) -> str:
    """Attack a level; why it does not hold, empty where it does."""
    if sys.platform != "linux":
        return f"{sys.platform} has neither Landlock nor namespaces"
    machine = os.uname().machine
    if not seccomp.supported(machine):
        return f"system call numbers of {machine} are not known"
    if level == LANDLOCK and landlock.abi() == 0:
        return "this kernel or container offers no Landlock"
    if level == BUBBLEWRAP and bubblewrap.program() is None:
        return "bwrap is not installed"
    with tempfile.TemporaryDirectory(prefix="phial-probe-") as outside:
        secret, written = Path(outside, "secret"), Path(outside, "written")
        secret.write_text("secret")
        try:
            outcome = execute(_ATTACK.format(secret=str(secret), outside=str(written)), Limits(seconds=30.0), level)
        except (OSError, subprocess.SubprocessError, SandboxUnavailable) as error:
            return f"the probe could not run: {error}"
        if outcome.status != "ok" or outcome.stdout.splitlines() != _DEFENCE or written.exists():
            return f"an attack got through: {outcome.status}, {outcome.stdout.split()}, {outcome.stderr[-200:]}"
    return ""
