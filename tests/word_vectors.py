"""An embedding and rerank server: texts are alike where they share words. Small, exact, known."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import numpy as np
from aiohttp import web

from tests.application import serving

WIDTH = 256


def vector(text: str) -> list[float]:
    """Each word of the text adds one to a place that its hash names."""
    found = np.zeros(WIDTH)
    for word in re.findall(r"\w+", text.lower()):
        found[int.from_bytes(hashlib.sha256(word.encode()).digest()[:2], "big") % WIDTH] += 1
    length = float(np.linalg.norm(found)) or 1.0
    return [float(number) for number in found / length]


@dataclass
class WordVectors:
    """Where the server answers, and the texts that it has embedded."""

    url: str
    texts: list[str] = field(default_factory=list)


@asynccontextmanager
async def word_vectors() -> AsyncIterator[WordVectors]:
    state = WordVectors("")

    async def embeddings(request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read())
        texts = asked["input"]
        state.texts += texts
        data = [
            {"object": "embedding", "index": place, "embedding": vector(text)}
            for place, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return web.json_response(
            {"object": "list", "data": data, "model": asked["model"], "usage": usage}
        )

    async def rerank(request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read())
        question = np.array(vector(asked["query"]))
        results = [
            {"index": place, "relevance_score": float(question @ vector(text))}
            for place, text in enumerate(asked["documents"])
        ]
        results.sort(key=lambda result: -result["relevance_score"])
        return web.json_response({"model": asked["model"], "results": results[: asked["top_n"]]})

    app = web.Application()
    app.router.add_post("/v1/embeddings", embeddings)
    app.router.add_post("/v1/rerank", rerank)
    async with serving(app) as url:
        state.url = f"{url}/v1"
        yield state
