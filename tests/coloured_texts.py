"""An OCR server that reads colours: small, exact and known. A picture says what its colour does."""

import base64
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from PIL import Image

from tests.application import serving

Colour = tuple[int, int, int]


@dataclass
class ColouredTexts:
    """Where the server answers, what colours say, and how many pictures it has read."""

    url: str
    texts: dict[Colour, str] = field(default_factory=dict)
    read: int = 0


def coloured(colour: Colour) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (200, 100), colour).save(target, "PNG")
    return target.getvalue()


@asynccontextmanager
async def coloured_texts(texts: Mapping[Colour, str]) -> AsyncIterator[ColouredTexts]:
    state = ColouredTexts("", dict(texts))

    async def ocr(request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read())
        uri = asked["document"]["image_url"]
        data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
        with Image.open(io.BytesIO(data)) as image:
            colour: Any = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
        state.read += 1
        text = state.texts.get(colour, "")
        return web.json_response(
            {"pages": [{"index": 0, "markdown": text}], "model": asked["model"]}
        )

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/v1/ocr", ocr)
    async with serving(app) as url:
        state.url = f"{url}/v1"
        yield state
