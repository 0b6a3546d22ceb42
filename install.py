"""Create the development environment: `python install.py .venv`.

torch decides the size of an installation. In this order: a torch >= 2.11 that this Python already has is reused; on
a machine with an NVIDIA driver the newest CUDA build is taken; elsewhere the version pinned in constraints.txt, which
has a CPU build. `PHIAL_TORCH` overrides the choice, e.g. `PHIAL_TORCH="torch==2.13.0 --index-url URL"`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def installed_torch() -> bool:
    """Whether this Python imports a torch >= 2.11."""
    probe = "import torch, sys; sys.exit(tuple(map(int, torch.__version__.split('.')[:2])) < (2, 11))"
    return subprocess.run([sys.executable, "-c", probe], capture_output=True).returncode == 0


def main(folder: Path) -> None:
    """Make the environment in `folder` and install the project into it, editable, with its dev extra."""
    chosen = os.environ.get("PHIAL_TORCH")
    reuse = not chosen and installed_torch()
    command = [sys.executable, "-m", "venv", str(folder)]
    subprocess.run([*command, "--system-site-packages"] if reuse else command, check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pins = (HERE / "constraints.txt").read_text()
    cuda = shutil.which("nvidia-smi") is not None
    if reuse or chosen or cuda:
        pins = re.sub(r"(?m)^torch==.*\n", "", pins)
    if reuse:
        pins = ""  # the versions beside that torch are taken as they are
    constraints = folder / "constraints.txt"
    constraints.write_text(pins)
    if chosen:
        subprocess.run([*pip, *shlex.split(chosen)], check=True)
    print(
        f"installing into {folder} (torch: {'reused' if reuse else chosen or ('CUDA build' if cuda else 'CPU build')})"
    )
    # torch first and alone: a resolver that sees it late may fetch a build of several gigabytes before it backtracks
    torch = re.search(r"(?m)^torch==\S+", pins)
    if torch:
        subprocess.run([*pip, torch.group()], check=True)
    subprocess.run([*pip, "--constraint", str(constraints), "--editable", f"{HERE}[dev]"], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
