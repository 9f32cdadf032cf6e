"""One running engine: the child process that serves one model."""

import os
import secrets
import sys
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from stellwerk.engines.host import Orders
from stellwerk.ports.engines import Endpoint, EngineSpec, Launch
from stellwerk.supervisor.children import Child


@dataclass(frozen=True, slots=True)
class Hosting:
    """What all engines of this machine have in common. Times in seconds."""

    run_dir: Path
    threads: int
    load_timeout: float = 600
    grace: float = 5
    log_level: str = "info"


@dataclass(frozen=True, slots=True)
class Process:
    """An engine that answers on its endpoint."""

    child: Child
    endpoint: Endpoint

    async def stop(self, grace: float) -> None:
        """Return when nothing of it is left."""
        try:
            await self.child.stop(grace)
        finally:
            _remove(self.endpoint)


class Host:
    """Starts engines on this machine."""

    def __init__(self, hosting: Hosting) -> None:
        self.hosting = hosting
        self._numbers = count(1)

    async def start(self, spec: EngineSpec, launch: Launch) -> Process:
        """Start the engine and wait until it has loaded the model.

        Raises `ChildError` with the engine's own words when it cannot.
        """
        socket = self.hosting.run_dir / f"engine-{next(self._numbers)}.sock"
        endpoint = Endpoint(str(socket), secrets.token_urlsafe(32))
        command = [sys.executable, "-m", spec.module]
        orders = msgspec.json.encode(self._orders(launch, endpoint))
        try:
            child = await Child.start(
                command,
                orders,
                timeout=self.hosting.load_timeout,
                environment=_environment(),
            )
        except BaseException:
            _remove(endpoint)
            raise
        return Process(child, endpoint)

    def _orders(self, launch: Launch, endpoint: Endpoint) -> Orders:
        options: dict[str, Any] = dict(launch.options or {})
        return Orders(
            model=launch.model,
            socket=endpoint.socket,
            secret=endpoint.secret,
            threads=self.hosting.threads,
            files=launch.files,
            options=options,
            grace=self.hosting.grace,
            log_level=self.hosting.log_level,
        )


def _remove(endpoint: Endpoint) -> None:
    Path(endpoint.socket).unlink(missing_ok=True)


def _environment() -> dict[str, str]:
    """Ours, without the settings: an engine needs no password of a database."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STELLWERK_")}
