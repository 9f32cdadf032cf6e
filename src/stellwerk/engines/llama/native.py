"""llama.cpp itself: how it is started, and its HTTP side on a private Unix socket."""

import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import xllamacpp

from stellwerk.base.log import get_logger
from stellwerk.engines.llama.failures import EngineGoneError, failure
from stellwerk.engines.llama.spec import Weights

log = get_logger("engines")

# Threads that wait for requests, not ones that compute: short questions (a prompt's length) must
# not wait behind streams that wait for a slot.
WAITERS = 64
READY_EVERY = 0.05
LARGE = 2**20


def start(weights: Weights, threads: int, socket: Path, secret: str) -> xllamacpp.Server:
    """Load the weights and listen on `socket`. Raises `RuntimeError` for what cannot be loaded."""
    options = weights.options
    params = xllamacpp.CommonParams()
    params.model.path = str(weights.path)
    if weights.projector is not None:
        params.mmproj.path = str(weights.projector)
    params.n_parallel = options.slots
    # Each slot has its own part: four long requests at once cannot take room from each other.
    params.n_ctx, params.kv_unified = weights.context * options.slots, False
    params.n_batch = params.n_ubatch = options.batch
    params.cache_ram_mib = options.prompt_cache
    params.use_jinja = True
    return listening(params, options.threads or threads, socket, secret)


def listening(
    params: xllamacpp.CommonParams, threads: int, socket: Path, secret: str
) -> xllamacpp.Server:
    """Load a model and listen on `socket`. Raises `RuntimeError` for what cannot be loaded."""
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_threads_http = WAITERS
    params.hostnames, params.api_keys = [str(socket)], [secret]
    params.ui = params.endpoint_slots = params.endpoint_metrics = False
    params.verbosity = 0
    return xllamacpp.Server(params)


@asynccontextmanager
async def running(
    begin: Callable[[Path, str], xllamacpp.Server], outer: Path
) -> AsyncIterator["Native"]:
    """llama.cpp beside the engine's own socket, as `begin` starts it; stopped at the end."""
    # It wants a name in `.sock`.
    socket, secret = outer.with_name(f"_{outer.stem}.sock"), secrets.token_urlsafe()
    socket.unlink(missing_ok=True)
    server = await asyncio.to_thread(begin, socket, secret)
    native = Native(socket, secret)
    try:
        await native.ready()
        yield native
    finally:
        await native.close()
        del server
        socket.unlink(missing_ok=True)


class Native:
    """A client of llama.cpp's HTTP side."""

    def __init__(self, socket: Path, secret: str) -> None:
        self.session = aiohttp.ClientSession(
            "http://llama",
            # A closed connection is what stops its work, so none is used twice.
            connector=aiohttp.UnixConnector(str(socket), limit=0, force_close=True),
            headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=2**18,
        )

    async def close(self) -> None:
        await self.session.close()

    async def ready(self) -> None:
        """Wait until the weights are loaded."""
        while True:
            try:
                async with self.session.get("/health") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(READY_EVERY)

    async def props(self) -> dict[str, Any]:
        async with self.session.get("/props") as answer:
            props: dict[str, Any] = await answer.json(loads=msgspec.json.decode)
            return props

    async def ask(self, path: str, body: Mapping[str, Any]) -> Any:
        """One question, one answer, as JSON."""
        try:
            async with self.session.post(path, data=_written(body)) as answer:
                read = await answer.read()
        except aiohttp.ClientError as error:
            raise _gone(path, error) from error
        if answer.status != 200:
            raise failure(read, answer.status)
        return msgspec.json.decode(read)

    async def events(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """The data of each event of a streamed answer, without the last, `[DONE]`.

        Closing the iterator closes the connection, which stops the work at once.
        """
        try:
            async with self.session.post(path, data=_written(body)) as answer:
                if answer.status != 200:
                    raise failure(await answer.read(), answer.status)
                rest = b""
                async for chunk in answer.content.iter_any():
                    *events, rest = (rest + chunk).split(b"\n\n")
                    for event in events:
                        # The others are the last, `[DONE]`, and comments that keep a line open.
                        if event.startswith(b"data: {"):
                            yield event[6:]
        except aiohttp.ClientError as error:
            raise _gone(path, error) from error

    async def prompt(self, messages: list[dict[str, Any]], **fields: Any) -> str:
        """The text that the model's chat template makes of messages."""
        answer = await self.ask("/apply-template", {"messages": messages, **fields})
        return str(answer["prompt"])

    async def tokens(self, text: str, *, special: bool = True) -> list[int]:
        """`special`: names of special tokens stand for these, and the text has its first one."""
        body = {"content": text, "add_special": special, "parse_special": special}
        tokens: list[int] = (await self.ask("/tokenize", body))["tokens"]
        return tokens

    async def text(self, tokens: list[int]) -> str:
        return str((await self.ask("/detokenize", {"tokens": tokens}))["content"])


def _written(body: Mapping[str, Any]) -> io.BytesIO | bytes:
    """JSON; one with pictures in the form that aiohttp sends piece by piece."""
    made = msgspec.json.encode(body)
    return io.BytesIO(made) if len(made) > LARGE else made


def _gone(path: str, error: aiohttp.ClientError) -> EngineGoneError:
    """What is wrong in here is for the log; a caller can only try again."""
    log.warning("llama_gone", path=path, error=str(error))
    return EngineGoneError("The engine broke off.", retry_after=1)
