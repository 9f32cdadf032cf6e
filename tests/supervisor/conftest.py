"""A broker of real engines whose sizes are agreed, so that a test can say what fits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from stellwerk.engines.e5.spec import SPEC
from stellwerk.ports.engines import Description, EngineSpec, EngineStatus, Launch
from stellwerk.supervisor.broker import LocalBroker
from stellwerk.supervisor.engine import Host, Hosting
from stellwerk.supervisor.footprints import Footprints

GIB = 2**30
# Far more than any engine of these tests measures, so what is measured changes nothing.
SIZED = replace(SPEC, describe=lambda _: Description(context=512, footprint=GIB))
LIMIT = 60

Open = Callable[..., Any]


def model(name: str, **launch: Any) -> Launch:
    return Launch(name, "e5", **launch)


@pytest.fixture
def open_broker(tmp_path: Path) -> Open:
    """Opens a broker; `room` is the number of models that fit in its memory."""

    @asynccontextmanager
    async def opened(
        room: float = 4, *, spec: EngineSpec = SIZED, **settings: Any
    ) -> AsyncIterator[LocalBroker]:
        footprints = Footprints(tmp_path / "footprints.json")
        for name in "abc":
            footprints.note(model(name), GIB)
        host = Host(Hosting(tmp_path, threads=1))
        budget = int(room * GIB)
        async with (
            asyncio.timeout(LIMIT),
            LocalBroker({"e5": spec}, host, footprints, budget=budget, **settings) as broker,
        ):
            yield broker
        assert engines() == []
        assert not list(tmp_path.glob("*.sock"))

    return opened


# Engines that other tests of this run keep for all of it.
FOREIGN: set[int] = set()


@pytest.fixture(autouse=True)
def foreign() -> None:
    FOREIGN.clear()
    FOREIGN.update(engine.pid for engine in engines())


def engines(parent: int | None = None) -> list[psutil.Process]:
    """The engine processes of this process, or of another."""
    return [
        child
        for child in psutil.Process(parent).children()
        if child.pid not in FOREIGN
        and any("stellwerk.engines" in word for word in command_of(child))
    ]


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def status_of(broker: LocalBroker, name: str) -> EngineStatus:
    [found] = [status for status in broker.snapshot().engines if status.model == name]
    return found


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0.02)
