"""Ten standard attacks on the sandbox, each judged by what is found outside; prints one line of JSON.

python attacks.py LEVEL    # a level of phial.sandbox, or "unprotected", where every attack must get through
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from phial.sandbox import Limits, run_python

SECRET = "the-secret-7391"
UNPROTECTED = "unprotected"

ATTACKS = {
    "reads a file": "print(open('{folder}/secret').read())",
    "writes a file": "open('{folder}/written', 'w').write('x')",
    "connects to a port": (
        "import socket\nwith socket.create_connection(('127.0.0.1', {port}), 2) as made: made.sendall(b'x')"
    ),
    "connects to a local socket": (
        "import socket\nwith socket.socket(socket.AF_UNIX) as made:\n    made.connect('{folder}/socket')\n"
    ),
    "forks": (
        "import os\nmade = []\n"
        "for _ in range(50):\n    child = os.fork()\n    if child == 0: os._exit(0)\n    made.append(child)\n"
        "for child in made: os.waitpid(child, 0)\nprint('{secret}')"
    ),
    "runs a shell": "import os\nos.execv('/bin/sh', ['sh', '-c', 'echo {secret}'])",
    "takes 2 GB of memory": "held = bytearray(2 << 30)\nprint('{secret}')",
    "ends another process": "import os\nos.kill({victim}, 9)",
    "fills the disk": "with open('big', 'wb') as stream: stream.write(bytes(64 << 20))\nprint('{secret}')",
    "reads its parent's environment": (
        "import os\nfor process in ('self', os.getppid(), {runner}):\n"
        "    try: print(open(f'/proc/{{process}}/environ').read())\n    except OSError: pass\n"
    ),
}


def run(source: str, level: str) -> str:
    """What a program printed, at a level or without any protection."""
    if level != UNPROTECTED:
        return run_python(source, Limits(seconds=20.0)).stdout
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", source]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=20, check=False).stdout


def escapes(level: str) -> list[str]:
    """The names of the attacks that got through."""
    through: list[str] = []
    with tempfile.TemporaryDirectory(prefix="attacked-") as name, socket.socket() as port, socket.socket(1) as local:
        folder = Path(name)
        (folder / "secret").write_text(SECRET)
        port.bind(("127.0.0.1", 0))
        local.bind(str(folder / "socket"))
        for listener in (port, local):
            listener.listen()
            listener.setblocking(False)
        victim = subprocess.Popen(["sleep", "300"])
        try:
            facts = {"folder": name, "secret": SECRET, "victim": victim.pid, "runner": os.getpid()}
            for attack, source in ATTACKS.items():
                printed = run(source.format(port=port.getsockname()[1], **facts), level)
                time.sleep(0.01)  # a killed process is reaped
                reached = victim.poll() is not None or (folder / "written").exists()
                (folder / "written").unlink(missing_ok=True)
                if victim.poll() is not None:
                    victim = subprocess.Popen(["sleep", "300"])
                    facts["victim"] = victim.pid
                if SECRET in printed or reached or _called(port) or _called(local):
                    through.append(attack)
        finally:
            victim.kill()
            victim.wait()
    return through


def _called(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    os.environ.pop("PHIAL_SANDBOX", None)
    wanted = sys.argv[1]
    if wanted != UNPROTECTED:
        os.environ["PHIAL_SANDBOX"] = wanted
    print(json.dumps({"user": os.getuid(), "level": wanted, "attacks": len(ATTACKS), "escapes": escapes(wanted)}))
