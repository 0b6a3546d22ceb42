"""Run untrusted programs at the level that holds here, or refuse."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from phial.sandbox.launch import Limits, Outcome, SandboxUnavailable, execute
from phial.sandbox.levels import NONE, held

DEFAULT_LIMITS = Limits()


def level() -> str:
    """The level that holds here: "landlock+seccomp", "bubblewrap+seccomp", or "none".

    A level holds if no attack on it gets through; the attacks run once a process. PHIAL_SANDBOX=off, or the name of the
    only level that may be used, shuts the others.
    """
    return held()[0]


def run_python(source: str, limits: Limits = DEFAULT_LIMITS, packages: tuple[str, ...] = ()) -> Outcome:
    """Run a Python program in the sandbox.

    Args:
        source: the program; it is executed as `__main__` in an empty temporary directory that is removed afterwards.
        limits: what it may use.
        packages: installed packages that it may import besides the standard library.

    Raises:
        SandboxUnavailable: the level is "none"; the program was not started.
    """
    return execute(source, limits, _level(), packages)


def run_pair(
    first: str, second: str, limits: Limits = DEFAULT_LIMITS, packages: tuple[str, ...] = ()
) -> tuple[Outcome, Outcome]:
    """Run two programs, each in a sandbox of its own, that can talk to each other and to nobody else.

    Both find a global CHANNEL: the descriptors that what the other writes is read from, and that it reads from. The
    second program is killed when the first one ends.

    Args:
        first: such as tests; as for `run_python`.
        second: such as the program under test.
        limits: of each.
        packages: installed packages that the second one may import besides the standard library.

    Raises:
        SandboxUnavailable: the level is "none"; nothing was started.
    """
    level = _level()
    first_reads, second_writes = os.pipe()
    second_reads, first_writes = os.pipe()
    stop, stopper = os.pipe()

    def run(source: str, reads: int, writes: int, packages: tuple[str, ...], stop: int | None) -> Outcome:
        return execute(f"CHANNEL = {reads}, {writes}\n{source}", limits, level, packages, (reads, writes), stop)

    with ThreadPoolExecutor(1) as pool:
        try:
            other = pool.submit(run, second, second_reads, second_writes, packages, stop)
            outcome = run(first, first_reads, first_writes, (), None)
        finally:
            os.close(stopper)
    try:
        return outcome, other.result()
    finally:
        os.close(stop)


def _level() -> str:
    level, fault = held()
    if level == NONE:
        raise SandboxUnavailable(
            f"no sandbox for untrusted code: {fault}",
            where="phial.sandbox",
            do="use Linux 5.13 or later (x86_64 or aarch64) with Landlock on (`lsm=landlock,...`), and a container "
            "whose seccomp profile allows the landlock system calls; or install bubblewrap; unset PHIAL_SANDBOX",
        )
    return level


def run_many(sources: Sequence[str], limits: Limits = DEFAULT_LIMITS, workers: int = 2) -> list[Outcome]:
    """Run several programs, `workers` at a time.

    Returns:
        Their outcomes in the order of `sources`.

    Raises:
        SandboxUnavailable: the level is "none".
    """
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(functools.partial(run_python, limits=limits), sources))
