"""The least that is a hub process: it keeps the contract with its parent, and serves three paths.

`/` gives its process number, `/slow` takes half a second, `/endless` never ends, and `/engine`
leases an engine and gives the engine's process number.
"""

import asyncio
import os
import socket
import sys
from typing import Any

import msgspec
import psutil
from aiohttp import web

from stellwerk.ports.engines import Launch
from stellwerk.supervisor.control import BrokerClient


def application(broker: BrokerClient) -> web.Application:
    async def pid(_: web.Request) -> web.Response:
        return web.json_response(os.getpid())

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.5)
        return web.json_response("done")

    async def endless(_: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.json_response("never")

    async def engine(_: web.Request) -> web.Response:
        async with broker.lease(Launch("e5", "e5")):
            siblings = psutil.Process().parent().children()  # type: ignore[union-attr]
            return web.json_response([each.pid for each in siblings if each.pid != os.getpid()])

    app = web.Application()
    app.add_routes(
        [
            web.get("/", pid),
            web.get("/slow", slow),
            web.get("/endless", endless),
            web.get("/engine", engine),
        ]
    )
    return app


async def serve(orders: dict[str, Any]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(15, stopped.set)
    loop.add_reader(0, lambda: os.read(0, 100) or os._exit(1))
    async with BrokerClient(orders["broker"]) as broker:
        grace = orders["settings"]["shutdown_grace"]
        runner = web.AppRunner(application(broker), shutdown_timeout=grace)
        await runner.setup()
        await web.SockSite(runner, socket.socket(fileno=orders["fd"])).start()
        print('{"ready": true}', flush=True)
        await stopped.wait()
        await runner.cleanup()


if __name__ == "__main__":
    told = msgspec.json.decode(sys.stdin.buffer.readline())
    if told["dsn"] == "bad":
        print('{"error": "the database has no tables"}', flush=True)
        sys.exit(1)
    asyncio.run(serve(told))
