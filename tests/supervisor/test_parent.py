import asyncio
import json
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from stellwerk.supervisor.lock import serve_lock
from stellwerk.supervisor.run_directory import place
from tests.supervisor.conftest import engines, until

LIMIT = 60


class Server:
    """The parent process of `small_server`."""

    def __init__(self, process: Process, lines: list[str]) -> None:
        self.process = process
        self.lines = lines

    @property
    def url(self) -> str:
        return self.lines[-1]

    async def get(self, path: str = "/") -> Any:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return await answer.json()

    async def end(self) -> tuple[int, list[str]]:
        """Exit status, and what was printed since it served."""
        assert self.process.stdout
        printed = (await self.process.stdout.read()).decode().splitlines()
        return await self.process.wait(), printed

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()


async def start(data_dir: Path, dsn: str = "", **settings: Any) -> Server:
    """Start a server and read what it prints until it serves or ends."""
    given = json.dumps({"data_dir": str(data_dir), "port": 0, **settings})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.supervisor.small_server", given, dsn, stdout=PIPE
    )
    lines: list[str] = []
    assert process.stdout
    while line := (await process.stdout.readline()).decode().strip():
        lines.append(line)
        if line.startswith("http://"):
            break
    return Server(process, lines)


@asynccontextmanager
async def serving(data_dir: Path, **settings: Any) -> AsyncIterator[Server]:
    async with asyncio.timeout(LIMIT):
        server = await start(data_dir, **settings)
        try:
            assert server.lines[-1].startswith("http://"), server.lines
            yield server
        finally:
            if server.process.returncode is None:
                server.process.kill()
                await server.end()


def nothing_is_left(data_dir: Path) -> bool:
    with serve_lock(data_dir):
        return not place(data_dir).exists()


async def test_a_life_in_order(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        assert server.lines[:2] == ["database starts", "prepared"]
        hub = await server.get()
        assert [child.pid for child in server.children()] == [hub]
        [engine] = await server.get("/engine")
        children = server.children()
        assert {child.pid for child in children} == {hub, engine}

        server.process.send_signal(signal.SIGTERM)
        assert await server.end() == (0, ["database stops", "all is closed"])
        assert not any(child.is_running() for child in children)
    assert nothing_is_left(tmp_path)


async def test_running_requests_finish(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        running = asyncio.create_task(server.get("/slow"))
        await asyncio.sleep(0.1)
        server.process.send_signal(signal.SIGINT)
        assert await running == "done"
        assert (await server.end())[0] == 0


async def test_nobody_connects_while_the_hubs_finish(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        running = asyncio.create_task(server.get("/endless"))
        await asyncio.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)

        async def refused() -> None:
            while True:
                await server.get()

        with pytest.raises(aiohttp.ClientConnectorError):
            await refused()
        assert not running.done()
        # The second signal hurries.
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(aiohttp.ClientError):
            await running
        assert (await server.end())[0] == 0
    assert nothing_is_left(tmp_path)


async def test_a_signal_that_is_ignored_from_the_start_stays_so(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        async with serving(tmp_path) as server:
            server.process.send_signal(signal.SIGHUP)
            assert await server.get("/slow") == "done"
            server.process.terminate()
            assert (await server.end())[0] == 0
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_the_grace_ends(tmp_path: Path) -> None:
    async with serving(tmp_path, shutdown_grace=0.5) as server:
        running = asyncio.create_task(server.get("/endless"))
        await asyncio.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(aiohttp.ClientError):
            await running
        assert (await server.end())[0] == 0


async def test_a_hub_that_crashed_is_started_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        before = await server.get()
        [engine] = await server.get("/engine")
        psutil.Process(before).kill()
        # The socket stays open: who connects now waits for the new hub.
        after = await server.get()
        assert after != before
        assert await server.get("/engine") == [engine]


async def test_many_hubs_share_one_engine(tmp_path: Path) -> None:
    async with serving(tmp_path, workers=2) as server:
        hubs = {child.pid for child in server.children()}
        assert len(hubs) == 2
        await asyncio.gather(*(server.get("/engine") for _ in range(30)))
        assert len(engines(server.process.pid)) == 1
        assert await server.get() in hubs


async def test_a_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await server.get("/engine")
        children = server.children()
        assert len(children) == 2
        server.process.kill()
        await server.end()
        await until(lambda: not any(child.is_running() for child in children))
    # The next start clears what the killed one left.
    assert place(tmp_path).exists()
    async with serving(tmp_path) as server:
        server.process.terminate()
        assert (await server.end())[0] == 0
    assert nothing_is_left(tmp_path)


async def test_a_second_one_is_told_who_serves(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        second = await start(tmp_path)
        assert (await second.end())[0] == 3
        assert f"by process {server.process.pid} since" in second.lines[0]
        assert "small_server" in second.lines[0]
        assert await server.get()


async def test_a_taken_port_is_told_before_the_database_starts(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        server = await start(tmp_path, port=port)
        assert (await server.end())[0] == 1
    assert len(server.lines) == 1
    assert f"`port`: {port} on 127.0.0.1 is taken by process" in server.lines[0]
    assert nothing_is_left(tmp_path)


async def test_what_a_hub_says_of_its_failure_reaches_the_caller(tmp_path: Path) -> None:
    server = await start(tmp_path, dsn="bad", workers=2)
    assert (await server.end())[0] == 1
    assert server.lines == [
        "database starts",
        "prepared",
        "database stops",
        "A hub process does not start: the database has no tables",
    ]
    assert nothing_is_left(tmp_path)


async def test_a_stop_during_the_start(tmp_path: Path, hub_starts: Callable[[int], bool]) -> None:
    given = json.dumps({"data_dir": str(tmp_path), "port": 0})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.supervisor.small_server", given, "", stdout=PIPE
    )
    await until(lambda: hub_starts(process.pid))
    process.terminate()
    assert process.stdout
    printed = (await process.stdout.read()).decode().splitlines()
    assert await process.wait() == 0
    assert printed[-2:] == ["database stops", "all is closed"]
    assert nothing_is_left(tmp_path)


@pytest.fixture
def hub_starts() -> Callable[[int], bool]:
    return lambda pid: bool(psutil.Process(pid).children())
