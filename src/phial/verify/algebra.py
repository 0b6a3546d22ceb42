"""A process of its own that reads two LaTeX expressions a line and says whether they are equal, by math-verify.

It may hang or fill its memory on what it is given: whoever started it kills it then. Its own limits hold where that one
is dead. math-verify's timeouts are switched off: they need signals in the main thread and do not end a big power.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys

MEMORY_BYTES = 2 * 1024**3
MARGIN_SECONDS = 5  # beyond the caller's own clock


def main() -> None:
    """Answer lines of JSON [gold, answer, seconds] with lines of JSON true, false, or a text that says why neither."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not look like an answer
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        from math_verify import LatexExtractionConfig, parse, verify
    except ImportError as error:
        print(json.dumps(f"math-verify cannot be imported: {error}"), file=channel, flush=True)
        return
    logging.disable(logging.CRITICAL)
    reading = [LatexExtractionConfig()]
    print(json.dumps("ready"), file=channel, flush=True)
    for line in sys.stdin:
        gold, answer, seconds = json.loads(line)
        signal.alarm(int(seconds) + MARGIN_SECONDS)  # its default action ends the process, even inside C code
        try:
            # A timeout of 0 is none.
            right, given = (
                parse(f"${text}$", reading, fallback_mode="no_fallback", parsing_timeout=0) for text in (gold, answer)
            )
            reply = verify(right, given, timeout_seconds=0) if right and given else "algebra cannot read it"
        except (Exception, MemoryError) as error:
            reply = f"{type(error).__name__}: {error}"[:200]
        signal.alarm(0)
        print(json.dumps(reply), file=channel, flush=True)


if __name__ == "__main__":
    main()
