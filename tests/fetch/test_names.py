"""Names, as the system knows them."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from stellwerk.fetch.names import Names


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    opened = Names()
    yield opened
    await opened.close()


async def test_a_name_and_an_address(names: Names) -> None:
    for host in ("localhost", "127.0.0.1"):
        found = await names.resolve(host, 80)
        assert ("127.0.0.1", 80, host) in [
            (one["host"], one["port"], one["hostname"]) for one in found
        ]


async def test_a_name_that_nobody_has(names: Names) -> None:
    with pytest.raises(OSError):
        await names.resolve("nobody.invalid")


async def test_it_needs_none_of_the_loop_s_threads(names: Names) -> None:
    loop, go_on = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, go_on.wait)
    assert await asyncio.wait_for(names.resolve("localhost"), 60)
    go_on.set()
    await busy
