"""Artifacts: whole or not at all, and every kind of damage is named."""

import errno
import json
import time

import pytest

from phial.artifact import artifact_key, artifact_path, drafting, find, publish
from phial.errors import PhialError


def put(root, key="a" * 64, text="hello", resumable=False):
    with drafting(root, "stage", key, resumable=resumable) as draft:
        (draft.path / "content.txt").write_text(text)
        (draft.path / "timing.txt").write_text(str(time.time()))
        (draft.path / "state").mkdir(exist_ok=True)
        draft.volatile.add("timing.txt")
        draft.scratch.add("state")
        return publish(draft, root, "stage", key, 1, {}, {}, {"n": 1}, time.time())


def test_content_hash_leaves_times_out(tmp_path):
    first, second = put(tmp_path / "a"), put(tmp_path / "b")
    assert first.manifest.content_hash == second.manifest.content_hash
    assert put(tmp_path / "c", text="other").manifest.content_hash != first.manifest.content_hash
    assert set(first.manifest.files) == {"content.txt"}
    assert not (first.path / "state").exists()


def test_key_depends_on_all_that_decides_the_output():
    base = artifact_key("s", 1, {"a": 1}, {"x": "k"})
    assert base == artifact_key("s", 1, {"a": 1}, {"x": "k"})
    others = [("t", 1, {"a": 1}, {"x": "k"}), ("s", 2, {"a": 1}, {"x": "k"}), ("s", 1, {"a": 2}, {"x": "k"})]
    assert all(artifact_key(*other) != base for other in [*others, ("s", 1, {"a": 1}, {"x": "l"})])


def test_found_again_unless_never_made(tmp_path):
    assert find(tmp_path, "stage", "a" * 64) is None
    made = put(tmp_path)
    assert find(tmp_path, "stage", "a" * 64) == made


@pytest.mark.parametrize("damage", ["change", "truncate", "remove"])
def test_damaged_content_is_named(tmp_path, damage):
    file = put(tmp_path).path / "content.txt"
    if damage == "remove":
        file.unlink()
    else:
        file.write_text("jello" if damage == "change" else "hell")
    with pytest.raises(PhialError, match=r"content\.txt is missing or has changed") as raised:
        find(tmp_path, "stage", "a" * 64)
    assert "delete" in raised.value.do


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}'])
def test_damaged_manifest_is_named(tmp_path, text):
    (put(tmp_path).path / "manifest.json").write_text(text)
    with pytest.raises(PhialError, match="manifest"):
        find(tmp_path, "stage", "a" * 64)


def test_newer_manifest_asks_for_an_upgrade(tmp_path):
    path = put(tmp_path).path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2, "phial": "9.0"}))
    with pytest.raises(PhialError, match=r"made by phial 9\.0") as raised:
        find(tmp_path, "stage", "a" * 64)
    assert "upgrade" in raised.value.do


def test_a_broken_attempt_is_no_artifact(tmp_path):
    with pytest.raises(RuntimeError), drafting(tmp_path, "stage", "a" * 64, resumable=True) as draft:
        (draft.path / "content.txt").write_text("half")
        raise RuntimeError
    assert find(tmp_path, "stage", "a" * 64) is None
    with drafting(tmp_path, "stage", "a" * 64, resumable=True) as draft:
        assert (draft.path / "content.txt").read_text() == "half"
    with drafting(tmp_path, "stage", "a" * 64, resumable=False) as draft:
        assert not (draft.path / "content.txt").exists()


def test_two_makers_do_not_meet(tmp_path):
    with (
        drafting(tmp_path, "stage", "a" * 64, resumable=False),
        pytest.raises(PhialError, match="another process"),
        drafting(tmp_path, "stage", "a" * 64, resumable=False),
    ):
        pass


def test_a_full_disk_is_said_plainly(tmp_path):
    with (
        pytest.raises(PhialError, match="no room to write stage 'stage'") as raised,
        drafting(tmp_path, "stage", "a" * 64, resumable=True),
    ):
        raise OSError(errno.ENOSPC, "No space left on device", "content.txt")
    assert "run the same command again" in raised.value.do
    assert not artifact_path(tmp_path, "stage", "a" * 64).exists()
    assert put(tmp_path, resumable=True).manifest.files
