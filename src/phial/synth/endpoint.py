"""Where a teacher is reached: address, interface, and the environment variable that holds the key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from phial.errors import PhialError

Api = Literal["chat", "completions", "anthropic"]

_PATHS: dict[Api, str] = {"chat": "/chat/completions", "completions": "/completions", "anthropic": "/messages"}
# A key is only sent where it belongs: to its own provider's host, or where the user says so by `key_env`.
_PROVIDERS = (
    ("api.openai.com", "OPENAI_API_KEY"),
    (".openai.azure.com", "AZURE_OPENAI_API_KEY"),
    (".services.ai.azure.com", "AZURE_OPENAI_API_KEY"),
    (".cognitiveservices.azure.com", "AZURE_OPENAI_API_KEY"),
    ("api.anthropic.com", "ANTHROPIC_API_KEY"),
)
_ANTHROPIC_VERSION = "2023-06-01"
_SHORTEST_SECRET = 6


@dataclass(frozen=True)
class Endpoint:
    """One server.

    Attributes:
        url: up to what comes before /chat/completions, such as https://HOST/v1; "?api-version=..." may follow. "$NAME"
            reads it from the environment.
        api: the interface it speaks: OpenAI's chat or completions, or Anthropic's messages.
        key_env: environment variable with the key; by the host for OpenAI, Azure and Anthropic, none for others.
        concurrency: requests in flight at most.
        start: requests in flight at first; the endpoint's own answers decide from there on.
        timeout: seconds an answer may take.
        structured: how a schema is asked for: by the interface, or in the prompt where the server can't.
        limit_field: what the server calls max_tokens; some models want "max_completion_tokens".
        seeded: send a seed made from the request's key, for proxies that answer equal requests from a cache.
    """

    url: str
    api: Api = "chat"
    key_env: str = ""
    concurrency: int = 256
    start: int = 16
    timeout: float = 600.0
    structured: Literal["interface", "prompt"] = "interface"
    limit_field: str = "max_tokens"
    seeded: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self._base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            _refuse(
                "an endpoint's url must be http://HOST/v1 or https://HOST/v1", self.url if "@" not in self.url else ""
            )
        if parts.username or parts.password or parts.fragment:
            _refuse("an endpoint's url holds credentials or a fragment", parts.hostname)
        if any(name != "api-version" for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
            _refuse("an endpoint's url holds a query other than api-version", parts.hostname)
        if self.api not in _PATHS or self.concurrency < 1 or self.start < 1 or self.timeout <= 0:
            what = f"api {self.api!r}, concurrency {self.concurrency}, start {self.start}, timeout {self.timeout:g}"
            _refuse(f"an endpoint with {what}", parts.hostname)

    @cached_property
    def _base(self) -> str:
        if not self.url.startswith("$"):
            return self.url
        value = self.environment.get(self.url[1:], "")
        if not value:
            raise PhialError(
                f"{self.url[1:]} is not set", where="endpoint", do=f"export {self.url[1:]}=https://HOST/v1"
            )
        return value

    @cached_property
    def target(self) -> str:
        """The whole address of a request."""
        return self.address(_PATHS[self.api])

    def address(self, path: str, query: str = "") -> str:
        """The whole address of something below the url."""
        parts = urlsplit(self._base)
        both = "&".join(filter(None, (parts.query, query)))
        return urlunsplit((parts.scheme, parts.netloc, (parts.path.rstrip("/") or "/v1") + path, both, ""))

    @cached_property
    def public_url(self) -> str:
        """The address for logs and ledger: without a query."""
        return self.target.partition("?")[0]

    @cached_property
    def _key(self) -> str:
        host = urlsplit(self._base).hostname or ""
        known = next((name for end, name in _PROVIDERS if host == end or (end[0] == "." and host.endswith(end))), "")
        name = self.key_env or known
        if not name:
            return ""
        key = self.environment.get(name, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            what = "is not set" if not key else "holds characters that no key has"
            raise PhialError(f"{name} {what}", where=self.public_url, do=f"export {name}=...")
        return key

    def headers(self) -> dict[str, str]:
        """Of every request, the key included.

        Raises:
            PhialError: the key is missing.
        """
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
        host = urlsplit(self._base).hostname or ""
        if self.api == "anthropic":
            headers["anthropic-version"] = _ANTHROPIC_VERSION
        if self._key:
            if self.api == "anthropic":
                headers["x-api-key"] = self._key
            elif host.endswith(".azure.com"):
                headers["api-key"] = self._key
            else:
                headers["Authorization"] = f"Bearer {self._key}"
        return headers

    def redact(self, text: str) -> str:
        """Text of a server without the key, which some repeat in their errors."""
        return text.replace(self._key, "[key]") if len(self._key) >= _SHORTEST_SECRET else text


def _refuse(what: str, where: str | None) -> None:
    do = "give the address up to /v1, and the name of the variable that holds the key as key_env"
    raise PhialError(what, where=f"endpoint {where}" if where else "endpoint", do=do)
