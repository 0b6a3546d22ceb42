"""The command line as a user meets it."""

import json
import subprocess
import sys

import pytest

from phial.embedded import embedded_model


def phial(*words, **more):
    return subprocess.run([sys.executable, "-m", "phial", *words], capture_output=True, text=True, **more)


def test_import_is_light():
    code = "import sys, phial; assert not {'torch', 'numpy', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_version_and_help_name_every_verb():
    assert phial("--version").stdout.startswith("phial 0.")
    shown = phial("--help").stdout
    assert all(verb in shown for verb in ("make", "runs", "trace", "models", "download", "ask", "chat"))
    assert "Example: phial make nano" in phial("make", "--help").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("make", "nono"), "can't read the recipe"),
        (("make", "nano", "--set", "pretrain.tokns=5"), "did you mean 'tokens'"),
        (("make", "nano", "--set", "pretrain.tokens=-5"), "greater than 0"),
        (("make", "nano", "--set", "pretrain"), "not of the form"),
        (("ask", "no-such-run", "1 + 1?"), "no run or checkpoint folder"),
        (("runs", "--to", "nowhere"), "no finished runs"),
        (("download", "phi-4"), "is no name on the Hub"),
        (("download", "nobody/nothing", "--offline"), "nobody/nothing"),
    ],
)
def test_bad_input_is_one_clear_message(words, said, tmp_path):
    done = phial(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr


def test_the_embedded_model_answers():
    embedded_model()
    done = phial("ask", "--json", "Ada has 12 pens. Ben has 30 pens. How many pens do they have together?")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["final"] == "42"


def test_chat_reads_lines_without_a_terminal():
    done = phial("chat", input="Ada has 20 pens and gives 5 to Ben. How many pens does Ada have left?\n/reset\n")
    assert done.returncode == 0
    assert "The answer is 15." in done.stdout
