"""`POST /v1/rerank` in the engine's child process."""

import asyncio
import math
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec
import xllamacpp
from aiohttp import web

from stellwerk.engines.host import Orders, application
from stellwerk.engines.llama.failures import EngineFailedError
from stellwerk.engines.llama.native import Native, listening, running
from stellwerk.engines.llama.rerank.fitting import Fitting
from stellwerk.engines.llama.rerank.spec import NAME, Weights, weights
from stellwerk.engines.ranking import documents_of, ranked
from stellwerk.ports.engines import Launch
from stellwerk.wire.decode import decode
from stellwerk.wire.rerank import RerankRequest

# Architectures whose answer is a probability already; that of others is its logit.
CERTAIN = frozenset({"qwen3", "qwen3vl"})


class Score(msgspec.Struct):
    """`relevance_score` is null where the weights make no number of a text."""

    index: int
    relevance_score: float | None


class Usage(msgspec.Struct):
    prompt_tokens: int = 0


class Told(msgspec.Struct):
    """What llama.cpp answers."""

    results: list[Score]
    usage: Usage


async def load(orders: Orders) -> web.Application:
    """Load the weights. Raises `RuntimeError` or `StellwerkError` for what cannot be loaded."""
    found = weights(Launch(orders.model, NAME, orders.files, orders.options))
    stack = AsyncExitStack()
    begin = partial(start, found, orders.threads)
    native = await stack.enter_async_context(running(begin, Path(orders.socket)))
    fitting = await Fitting.of(native, found.context, found.header)
    reader = Reader(native, fitting, found)

    async def rerank(request: web.Request) -> web.Response:
        asked = decode(await request.read(), RerankRequest)
        texts = documents_of(asked)
        scores, tokens = await reader.scores(asked.query, texts)
        answer = ranked(asked, texts, scores, tokens)
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    async def close(_: web.Application) -> None:
        await stack.aclose()

    app = application(orders)
    app.on_cleanup.append(close)
    app.router.add_post("/v1/rerank", rerank)
    return app


class Reader:
    """Reads texts with a question, as many at once as there are slots.

    Pieces of requests take turns, and one that is given up costs no more than its piece.
    """

    def __init__(self, native: Native, fitting: Fitting, found: Weights) -> None:
        self._native, self._fitting = native, fitting
        self._piece = found.options.slots
        self._certain = found.header.architecture in CERTAIN
        self._turn = asyncio.Lock()

    async def scores(self, query: str, texts: list[str]) -> tuple[list[float], int]:
        """A number between 0 and 1 for each text, and the tokens read. Raises `StellwerkError`."""
        query, room = await self._fitting.fit_query(query)
        scores, tokens = [0.0] * len(texts), 0
        for first in range(0, len(texts), self._piece):
            piece = [
                await self._fitting.fit(text, room) for text in texts[first : first + self._piece]
            ]
            async with self._turn:
                told = await self._told(query, piece)
            tokens += told.usage.prompt_tokens
            for result in told.results:
                scores[first + result.index] = self._score(result.relevance_score)
        return scores, tokens

    async def _told(self, query: str, texts: list[str]) -> Told:
        body = {"query": query, "documents": texts, "top_n": len(texts)}
        return msgspec.convert(await self._native.ask("/v1/rerank", body), Told)

    def _score(self, told: float | None) -> float:
        if told is None:
            raise EngineFailedError("The weights of this model make no number of a text.")
        return told if self._certain else _probability(told)


def start(found: Weights, threads: int, socket: Path, secret: str) -> xllamacpp.Server:
    """Load the weights and listen on `socket`. Raises `RuntimeError` for what cannot be loaded."""
    params = xllamacpp.CommonParams()
    params.model.path = str(found.path)
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
    params.n_parallel = found.options.slots
    params.n_ctx, params.kv_unified = found.context * found.options.slots, False
    # A text is read in one step, since each token looks at all others.
    params.n_batch = params.n_ubatch = found.context
    params.cache_ram_mib = 0
    return listening(params, found.options.threads or threads, socket, secret)


def _probability(logit: float) -> float:
    """The logistic function, of very small and very large numbers too."""
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    return math.exp(logit) / (1 + math.exp(logit))
