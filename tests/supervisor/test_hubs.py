import asyncio
import os
import sys
from contextlib import closing
from pathlib import Path
from socket import create_server

import psutil

from stellwerk.supervisor.hubs import HubOrders, Hubs
from tests.supervisor.conftest import until

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
    return {child.pid for child in psutil.Process().children()}


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


def written(directory: Path, kind: str) -> set[int]:
    """The processes that left a file of that kind."""
    return {int(file.stem.rpartition("_")[2]) for file in directory.glob(f"{kind}_*.db")}
