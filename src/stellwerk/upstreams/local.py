"""A local engine as a target: it is leased from the broker for each request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stellwerk.ports.engines import Broker, Endpoint, Launch
from stellwerk.upstreams.client import Client, HttpAnswer


class EngineClients:
    """One client for each running engine; an engine that was started anew has a new socket."""

    def __init__(self) -> None:
        self._clients: dict[Endpoint, Client] = {}

    async def get(self, endpoint: Endpoint) -> Client:
        client = self._clients.get(endpoint)
        if client is None:
            await self._forget_ended()
            client = Client("http://engine/v1", socket=endpoint.socket, secret=endpoint.secret)
            self._clients[endpoint] = client
        return client

    async def _forget_ended(self) -> None:
        """Close the clients of engines whose socket is gone."""
        for endpoint in self._ended():
            await self._clients.pop(endpoint).close()

    def _ended(self) -> list[Endpoint]:
        return [endpoint for endpoint in self._clients if not Path(endpoint.socket).exists()]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()


class EngineTarget:
    """The engine of one model, wherever the broker has it running."""

    def __init__(self, broker: Broker, clients: EngineClients, launch: Launch) -> None:
        self._broker = broker
        self._clients = clients
        self._launch = launch

    @asynccontextmanager
    async def post(self, path: str, body: bytes) -> AsyncIterator[HttpAnswer]:
        async with self._broker.lease(self._launch) as endpoint:
            client = await self._clients.get(endpoint)
            async with client.post(path, body) as answer:
                yield answer
