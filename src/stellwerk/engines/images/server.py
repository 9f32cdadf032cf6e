"""`POST /v1/images/generations`, `edits` and `variations` in the engine's child process."""

import asyncio
import time
from base64 import b64encode
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec
from aiohttp import web

from stellwerk.engines.directory import linked
from stellwerk.engines.host import Interim, Orders, application
from stellwerk.engines.images.job import Job, edit, generation, variation
from stellwerk.engines.images.painter import Painter
from stellwerk.engines.images.pictures import file_of
from stellwerk.engines.images.spec import check_installed, files_of, options_of
from stellwerk.wire.decode import decode
from stellwerk.wire.form import decode_form, read_parts
from stellwerk.wire.images import (
    ImageEditRequest,
    ImageRequest,
    ImagesAnswer,
    ImageVariationRequest,
    MadeImage,
)

T = TypeVar("T")


async def load(orders: Orders) -> web.Application:
    """Load the model; the application paints with it."""
    painter = _painter(orders)

    async def generations(request: web.Request) -> web.Response:
        asked = decode(await request.read(), ImageRequest)
        return await _answer(request, painter, generation(asked, painter.canvas))

    async def edits(request: web.Request) -> web.Response:
        asked = await _form(request, ImageEditRequest)
        job = await asyncio.to_thread(edit, asked, painter.canvas)
        return await _answer(request, painter, job)

    async def variations(request: web.Request) -> web.Response:
        asked = await _form(request, ImageVariationRequest)
        job = await asyncio.to_thread(variation, asked, painter.canvas)
        return await _answer(request, painter, job)

    async def close(_: web.Application) -> None:
        painter.close()

    app = application(orders)
    app.on_cleanup.append(close)
    app.router.add_post("/v1/images/generations", generations)
    app.router.add_post("/v1/images/edits", edits)
    app.router.add_post("/v1/images/variations", variations)
    return app


def _painter(orders: Orders) -> Painter:
    check_installed()
    options = options_of(orders.options)
    files = files_of(orders.files, options)
    with TemporaryDirectory(prefix="stellwerk-images-") as directory:
        linked(files, Path(directory))
        return Painter(Path(directory), options, orders.threads)


async def _form(request: web.Request, shape: type[T]) -> T:
    parts = read_parts(await request.read(), request.headers.get("Content-Type", ""))
    return decode_form(parts, shape)


async def _answer(request: web.Request, painter: Painter, job: Job) -> web.Response:
    interim = Interim(request)
    made = []
    async with aclosing(painter.paint(job, lambda share: interim.tell(share, 1))) as pictures:
        async for picture in pictures:
            file = await asyncio.to_thread(file_of, picture, job.form, job.quality)
            made.append(MadeImage(b64_json=b64encode(file).decode()))
    width, height = job.size
    answer = ImagesAnswer(
        created=int(time.time()), data=made, output_format=job.form, size=f"{width}x{height}"
    )
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")
