"""Where a model runs: a leased local engine, or another server."""

import os
from typing import Self

from stellwerk.base.errors import UnavailableError
from stellwerk.base.model_entry import UpstreamEntry
from stellwerk.features.catalog.describe import Describer
from stellwerk.features.catalog.types import Model
from stellwerk.ports.engines import Broker
from stellwerk.upstreams.client import Client
from stellwerk.upstreams.local import EngineClients, EngineTarget
from stellwerk.upstreams.remote import RemoteTarget
from stellwerk.upstreams.target import Target


class Targets:
    """Finds the target of a model; closes all connections at the end."""

    def __init__(self, broker: Broker, describer: Describer) -> None:
        self._broker = broker
        self._describer = describer
        self._engines = EngineClients()
        self._remote: dict[UpstreamEntry, Client] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engines.close()
        for client in self._remote.values():
            await client.close()

    def of(self, model: Model) -> Target:
        """Raises `UnavailableError` when weights or the upstream's key are missing."""
        if model.entry.upstream is not None:
            return RemoteTarget(self._client(model.id, model.entry.upstream))
        return EngineTarget(self._broker, self._engines, self._describer.launch(model))

    def _client(self, model: str, upstream: UpstreamEntry) -> Client:
        client = self._remote.get(upstream)
        if client is None:
            client = Client(str(upstream.url), secret=_secret(model, upstream))
            self._remote[upstream] = client
        return client


def _secret(model: str, upstream: UpstreamEntry) -> str | None:
    if upstream.api_key_env is None:
        return None
    secret = os.environ.get(upstream.api_key_env)
    if not secret:
        raise UnavailableError(
            f"The upstream of {model!r} needs a key: set the environment variable "
            f"{upstream.api_key_env} for `stellwerk serve`.",
            code="upstream_key_missing",
        )
    return secret
