"""The engine's HTTP side: it loads the weights and answers chats and completions."""

from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from aiohttp import web

from stellwerk.engines.host import Orders, application
from stellwerk.engines.llama.chat import chat
from stellwerk.engines.llama.completions import completions
from stellwerk.engines.llama.model import Model
from stellwerk.engines.llama.native import running, start
from stellwerk.engines.llama.spec import weights
from stellwerk.ports.engines import Launch


async def load(orders: Orders) -> web.Application:
    """Load the weights. Raises `RuntimeError` or `StellwerkError` for what cannot be loaded."""
    found = weights(Launch(orders.model, "llama", orders.files, orders.options))
    stack = AsyncExitStack()
    begin = partial(start, found, orders.threads)
    native = await stack.enter_async_context(running(begin, Path(orders.socket)))
    model = await Model.of(native, found)

    async def answer_chat(request: web.Request) -> web.StreamResponse:
        return await chat(model, request)

    async def answer_completions(request: web.Request) -> web.StreamResponse:
        return await completions(model, request)

    async def close(_: web.Application) -> None:
        await stack.aclose()

    app = application(orders)
    app.on_cleanup.append(close)
    app.router.add_post("/v1/chat/completions", answer_chat)
    app.router.add_post("/v1/completions", answer_completions)
    return app
