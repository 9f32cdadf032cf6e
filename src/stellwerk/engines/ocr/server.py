"""`POST /v1/ocr` in the engine's child process."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
from aiohttp import web

from stellwerk.engines.host import Orders, application
from stellwerk.engines.ocr.colors import colors
from stellwerk.engines.ocr.pictures import picture_in, pixels
from stellwerk.engines.ocr.recognizer import Recognizer
from stellwerk.engines.ocr.spec import options_of, weights
from stellwerk.wire.decode import decode
from stellwerk.wire.ocr import (
    OcrAnswer,
    OcrDimensions,
    OcrPage,
    OcrRegion,
    OcrRequest,
    OcrUsage,
    PictureUrl,
)

PARAM = "document.image_url"


async def load(orders: Orders) -> web.Application:
    """Load the weights; the application reads pictures with them, one at a time."""
    options = options_of(orders.options)
    recognizer = Recognizer(
        weights(orders.files),
        orders.threads,
        sure=options.sure,
        longer_side=options.longer_side,
    )
    thread = ThreadPoolExecutor(1, thread_name_prefix="ocr")

    async def ocr(request: web.Request) -> web.Response:
        body = decode(await request.read(), OcrRequest)
        given = body.document.image_url
        nested = given if isinstance(given, PictureUrl) else PictureUrl(url=given)
        data = picture_in(nested.url, PARAM)
        work = partial(_read, recognizer, data, closely=nested.detail == "high")
        page = await asyncio.get_running_loop().run_in_executor(thread, work)
        usage = OcrUsage(doc_size_bytes=len(data))
        answer = OcrAnswer(pages=[page], model=orders.model, usage_info=usage)
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    async def close(_: web.Application) -> None:
        thread.shutdown(cancel_futures=True)

    app = application(orders)
    app.on_cleanup.append(close)
    app.router.add_post("/v1/ocr", ocr)
    return app


def _read(recognizer: Recognizer, data: bytes, *, closely: bool) -> OcrPage:
    """All in one thread: only one picture is unpacked at a time. Raises `PictureError`."""
    picture = pixels(data, PARAM)
    lines = recognizer.read(picture, closely=closely)
    height, width = picture.shape[:2]
    return OcrPage(
        markdown="\n".join(line.text for line in lines),
        dimensions=OcrDimensions(width=width, height=height),
        regions=[OcrRegion(text=one.text, box=one.box, score=one.score) for one in lines],
        colors=colors(picture),
    )
