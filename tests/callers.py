"""A server that nobody is to call."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class Callers:
    """Where it listens, and how many have connected."""

    url: str
    number: int = 0


@asynccontextmanager
async def callers() -> AsyncIterator[Callers]:
    state = Callers("")

    async def called(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.number += 1
        writer.close()

    server = await asyncio.start_server(called, "127.0.0.1", 0)
    async with server:
        state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield state
