"""One exchange with a server: what came back, or what went wrong, in words that never hold the key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from phial.errors import PhialError
from phial.synth.endpoint import Endpoint
from phial.synth.faults import Failed, Refused, Throttled

# No answer is larger; a server that sends without end must not take all memory.
_LARGEST_REPLY = 64 << 20
_CONNECT_SECONDS = 15.0
_SHOWN = 300
_BUSY = (429, 529)
_CONTEXT = (
    "context_length",
    "context length",
    "context size",
    "context window",
    "prompt is too long",
    "too many tokens",
)
_NO_CREDIT = ("insufficient_quota", "credit balance", "billing")


@dataclass(frozen=True)
class Response:
    """What came back.

    Attributes:
        status: of HTTP.
        kind: content type.
        content: all of it.
        retry_after: seconds that the server asked for, or None.
    """

    status: int
    kind: str
    content: bytes
    retry_after: float | None


class Connection:
    """Keeps connections open between exchanges; made inside of an event loop when it is first used."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def exchange(
        self,
        endpoint: Endpoint,
        method: str,
        url: str,
        headers: dict[str, str],
        data: bytes | aiohttp.FormData | None = None,
        largest: int = _LARGEST_REPLY,
    ) -> Response:
        """Send a request once and read the whole answer.

        Args:
            endpoint: whose time limit counts.
            method: of HTTP.
            url: of the endpoint.
            headers: the key included.
            data: to send.
            largest: answer that is read, in bytes.

        Raises:
            Failed: no whole answer came.
        """
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        timeout = aiohttp.ClientTimeout(total=endpoint.timeout, sock_connect=_CONNECT_SECONDS)
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                content = await _read(response, largest)
                return Response(response.status, response.content_type, content, _retry_after(response.headers))
        except aiohttp.ConnectionTimeoutError:
            raise Failed("no connection: timed out", perhaps_paid=False) from None
        except TimeoutError:  # also aiohttp's own
            raise Failed(f"no answer within {endpoint.timeout:g} s", perhaps_paid=True) from None
        except aiohttp.ClientConnectorError as error:
            reason = endpoint.redact(str(error.strerror or type(error.os_error).__name__))
            raise Failed(f"no connection: {reason}", perhaps_paid=False) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Failed(f"connection lost: {type(error).__name__}", perhaps_paid=True) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()
            self._session = None


async def _read(response: aiohttp.ClientResponse, largest: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Failed("reply is compressed, which was not asked for", perhaps_paid=True)
    if response.content_length is not None and response.content_length <= largest:
        return await response.read()
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > largest:
            raise Failed(f"reply of more than {largest >> 20} MB", perhaps_paid=True)
    return b"".join(parts)


def _retry_after(headers: Any) -> float | None:
    """Seconds from now; None where nothing readable is said."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, min(float(headers["retry-after-ms"]) / 1000, 86400.0))
        text = headers.get("Retry-After", "").strip()
        if not text:
            return None
        if text.replace(".", "", 1).isdigit():
            return min(float(text), 86400.0)
        moment = parsedate_to_datetime(text)
        return max(0.0, min((moment - datetime.now(moment.tzinfo or UTC)).total_seconds(), 86400.0))
    except (ValueError, TypeError):
        return None


def fault_of(response: Response, endpoint: Endpoint) -> Exception:
    """What an answer without an answer means."""
    status, retry_after = response.status, response.retry_after
    said = _message(response.content, endpoint)
    where = f"{endpoint.public_url}, HTTP {status}"
    lowered = said.lower()
    if status in _BUSY and any(word in lowered for word in _NO_CREDIT):
        return PhialError(f"the teacher's account is empty: {said}", where=where, do="top it up and run again")
    if status in _BUSY or (status == 503 and retry_after is not None):
        return Throttled(retry_after)
    if status in (400, 413, 422):
        if status == 413 or any(word in lowered for word in _CONTEXT):
            return Refused("over the context", f"the prompt does not fit: {said}", where=where, do="shorten the seeds")
        if "content_filter" in lowered or "content management" in lowered:
            return Refused("filtered", f"the teacher's filter stopped the prompt: {said}", where=where)
        return Refused("bad request", f"the teacher refused the request: {said}", where=where)
    if status in (401, 402, 403):
        do = f"check {endpoint.key_env or 'the key'} and the account"
        return PhialError(f"the endpoint does not let us in: {said}", where=where, do=do)
    if status in (404, 405) or 300 <= status < 400:
        do = "check the endpoint's url and the model's name"
        return PhialError(f"there is no teacher at this address: {said}", where=where, do=do)
    return Failed(f"HTTP {status}", perhaps_paid=False)


def _message(content: bytes, endpoint: Endpoint) -> str:
    """The error in a server's own words, one line of them, without the key."""
    text = content[: 1 << 16].decode(errors="replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    error = data.get("error", data) if isinstance(data, dict) else None
    if isinstance(error, dict):
        words = [error.get(name) for name in ("code", "type", "message")]
        text = " ".join(word for word in words if isinstance(word, str)) or text
    elif isinstance(error, str):
        text = error
    return " ".join(endpoint.redact(text).split())[:_SHOWN]
