"""Models by their names on the Hugging Face Hub: only the files that phial reads, in the cache that other tools share.

A file that was broken off goes on where it ended, in a later call too, and counts only when its bytes have the checksum
that the Hub gives. A branch points at a commit of the cache only when every file of that commit is there.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phial.errors import PhialError
from phial.model.files import INDEX, WEIGHTS, read_config, weight_files

SMALL_FILES = (
    "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "merges.txt",
    "added_tokens.json", "chat_template.jinja", "preprocessor_config.json",
)  # fmt: skip
_NAME = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>\w[\w./-]*))?(:(?P<file>\w[\w./-]*\.gguf))?",
    re.ASCII,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # of git, or sha256
_AGAIN = "call it again: what has arrived is kept"


@dataclass(frozen=True)
class HubName:
    """A model on the Hub.

    Attributes:
        name: "organisation/model".
        revision: a branch, a tag or a commit.
        file: one GGUF file instead of the folder.
    """

    name: str
    revision: str = "main"
    file: str | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" + (f":{self.file}" if self.file else "")


@dataclass(frozen=True)
class Download:
    """What is on the disk now.

    Attributes:
        path: a checkpoint folder, or a GGUF file.
        commit: of the repository, 40 hexadecimal digits.
    """

    path: Path
    commit: str


def parse_name(text: str) -> HubName | None:
    """ "organisation/model", with "@revision" and ":file.gguf" where wanted; None for what is no such name."""
    found = _NAME.fullmatch(text)
    if found is None or ".." in re.split(r"[/@:]", text):
        return None
    return HubName(found["name"], found["revision"] or "main", found["file"])


def download(name: HubName, offline: bool = False) -> Download:
    """Bring a model's files to this machine, or find them there.

    Args:
        name: of the model.
        offline: ask nothing; use what is in the cache. HF_HUB_OFFLINE=1 means the same.

    Raises:
        PhialError: huggingface_hub is missing, the Hub can't be reached, there is no such model, revision or file, it
            is gated, has no safetensors, is no model of the family, or has arrived damaged; offline, it is not in the
            cache.
    """
    hub = _library()
    if offline or hub.constants.is_offline_mode():
        return _cached(hub, name)
    endpoint = os.environ.get("HF_ENDPOINT") or None
    with _hub_faults(hub, name):
        info = hub.HfApi(endpoint=endpoint).model_info(name.name, revision=name.revision)
        if not _COMMIT.fullmatch(info.sha or ""):
            raise PhialError(f"the Hub names no commit of {name}", where="download", do="check HF_ENDPOINT")
        there = {sibling.rfilename for sibling in info.siblings or ()}

        def fetch(file: str) -> Path:
            if file not in there:
                raise PhialError(f"{name.name} has no file {file}", where=f"revision {name.revision}", do=_only(there))
            return _fetch(hub, name.name, info.sha, file, endpoint)

        if name.file is not None:
            path = fetch(name.file)
        else:
            path = fetch("config.json").parent
            read_config(path)  # before gigabytes of another architecture
            for file in sorted(there):
                if file in SMALL_FILES or (file.endswith(".tiktoken") and "/" not in file):
                    fetch(file)
            if INDEX in there:
                fetch(INDEX)
            for weights in weight_files(path) if INDEX in there else [path / WEIGHTS]:
                fetch(weights.name)
    if name.revision != info.sha:
        _point(_storage(hub, name.name) / "refs" / name.revision, info.sha)
    return Download(path, info.sha)


def _only(there: set[str]) -> str:
    found = sorted(file for file in there if file.endswith(".gguf"))
    if found:
        return "name one of its GGUF files after a colon: " + ", ".join(found[:8])
    return "name a model whose repository has config.json and safetensors"


def _cached(hub: Any, name: HubName) -> Download:
    file = name.file or "config.json"
    found = hub.try_to_load_from_cache(name.name, file, revision=name.revision)
    advice = "download it once: load it without offline, and without HF_HUB_OFFLINE"
    if not isinstance(found, str):
        raise PhialError(f"{name} is not in the cache", where=str(hub.constants.HF_HUB_CACHE), do=advice)
    path = Path(found)
    commit = path.relative_to(_storage(hub, name.name) / "snapshots").parts[0]
    if name.file is not None:
        return Download(path, commit)
    for weights in weight_files(path.parent):
        if not weights.exists():
            raise PhialError(f"only a part of {name} is in the cache", where=str(weights), do=advice)
    return Download(path.parent, commit)


def _fetch(hub: Any, name: str, commit: str, file: str, endpoint: str | None) -> Path:
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import WeakFileLock, build_hf_headers

    found = hub.try_to_load_from_cache(name, file, revision=commit)
    if isinstance(found, str):
        return Path(found)
    url = hub.hf_hub_url(name, file, revision=commit, endpoint=endpoint)
    facts = hub.get_hf_file_metadata(url, endpoint=endpoint)
    if facts.size is None or not _CHECKSUM.fullmatch(facts.etag or ""):
        raise PhialError(f"the Hub gives no size or checksum of {file}", where=name, do="check HF_ENDPOINT")
    blob = _storage(hub, name) / "blobs" / facts.etag
    partial = blob.with_name(f"{facts.etag}.phial-partial")
    blob.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(partial.with_suffix(".lock")):
        if not blob.exists():
            headers = build_hf_headers()
            if urlsplit(facts.location).netloc != urlsplit(url).netloc:
                headers.pop("authorization", None)  # a signed address elsewhere; the token is for the Hub alone
            with partial.open("ab") as out:
                if out.tell() > facts.size:
                    out.truncate(0)
                http_get(
                    facts.location,
                    out,
                    resume_size=out.tell(),
                    headers=headers,
                    expected_size=facts.size,
                    displayed_filename=file,
                )
                out.flush()
                os.fsync(out.fileno())
            if _checksum(partial, facts.etag) != facts.etag:
                partial.unlink()
                raise PhialError(f"{file} arrived damaged", where=name, do="call it again")
            partial.rename(blob)
    # The blob is there, so the library only puts its link into the snapshot.
    return Path(hub.hf_hub_download(name, file, revision=commit, endpoint=endpoint))


def _checksum(path: Path, wanted: str) -> str:
    """sha256 of a large file, or the name that git gives a small one, by the length of what is wanted."""
    digest = hashlib.sha256() if len(wanted) == 64 else hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()


def _point(reference: Path, commit: str) -> None:
    reference.parent.mkdir(parents=True, exist_ok=True)
    aside = reference.with_name(f"{reference.name}.{os.getpid()}.partial")
    aside.write_text(commit)
    aside.replace(reference)


def _storage(hub: Any, name: str) -> Path:
    from huggingface_hub.file_download import repo_folder_name

    return Path(hub.constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model")


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.constants
    except ImportError as error:
        raise PhialError(
            "downloads need the huggingface_hub package", where="hub", do="pip install 'phial-lm[hub]'"
        ) from error
    return huggingface_hub


@contextmanager
def _hub_faults(hub: Any, name: HubName) -> Iterator[None]:
    """Turn what the library raises into errors that say what to do."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        advice = "accept its licence on its page on the Hub, then log in with `hf auth login`"
        raise PhialError(f"{name.name} is gated", where="download", do=advice) from error
    except errors.RevisionNotFoundError as error:
        advice = "name a branch, a tag or a commit that it has"
        raise PhialError(f"{name.name} has no revision {name.revision!r}", where="download", do=advice) from error
    except errors.RepositoryNotFoundError as error:
        advice = "check the path or the name; for a private model, log in with `hf auth login`"
        what = f"there is no folder {name.name}, and no model of that name on the Hub"
        raise PhialError(what, where="download", do=advice) from error
    except errors.EntryNotFoundError as error:
        raise PhialError(f"a file of {name} is missing on the Hub", where="download", do="name another one") from error
    except errors.HfHubHTTPError as error:
        what = f"the Hub refuses: {str(error).splitlines()[0]}"
        raise PhialError(what, where=str(name), do=f"try later; {_AGAIN}") from error
    except errors.HTTPError as error:
        advice = f"check the connection and {_AGAIN}; or give offline=True to use what is in the cache"
        raise PhialError(f"the Hub can't be reached: {error}", where=str(name), do=advice) from error
    except OSError as error:
        raise PhialError(f"the download failed: {error}", where=str(name), do=_AGAIN) from error
