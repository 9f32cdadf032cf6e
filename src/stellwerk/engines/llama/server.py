"""The engine's HTTP side: it loads the weights and answers chats and completions."""

import asyncio
import secrets
from pathlib import Path

from aiohttp import web

from stellwerk.engines.host import Orders, application
from stellwerk.engines.llama.chat import chat
from stellwerk.engines.llama.completions import completions
from stellwerk.engines.llama.model import Model
from stellwerk.engines.llama.native import Native, start
from stellwerk.engines.llama.spec import weights
from stellwerk.ports.engines import Launch


async def load(orders: Orders) -> web.Application:
    """Load the weights. Raises `RuntimeError` or `StellwerkError` for what cannot be loaded."""
    found = weights(Launch(orders.model, "llama", orders.files, orders.options))
    socket = inner_socket(Path(orders.socket))
    socket.unlink(missing_ok=True)
    secret = secrets.token_urlsafe()
    server = await asyncio.to_thread(start, found, socket, secret, orders.threads)
    native = Native(socket, secret)
    await native.ready()
    model = await Model.of(native, found)

    async def answer_chat(request: web.Request) -> web.StreamResponse:
        return await chat(model, request)

    async def answer_completions(request: web.Request) -> web.StreamResponse:
        return await completions(model, request)

    async def close(_: web.Application) -> None:
        nonlocal server
        await native.close()
        del server
        socket.unlink(missing_ok=True)

    app = application(orders)
    app.on_cleanup.append(close)
    app.router.add_post("/v1/chat/completions", answer_chat)
    app.router.add_post("/v1/completions", answer_completions)
    return app


def inner_socket(outer: Path) -> Path:
    """Where llama.cpp itself listens: beside the engine's socket. It wants a name in `.sock`."""
    return outer.with_name(f"_{outer.stem}.sock")
