"""The ten standard attacks, at every level that holds here, as whoever runs the tests and as nobody."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import phial
from phial.sandbox import Limits, bubblewrap, level, run_python
from phial.sandbox.levels import LEVELS, NONE, held, probe

SCRIPT = Path(__file__).with_name("attacks.py")
NOBODY = 65534
ATTACKS = 10


def attacked(wanted: str, user: int | None = None, interpreter: str = sys.executable) -> dict:
    """The report of attacks.py, run as another user."""
    # An interpreter of the system's may lack the package that carries bwrap.
    path = os.pathsep.join([os.path.dirname(bubblewrap.program() or ""), os.environ["PATH"]])
    environment = {"PATH": path, "PYTHONPATH": str(Path(phial.__file__).parents[1])}
    environment |= {"SECRET": "the-secret-7391", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [interpreter, str(SCRIPT), wanted]
    groups = None if user is None else []
    made = subprocess.run(
        command, cwd="/", env=environment, capture_output=True, text=True, user=user, group=user, extra_groups=groups
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def interpreter_of(user: int) -> str | None:
    """One that another user may run, and that can read this folder; None where there is none or we are not root."""
    for interpreter in (sys.executable, "/usr/bin/python3"):
        command = [interpreter, "-c", f"import ctypes, sys; assert sys.version_info >= (3, 11); open({str(SCRIPT)!r})"]
        with contextlib.suppress(OSError):
            if not subprocess.run(
                command, user=user, group=user, extra_groups=[], cwd="/", capture_output=True
            ).returncode:
                return interpreter
    return None


@pytest.mark.parametrize("wanted", LEVELS)
@pytest.mark.parametrize("user", [None, NOBODY], ids=["self", "nobody"])
def test_no_attack_gets_through(wanted: str, user: int | None) -> None:
    interpreter = sys.executable if user is None else interpreter_of(user)
    if interpreter is None:
        pytest.skip("needs root, and an interpreter that nobody may run")
    fault = probe(wanted)
    if fault:
        pytest.skip(f"{wanted} does not hold here: {fault}")
    report = attacked(wanted, user, interpreter)
    assert report["escapes"] == []
    assert report["attacks"] == ATTACKS
    assert report["user"] == (os.getuid() if user is None else user)


def test_without_protection_every_attack_gets_through() -> None:
    """What is looked for is there to be found."""
    assert len(attacked("unprotected")["escapes"]) == ATTACKS


def test_the_level_can_be_chosen_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for wanted in LEVELS:
        monkeypatch.setenv("PHIAL_SANDBOX", wanted)
        if probe(wanted):
            assert (held()[0], probe(wanted) in held()[1]) == (NONE, True)
        else:
            assert run_python("print(1)", Limits(seconds=20.0)).level == level() == wanted
    monkeypatch.setenv("PHIAL_SANDBOX", "plain")
    assert level() == NONE and "is no level" in held()[1]


@pytest.mark.skipif(probe(LEVELS[1]) != "", reason="bubblewrap does not hold here")
def test_the_second_level_is_used_where_the_first_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHIAL_SANDBOX", raising=False)
    monkeypatch.setattr("phial.sandbox.levels.probe", lambda name: "no Landlock" if name == LEVELS[0] else "")
    outcome = run_python("import os\nprint(os.listdir('/'), open('own', 'w').write('x'))", Limits(seconds=20.0))
    assert outcome.status == "ok", outcome
    assert outcome.level == level() == LEVELS[1]
    assert "home" not in outcome.stdout and held()[1] == f"{LEVELS[0]}: no Landlock"
    assert run_python("import os\nos.kill(os.getpid(), 11)", Limits(seconds=20.0)).status == "failed"  # no signals
    assert run_python("import ctypes\nctypes.string_at(0)", Limits(seconds=20.0)).status == "killed"
    assert run_python("raise SystemExit(7)", Limits(seconds=20.0)).exit_code == 7
    assert run_python("while True: pass", Limits(seconds=0.5)).status == "timeout"
    for source in ("import os\nos.mkdir('folder')", "import os\nos.symlink('/etc', 'link')", "open('/new', 'w')"):
        assert run_python(source, Limits(seconds=20.0)).status == "failed"


def test_without_bubblewrap_its_level_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "program", lambda: None)
    probe.cache_clear()
    try:
        assert probe(LEVELS[1]) == "bwrap is not installed"
    finally:
        probe.cache_clear()
