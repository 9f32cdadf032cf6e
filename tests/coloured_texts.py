"""Servers that read colours: small, exact and known. A picture says what its colour does.

One is for OCR; the other gives a vector for each word, as vLLM does for late interaction.
"""

import base64
import io
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from PIL import Image

from tests.application import serving
from tests.word_vectors import vector

Colour = tuple[int, int, int]


@dataclass
class ColouredTexts:
    """Where the server answers, what colours say, and how many pictures it has read."""

    url: str
    texts: dict[Colour, str] = field(default_factory=dict)
    read: int = 0
    # Instead of the vectors, if it is set.
    answer: object = None

    def said(self, uri: str) -> str:
        data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
        with Image.open(io.BytesIO(data)) as image:
            colour: Any = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
        self.read += 1
        return self.texts.get(colour, "")


def coloured(colour: Colour) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (200, 100), colour).save(target, "PNG")
    return target.getvalue()


@asynccontextmanager
async def coloured_texts(texts: Mapping[Colour, str]) -> AsyncIterator[ColouredTexts]:
    state = ColouredTexts("", dict(texts))

    async def ocr(request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read())
        given = asked["document"]["image_url"]
        text = state.said(given["url"] if isinstance(given, dict) else given)
        return web.json_response(
            {"pages": [{"index": 0, "markdown": text}], "model": asked["model"]}
        )

    async def pooling(request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read())
        if "messages" in asked:
            picture, beside = asked["messages"][0]["content"]
            assert beside == {"type": "text", "text": "Describe the image."}
            texts = [state.said(picture["image_url"]["url"])]
        else:
            texts = asked["input"]
        found = [[vector(word) for word in re.findall(r"\w+", text)] for text in texts]
        data = [
            {"index": place, "object": "pooling", "data": vectors}
            for place, vectors in enumerate(found)
        ]
        number = sum(map(len, found))
        usage = {"prompt_tokens": number, "total_tokens": number, "completion_tokens": 0}
        told = {"id": "pool-1", "object": "list", "created": 1, "model": asked["model"]}
        return web.json_response(
            {**told, "data": data if state.answer is None else state.answer, "usage": usage}
        )

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/v1/ocr", ocr)
    app.router.add_post("/pooling", pooling)
    async with serving(app) as url:
        state.url = f"{url}/v1"
        yield state
