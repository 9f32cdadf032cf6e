"""Painted pictures on their way to the caller: one answer, or events."""

import asyncio
import time
from base64 import b64encode
from contextlib import aclosing

import msgspec
from aiohttp import web

from stellwerk.base.errors import StellwerkError
from stellwerk.engines.host import Interim
from stellwerk.engines.images.job import Job
from stellwerk.engines.images.painter import Painted, Painter
from stellwerk.engines.images.pictures import file_of
from stellwerk.engines.images.prompts import Told
from stellwerk.wire.errors import error_event
from stellwerk.wire.images import (
    ImageEvent,
    ImagesAnswer,
    ImagesInputDetails,
    ImagesUsage,
    MadeImage,
)

# What OpenAI's events begin with.
GENERATION, EDIT = "image_generation", "image_edit"


async def whole(request: web.Request, painter: Painter, job: Job) -> web.Response:
    """All pictures in one answer; on the way it tells how far they are."""
    interim = Interim(request)
    told = painter.prompts.read(job.prompt)
    async with aclosing(painter.paint(job, lambda share: interim.tell(share, 1))) as pictures:
        made = [
            MadeImage(b64_json=await _file(painted, job), revised_prompt=told.cut)
            async for painted in pictures
        ]
    answer = ImagesAnswer(
        created=int(time.time()),
        data=made,
        output_format=job.form,
        size=_size(job),
        quality=job.asked_quality,
        background="opaque",
        usage=_usage(told),
    )
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


async def events(request: web.Request, painter: Painter, job: Job, name: str) -> web.StreamResponse:
    """Each picture when it is done, after its previews. `name` is what its events begin with."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    )
    done = 0
    told = painter.prompts.read(job.prompt)
    try:
        async with aclosing(painter.paint(job, lambda _: None)) as pictures:
            async for painted in pictures:
                done += painted.preview is None
                event = _event(painted, await _file(painted, job), job, name)
                if done == job.n:
                    event.usage = _usage(told)
                if not response.prepared:
                    await response.prepare(request)
                data = msgspec.json.encode(event)
                await response.write(b"event: %b\ndata: %b\n\n" % (event.type.encode(), data))
    except StellwerkError as error:
        if not response.prepared:
            raise
        await response.write(error_event(error))
    await response.write_eof()
    return response


def _event(painted: Painted, data: str, job: Job, name: str) -> ImageEvent:
    kind = "completed" if painted.preview is None else "partial_image"
    return ImageEvent(
        type=f"{name}.{kind}",
        b64_json=data,
        partial_image_index=painted.preview,
        created_at=int(time.time()),
        output_format=job.form,
        size=_size(job),
        quality=job.asked_quality,
        background="opaque",
    )


async def _file(painted: Painted, job: Job) -> str:
    file = await asyncio.to_thread(file_of, painted.picture, job.form, job.quality)
    return b64encode(file).decode()


def _size(job: Job) -> str:
    width, height = job.size
    return f"{width}x{height}"


def _usage(told: Told) -> ImagesUsage:
    return ImagesUsage(
        input_tokens=told.tokens,
        output_tokens=0,
        total_tokens=told.tokens,
        input_tokens_details=ImagesInputDetails(text_tokens=told.tokens),
    )
