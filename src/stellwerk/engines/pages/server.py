"""`POST /v1/pooling` in the engine's child process."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
from aiohttp import web
from PIL import Image

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.directory import files_of, linked
from stellwerk.engines.extra import check_installed
from stellwerk.engines.host import Orders, application
from stellwerk.engines.ocr.pictures import flattened, picture_in, upright
from stellwerk.engines.pages.looker import Looker, Vectors
from stellwerk.engines.pages.spec import CONFIG, NEEDED, options_of
from stellwerk.wire.decode import decode
from stellwerk.wire.messages import ImagePart
from stellwerk.wire.pooling import (
    PoolingAnswer,
    PoolingMessage,
    PoolingRequest,
    PoolingUsage,
    PoolingVectors,
)

MOST_TEXTS, LONGEST_TEXT = 64, 8192
PICTURE = "messages[0].content"
# More digits than the vectors' own precision say nothing.
DIGITS = 6


async def load(orders: Orders) -> web.Application:
    """Load the model; the application looks with it."""
    check_installed("pages", NEEDED)
    options = options_of(orders.options)
    files = files_of("pages", orders.files, options.path, CONFIG)
    with TemporaryDirectory(prefix="stellwerk-pages-") as directory:
        linked(files, Path(directory))
        looker = Looker(Path(directory), options, orders.threads)

    async def pooling(request: web.Request) -> web.Response:
        asked = decode(await request.read(), PoolingRequest)
        answer = _answer(orders.model, await _asked(looker, asked))
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    async def close(_: web.Application) -> None:
        looker.close()

    app = application(orders)
    app.on_cleanup.append(close)
    app.router.add_post("/v1/pooling", pooling)
    return app


async def _asked(looker: Looker, asked: PoolingRequest) -> Sequence[Vectors]:
    if (asked.input is None) == (asked.messages is None):
        raise InvalidRequestError("Give either `input` or `messages`.", param="input")
    if asked.messages is not None:
        uri = _picture(asked.messages[0])
        return [await looker.see(await asyncio.to_thread(_opened, uri))]
    given = asked.input or []
    texts = [given] if isinstance(given, str) else given
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise InvalidRequestError(f"`input` must have 1 to {MOST_TEXTS} texts.", param="input")
    for text in texts:
        if not text.strip() or len(text) > LONGEST_TEXT:
            message = f"A text of `input` must have 1 to {LONGEST_TEXT} characters."
            raise InvalidRequestError(message, param="input")
    return await looker.read(texts)


def _picture(message: PoolingMessage) -> str:
    found = [part.image_url.url for part in message.content if isinstance(part, ImagePart)]
    if len(found) != 1:
        raise InvalidRequestError(f"`{PICTURE}` must have one picture.", param=PICTURE)
    return found[0]


def _opened(uri: str) -> Image.Image:
    return upright(picture_in(uri, PICTURE), PICTURE, flattened)


def _answer(model: str, found: Sequence[Vectors]) -> PoolingAnswer:
    tokens = sum(map(len, found))
    return PoolingAnswer(
        created=int(time.time()),
        model=model,
        data=[
            PoolingVectors(index=place, data=np.round(vectors.astype(float), DIGITS).tolist())
            for place, vectors in enumerate(found)
        ],
        usage=PoolingUsage(prompt_tokens=tokens, total_tokens=tokens),
    )
