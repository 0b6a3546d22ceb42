"""Renders one chat template: run as a program of its own, so that a hostile template harms nobody.

Reads {"template": ..., "variables": [...], "seconds": ..., "bytes": ..., "characters": ...} as JSON from standard
input and writes a list of {"text": ...} or {"error": ...}, one for each set of variables. It imports nothing of phial.
"""

import json
import resource
import sys
from typing import Any


def environment() -> Any:
    """The Jinja environment that chat templates are written for, in the sandbox whose values cannot be changed."""
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` marks what an assistant wrote, for trainers; it renders its content."""

        tags = {"generation"}  # noqa: RUF012 (so Jinja has it)

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: str) -> None:
        raise ValueError(message)

    def as_json(value: Any, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=False, indent=indent)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation])
    made.filters["tojson"] = as_json  # Jinja's own escapes <, > and & for web pages
    functions: Any = made.globals
    functions["raise_exception"] = refuse
    return made


def render(template: Any, variables: dict[str, Any], most: int) -> str:
    pieces, length = [], 0
    for piece in template.generate(**variables):
        pieces.append(piece)
        length += len(piece)
        if length > most:
            raise ValueError(f"more than {most} characters")
    return "".join(pieces)


def main() -> None:
    task = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (task["seconds"], task["seconds"]))
    resource.setrlimit(resource.RLIMIT_AS, (task["bytes"], task["bytes"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    replies = []
    for variables in task["variables"]:
        try:
            template = environment().from_string(task["template"])
            replies.append({"text": render(template, variables, task["characters"])})
        except Exception as error:  # whatever a template does wrong is its author's fault, and is told
            replies.append({"error": f"{type(error).__name__}: {error}"[:500]})
    json.dump(replies, sys.stdout)


if __name__ == "__main__":
    main()
