"""Servers on addresses of the loopback network, and names that a test makes up."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from stellwerk.base.settings import FetchSettings
from stellwerk.fetch.fetcher import Fetcher

# The one address that tests allow; all others of 127.0.0.0/8 are as refused as they ever are.
HERE, THERE = "127.0.0.1", "127.0.0.2"

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Peer:
    """A server, and the requests that it has got."""

    host: str
    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/", scheme: str = "http", host: str | None = None) -> str:
        return f"{scheme}://{host or self.host}:{self.port}{path}"


@asynccontextmanager
async def peer(
    script: Script, host: str = HERE, context: ssl.SSLContext | None = None
) -> AsyncIterator[Peer]:
    """Answers each connection's one request by `script`."""
    state = Peer(host)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            state.heads.append(head)
            await script(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=context)
    async with server:
        state.port = server.sockets[0].getsockname()[1]
        yield state


def says(body: bytes = b"hello", status: str = "200 OK", **headers: Any) -> Script:
    """An answer with the length of its body, unless `headers` say another."""

    async def script(writer: asyncio.StreamWriter) -> None:
        lines = {"content_length": len(body), **headers}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        writer.write(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    return script


class Names(AbstractResolver):
    """Says what a test says, one answer after the other, the last one again and again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer
        ]

    async def close(self) -> None:
        pass


def fetcher(
    *answers: Sequence[str], context: ssl.SSLContext | None = None, **settings: Any
) -> Fetcher:
    """Allows `HERE` alone. `answers` are what names resolve to; without them, the system says."""
    values = {"allow": [f"{HERE}/32"], "timeout": 30, **settings}
    names = Names(*answers) if answers else None
    return Fetcher(FetchSettings(**values), names, context)
