"""Lines of a batch before a scripted upstream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from stellwerk.data.database import Database
from stellwerk.features.batches.types import Line, Order, OutputLine
from stellwerk.features.queue.types import Job
from stellwerk.operations import chat_completions
from stellwerk.operations.batch_lines import BatchLines
from stellwerk.upstreams.failures import UpstreamError
from tests.operations.test_run import line, principal
from tests.scripted import whole

BODY = msgspec.Raw(b'{"model":"chat","messages":[{"role":"user","content":"hello"}]}')
JOB = Job(
    id="req_1",
    fence=1,
    attempts=1,
    max_attempts=3,
    key_id="key_1",
    operation="batch.chat.completions",
    model="chat",
    body=msgspec.json.encode(Order([Line("a", BODY)])),
    content_type="application/json",
    stream=False,
)


@asynccontextmanager
async def lines(database: Database, body: bytes) -> AsyncIterator[BatchLines]:
    """What runs lines before an upstream that answers with `body`."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(whole(body))

    async with line(database, script) as hub:
        yield BatchLines(chat_completions.OPERATION, hub.runner)


async def test_an_answer_becomes_a_line(database: Database) -> None:
    async with lines(database, b'{"ok":\n"\xc3\xa4"}') as made:
        found = msgspec.json.decode(await made.run(JOB, principal()), type=OutputLine)
    assert found.response is not None
    assert (found.custom_id, found.response.status_code) == ("a", 200)
    assert bytes(found.response.body) == b'{"ok":"\xc3\xa4"}'


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"ok":', b'{"ok":"\xff"}', b"[" * 100_000])
async def test_what_is_no_json_becomes_none(database: Database, body: bytes) -> None:
    async with lines(database, body) as made:
        with pytest.raises(UpstreamError, match="JSON"):
            await made.run(JOB, principal())
