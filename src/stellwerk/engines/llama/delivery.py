"""How an answer reaches the hub: events as they come, or one object in the end.

A verb runs once for each choice; all runs write into the same outlet.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from stellwerk.base.errors import StellwerkError
from stellwerk.wire.errors import error_json
from stellwerk.wire.usage import PromptTokensDetails, Usage


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens that one run took; `cached` of the prompt's came from the cache."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0

    def usage(self) -> Usage:
        details = PromptTokensDetails(self.cached)
        return Usage(self.prompt, self.completion, self.prompt + self.completion, details)


class Outlet(Protocol):
    """Where the pieces of an answer go."""

    @property
    def begun(self) -> bool:
        """Whether the client has got something already."""
        ...

    async def fail(self, error: StellwerkError) -> web.StreamResponse: ...

    async def end(self, spent: Spent) -> web.StreamResponse: ...


class Events:
    """Server-sent events to one client; the head goes out with the first of them."""

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )

    @property
    def begun(self) -> bool:
        return self.response.prepared

    async def send(self, data: bytes) -> None:
        if not self.response.prepared:
            await self.response.prepare(self.request)
        await self.response.write(b"data: " + data + b"\n\n")

    async def end(self) -> web.StreamResponse:
        await self.send(b"[DONE]")
        await self.response.write_eof()
        return self.response

    async def fail(self, error: StellwerkError) -> web.StreamResponse:
        """Tell of an error in mid-stream, where no status can tell it any more."""
        await self.send(error_json(error))
        await self.response.write_eof()
        return self.response


async def deliver(
    outlet: Outlet, runs: Sequence[Coroutine[None, None, Spent]], each: int
) -> web.StreamResponse:
    """Run all choices at once and end the answer. `each` runs share one prompt.

    Raises what a run raises, as long as nothing has been sent.
    """
    try:
        spent = await _together(runs)
    except StellwerkError as error:
        if not outlet.begun:
            raise
        return await outlet.fail(error)
    prompts = spent[::each]
    return await outlet.end(
        Spent(
            prompt=sum(one.prompt for one in prompts),
            completion=sum(one.completion for one in spent),
            cached=sum(one.cached for one in prompts),
        )
    )


async def _together(runs: Sequence[Coroutine[None, None, Spent]]) -> list[Spent]:
    if len(runs) == 1:
        return [await runs[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run) for run in runs]
    except* StellwerkError as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
