"""The `Source` of a model that runs in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from phial.engine.engine import Engine
from phial.engine.grammar import Grammar
from phial.engine.request import Request, Sampling
from phial.synth.faults import Failed, Refused
from phial.synth.reply import Answer
from phial.synth.request import TeacherRequest, json_schema
from phial.synth.teacher import Send
from phial.tokens.chat import encode_chat


class InProcess:
    """Answers with the engine; answers to a schema are held to it by a grammar.

    Its tokens are drawn from a seed made of the request's key, so that the same request has the same answer wherever
    the engine's logits are the same.

    Args:
        engine: of `phial.load(...).engine` or `phial.engine.choice.load_engine`.
        concurrency: requests in the engine at a time.
    """

    def __init__(self, engine: Engine, concurrency: int = 64) -> None:
        self._engine = engine
        self._places = asyncio.Semaphore(concurrency)

    @asynccontextmanager
    async def route(self, failed: Sequence[str] = ()) -> AsyncIterator[Send]:
        """See `Source.route`."""
        async with self._places:
            yield self._send

    async def close(self) -> None:
        """End the engine's thread."""
        await asyncio.to_thread(self._engine.stop)

    async def _send(self, request: TeacherRequest, key: str) -> Answer:
        engine = self._engine
        ids, _ = encode_chat(engine.tokenizer, request.messages, generation_prompt=True)
        if len(ids) >= engine.max_length:
            what = f"the prompt has {len(ids)} tokens; the model's context is {engine.max_length}, answer included"
            raise Refused("over the context", what, where="engine", do="shorten the seeds")
        sampling = Sampling(
            temperature=1.0 if request.temperature is None else request.temperature,
            top_p=1.0 if request.top_p is None else request.top_p,
            max_tokens=request.max_tokens,
            seed=int(key[:16], 16),
        )
        constraint = Grammar("json", json.dumps(json_schema(request.schema))) if request.schema else None
        stream = engine.submit(Request(ids, sampling, stop=request.stop, constraint=constraint))
        try:
            async for event in stream:
                if event.error:
                    raise Failed(f"engine: {type(event.error).__name__}", perhaps_paid=False) from event.error
        finally:
            if not stream.finished:
                stream.cancel()
        generation = stream.lives[0].generation()
        return Answer(
            generation.text, "", generation.finish_reason, len(ids), max(1, len(generation.ids)), "in-process:"
        )
