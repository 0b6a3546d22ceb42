"""Run untrusted Python under Landlock, seccomp and resource limits, or refuse: nothing here runs unsandboxed.

What holds at level "landlock+seccomp": one process with one thread that can read the standard library and its own
temporary directory, write flat files there, compute, and print. It cannot open any other file, a socket, another
process or a new privilege. What does not: the names and sizes (never the contents) of outside files can be asked for.
At level "bubblewrap+seccomp", for kernels without Landlock, the same holds and outside files have no names either.
"""

from phial.sandbox.launch import Limits, Outcome, SandboxUnavailable
from phial.sandbox.run import DEFAULT_LIMITS, level, run_many, run_pair, run_python

__all__ = ["DEFAULT_LIMITS", "Limits", "Outcome", "SandboxUnavailable", "level", "run_many", "run_pair", "run_python"]
