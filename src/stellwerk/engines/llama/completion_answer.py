"""The two forms of a completion's answer: a stream of pieces, or one object out of them."""

import time
from typing import Protocol

import msgspec
from aiohttp import web
from msgspec import UNSET

from stellwerk.base.errors import StellwerkError
from stellwerk.base.ids import new_id
from stellwerk.engines.llama.delivery import Events, Outlet, Spent
from stellwerk.wire.completions import (
    Completion,
    CompletionChoice,
    CompletionLogprobs,
    CompletionRequest,
)


class TextOutlet(Outlet, Protocol):
    async def piece(self, choice: CompletionChoice) -> None: ...


class TextStream:
    """Pieces, as `Completion` describes them."""

    def __init__(self, request: web.Request, ask: CompletionRequest, fingerprint: str) -> None:
        self.events = Events(request)
        self.usage = bool(ask.stream_options and ask.stream_options.include_usage)
        self.chunk = Completion(
            id=new_id("cmpl-"),
            created=int(time.time()),
            model=ask.model,
            choices=[],
            usage=None if self.usage else UNSET,
            system_fingerprint=fingerprint,
        )

    @property
    def begun(self) -> bool:
        return self.events.begun

    async def piece(self, choice: CompletionChoice) -> None:
        self.chunk.choices = [choice]
        await self.events.send(msgspec.json.encode(self.chunk))

    async def fail(self, error: StellwerkError) -> web.StreamResponse:
        return await self.events.fail(error)

    async def end(self, spent: Spent) -> web.StreamResponse:
        if self.usage:
            self.chunk.choices, self.chunk.usage = [], spent.usage()
            await self.events.send(msgspec.json.encode(self.chunk))
        return await self.events.end()


class TextWhole:
    """One object, as `Completion` describes it."""

    begun = False

    def __init__(self, ask: CompletionRequest, fingerprint: str, count: int) -> None:
        self.whole = Completion(
            id=new_id("cmpl-"),
            created=int(time.time()),
            model=ask.model,
            choices=[CompletionChoice(index=index, text="") for index in range(count)],
            system_fingerprint=fingerprint,
        )

    async def piece(self, choice: CompletionChoice) -> None:
        whole = self.whole.choices[choice.index]
        whole.text += choice.text
        whole.finish_reason = choice.finish_reason
        if whole.logprobs is None:
            whole.logprobs = choice.logprobs
        elif choice.logprobs is not None:
            _extend(whole.logprobs, choice.logprobs)

    async def fail(self, error: StellwerkError) -> web.StreamResponse:
        raise error

    async def end(self, spent: Spent) -> web.StreamResponse:
        self.whole.usage = spent.usage()
        return web.Response(body=msgspec.json.encode(self.whole), content_type="application/json")


def _extend(told: CompletionLogprobs, more: CompletionLogprobs) -> None:
    told.tokens += more.tokens
    told.token_logprobs += more.token_logprobs
    told.text_offset += more.text_offset
    if told.top_logprobs is not None and more.top_logprobs is not None:
        told.top_logprobs += more.top_logprobs
