"""A batch on its way through the queue."""

import asyncio
import json
import random
from dataclasses import replace
from typing import Any

import psutil
import pytest

from stellwerk.base.errors import UnavailableError
from stellwerk.data.blobs.store import Blobs
from stellwerk.data.database import Database
from stellwerk.features.batches import progress
from stellwerk.features.batches.errors import (
    BatchEndedError,
    NotForBatchesError,
    TooManyBatchesError,
    UnknownBatchError,
)
from stellwerk.features.batches.output import answered, joined
from stellwerk.features.batches.statements import ROWS
from stellwerk.features.batches.types import NewBatch
from stellwerk.features.batches.validation import CheckModel
from stellwerk.features.files.errors import UnknownFileError
from stellwerk.features.keys.errors import KeyRefusedError
from stellwerk.features.queue.claims import Claims
from stellwerk.features.queue.errors import UnknownRequestError
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.submit import submit as put_in
from stellwerk.features.queue.types import Answer, Job, Outcome, State
from tests.features.batches.conftest import OPERATIONS, House, echo, ids, joins, line
from tests.features.queue.conftest import room, worker


def many(count: int, **body: Any) -> list[dict[str, Any]]:
    return [line(f"line {number}", number=number, **body) for number in range(count)]


async def test_each_line_is_answered_once(house: House) -> None:
    data = many(1300)
    for number in range(0, 1300, 7):
        data[number]["body"]["fail"] = True
    name = await house.create(data)
    assert (await house.get(name)).status == "validating"
    batch = await house.finish(name)
    assert batch.status == "completed"
    assert batch.request_counts.model_dump() == {"total": 1300, "completed": 1114, "failed": 186}
    good, bad = await house.content(batch.output_file_id), await house.content(batch.error_file_id)
    assert sorted(ids(good) + ids(bad)) == sorted(each["custom_id"] for each in data)
    assert good[0]["response"]["body"]["model"] == "m"
    assert good[0]["response"]["request_id"].startswith("req_")
    assert good[0]["error"] is None
    assert good[0]["id"].startswith("batch_req_")
    assert {each["response"]["status_code"] for each in bad} == {400}
    assert bad[0]["response"]["body"]["error"]["message"] == "wrong"
    assert batch.in_progress_at
    assert batch.finalizing_at
    assert batch.completed_at
    assert house.most_rows == ROWS
    assert await house.rows(name) == 0
    file = await house.files.get(house.principal.project_id, str(batch.output_file_id))
    assert (file.purpose, file.filename) == ("batch_output", f"{name}_output.jsonl")


async def test_a_batch_without_failures_has_no_error_file(house: House) -> None:
    batch = await house.finish(await house.create(many(3)))
    assert batch.error_file_id is None
    assert len(await house.content(batch.output_file_id)) == 3


async def test_a_key_that_was_revoked_before_anyone_looked_cancels_the_batch(house: House) -> None:
    async def checks(key_id: str, operation: str) -> CheckModel:
        raise KeyRefusedError(f"{key_id} was revoked for {operation}.")

    name = await house.create(many(3))
    assert await replace(house.checking, checks=checks).step()
    batch = await house.finish(name)
    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("cancelled", None, None)
    assert house.ran == []


async def test_a_batch_that_breaks_holds_up_no_other(house: House) -> None:
    def together(operation: str, model: str) -> tuple[str, int]:
        if model == "n":
            raise ValueError("nobody foresaw this")
        return joins(operation, model)

    house.progress = replace(house.progress, together=together)
    broken = await house.create([line("a") | {"body": {"model": "n"}}])
    batch = await house.finish(await house.create(many(3)))
    assert (batch.status, batch.request_counts.completed) == ("completed", 3)
    assert (await house.get(broken)).status == "in_progress"
    await house.batches.cancel(house.principal.project_id, broken)
    assert (await house.finish(broken)).status == "cancelled"


async def test_an_answer_may_have_any_white_space(house: House) -> None:
    def spaced(job: Job) -> Outcome:
        [each] = json.loads(job.body)["lines"]
        made = joined([answered(each["custom_id"], 200, job.id, b'{"a":\r1,\r\n"b":2}')])
        return Outcome(job.id, job.fence, State.COMPLETED, Answer(200, "application/jsonl", made))

    batch = await house.finish(await house.create(many(1)), spaced)
    [found] = await house.content(batch.output_file_id)
    assert found["response"]["body"] == {"a": 1, "b": 2}


async def test_texts_of_one_kind_are_one_row(house: House) -> None:
    url = "/v1/embeddings"
    data = [line(str(n), url, input=f"text {n}") for n in range(10)]
    data += [line("list", url, input=["a", "b"]), line("dims", url, input="c", dimensions=3)]
    data += [line("elsewhere 1", url, input="d") | {"body": {"model": "elsewhere", "input": "d"}}]
    data += [line("elsewhere 2", url, input="d") | {"body": {"model": "elsewhere", "input": "d"}}]
    name = await house.create(data, "embeddings")
    sizes: list[int] = []

    def count(job: Job) -> Outcome:
        sizes.append(job.body.count(b'"custom_id"'))
        return echo(job)

    batch = await house.finish(name, count)
    assert sizes == [4, 4, 2, 1, 1, 1, 1]
    assert sorted(ids(await house.content(batch.output_file_id))) == sorted(
        each["custom_id"] for each in data
    )


@pytest.mark.parametrize("moment", ["before the write", "after the write", "before the commit"])
async def test_a_step_that_breaks_changes_nothing(
    house: House, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a `kill -9` does: the transaction is rolled back, what was put into the store stays."""
    name = await house.create(many(1200))
    chance = random.Random(7)
    put = Blobs.put

    async def breaking(self: Blobs, key: str, data: bytes) -> None:
        broken = moment != "before the commit" and chance.random() < 0.5
        if not broken or moment == "after the write":
            await put(self, key, data)
        if broken:
            raise UnavailableError("killed")

    submitted = 0

    async def submit(*values: Any) -> Any:
        nonlocal submitted
        submitted += 1
        found = await put_in(*values)
        if moment == "before the commit" and chance.random() < 0.2:
            raise UnavailableError("killed")
        return found

    monkeypatch.setattr(progress, "submit", submit)
    await house.checking.step()
    broken = 0
    async with worker(house.database) as claims:
        monkeypatch.setattr(Blobs, "put", breaking)
        while (await house.get(name)).completed_at is None:
            try:
                await house.progress.step()
            except UnavailableError:
                broken += 1
            await house.work(claims)
    monkeypatch.undo()
    assert broken
    batch = await house.get(name)
    assert sorted(ids(await house.content(batch.output_file_id))) == sorted(
        each["custom_id"] for each in many(1200)
    )
    assert sorted(house.ran) == sorted(each["custom_id"] for each in many(1200))


async def test_two_processes_step_at_once(house: House) -> None:
    name = await house.create(many(1500))
    await house.checking.step()
    async with worker(house.database) as claims:
        while (await house.get(name)).completed_at is None:
            await asyncio.gather(house.progress.step(), house.progress.step(), house.work(claims))
    batch = await house.get(name)
    found = ids(await house.content(batch.output_file_id))
    assert sorted(found) == sorted(each["custom_id"] for each in many(1500))


async def test_what_the_queue_gave_up_is_an_error_of_its_line(house: House) -> None:
    def fail(job: Job) -> Outcome:
        if b'"line 1"' not in job.body:
            return echo(job)
        answer = Answer(503, "application/json", b'{"error":{"message":"away","type":"x"}}')
        return Outcome(job.id, job.fence, State.FAILED, answer)

    batch = await house.finish(await house.create(many(3)), fail)
    [bad] = await house.content(batch.error_file_id)
    assert bad["custom_id"] == "line 1"
    assert bad["response"]["status_code"] == 503
    assert bad["response"]["body"]["error"]["message"] == "away"
    assert batch.request_counts.completed == 2


async def test_an_answer_on_several_lines_stays_one_line(house: House) -> None:
    def pretty(job: Job) -> Outcome:
        body = answered("line 0", 200, job.id, b'{\n "a": "x\\ny"\n}')
        answer = Answer(200, "application/jsonl", joined([body]))
        return Outcome(job.id, job.fence, State.COMPLETED, answer)

    batch = await house.finish(await house.create(many(1)), pretty)
    [found] = await house.content(batch.output_file_id)
    assert found["response"]["body"] == {"a": "x\ny"}


async def test_cancel_before_it_is_looked_through(house: House) -> None:
    name = await house.create(many(3))
    assert (await house.batches.cancel(house.principal.project_id, name)).status == "cancelling"
    batch = await house.finish(name)
    assert batch.status == "cancelled"
    assert batch.cancelled_at
    assert house.ran == []


async def test_cancel_keeps_what_was_done(house: House) -> None:
    name = await house.create(many(900))
    await house.checking.step()
    async with worker(house.database) as claims:
        await house.progress.step()
        await house.work(claims, slots=120)
        running = await claims.claim(_room(5))
        await house.batches.cancel(house.principal.project_id, name)
        await house.progress.step()
        held = await claims.beat()
        assert held is not None
        assert held.cancelling == {job.id for job in running}
        # One of them had ended all the same.
        await claims.finish([echo(running[0])])
        for job in running[1:]:
            await claims.again(job, 0)
        batch = await house.finish(name)
    assert batch.status == "cancelled"
    assert batch.request_counts.completed == 121
    assert len(await house.content(batch.output_file_id)) == 121
    assert batch.error_file_id is None
    # Again changes nothing.
    assert (await house.batches.cancel(house.principal.project_id, name)).status == "cancelled"


async def test_what_is_over_cannot_be_cancelled(house: House) -> None:
    batch = await house.finish(await house.create(many(1)))
    with pytest.raises(BatchEndedError):
        await house.batches.cancel(house.principal.project_id, batch.id)


async def test_what_has_not_begun_in_time_expires(house: House) -> None:
    name = await house.create(many(1700))
    await house.checking.step()
    async with worker(house.database) as claims:
        await house.progress.step()
        await house.work(claims, slots=130)
    await house.sql("update batches set expires_at = now()")
    batch = await house.finish(name)
    assert batch.status == "expired"
    assert batch.expired_at
    assert batch.request_counts.model_dump() == {"total": 1700, "completed": 130, "failed": 1570}
    good, bad = await house.content(batch.output_file_id), await house.content(batch.error_file_id)
    assert sorted(ids(good) + ids(bad)) == sorted(each["custom_id"] for each in many(1700))
    assert {each["error"]["code"] for each in bad} == {"batch_expired"}
    assert {each["response"] for each in bad} == {None}


async def test_a_deleted_input_file_ends_it(house: House) -> None:
    name = await house.create(many(900))
    await house.checking.step()
    await house.progress.step()
    [file] = (await house.sql("select input_file_id from batches")).scalars()
    await house.files.delete(house.principal.project_id, file)
    batch = await house.finish(name)
    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data[0].code == "file_not_found"
    assert len(await house.content(batch.output_file_id)) == batch.request_counts.completed > 0


async def test_a_revoked_key_ends_it(house: House) -> None:
    def refuse(job: Job) -> Outcome:
        answer = Answer(401, "application/json", b'{"error":{"message":"gone","type":"x"}}')
        return Outcome(job.id, job.fence, State.CANCELLED, answer)

    batch = await house.finish(await house.create(many(900)), refuse)
    assert batch.status == "cancelled"
    assert batch.request_counts.failed < 900
    assert (await house.content(batch.error_file_id))[0]["response"]["status_code"] == 401


async def test_output_files_expire_when_asked(house: House) -> None:
    name = await house.create(many(1))
    await house.sql("update batches set expires_after = 3600")
    batch = await house.finish(name)
    file = await house.files.get(house.principal.project_id, str(batch.output_file_id))
    assert file.expires_at == file.created_at + 3600


async def test_the_end_is_told_by_a_webhook(house: House) -> None:
    name = await house.create(many(1), webhook="https://hooks.example.org/")
    await house.finish(name)
    rows = (await house.sql("select * from webhook_deliveries")).all()
    [told] = rows
    assert (told.subject, told.type, told.url) == (
        name,
        "batch.completed",
        "https://hooks.example.org/",
    )


async def test_rows_of_batches_are_no_requests_of_their_key(house: House) -> None:
    await house.create(many(3))
    await house.checking.step()
    await house.progress.step()
    key = house.principal.key_id
    [name] = (await house.sql("select id from requests limit 1")).scalars()
    async with Queue(house.database) as queue:
        assert await queue.page(key) == []
        assert await queue.waiting(key) == (0, 0)
        for ask in (queue.get, queue.answer, queue.cancel, queue.delete):
            with pytest.raises(UnknownRequestError):
                await ask(key, name)


async def test_only_so_many_at_a_time(house: House) -> None:
    for _ in range(3):
        await house.create(many(1))
    with pytest.raises(TooManyBatchesError):
        await house.create(many(1))


async def test_only_so_many_at_a_time_when_all_are_made_at_once(house: House) -> None:
    made = await asyncio.gather(*(house.create(many(1)) for _ in range(8)), return_exceptions=True)
    assert [isinstance(one, TooManyBatchesError) for one in made].count(False) == 3


async def test_a_batch_belongs_to_its_project(house: House) -> None:
    name = await house.create(many(1))
    for project, wrong in (("proj_other", name), (house.principal.project_id, "batch_0"), ("", "")):
        with pytest.raises(UnknownBatchError):
            await house.batches.get(project, wrong)
        with pytest.raises(UnknownBatchError):
            await house.batches.cancel(project, wrong)
    assert (await house.batches.page("proj_other", after=None, limit=10)).data == []


async def test_the_file_must_be_one_for_batches(house: House) -> None:
    for file_id, error in (
        (await house.upload(many(1), "user_data"), NotForBatchesError),
        ("file-00000000000000000000000000000000", UnknownFileError),
    ):
        new = NewBatch(
            input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        with pytest.raises(error):
            await house.batches.create(house.principal, new, "chat.completions", urgency=5)


def _room(slots: int) -> Any:
    return room(slots, operations=OPERATIONS)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_million_lines(house: House, database: Database) -> None:
    count = 1_000_000
    url = "/v1/embeddings"
    name = await house.create((line(str(n), url, input="x") for n in range(count)), "embeddings")
    process = psutil.Process()
    before = peak = process.memory_info().rss
    await house.checking.step()
    most = 0
    async with Claims(database, "test") as claims:
        await claims.enter()
        while (await house.get(name)).completed_at is None:
            await house.progress.step()
            most = max(most, await house.rows(name))
            while await house.work(claims):
                pass
            house.ran.clear()
            peak = max(peak, process.memory_info().rss)
    batch = await house.get(name)
    assert batch.request_counts.completed == count
    assert most <= ROWS
    assert peak - before < 200 * 2**20
    stored = await house.files.stored(house.principal.project_id, str(batch.output_file_id))
    number = 0
    async for chunk in house.files.read(stored):
        number += chunk.count(b"\n")
    assert number == count
