"""`POST /v1/audio/transcriptions` and `/v1/audio/translations` in the engine's child process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec
from aiohttp import web

from stellwerk.base.errors import StellwerkError
from stellwerk.engines.host import Interim, Orders, application, read_form
from stellwerk.engines.speech.answer import Transcript, event
from stellwerk.engines.speech.job import Job, transcription, translation
from stellwerk.engines.speech.listener import Heard, Listener, Progress
from stellwerk.engines.speech.memory import give_back_memory, keep_memory
from stellwerk.engines.speech.spec import names, options_of
from stellwerk.ports.sink import TOLD_USAGE
from stellwerk.wire.audio import TranscriptionRequest, TranslationRequest
from stellwerk.wire.errors import error_event
from stellwerk.wire.form import decode_form

# Seconds of sound from which on a request needs more memory than the next will, and seconds after
# which all that it had is free.
LONG, LATER = 300, 1
EVENTS = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}


async def load(orders: Orders) -> web.Application:
    """Load the weights; the application answers recordings with them."""
    options = options_of(orders.options)
    keep_memory()
    listener = Listener(names(orders.files), orders.threads, options.beam_size)

    async def transcriptions(request: web.Request) -> web.StreamResponse:
        asked = decode_form(await read_form(request), TranscriptionRequest)
        job = transcription(asked, listener.languages)
        return await _answer(request, listener, job, options.longest)

    async def translations(request: web.Request) -> web.StreamResponse:
        asked = decode_form(await read_form(request), TranslationRequest)
        job = translation(asked, listener.languages)
        return await _answer(request, listener, job, options.longest)

    async def close(_: web.Application) -> None:
        listener.close()

    app = application(orders)
    app.on_cleanup.append(close)
    app.router.add_post("/v1/audio/transcriptions", transcriptions)
    app.router.add_post("/v1/audio/translations", translations)
    return app


async def _answer(
    request: web.Request, listener: Listener, job: Job, longest: float
) -> web.StreamResponse:
    progress = Progress()
    transcript = Transcript(job, progress)
    try:
        async with aclosing(listener.hear(job, progress, longest)) as segments:
            if job.stream:
                return await _stream(request, segments, transcript)
            interim = Interim(request)
            async for heard in segments:
                transcript.add(heard)
                interim.tell(heard.end, progress.whole)
    finally:
        if progress.duration > LONG:
            asyncio.get_running_loop().call_later(LATER, give_back_memory)
    body, content_type = transcript.body()
    return web.Response(
        body=body,
        content_type=content_type,
        charset=_charset(content_type),
        # Where the body has no place for it.
        headers={TOLD_USAGE.decode(): msgspec.json.encode(transcript.usage).decode()},
    )


def _charset(content_type: str) -> str | None:
    return "utf-8" if content_type.startswith("text/") else None


async def _stream(
    request: web.Request, segments: AsyncIterator[Heard], transcript: Transcript
) -> web.StreamResponse:
    # What is wrong with the file shows at its beginning, when an error can still have its status.
    first = await anext(segments, None)
    response = web.StreamResponse(headers=EVENTS)
    await response.prepare(request)
    try:
        if first is not None:
            await response.write(event(transcript.add(first)))
        async for heard in segments:
            await response.write(event(transcript.add(heard)))
    except StellwerkError as error:
        await response.write(error_event(error))
    else:
        await response.write(event(transcript.done()))
    await response.write_eof()
    return response
