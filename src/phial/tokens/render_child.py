"""Renders one chat template: run as a program of its own, so that a hostile template harms nobody.

Reads {"template": ..., "variables": ..., "seconds": ..., "bytes": ...} as JSON from standard input and writes
{"text": ...} or {"error": ...} to standard output. It imports nothing of phial.
"""

import json
import resource
import sys
from typing import Any


def environment() -> Any:
    """The Jinja environment that chat templates are written for, in the sandbox whose values cannot be changed."""
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise ValueError(message)

    def as_json(value: Any, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=False, indent=indent)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    made.filters["tojson"] = as_json  # Jinja's own escapes <, > and & for web pages
    functions: Any = made.globals
    functions["raise_exception"] = refuse
    return made


def main() -> None:
    task = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (task["seconds"], task["seconds"]))
    resource.setrlimit(resource.RLIMIT_AS, (task["bytes"], task["bytes"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        reply = {"text": environment().from_string(task["template"]).render(**task["variables"])}
    except Exception as error:  # whatever a template does wrong is its author's fault, and is told
        reply = {"error": f"{type(error).__name__}: {error}"[:500]}
    json.dump(reply, sys.stdout)


if __name__ == "__main__":
    main()
