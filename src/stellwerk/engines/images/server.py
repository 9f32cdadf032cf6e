"""`POST /v1/images/generations`, `edits` and `variations` in the engine's child process."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from aiohttp import web

from stellwerk.engines.directory import linked
from stellwerk.engines.extra import check_installed
from stellwerk.engines.host import Orders, application, read_form
from stellwerk.engines.images.answer import EDIT, GENERATION, events, whole
from stellwerk.engines.images.job import Job, edit, generation, variation
from stellwerk.engines.images.painter import Painter
from stellwerk.engines.images.spec import NEEDED, files_of, options_of
from stellwerk.wire.decode import decode
from stellwerk.wire.form import decode_form
from stellwerk.wire.images import (
    ImageEditRequest,
    ImageRequest,
    ImageVariationRequest,
)

T = TypeVar("T")


async def load(orders: Orders) -> web.Application:
    """Load the model; the application paints with it."""
    painter = _painter(orders)

    async def generations(request: web.Request) -> web.StreamResponse:
        asked = decode(await request.read(), ImageRequest)
        return await _answer(request, painter, generation(asked, painter.canvas), GENERATION)

    async def edits(request: web.Request) -> web.StreamResponse:
        asked = await _form(request, ImageEditRequest)
        job = await asyncio.to_thread(edit, asked, painter.canvas)
        return await _answer(request, painter, job, EDIT)

    async def variations(request: web.Request) -> web.StreamResponse:
        asked = await _form(request, ImageVariationRequest)
        job = await asyncio.to_thread(variation, asked, painter.canvas)
        return await whole(request, painter, job)

    async def close(_: web.Application) -> None:
        painter.close()

    app = application(orders)
    app.on_cleanup.append(close)
    app.router.add_post("/v1/images/generations", generations)
    app.router.add_post("/v1/images/edits", edits)
    app.router.add_post("/v1/images/variations", variations)
    return app


def _painter(orders: Orders) -> Painter:
    check_installed("images", NEEDED)
    options = options_of(orders.options)
    files = files_of(orders.files, options)
    with TemporaryDirectory(prefix="stellwerk-images-") as directory:
        linked(files, Path(directory))
        return Painter(Path(directory), options, orders.threads)


async def _form(request: web.Request, shape: type[T]) -> T:
    return decode_form(await read_form(request), shape)


async def _answer(
    request: web.Request, painter: Painter, job: Job, name: str
) -> web.StreamResponse:
    if job.stream:
        return await events(request, painter, job, name)
    return await whole(request, painter, job)
