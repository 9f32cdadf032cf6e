import asyncio
import os
import sys
from contextlib import closing
from pathlib import Path
from socket import create_server

import psutil
import pytest

from stellwerk.supervisor.hubs import HubOrders, Hubs, HubStartError
from tests.supervisor.conftest import command_of, until

# A hub that has one request in flight, and has served one.
BUSY = """
import sys
from prometheus_client import Counter, Gauge

Gauge("in_flight", "Running.", multiprocess_mode="livesum").inc()
Counter("ended", "Ended.").inc()
print('{"ready": true}', flush=True)
sys.stdin.readline()
sys.stdin.read()
"""


def pids() -> set[int]:
    return {child.pid for child in psutil.Process().children() if BUSY in command_of(child)}


async def test_what_a_killed_hub_had_in_flight_is_forgotten(tmp_path: Path) -> None:
    with closing(create_server(("127.0.0.1", 0))) as listener:
        orders = HubOrders([sys.executable, "-c", BUSY], b"{}", listener.fileno(), tmp_path)
        async with Hubs(orders, 2, grace=0.1) as hubs:
            watch = asyncio.create_task(hubs.watch())
            before = pids()
            assert written(tmp_path, "gauge_livesum") == before
            killed = min(before)
            psutil.Process(killed).kill()
            await until(lambda: len(written(tmp_path, "counter")) == 3)
            await until(lambda: written(tmp_path, "gauge_livesum") == pids())
            assert killed in written(tmp_path, "counter")
            watch.cancel()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


async def test_hubs_may_be_spawned_before_they_are_needed(tmp_path: Path) -> None:
    with closing(create_server(("127.0.0.1", 0))) as listener:
        orders = HubOrders([sys.executable, "-c", BUSY], b"{}", listener.fileno(), tmp_path)
        hubs = Hubs(orders, 2, grace=0.1)
        async with hubs.spawned():
            early = pids()
            assert len(early) == 2
        assert pids() == set()
        async with hubs.spawned():
            early = pids()
            async with hubs:
                assert pids() == early
            assert pids() == set()


async def test_a_hub_that_cannot_be_spawned_is_told(tmp_path: Path) -> None:
    orders = HubOrders([str(tmp_path / "none")], b"{}", 0)
    with pytest.raises(HubStartError, match=r"does not start: .*none"):
        async with Hubs(orders, 2, grace=0.1).spawned():
            raise AssertionError("there is no such program")


def written(directory: Path, kind: str) -> set[int]:
    """The processes that left a file of that kind."""
    return {int(file.stem.rpartition("_")[2]) for file in directory.glob(f"{kind}_*.db")}
