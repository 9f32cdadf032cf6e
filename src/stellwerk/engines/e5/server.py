"""`POST /v1/embeddings` and `/v1/rerank` in the engine's child process."""

import asyncio
from base64 import b64encode

import msgspec
from aiohttp import web

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.e5.embedder import Embedder, Vectors
from stellwerk.engines.e5.spec import describe, weights
from stellwerk.engines.e5.texts import compared, texts_of
from stellwerk.engines.host import Orders, application
from stellwerk.engines.ranking import documents_of, ranked
from stellwerk.ports.engines import Launch
from stellwerk.wire.decode import decode
from stellwerk.wire.embeddings import Embedding, EmbeddingList, EmbeddingRequest, EmbeddingUsage
from stellwerk.wire.rerank import RerankRequest


class DimensionsError(InvalidRequestError):
    """The model cannot shorten its vectors."""

    code = "unsupported_dimensions"

    def __init__(self, asked: int, model: str, width: int) -> None:
        super().__init__(
            f"`dimensions` is {asked}, but the vectors of {model} have {width} numbers and the "
            f"model was not trained for shorter ones. Give {width}, or leave it out.",
            param="dimensions",
        )


async def load(orders: Orders) -> web.Application:
    """Load the weights; the application answers embeddings with them."""
    describe(Launch(orders.model, "e5", orders.files, orders.options))
    embedder = Embedder(weights(orders.files), orders.threads)

    async def embeddings(request: web.Request) -> web.Response:
        body = decode(await request.read(), EmbeddingRequest)
        if body.dimensions not in {None, embedder.width}:
            raise DimensionsError(body.dimensions or 0, orders.model, embedder.width)
        vectors, counts = await embedder.embed(texts_of(body))
        answer = await asyncio.to_thread(_encode, vectors, counts, orders.model, body)
        return web.Response(body=answer, content_type="application/json")

    async def rerank(request: web.Request) -> web.Response:
        body = decode(await request.read(), RerankRequest)
        texts = documents_of(body)
        vectors, counts = await embedder.embed(compared(body.query, texts))
        answer = ranked(body, texts, (vectors[1:] @ vectors[0]).tolist(), sum(counts))
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    async def close(_: web.Application) -> None:
        embedder.close()

    app = application(orders)
    app.on_cleanup.append(close)
    app.router.add_post("/v1/embeddings", embeddings)
    app.router.add_post("/v1/rerank", rerank)
    return app


def _encode(vectors: Vectors, counts: list[int], model: str, asked: EmbeddingRequest) -> bytes:
    as_base64, tokens = asked.encoding_format == "base64", sum(counts)
    data = [
        Embedding(index=index, embedding=_base64(row) if as_base64 else row.tolist())
        for index, row in enumerate(vectors)
    ]
    usage = EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens)
    if asked.usage_per_input:
        usage.inputs = counts
    return msgspec.json.encode(EmbeddingList(data=data, model=model, usage=usage))


def _base64(row: Vectors) -> str:
    return b64encode(row.tobytes()).decode()
