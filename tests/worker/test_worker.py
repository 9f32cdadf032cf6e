"""The worker, with handlers that do what a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from stellwerk.base.errors import (
    InvalidRequestError,
    Kind,
    StellwerkError,
    UnavailableError,
)
from stellwerk.base.settings import QueueSettings
from stellwerk.data.database import Database
from stellwerk.features.keys.errors import KeyRefusedError
from stellwerk.features.queue.claims import MOST, Claims
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.types import Answer, Job, NewRequest, Request, State
from stellwerk.ports.sink import Sink
from stellwerk.wire.errors import error_event
from stellwerk.worker.handler import Handler
from stellwerk.worker.storing import Storing
from stellwerk.worker.worker import Worker

LIMIT = 30


async def nothing_leased() -> dict[str, int]:
    return {}


async def say(sink: Sink, *chunks: bytes, kind: bytes = b"text/plain") -> None:
    await sink.head(200, [(b"content-type", kind)])
    for chunk in chunks:
        await sink.data(chunk)
    await sink.end()


async def hello(_: Job, sink: Sink) -> None:
    await say(sink, b"hel", b"lo")


class Line:
    """A queue, and a worker that runs `handler` for all of it."""

    def __init__(self, database: Database, queue: Queue, lease: float) -> None:
        self.database = database
        self.queue = queue
        self.lease = lease
        self.handler: Handler = hello
        self.worker: Worker

    @asynccontextmanager
    async def working(self, handler: Handler, **settings: Any) -> AsyncIterator[Worker]:
        lease = timedelta(seconds=self.lease)
        async with Claims(self.database, "test", lease) as claims:
            worker = Worker(claims, {"op": handler}, nothing_leased, QueueSettings(**settings))
            async with asyncio.timeout(LIMIT), worker.running():
                yield worker

    async def put(self, key: str = "key", **changes: Any) -> str:
        values: dict[str, Any] = {"operation": "op", "model": "m", "body": b"{}", **changes}
        return await self.queue.submit(NewRequest(key_id=key, project_id="proj", **values))

    async def until(self, name: str, true: Callable[[Request], bool]) -> Request:
        while True:
            request = await self.queue.get("key", name)
            if true(request):
                return request
            await asyncio.sleep(0.01)

    async def ended(self, name: str) -> tuple[Request, Answer]:
        request = await self.until(name, lambda request: request.state.final)
        answer = await self.queue.answer("key", name)
        assert answer is not None
        return request, answer


@pytest.fixture
async def line(database: Database) -> AsyncIterator[Line]:
    async with Queue(database) as queue:
        yield Line(database, queue, lease=60)


def failing(*errors: StellwerkError | None) -> Handler:
    """Raises one error after the other; None is success."""
    left = list(errors)

    async def handle(job: Job, sink: Sink) -> None:
        error = left.pop(0)
        if error is not None:
            raise error
        await hello(job, sink)

    return handle


async def test_the_answer_is_kept(line: Line) -> None:
    name = await line.put()
    async with line.working(hello):
        request, answer = await line.ended(name)
    assert (request.state, request.status, request.attempts) == (State.COMPLETED, 200, 1)
    assert answer == Answer(200, "text/plain", b"hello")


async def test_how_far_it_is_is_seen_while_it_runs_and_begins_anew(line: Line) -> None:
    go_on = asyncio.Event()
    shares = [0.25, 0.125]

    async def tells(job: Job, sink: Storing) -> None:
        sink.tell(shares.pop(0))
        await go_on.wait()
        if shares:
            raise UnavailableError("Later.")
        await hello(job, sink)

    name = await line.put()
    assert (await line.queue.get("key", name)).progress is None
    async with line.working(tells):
        await line.until(name, lambda request: request.progress == 0.25)
        go_on.set()
        await line.until(name, lambda request: request.state is State.DEFERRED)
        go_on.clear()
        await line.until(name, lambda request: request.progress == 0.125)
        go_on.set()
        request, _ = await line.ended(name)
    assert (request.attempts, request.progress) == (2, 0.125)


async def test_a_long_line_for_one_model_does_not_hide_another_s(line: Line) -> None:
    ran: list[str] = []

    async def slowly(job: Job, sink: Sink) -> None:
        await asyncio.sleep(0.05)
        ran.append(job.model)
        await hello(job, sink)

    ahead = 60
    for _ in range(MOST + ahead):
        await line.put(model="long")
    name = await line.put(model="short")
    async with line.working(slowly, slots=4, per_model=1):
        await line.ended(name)
    assert ran.count("long") < ahead // 2


async def test_it_runs_as_many_at_once_as_it_has_slots(line: Line) -> None:
    running, most = 0, 0

    async def count(job: Job, sink: Sink) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        await hello(job, sink)

    names = [await line.put() for _ in range(12)]
    async with line.working(count, slots=3, per_model=100):
        for name in names:
            await line.ended(name)
    assert most == 3


async def test_what_passes_is_tried_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stellwerk.worker.verdict.FIRST_PAUSE", 0.01)
    name = await line.put()
    away = UnavailableError("away")
    async with line.working(failing(away, StellwerkError("502", kind=Kind.UPSTREAM), None)):
        request, _ = await line.ended(name)
    assert (request.state, request.attempts) == (State.COMPLETED, 3)


async def test_what_fails_each_time_fails(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stellwerk.worker.verdict.FIRST_PAUSE", 0.01)
    name = await line.put(max_attempts=2)
    async with line.working(failing(UnavailableError("away"), UnavailableError("gone"))):
        request, answer = await line.ended(name)
    assert (request.state, request.status, request.attempts) == (State.FAILED, 503, 2)
    assert b"gone" in answer.body


async def test_the_caller_s_error_is_not_tried_again(line: Line) -> None:
    name = await line.put()
    async with line.working(failing(InvalidRequestError("bad `x`", param="x"))):
        request, answer = await line.ended(name)
    assert (request.state, request.status, request.attempts) == (State.FAILED, 400, 1)
    assert b"bad `x`" in answer.body


async def test_a_limit_puts_off_and_rests_the_key(line: Line) -> None:
    asked: list[str] = []

    async def limited(job: Job, sink: Sink) -> None:
        asked.append(job.key_id)
        if job.key_id == "key_limited":
            raise StellwerkError("slowly", kind=Kind.RATE_LIMITED, retry_after=3600)
        await hello(job, sink)

    names = [await line.put("key_limited") for _ in range(3)]
    free = await line.put()
    async with line.working(limited, slots=1):
        await line.ended(free)
    assert asked.count("key_limited") == 1
    states = [await line.queue.get("key_limited", name) for name in names]
    assert sorted(request.state for request in states) == ["deferred", "queued", "queued"]
    assert {request.attempts for request in states} == {0}


async def test_a_key_that_is_gone_cancels(line: Line) -> None:
    name = await line.put()
    async with line.working(failing(KeyRefusedError("The API key 'a' was revoked."))):
        request, answer = await line.ended(name)
    assert (request.state, answer.status) == (State.CANCELLED, 401)


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
async def test_a_handler_that_breaks_is_told_without_its_text(
    line: Line, error: type[BaseException]
) -> None:
    async def broken(_: Job, __: Sink) -> None:
        raise error("a secret")

    name = await line.put()
    async with line.working(broken):
        request, answer = await line.ended(name)
    assert (request.state, answer.status) == (State.FAILED, 500)
    assert b"secret" not in answer.body


async def test_an_answer_that_the_database_refuses_fails_alone(line: Line) -> None:
    ready = asyncio.Barrier(2)

    async def handle(job: Job, sink: Sink) -> None:
        await ready.wait()
        # PostgreSQL's text holds no NUL.
        await say(sink, b"hello", kind=b"text/\0plain" if job.model == "bad" else b"text/plain")

    bad, good = await line.put(model="bad"), await line.put(model="good")
    async with line.working(handle):
        request, answer = await line.ended(bad)
        assert (request.state, answer.status) == (State.FAILED, 500)
        request, answer = await line.ended(good)
        assert (request.state, answer.body) == (State.COMPLETED, b"hello")


async def test_an_answer_that_is_too_large_fails(line: Line) -> None:
    name = await line.put()
    async with line.working(hello, max_answer=4):
        request, answer = await line.ended(name)
    assert request.state is State.FAILED
    assert b"answer_too_large" in answer.body


async def test_cancel_ends_the_work_first(line: Line) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(_: Job, __: Sink) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            ended.set()

    name = await line.put()
    async with line.working(endless) as worker:
        await begun.wait()
        assert (await line.queue.cancel("key", name)).state is State.CANCELLING
        await worker.cancel(name)
        await line.until(name, lambda request: request.state is State.CANCELLED)
        assert ended.is_set()


async def test_a_lost_notification_of_a_cancel_is_made_good(line: Line) -> None:
    async def endless(_: Job, __: Sink) -> None:
        await asyncio.Event().wait()

    name = await line.put()
    async with line.working(endless):
        await line.until(name, lambda request: request.state is State.RUNNING)
        await line.queue.cancel("key", name)
        _, answer = await line.ended(name)
    assert b"request_cancelled" in answer.body


async def test_a_stop_lets_finish_and_hands_back_the_rest(line: Line) -> None:
    go = asyncio.Event()

    async def wait(job: Job, sink: Sink) -> None:
        await (go.wait() if job.model == "short" else asyncio.Event().wait())
        await hello(job, sink)

    short, long = await line.put(model="short"), await line.put(model="long")
    async with line.working(wait) as worker:
        for name in (short, long):
            await line.until(name, lambda request: request.state is State.RUNNING)
        go.set()
        await worker.stop(0.2)
    assert (await line.queue.get("key", short)).state is State.COMPLETED
    request = await line.queue.get("key", long)
    assert (request.state, request.attempts) == (State.QUEUED, 0)


async def test_who_was_struck_off_gives_up_and_begins_anew(line: Line) -> None:
    given_up = asyncio.Event()
    rounds: list[int] = []

    async def slow_once(job: Job, sink: Sink) -> None:
        rounds.append(job.fence)
        if len(rounds) == 1:
            try:
                await asyncio.Event().wait()
            finally:
                given_up.set()
        await hello(job, sink)

    name = await line.put()
    async with line.working(slow_once):
        await line.until(name, lambda request: request.state is State.RUNNING)
        async with line.database.connect() as connection:
            await connection.exec_driver_sql("delete from queue_workers")
        request, _ = await line.ended(name)
    assert given_up.is_set()
    assert (rounds, request.attempts) == ([1, 2], 2)


async def test_events_are_numbered_and_read_while_they_come(line: Line) -> None:
    go = asyncio.Event()

    async def stream(_: Job, sink: Sink) -> None:
        await sink.head(200, [(b"content-type", b"text/event-stream")])
        await sink.data(b"data: 1\n\nda")
        await sink.data(b"ta: 2\n\n")
        await go.wait()
        await sink.data(b"data: [DONE]\n\n")
        await sink.end()

    name = await line.put(stream=True)
    async with line.working(stream):
        while (found := await line.queue.events(name, 1, 0)) is None:
            await asyncio.sleep(0.01)
        assert found.data == b"id: 1-1\ndata: 1\n\nid: 1-2\ndata: 2\n\n"
        assert found.after(1) == b"id: 1-2\ndata: 2\n\n"
        go.set()
        _, answer = await line.ended(name)
    assert answer.body == found.data + b"id: 1-3\ndata: [DONE]\n\n"


async def cut(_: Job, sink: Sink) -> None:
    """What a flight does whose target stops in the middle."""
    await sink.head(200, [(b"content-type", b"text/event-stream")])
    await sink.data(b"data: 1\n\nda")
    await sink.data(error_event(StellwerkError("It stopped.", kind=Kind.UPSTREAM, code="cut")))
    await sink.end()


async def test_a_stream_that_was_cut_is_not_complete(line: Line) -> None:
    name = await line.put(stream=True, max_attempts=1)
    async with line.working(cut):
        request, answer = await line.ended(name)
    assert (request.state, request.status) == (State.FAILED, 502)
    error = await line.queue.error(name)
    assert error is not None
    assert (error.message, error.code) == ("It stopped.", "cut")
    assert answer.content_type == "application/json"


async def test_a_stream_that_was_cut_is_tried_again(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stellwerk.worker.verdict.FIRST_PAUSE", 0.01)
    calls = 0

    async def once(job: Job, sink: Sink) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await cut(job, sink)
        else:
            await say(sink, b"data: 1\n\ndata: [DONE]\n\n", kind=b"text/event-stream")

    name = await line.put(stream=True)
    async with line.working(once):
        request, answer = await line.ended(name)
    assert (request.state, request.attempts) == (State.COMPLETED, 2)
    assert answer.body == b"id: 2-1\ndata: 1\n\nid: 2-2\ndata: [DONE]\n\n"


async def test_an_answer_at_once_to_who_asked_for_a_stream_is_kept_as_it_is(line: Line) -> None:
    name = await line.put(stream=True)
    async with line.working(hello):
        _, answer = await line.ended(name)
    assert answer == Answer(200, "text/plain", b"hello")


async def test_the_work_goes_on_when_the_database_was_away(line: Line) -> None:
    names = [await line.put() for _ in range(3)]
    go = asyncio.Event()

    async def wait(job: Job, sink: Sink) -> None:
        await go.wait()
        await hello(job, sink)

    async with line.working(wait):
        await line.until(names[0], lambda request: request.state is State.RUNNING)
        async with line.database.connect() as connection:
            await connection.exec_driver_sql(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        go.set()
        while True:
            try:
                requests = [(await line.ended(name))[0] for name in names]
                break
            except UnavailableError:
                await asyncio.sleep(0.05)
    assert {request.state for request in requests} == {State.COMPLETED}
    assert {request.attempts for request in requests} == {1}
