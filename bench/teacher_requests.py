"""Claim: the teacher client, its ledger on the disk included, is at least five times as fast as the `openai` client.

    python bench/teacher_requests.py --peer PEER/bin/python

PEER is a virtual environment with `pip install openai`. A loopback server in a process of its own answers every chat
completion after 50 ms; each client keeps 256 requests in flight. Clients take turns, each in a process of its own; the
limit is 256 / 50 ms. phial writes every request and reply to its ledger, flushed to the disk; the peer keeps nothing.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IN_FLIGHT = 256
DELAY = 0.05
REPLY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "small",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 100}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 60, "completion_tokens": 100, "total_tokens": 160},
    }
).encode()
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(REPLY), REPLY)
PROMPT = "Explain in three sentences what a closure is and when one is useful. " * 4

PEER = """
import asyncio, json, os, sys, time
from openai import AsyncOpenAI

async def main(url, count, in_flight, prompt):
    client = AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=60)
    places = asyncio.Semaphore(in_flight)
    async def one(i):
        async with places:
            messages = [{"role": "user", "content": f"{prompt} {i}"}]
            reply = await client.chat.completions.create(model="small", messages=messages, max_tokens=200)
            return reply.choices[0].message.content
    await asyncio.gather(*(one(i) for i in range(in_flight)))
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one(i) for i in range(count)))
    print(json.dumps([count / (time.perf_counter() - began), 1000 * (time.process_time() - cpu) / count]))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
"""


class Server(asyncio.Protocol):
    """As little of HTTP as the clients need, so that the server is not what is measured."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with an empty buffer."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request after the delay."""
        self.buffer += data
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) if found else 0
            if not found or len(rest) < length:
                return
            self.buffer = rest[length:]
            asyncio.get_running_loop().call_later(DELAY, self.answer)

    def answer(self) -> None:
        """Send the reply."""
        if not self.transport.is_closing():
            self.transport.write(RESPONSE)


async def serve() -> None:
    """Serve on a free port and print it."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def client(url: str, count: int) -> None:
    """Measure phial."""
    from phial.synth.endpoint import Endpoint
    from phial.synth.endpoints import Endpoints
    from phial.synth.ledger import Ledger
    from phial.synth.request import Identity
    from phial.synth.teacher import LedgerTeacher

    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        source = Endpoints("small", [Endpoint(url, concurrency=IN_FLIGHT, start=IN_FLIGHT)])
        async with LedgerTeacher(Identity("bench", "small"), source, ledger) as teacher:

            async def ask(first: int, last: int) -> None:
                asked = (teacher.ask(f"{PROMPT} {i}", temperature=None, max_tokens=200) for i in range(first, last))
                await asyncio.gather(*asked)

            await ask(-IN_FLIGHT, 0)
            began, cpu = time.perf_counter(), time.process_time()
            await ask(0, count)
            print(json.dumps([count / (time.perf_counter() - began), 1000 * (time.process_time() - cpu) / count]))


def measure(command: list[str]) -> list[float]:
    """Requests a second and CPU milliseconds a request of one client."""
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Measure the clients in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="Python with openai installed; phial alone if left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=6000, help="of phial a round")
    parser.add_argument("--peer-requests", type=int, default=1000)
    arguments = parser.parse_args()
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        ours: list[list[float]] = []
        theirs: list[list[float]] = []
        for _ in range(arguments.rounds):
            ours.append(measure([sys.executable, __file__, "--client", url, str(arguments.requests)]))
            line = f"phial {ours[-1][0]:>7,.0f} /s, {ours[-1][1]:.2f} ms CPU"
            if arguments.peer:
                peer = [arguments.peer, "-c", PEER, url, str(arguments.peer_requests), str(IN_FLIGHT), PROMPT]
                theirs.append(measure(peer))
                line += f"   openai {theirs[-1][0]:>7,.0f} /s, {theirs[-1][1]:.2f} ms CPU"
                line += f"   ratio {ours[-1][0] / theirs[-1][0]:.1f}"
            print(line, flush=True)
    finally:
        server.terminate()
        server.wait()
    result: dict[str, object] = {
        "claim": "teacher requests per second",
        "in_flight": IN_FLIGHT,
        "rate": round(statistics.median(one[0] for one in ours)),
        "limit": round(IN_FLIGHT / DELAY),
        "cpu_ms": round(statistics.median(one[1] for one in ours), 3),
        "cores": os.cpu_count(),
    }
    if theirs:
        result["openai"] = round(statistics.median(one[0] for one in theirs))
        ratios = [mine[0] / other[0] for mine, other in zip(ours, theirs, strict=True)]
        result |= {"ratio": round(statistics.median(ratios), 2), "lowest_ratio": round(min(ratios), 2), "must": 5}
    print(json.dumps(result))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve())
    elif sys.argv[1:2] == ["--client"]:
        asyncio.run(client(sys.argv[2], int(sys.argv[3])))
    else:
        main()
