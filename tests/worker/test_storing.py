"""Streams, as the queue keeps them."""

import pytest

from stellwerk.features.queue.errors import StreamBrokenError
from stellwerk.features.queue.types import Events
from stellwerk.worker.storing import StoringEvents


async def stored(*chunks: bytes) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    """What is kept of a stream, and what was appended on its way."""
    appended: list[tuple[int, int, bytes]] = []

    async def append(first: int, last: int, data: bytes) -> None:
        appended.append((first, last, data))

    sink = StoringEvents(10_000, 7, append)
    await sink.head(200, [(b"content-type", b"text/event-stream")])
    try:
        for chunk in chunks:
            await sink.data(chunk)
        await sink.end()
    finally:
        await sink.close()
    return sink.answer.body, appended


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_events_are_told_apart_however_their_lines_end(end: bytes, size: int) -> None:
    text = b": hello|id: abc|event: x|data: 1|data: 2||data: 3||||id: 9||data: 4"
    sent = text.replace(b"|", end)
    body, appended = await stored(*(sent[at : at + size] for at in range(0, len(sent), size)))
    assert body == (
        b"id: 7-1\n: hello\nevent: x\ndata: 1\ndata: 2\n\nid: 7-2\ndata: 3\n\nid: 7-3\ndata: 4\n\n"
    )
    assert b"".join(data for _, _, data in appended) == body
    assert appended[-1][1] == 3
    assert Events(7, 1, 3, body).after(2) == b"id: 7-3\ndata: 4\n\n"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
async def test_an_error_event_ends_the_stream(end: bytes) -> None:
    sent = b'data: 1||event: error|data: {"error":{"message":"away","code":"c"}}||'
    with pytest.raises(StreamBrokenError, match="away"):
        await stored(sent.replace(b"|", end))
