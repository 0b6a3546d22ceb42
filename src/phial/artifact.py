"""Artifacts: content-keyed folders that appear whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from phial import __version__
from phial.errors import PhialError

FORMAT = 1
MANIFEST = "manifest.json"


class BeingMade(PhialError):
    """Another process holds the lock of the artifact."""


@dataclass(frozen=True)
class Manifest:
    """What an artifact is and where it came from.

    Attributes:
        stage: the stage's name.
        key: the artifact's key.
        stage_version: declared by the stage; raised when its output changes.
        config: the stage's resolved configuration.
        inputs: input stage name to its key.
        metrics: numbers the stage reports.
        files: content file to its sha256.
        sizes: content file to its bytes.
        volatile: files that hold times or machine facts and are no content.
        seconds: wall time of the making.
        phial: version of phial that made it.
        format: of this manifest.
    """

    stage: str
    key: str
    stage_version: int
    config: dict[str, Any]
    inputs: dict[str, str]
    metrics: dict[str, Any]
    files: dict[str, str]
    sizes: dict[str, int]
    volatile: list[str]
    seconds: float
    phial: str = __version__
    format: int = FORMAT

    @property
    def content_hash(self) -> str:
        """sha256 over the names and hashes of the content files; times have no part in it."""
        return hashlib.sha256(json.dumps(self.files, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Artifact:
    """A finished folder and its manifest."""

    path: Path
    manifest: Manifest


@dataclass
class Draft:
    """A folder being made; `publish` turns it into an artifact.

    Attributes:
        path: where the stage writes.
        volatile: names of files that are no content.
        scratch: names (files or folders) removed before publishing, such as training state.
    """

    path: Path
    volatile: set[str] = field(default_factory=set)
    scratch: set[str] = field(default_factory=set)


def artifact_key(stage: str, version: int, config: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """sha256 over what decides a stage's output: its name, version, configuration and inputs' keys."""
    facts = {"stage": stage, "version": version, "config": config, "inputs": dict(inputs)}
    return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def artifact_path(root: Path, stage: str, key: str) -> Path:
    """Where the artifact with this key lives, made or not."""
    return root / f"{stage}-{key[:16]}"


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync_tree(folder: Path) -> None:
    """Flush every file and folder below (and including) `folder` to the disk."""
    for path in [folder, *folder.rglob("*")]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_manifest(folder: Path) -> Manifest:
    """Read a manifest.

    Raises:
        PhialError: it is missing, unreadable, or of a newer format.
    """
    path = folder / MANIFEST
    again = f"delete {folder} and run the recipe again"
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PhialError(f"artifact has no readable manifest: {error}", where=str(path), do=again) from error
    if not isinstance(facts, dict) or "format" not in facts:
        raise PhialError("artifact manifest is damaged", where=str(path), do=again)
    if facts["format"] > FORMAT:
        raise PhialError(
            f"made by phial {facts.get('phial')} (manifest format {facts['format']}); this is phial {__version__}",
            where=str(path),
            do="upgrade phial, or use another --to folder",
        )
    try:
        return Manifest(**facts)
    except TypeError as error:
        raise PhialError(f"artifact manifest is damaged: {error}", where=str(path), do=again) from error


def find(root: Path, stage: str, key: str) -> Artifact | None:
    """The artifact with this key, every content file checked against its sha256, or None if it was never made.

    Raises:
        PhialError: it exists but is damaged.
    """
    path = artifact_path(root, stage, key)
    if not path.exists():
        return None
    manifest = read_manifest(path)
    for name, sha256 in manifest.files.items():
        file = path / name
        if not file.is_file() or file.stat().st_size != manifest.sizes[name] or file_sha256(file) != sha256:
            raise PhialError(
                f"artifact of stage {stage!r} is damaged: {name} is missing or has changed",
                where=str(file),
                do=f"delete {path} and run the recipe again",
            )
    return Artifact(path, manifest)


@contextmanager
def drafting(root: Path, stage: str, key: str, *, resumable: bool) -> Iterator[Draft]:
    """Open `<artifact>.partial` for one maker at a time.

    What an earlier, killed attempt left is kept for a resumable stage and removed for any other. The folder stays when
    the body raises, so that a resumable stage loses nothing; it is no artifact until `publish`.

    Raises:
        BeingMade: another process is making it.
        PhialError: the disk is full.
    """
    path = artifact_path(root, stage, key).with_suffix(".partial")
    root.mkdir(parents=True, exist_ok=True)
    lock_path = path.with_suffix(".lock")
    with lock_path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(lock.fileno()), lock_path.stat()):
                raise BlockingIOError("the maker that this file was locked by has just finished")
        except (BlockingIOError, FileNotFoundError) as error:
            raise BeingMade(
                f"stage {stage!r} is being made by another process",
                where=str(path),
                do="wait for it, or use another --to folder",
            ) from error
        if path.exists() and not resumable:
            shutil.rmtree(path)
        path.mkdir(exist_ok=True)
        try:
            yield Draft(path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                free = shutil.disk_usage(root).free
                raise PhialError(
                    f"no room to write stage {stage!r}: {error.strerror} ({free / 1e6:.0f} MB free)",
                    where=str(error.filename or path),
                    do="free some space and run the same command again; finished stages are kept",
                ) from error
            raise
        lock_path.unlink()


def publish(
    draft: Draft,
    root: Path,
    stage: str,
    key: str,
    version: int,
    config: Mapping[str, Any],
    inputs: Mapping[str, str],
    metrics: Mapping[str, Any],
    started: float,
) -> Artifact:
    """Hash, flush and rename a draft into place.

    Args:
        started: `time.time()` when the making began.

    Returns:
        The artifact.
    """
    for name in draft.scratch:
        target = draft.path / name
        if target.is_dir():
            shutil.rmtree(target)
        elif target.exists():
            target.unlink()
    (draft.path / MANIFEST).unlink(missing_ok=True)
    names = sorted(str(path.relative_to(draft.path)) for path in draft.path.rglob("*") if path.is_file())
    content = [name for name in names if name not in draft.volatile]
    manifest = Manifest(
        stage=stage,
        key=key,
        stage_version=version,
        config=dict(config),
        inputs=dict(inputs),
        metrics=dict(metrics),
        files={name: file_sha256(draft.path / name) for name in content},
        sizes={name: (draft.path / name).stat().st_size for name in content},
        volatile=sorted(draft.volatile),
        seconds=round(time.time() - started, 3),
    )
    (draft.path / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n")
    fsync_tree(draft.path)
    final = artifact_path(root, stage, key)
    os.rename(draft.path, final)
    descriptor = os.open(root, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return Artifact(final, manifest)
