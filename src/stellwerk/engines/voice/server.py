"""`POST /v1/audio/speech` in the engine's child process."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from aiohttp import web

from stellwerk.base.errors import StellwerkError
from stellwerk.engines.host import Orders, application
from stellwerk.engines.voice.encoding import Encoder
from stellwerk.engines.voice.errors import InstructionsError, TextTooLongError
from stellwerk.engines.voice.espeak import Sound
from stellwerk.engines.voice.speaker import Speaker
from stellwerk.engines.voice.spec import options_of, voices_of
from stellwerk.wire.decode import decode
from stellwerk.wire.errors import error_event
from stellwerk.wire.speech import (
    MEDIA_TYPES,
    SpeechDelta,
    SpeechDone,
    SpeechRequest,
    SpeechUsage,
    VoiceName,
)

EVENTS = "text/event-stream"
BYTES_A_TOKEN = 4


async def load(orders: Orders) -> web.Application:
    """Load the voices; the application speaks with them."""
    options = options_of(orders.options)
    files = voices_of(orders.files, options)
    speaker = Speaker(files, orders.threads, plain=options.plain)

    async def speech(request: web.Request) -> web.StreamResponse:
        asked = decode(await request.read(), SpeechRequest)
        if len(asked.input) > options.longest:
            raise TextTooLongError(len(asked.input), options.longest)
        if asked.instructions:
            raise InstructionsError
        name = asked.voice.id if isinstance(asked.voice, VoiceName) else asked.voice
        voice = speaker.voices.choose(name, asked.language, asked.input)
        async with aclosing(speaker.speak(asked.input, voice, asked.speed or 1)) as sounds:
            return await _answer(request, asked, sounds)

    async def close(_: web.Application) -> None:
        speaker.close()

    app = application(orders)
    app.on_cleanup.append(close)
    app.router.add_post("/v1/audio/speech", speech)
    return app


async def _answer(
    request: web.Request, asked: SpeechRequest, sounds: AsyncGenerator[tuple[Sound, int]]
) -> web.StreamResponse:
    form = asked.response_format or "mp3"
    events = asked.stream_format == "sse"
    encoder = Encoder(form)
    # What is wrong with the text shows at its beginning, when an error can still have its status.
    first = await anext(sounds)
    headers = {"Content-Type": EVENTS if events else MEDIA_TYPES[form], "Cache-Control": "no-cache"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)

    async def write(data: bytes) -> None:
        if data:
            await response.write(_delta(data) if events else data)

    try:
        await write(await asyncio.to_thread(encoder.feed, *first))
        async for sound in sounds:
            await write(await asyncio.to_thread(encoder.feed, *sound))
        await write(await asyncio.to_thread(encoder.end))
    except StellwerkError as error:
        if not events:
            raise
        await response.write(error_event(error))
    else:
        if events:
            await response.write(_done(asked.input))
    await response.write_eof()
    return response


def _delta(data: bytes) -> bytes:
    return _event(SpeechDelta(audio=b64encode(data).decode()))


def _done(text: str) -> bytes:
    tokens = -(-len(text.encode()) // BYTES_A_TOKEN)
    return _event(SpeechDone(usage=SpeechUsage(input_tokens=tokens, total_tokens=tokens)))


def _event(of: SpeechDelta | SpeechDone) -> bytes:
    return b"data: " + msgspec.json.encode(of) + b"\n\n"
