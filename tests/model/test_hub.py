"""Downloads from a Hub: a small server stands in for it."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest
import torch

hub = pytest.importorskip("huggingface_hub")

import phial  # noqa: E402
from phial.errors import PhialError  # noqa: E402
from phial.model.checkpoint import save_checkpoint  # noqa: E402
from phial.model.config import ModelConfig  # noqa: E402
from phial.model.decoder import Decoder  # noqa: E402
from phial.model.hub import HubName, download, parse_name  # noqa: E402
from phial.tokens.tokenizer import train_tokenizer  # noqa: E402

CONFIG = ModelConfig(
    vocab_size=300, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=False,
)  # fmt: skip
OLD, NEW = "a" * 40, "b" * 40
IDS = torch.arange(5, 25).unsqueeze(0)


def checkpoint(folder, seed):
    """The files of a sharded checkpoint, and some that nothing here reads."""
    folder.mkdir()
    model = Decoder(CONFIG).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((parameter.ndim == 1) + 0.2 * torch.randn(parameter.shape, generator=generator))
    save_checkpoint(folder, model, train_tokenizer(["Ada has 12 pens."] * 4, 300), shard_bytes=40_000)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return model, files | {"modeling.py": b"raise SystemExit", "pytorch_model.bin": b"x" * 99, "onnx/model.onnx": b"x"}


class Server(ThreadingHTTPServer):
    """A Hub of models that a test gives it; breaks off and damages what the test says."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.models = {}  # name: revision: (commit, files)
        self.gated = set()
        self.breaks = {}  # file: (bytes after which a connection ends, how often)
        self.damages = set()
        self.requests = []  # (method, file, first byte)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = [unquote(part) for part in self.path.split("?")[0].strip("/").split("/")]
        if parts[:2] == ["api", "models"]:
            return self.facts("/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main")
        name, revision, file = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        commit, files = self.found(name, revision)
        if files is None:
            return None
        if name in self.server.gated:
            return self.refuse(403, "GatedRepo")
        if file not in files:
            return self.refuse(404, "EntryNotFound")
        return self.content(file, files[file], commit)

    def found(self, name, revision):
        if name not in self.server.models:
            self.refuse(404, "RepoNotFound")
            return None, None
        revisions = self.server.models[name]
        commits = {commit: (commit, files) for commit, files in revisions.values()}
        if revision not in revisions | commits:
            self.refuse(404, "RevisionNotFound")
            return None, None
        return (revisions | commits)[revision]

    def facts(self, name, revision):
        commit, files = self.found(name, revision)
        if files is not None:
            siblings = [{"rfilename": file} for file in files]
            self.answer(200, json.dumps({"id": name, "sha": commit, "siblings": siblings}).encode(), {})

    def content(self, file, data, commit):
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.server.requests.append((self.command, file, start))
        large = file.endswith((".safetensors", ".gguf"))
        tag = hashlib.sha256(data) if large else hashlib.sha1(b"blob %d\0" % len(data) + data)
        headers = {"ETag": f'"{tag.hexdigest()}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if file in self.server.damages:
            data = b"?" + data[1:]
        body = data[start:]
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        limit, times = self.server.breaks.get(file, (0, 0))
        if self.command == "GET" and times and limit > start:
            self.server.breaks[file] = (limit, times - 1)
            self.answer(206 if start else 200, body, headers, limit - start)
        else:
            self.answer(206 if start else 200, body, headers)

    def refuse(self, status, code):
        self.answer(status, b"{}", {"X-Error-Code": code})

    def answer(self, status, body, headers, limit=None):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:limit])
        if limit is not None:
            self.close_connection = True


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("origin")
    return checkpoint(folder / "old", 0), checkpoint(folder / "new", 1)


@pytest.fixture
def server(models, tmp_path, monkeypatch):
    (_, old), (_, new) = models
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        server.models["ada/pens"] = {"main": (NEW, new), "v1": (OLD, old)}
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100)
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
        yield server
        server.shutdown()
        thread.join()


def sent(server):
    return [file for method, file, _ in server.requests if method == "GET"]


@torch.no_grad()
def test_a_name_loads_like_its_folder_and_only_what_is_read_is_fetched(server, models):
    loaded = phial.load("ada/pens")
    model, files = models[1]
    assert torch.equal(loaded.model(IDS), model(IDS)) and loaded.commit == NEW
    assert loaded.tokenizer.decode(loaded.tokenizer.encode("Ada")) == "Ada"
    unread = {"modeling.py", "pytorch_model.bin", "onnx/model.onnx"}
    assert sorted(sent(server)) == sorted(set(files) - unread)
    phial.load("ada/pens")
    assert len(sent(server)) == len(files) - len(unread)  # nothing twice


@torch.no_grad()
def test_a_revision_stays_what_it_was(server, models):
    for revision in ("v1", OLD):
        loaded = phial.load(f"ada/pens@{revision}")
        assert torch.equal(loaded.model(IDS), models[0][0](IDS)) and loaded.commit == OLD
    assert download(HubName("ada/pens")).commit == NEW
    server.models["ada/pens"]["main"] = (OLD, models[0][1])
    assert download(HubName("ada/pens"), offline=True).commit == NEW
    assert download(HubName("ada/pens")).commit == OLD
    assert download(HubName("ada/pens"), offline=True).commit == OLD


def test_a_broken_connection_goes_on_where_it_ended(server):
    file = next(name for name in server.models["ada/pens"]["main"][1] if name.startswith("model-00001"))
    server.breaks[file] = (1000, 1)
    download(HubName("ada/pens"))
    assert [(method, start) for method, name, start in server.requests if name == file and method == "GET"] == [
        ("GET", 0), ("GET", 1000),
    ]  # fmt: skip


def test_a_later_call_goes_on_where_an_earlier_one_ended(server, models):
    file = next(name for name in server.models["ada/pens"]["main"][1] if name.startswith("model-00001"))
    server.breaks[file] = (1000, 1)

    def stop(seconds):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("huggingface_hub.file_download.time.sleep", stop)
        with pytest.raises(KeyboardInterrupt):
            download(HubName("ada/pens"))
    with pytest.raises(PhialError, match="is not in the cache"):
        download(HubName("ada/pens"), offline=True)  # no branch points at a part
    with pytest.raises(PhialError, match="only a part of"):
        download(HubName("ada/pens", NEW), offline=True)
    server.requests.clear()
    found = download(HubName("ada/pens"))
    assert [start for method, name, start in server.requests if name == file and method == "GET"] == [1000]
    assert (found.path / file).read_bytes() == models[1][1][file]


def test_a_connection_that_never_lasts_is_a_fault_with_advice(server):
    server.breaks["config.json"] = (20, 99)
    with pytest.raises(PhialError, match="the Hub can't be reached") as raised:
        phial.load("ada/pens")
    assert "call it again" in raised.value.do


def test_damage_on_the_way_is_found_out(server):
    server.damages.add("config.json")
    with pytest.raises(PhialError, match=r"config.json arrived damaged"):
        phial.load("ada/pens")
    server.damages.clear()
    assert phial.load("ada/pens").commit == NEW


@torch.no_grad()
def test_offline_asks_nothing(server, models, monkeypatch):
    with pytest.raises(PhialError, match=r"ada/pens@main is not in the cache") as raised:
        phial.load("ada/pens", offline=True)
    assert "without offline" in raised.value.do
    phial.load("ada/pens")
    server.requests.clear()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert torch.equal(phial.load("ada/pens", offline=True).model(IDS), models[1][0](IDS))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert phial.load("ada/pens").commit == NEW
    assert not server.requests


def test_no_network_is_a_fault_with_advice(server, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PhialError, match="the Hub can't be reached") as raised:
        phial.load("ada/pens")
    assert "offline=True" in raised.value.do


def test_one_gguf_file_is_fetched_alone(server, models, tmp_path):
    pytest.importorskip("gguf")
    from gguf_models import small_model, write_gguf

    model = small_model("phi-4")
    files = {"sub/x.gguf": write_gguf(tmp_path / "x.gguf", model).read_bytes(), "y.gguf": b"y", "README.md": b"r"}
    server.models["ada/quants"] = {"main": (OLD, files)}
    loaded = phial.load("ada/quants:sub/x.gguf")
    assert torch.equal(loaded.model(IDS), model(IDS)) and loaded.commit == OLD
    assert sent(server) == ["sub/x.gguf"]
    assert phial.load("ada/quants:sub/x.gguf", offline=True).commit == OLD
    with pytest.raises(PhialError, match=r"has no file config.json") as raised:
        phial.load("ada/quants")
    assert "sub/x.gguf, y.gguf" in raised.value.do


@pytest.mark.parametrize(
    ("name", "what", "advice"),
    [
        ("ada/gone", "no model of that name on the Hub", "check the path or the name"),
        ("ada/pens@v9", "has no revision 'v9'", "name a branch"),
        ("ada/pens:x.gguf", r"has no file x.gguf", "name a model"),
        ("ada/gated", "is gated", "accept its licence"),
        ("ada/pickled", r"has no file model.safetensors", "name a model"),
        ("ada/other", "bert", "give"),
    ],
)
def test_what_can_not_be_had_says_why(server, models, name, what, advice):
    files = models[0][1]
    server.models["ada/gated"] = {"main": (OLD, files)}
    server.gated.add("ada/gated")
    pickled = {name: data for name, data in files.items() if "safetensors" not in name}
    server.models["ada/pickled"] = {"main": (OLD, pickled)}
    server.models["ada/other"] = {"main": (OLD, files | {"config.json": b'{"model_type": "bert"}'})}
    with pytest.raises(PhialError, match=what) as raised:
        phial.load(name)
    assert advice in raised.value.do
    assert not [file for file in sent(server) if file.endswith(".safetensors")]


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(PhialError, match="need the huggingface_hub package") as raised:
        phial.load("ada/pens")
    assert "phial-lm[hub]" in raised.value.do


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b", HubName("a/b")),
        ("a/b@v1.0", HubName("a/b", "v1.0")),
        ("a/b@refs/pr/3:c/d.gguf", HubName("a/b", "refs/pr/3", "c/d.gguf")),
        ("a/b:x.Q4_K_M.gguf", HubName("a/b", file="x.Q4_K_M.gguf")),
        *[
            (text, None)
            for text in ("a", "/a/b", "./a/b", "a/b/c", "../a/b", "a/b@../../x", "a/b:../x.gguf", "a/b:x.bin")
        ],
        *[(text, None) for text in ("", "a/b@", "a/b:", "~/b", "a//b", "a/b\n", "é/b")],
    ],
)
def test_names(text, expected):
    assert parse_name(text) == expected
