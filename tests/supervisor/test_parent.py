import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import aiohttp
import psutil
import pytest

from stellwerk.supervisor.lock import serve_lock
from stellwerk.supervisor.run_directory import place
from tests.supervisor.conftest import engines, until

LIMIT = 60


class Server:
    """The parent process of `small_server`, and what it printed until it served or ended."""

    def __init__(self, data_dir: Path, dsn: str = "", **settings: Any) -> None:
        given = json.dumps({"data_dir": str(data_dir), "port": 0, **settings})
        command = [sys.executable, "-m", "tests.supervisor.small_server", given, dsn]
        self.process = Popen(command, stdout=PIPE, text=True)
        self.lines: list[str] = []
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line.startswith("http://"):
                break

    @property
    def url(self) -> str:
        return self.lines[-1]

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    async def get(self, path: str = "/") -> Any:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return await answer.json()

    async def end(self) -> tuple[int, list[str]]:
        """Exit status, and what was printed since it served."""
        printed, _ = await asyncio.to_thread(self.process.communicate, timeout=LIMIT)
        return self.process.returncode, printed.splitlines()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()


async def start(data_dir: Path, dsn: str = "", **settings: Any) -> Server:
    return await asyncio.to_thread(Server, data_dir, dsn, **settings)


@asynccontextmanager
async def serving(data_dir: Path, **settings: Any) -> AsyncIterator[Server]:
    async with asyncio.timeout(LIMIT):
        server = await start(data_dir, **settings)
        try:
            assert server.url.startswith("http://"), server.lines
            yield server
        finally:
            if server.process.returncode is None:
                server.process.kill()
                await server.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server with two hubs that several tests look at, and its data directory."""
    data_dir = tmp_path_factory.mktemp("shared")
    server = Server(data_dir, workers=2)
    yield server, data_dir
    server.process.terminate()
    server.process.communicate(timeout=LIMIT)


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

        running = asyncio.create_task(server.get("/slow"))
        await asyncio.sleep(0.1)
        server.process.terminate()
        assert await running == "done"
        assert await server.end() == (0, ["database stops", "all is closed"])
        assert not any(child.is_running() for child in children)
    assert nothing_is_left(tmp_path)


async def test_nobody_connects_while_the_hubs_finish(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        running = asyncio.create_task(server.get("/endless"))
        await asyncio.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        await until(lambda: refuses(server.address))
        assert not running.done()
        # The second signal hurries.
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(aiohttp.ClientError):
            await running
        assert (await server.end())[0] == 0
    assert nothing_is_left(tmp_path)


def refuses(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=LIMIT).close()
    except ConnectionRefusedError:
        return True
    return False


async def test_the_grace_ends(tmp_path: Path) -> None:
    async with serving(tmp_path, shutdown_grace=0.5) as server:
        running = asyncio.create_task(server.get("/endless"))
        await asyncio.sleep(0.1)
        server.process.send_signal(signal.SIGINT)
        with pytest.raises(aiohttp.ClientError):
            await running
        assert (await server.end())[0] == 0


async def test_a_signal_that_is_ignored_from_the_start_stays_so(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        server = await start(tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)
    server.process.send_signal(signal.SIGHUP)
    assert await server.get("/slow") == "done"
    server.process.terminate()
    assert (await server.end())[0] == 0


async def test_many_hubs_share_one_engine(shared: tuple[Server, Path]) -> None:
    server, _ = shared
    await asyncio.gather(*(server.get("/engine") for _ in range(30)))
    assert len(engines(server.process.pid)) == 1
    assert len(server.children()) == 3


async def test_a_hub_that_crashed_is_started_again(shared: tuple[Server, Path]) -> None:
    server, _ = shared
    before = {child.pid for child in server.children()} - await engine_pids(server)
    for hub in before:
        psutil.Process(hub).kill()
    # The socket stays open: who connects now waits for a new hub.
    assert await server.get() not in before
    assert await engine_pids(server)


async def engine_pids(server: Server) -> set[int]:
    """The engines, after a request made sure that there is one."""
    await server.get("/engine")
    return {engine.pid for engine in engines(server.process.pid)}


async def test_a_second_one_is_told_who_serves(shared: tuple[Server, Path]) -> None:
    server, data_dir = shared
    second = await start(data_dir)
    assert (await second.end())[0] == 3
    assert f"by process {server.process.pid} since" in second.lines[0]
    assert "small_server" in second.lines[0]
    assert await server.get()


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


@pytest.mark.parametrize("said", [b"database starts\n", b"prepared\n"])
async def test_a_stop_during_the_start(tmp_path: Path, said: bytes) -> None:
    given = json.dumps({"data_dir": str(tmp_path), "port": 0})
    command = [sys.executable, "-m", "tests.supervisor.small_server", given, ""]
    with Popen(command, stdout=PIPE) as process:
        assert process.stdout
        while await asyncio.to_thread(process.stdout.readline) != said:
            pass
        # A hub has been started, and has not served yet.
        [hub] = psutil.Process(process.pid).children()
        process.terminate()
        printed, _ = await asyncio.to_thread(process.communicate, timeout=LIMIT)
    assert process.returncode == 0
    assert printed.splitlines()[-2:] == [b"database stops", b"all is closed"]
    assert not hub.is_running()
    assert nothing_is_left(tmp_path)
