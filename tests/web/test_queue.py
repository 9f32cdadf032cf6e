"""The door of the queue. The test claims and answers, so each moment can be looked at."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from stellwerk.base.settings import QueueSettings
from stellwerk.data.database import Database
from stellwerk.features.keys.types import Scope
from stellwerk.features.queue.claims import Claims, Room
from stellwerk.features.queue.errors import UnknownRequestError
from stellwerk.features.queue.types import Answer, Job, Outcome, State
from stellwerk.features.queue.waiting import Watch
from stellwerk.web.held import Holding
from tests.operations.test_run import Memory
from tests.web.conftest import Web

CHAT: dict[str, Any] = {"model": "latest", "messages": [{"role": "user", "content": "hello"}]}
ASYNC = {"Prefer": "respond-async"}
ROOM = Room(10, ["chat.completions", "embeddings"], 100, {})
DONE = b'{"done":true}'


@pytest.fixture
async def claims(database: Database) -> AsyncIterator[Claims]:
    async with Claims(database, "test", timedelta(seconds=60)) as made:
        await made.enter()
        yield made


async def claimed(claims: Claims) -> Job:
    """The next request of the queue, as soon as it is there."""
    while True:
        if jobs := await claims.claim(ROOM):
            return jobs[0]
        await asyncio.sleep(0.01)


async def finish(web: Web, claims: Claims, job: Job, body: bytes = DONE, status: int = 200) -> None:
    kind = "text/event-stream" if body.startswith(b"id:") else "application/json"
    state = State.COMPLETED if status == 200 else State.FAILED
    outcome = Outcome(job.id, job.fence, state, Answer(status, kind, body))
    assert await claims.finish([outcome]) == [True]
    await web.hub.queueing.waiting.poll()


@asynccontextmanager
async def posted(web: Web, body: dict[str, Any], **headers: str) -> AsyncIterator[Any]:
    """A call that waits while the context is open."""
    call = web.client.post("/queue/chat/completions", json=body, headers=headers)
    task = asyncio.create_task(call)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def queued(web: Web, body: Any = CHAT, **headers: str) -> httpx.Response:
    return await web.client.post("/queue/chat/completions", json=body, headers=ASYNC | headers)


async def test_a_caller_who_waits_gets_the_ordinary_answer(web: Web, claims: Claims) -> None:
    async with posted(web, CHAT) as call:
        job = await claimed(claims)
        assert (job.model, json.loads(job.body)) == ("chat", CHAT)
        await finish(web, claims, job)
        answer = await call
    assert (answer.status_code, answer.content) == (200, DONE)
    assert answer.headers["location"] == f"/queue/requests/{job.id}"
    assert answer.headers["x-request-id"]
    request = (await web.client.get(answer.headers["location"])).json()
    assert request["status"] == "completed"
    assert request["expires_at"] - request["finished_at"] <= 3600


async def test_who_does_not_want_to_wait_asks_later(web: Web, claims: Claims) -> None:
    answer = await queued(web)
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
    place = answer.headers["location"]
    assert answer.json()["status"] == "queued"
    assert answer.json()["position"] == 0
    job = await claimed(claims)
    assert (await web.client.get(place)).json()["status"] == "running"
    early = await web.client.get(f"{place}/result")
    assert (early.status_code, early.headers["retry-after"]) == (202, "1")
    later = asyncio.create_task(web.client.get(f"{place}/result", params={"wait": 60}))
    await asyncio.sleep(0)
    await finish(web, claims, job)
    assert (await later).content == DONE
    assert (await web.client.get(f"{place}/result")).content == DONE


async def test_wait_holds_for_so_long(web: Web) -> None:
    answer = await queued(web, Prefer="wait=0")
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=0")


async def test_what_would_be_refused_is_refused_at_once(web: Web) -> None:
    refused = await queued(web, {"model": "none", "messages": []})
    assert refused.status_code == 404
    assert (await queued(web, {"model": "vectors", "messages": []})).status_code == 400
    stranger = await web.key("stranger", Scope.FILES)
    assert (await queued(web, **stranger)).status_code == 403
    assert (await queued(web, Authorization="Bearer none")).status_code == 401
    assert (await queued(web, Priority="u=9")).status_code == 400
    assert (await queued(web, **{"X-Queue-Retention": "long"})).status_code == 400
    assert (await web.client.get("/queue/requests")).json()["data"] == []


async def test_a_repetition_waits_for_the_same_request(web: Web, claims: Claims) -> None:
    async with posted(web, CHAT):
        job = await claimed(claims)
    turned = dict(reversed(list(CHAT.items())))
    async with posted(web, turned, **{"x-stainless-retry-count": "1"}) as again:
        await asyncio.sleep(0.05)
        await finish(web, claims, job)
        assert (await again).content == DONE
    async with posted(web, CHAT, **{"x-stainless-retry-count": "1"}):
        other = await claimed(claims)
    assert other.id != job.id


async def test_a_repetition_after_the_end_gets_the_answer(web: Web, claims: Claims) -> None:
    async with posted(web, CHAT):
        job = await claimed(claims)
    await finish(web, claims, job)
    async with posted(web, CHAT, **{"x-stainless-retry-count": "2"}) as again:
        assert (await again).content == DONE


async def test_an_idempotency_key_is_one_request(web: Web, claims: Claims) -> None:
    first = await queued(web, **{"Idempotency-Key": "k1"})
    second = await queued(web, **{"Idempotency-Key": "k1"})
    assert first.json()["id"] == second.json()["id"]
    other = await queued(web, {**CHAT, "seed": 1}, **{"Idempotency-Key": "k1"})
    assert (other.status_code, other.headers["x-should-retry"]) == (409, "false")
    await finish(web, claims, await claimed(claims))
    async with posted(web, CHAT, **{"Idempotency-Key": "k1"}) as third:
        assert (await third).content == DONE


async def test_a_failure_is_the_caller_s_answer(web: Web, claims: Claims) -> None:
    failure = b'{"error":{"message":"no","type":"upstream_error"},"detail":"no"}'
    async with posted(web, CHAT) as call:
        await finish(web, claims, await claimed(claims), failure, 502)
        answer = await call
    assert (answer.status_code, answer.content) == (502, failure)
    assert answer.headers["x-should-retry"] == "false"
    request = (await web.client.get(answer.headers["location"])).json()
    assert (request["status"], request["error"]["message"]) == ("failed", "no")


async def test_cancel_and_delete(web: Web, claims: Claims) -> None:
    place = (await queued(web)).headers["location"]
    answer = await web.client.post(f"{place}/cancel")
    assert answer.json()["status"] == "cancelled"
    assert answer.json()["error"]["code"] == "request_cancelled"
    assert (await web.client.get(f"{place}/result")).status_code == 409

    place = (await queued(web)).headers["location"]
    await claimed(claims)
    assert (await web.client.delete(place)).status_code == 409
    assert (await web.client.post(f"{place}/cancel")).json()["status"] == "cancelling"

    place = (await queued(web)).headers["location"]
    assert (await web.client.delete(place)).json()["deleted"] is True
    for path in ("", "/result", "/events"):
        assert (await web.client.get(place + path)).status_code == 404


async def test_others_see_nothing_of_it(web: Web) -> None:
    place = (await queued(web)).headers["location"]
    other = await web.key("other", Scope.INFERENCE)
    assert (await web.client.get("/queue/requests", headers=other)).json()["data"] == []
    for method, path in (("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", "")):
        answer = await web.client.request(method, place + path, headers=other)
        assert answer.status_code == 404
    assert (await web.client.get("/queue/requests/%00")).status_code == 404


async def test_lists(web: Web, claims: Claims) -> None:
    names = [(await queued(web)).json()["id"] for _ in range(3)]
    await claimed(claims)
    page = (await web.client.get("/queue/requests", params={"limit": 2})).json()
    assert page["has_more"]
    after = {"after": page["last_id"]}
    rest = (await web.client.get("/queue/requests", params=after)).json()
    ids = [each["id"] for each in (*page["data"], *rest["data"])]
    assert ids == sorted(names, reverse=True)
    for filters, number in (
        ({"status": "running"}, 3),
        ({"status": "queued"}, 0),
        ({"model": "chat"}, 3),
        ({"operation": "embeddings"}, 0),
    ):
        listed = (await web.client.get("/queue/requests", params=filters)).json()
        assert len(listed["data"]) == number
    wrong = await web.client.get("/queue/requests", params={"status": "done"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "status")


async def test_a_key_may_have_so_many_waiting(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.hub.queueing.quota, "_settings", QueueSettings(waiting=5))
    for _ in range(5):
        assert (await queued(web)).status_code == 202
    full = await queued(web)
    assert (full.status_code, full.json()["error"]["code"]) == (429, "queue_full")
    assert int(full.headers["retry-after"]) >= 1
    other = await web.key("other", Scope.INFERENCE)
    assert (await queued(web, **other)).status_code == 202


async def test_who_hangs_up_with_the_last_byte_has_had_the_answer(web: Web, claims: Claims) -> None:
    name = (await queued(web, **{"X-Queue-Retention": "0"})).json()["id"]
    job = await claimed(claims)
    await finish(web, claims, job)

    class HangsUp(Memory):
        async def data(self, chunk: bytes) -> None:
            await super().data(chunk)
            task = asyncio.current_task()
            assert task
            task.cancel()

    holding, sink = Holding(web.hub.queueing, job.key_id, name, Watch()), HangsUp()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(holding.deliver(sink, 5, []))
    assert sink.body == DONE
    with pytest.raises(UnknownRequestError):
        await web.hub.queueing.queue.get(job.key_id, name)


async def test_who_hangs_up_after_the_last_event_has_had_the_answer(
    web: Web, claims: Claims
) -> None:
    asked = await queued(web, {**CHAT, "stream": True}, **{"X-Queue-Retention": "0"})
    job = await claimed(claims)
    events = b"id: 1-1\ndata: 1\n\nid: 1-2\ndata: [DONE]\n\n"
    await claims.append(job, 1, 2, events)
    holding = Holding(web.hub.queueing, job.key_id, asked.json()["id"], Watch())
    reading = asyncio.create_task(holding.deliver(sink := Memory(), 5, []))
    while sink.body != events:
        await asyncio.sleep(0.01)
    reading.cancel()
    # The worker stores the answer a moment after its last event.
    await asyncio.sleep(0.05)
    await finish(web, claims, job, events)
    with pytest.raises(asyncio.CancelledError):
        await reading
    with pytest.raises(UnknownRequestError):
        await web.hub.queueing.queue.get(job.key_id, job.id)


async def test_a_repetition_takes_no_more_of_what_may_wait(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.hub.queueing.quota, "_settings", QueueSettings(waiting=5))
    first = await queued(web, **{"Idempotency-Key": "k1"})
    for _ in range(4):
        assert (await queued(web)).status_code == 202
    again = await queued(web, **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert (await queued(web, **{"Idempotency-Key": "k2"})).status_code == 429


@pytest.mark.parametrize("value", [b"1e999", b'"\xff"'])
async def test_what_the_verb_takes_no_notice_of_is_no_trouble(web: Web, value: bytes) -> None:
    body = json.dumps({**CHAT, "unknown": "?"}).encode().replace(b'"?"', value)
    headers = ASYNC | {"content-type": "application/json", "Idempotency-Key": "k"}
    url = "/queue/chat/completions"
    answers = [await web.client.post(url, content=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_stream_is_read_from_any_event_on(web: Web, claims: Claims) -> None:
    place = (await queued(web, {**CHAT, "stream": True})).headers["location"]
    job = await claimed(claims)
    events = [b'id: 1-%d\ndata: {"n":%d}\n\n' % (n, n) for n in range(1, 6)]
    await claims.append(job, 1, 2, events[0] + events[1])
    await claims.append(job, 3, 3, events[2])
    reading = asyncio.create_task(
        web.client.get(f"{place}/events", headers={"Last-Event-ID": "1-1"})
    )
    await asyncio.sleep(0.05)
    await claims.append(job, 4, 5, events[3] + events[4])
    await finish(web, claims, job, b"".join(events))
    assert (await reading).content == b"".join(events[1:])
    for number in range(5):
        read = await web.client.get(f"{place}/events", params={"after": f"1-{number}"})
        assert read.content == b"".join(events[number:])
    assert (await web.client.get(f"{place}/events")).content == b"".join(events)
    assert (await web.client.get(f"{place}/events?after=5")).status_code == 400
    assert b"request_restarted" in (await web.client.get(f"{place}/events?after=7-1")).content


async def test_a_caller_who_waits_for_a_stream_gets_its_events(web: Web, claims: Claims) -> None:
    async with posted(web, {**CHAT, "stream": True}) as call:
        job = await claimed(claims)
        await claims.append(job, 1, 1, b"id: 1-1\ndata: 1\n\n")
        await web.hub.queueing.waiting.heard(job.id)
        await asyncio.sleep(0.05)
        await finish(web, claims, job, b"id: 1-1\ndata: 1\n\nid: 1-2\ndata: 2\n\n")
        answer = await call
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.content == b"id: 1-1\ndata: 1\n\nid: 1-2\ndata: 2\n\n"


@pytest.mark.parametrize(
    ("status", "events"),
    [(200, b"data: {\ndata: }\n\n"), (500, b"event: error\ndata: {\ndata: }\n\n")],
)
async def test_an_answer_at_once_to_who_asked_for_a_stream_is_one_event(
    web: Web, claims: Claims, status: int, events: bytes
) -> None:
    place = (await queued(web, {**CHAT, "stream": True})).headers["location"]
    await finish(web, claims, await claimed(claims), b"{\n}", status)
    assert (await web.client.get(f"{place}/events")).content == events


async def test_what_was_no_stream_has_no_events(web: Web) -> None:
    place = (await queued(web)).headers["location"]
    assert (await web.client.get(f"{place}/events")).status_code == 400


async def test_the_queue_is_among_the_metrics(web: Web) -> None:
    for _ in range(2):
        await queued(web)
    page = (await web.client.get("/metrics")).text
    labels = '{operation="chat.completions",state="queued"}'
    assert f"stellwerk_queue_requests{labels} 2.0" in page
    assert f"stellwerk_queue_oldest_seconds{labels}" in page


async def test_a_webhook_needs_a_secret_and_a_url(web: Web) -> None:
    refused = await queued(web, **{"X-Queue-Webhook": "https://hooks.example.org/"})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "no_webhook_secret"
    made = await web.client.post("/admin/projects/default/webhook-secret")
    assert made.json()["secret"].startswith("whsec_")
    wrong = await queued(web, **{"X-Queue-Webhook": "ftp://hooks.example.org/"})
    assert wrong.status_code == 400
    assert wrong.json()["error"]["param"] == "X-Queue-Webhook"


async def test_a_webhook_is_seen_on_its_request(web: Web, claims: Claims) -> None:
    await web.client.post("/admin/projects/default/webhook-secret")
    url = "https://hooks.example.org/"
    answer = await queued(web, **{"X-Queue-Webhook": url})
    place = answer.headers["location"]
    assert answer.json()["webhook"] == {
        "url": url,
        "status": "waiting",
        "attempts": 0,
        "next_attempt_at": None,
        "ended_at": None,
        "http_status": None,
        "error": None,
    }
    await finish(web, claims, await claimed(claims))
    shown = (await web.client.get(place)).json()["webhook"]
    assert shown["status"] == "waiting"
    assert shown["next_attempt_at"]


async def test_a_project_s_share_of_the_queue(web: Web) -> None:
    place = "/admin/projects/default/queue"
    changed = await web.client.post(place, json={"weight": 2, "urgency": 1})
    assert changed.json() == {"project": "default", "weight": 2.0, "urgency": 1}
    assert (await web.client.post(place, json={})).json()["weight"] == 2.0
    assert (await web.client.post(place, json={"weight": 0})).status_code == 400
    unknown = await web.client.post("/admin/projects/nobody/queue", json={})
    assert unknown.status_code == 404
    plain = await web.key("plain", Scope.INFERENCE)
    assert (await web.client.post(place, json={}, headers=plain)).status_code == 403
