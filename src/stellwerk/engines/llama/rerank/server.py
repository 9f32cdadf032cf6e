"""`POST /v1/rerank` in the engine's child process."""

import math
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec
import xllamacpp
from aiohttp import web

from stellwerk.engines.host import Orders, application
from stellwerk.engines.llama.native import Native, listening, running
from stellwerk.engines.llama.rerank.fitting import Fitting
from stellwerk.engines.llama.rerank.spec import Weights, weights
from stellwerk.engines.ranking import ranked, texts_of
from stellwerk.ports.engines import Launch
from stellwerk.wire.decode import decode
from stellwerk.wire.rerank import RerankRequest

# Architectures whose answer is a probability already; that of others is its logit.
CERTAIN = frozenset({"qwen3", "qwen3vl"})


class Score(msgspec.Struct):
    index: int
    relevance_score: float


class Usage(msgspec.Struct):
    prompt_tokens: int = 0


class Told(msgspec.Struct):
    """What llama.cpp answers."""

    results: list[Score]
    usage: Usage


async def load(orders: Orders) -> web.Application:
    """Load the weights. Raises `RuntimeError` or `StellwerkError` for what cannot be loaded."""
    found = weights(Launch(orders.model, "llama-rerank", orders.files, orders.options))
    stack = AsyncExitStack()
    begin = partial(start, found, orders.threads)
    native = await stack.enter_async_context(running(begin, Path(orders.socket)))
    fitting = Fitting(native, found.context, found.header)

    async def rerank(request: web.Request) -> web.Response:
        asked = decode(await request.read(), RerankRequest)
        texts = texts_of(asked)
        told = await _told(native, asked.query, await fitting.fit(asked.query, texts))
        scores = [0.0] * len(texts)
        for result in told.results:
            score = result.relevance_score
            certain = found.header.architecture in CERTAIN
            scores[result.index] = score if certain else _probability(score)
        answer = ranked(asked, texts, scores, told.usage.prompt_tokens)
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    async def close(_: web.Application) -> None:
        await stack.aclose()

    app = application(orders)
    app.on_cleanup.append(close)
    app.router.add_post("/v1/rerank", rerank)
    return app


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


async def _told(native: Native, query: str, texts: list[str]) -> Told:
    body = {"query": query, "documents": texts, "top_n": len(texts)}
    return msgspec.convert(await native.ask("/v1/rerank", body), Told)


def _probability(logit: float) -> float:
    """The logistic function, of very small and very large numbers too."""
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    return math.exp(logit) / (1 + math.exp(logit))
