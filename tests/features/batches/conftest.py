"""Batches over a real database and files, and a worker that answers as a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from stellwerk.base.errors import InvalidRequestError, StellwerkError
from stellwerk.data.blobs.heaps import Heaps
from stellwerk.data.blobs.store import Blobs
from stellwerk.data.database import Database
from stellwerk.features.batches.checking import Checking
from stellwerk.features.batches.output import answered, joined
from stellwerk.features.batches.progress import Progress
from stellwerk.features.batches.service import Batches
from stellwerk.features.batches.types import Batch, NewBatch
from stellwerk.features.batches.validation import CheckModel
from stellwerk.features.files.service import Files
from stellwerk.features.files.types import NewFile
from stellwerk.features.keys.keyring import Keyring
from stellwerk.features.keys.service import Keys
from stellwerk.features.keys.types import NewKey, Principal
from stellwerk.features.queue.claims import Claims
from stellwerk.features.queue.types import Answer, Job, Outcome, State
from stellwerk.wire.errors import error_json
from tests.features.queue.conftest import room

OPERATIONS = ["batch.chat.completions", "batch.embeddings"]
LONGEST = 100_000
LIMIT = 120

Answers = Callable[[Job], Outcome]


def line(name: str, url: str = "/v1/chat/completions", **body: Any) -> dict[str, Any]:
    return {"custom_id": name, "method": "POST", "url": url, "body": {"model": "m", **body}}


def joins(operation: str, model: str) -> tuple[str, int]:
    return model, 4 if operation == "embeddings" and model != "elsewhere" else 1


def echo(job: Job) -> Outcome:
    """Answers each line with its own body; one that says `fail` with a 400."""
    made: list[bytes] = []
    for each in json.loads(job.body)["lines"]:
        status, body = 200, json.dumps(each["body"]).encode()
        if each["body"].get("fail"):
            status, body = 400, error_json(InvalidRequestError("wrong"))
        made.append(answered(each["custom_id"], status, job.id, body))
    answer = Answer(200, "application/jsonl", joined(made))
    return Outcome(job.id, job.fence, State.COMPLETED, answer)


class House:
    """All that batches need, without a server."""

    def __init__(self, database: Database, files: Files, principal: Principal) -> None:
        self.database = database
        self.files = files
        self.principal = principal
        self.batches = Batches(database, files, most=3)
        self.progress = Progress(database, files, joins, LONGEST, attempts=3)
        self.checking = self.checker(1_000_000)
        self.ran: list[str] = []
        self.most_rows = 0

    def checker(self, most: int) -> Checking:
        async def checks(key_id: str, operation: str) -> CheckModel:
            assert (key_id, operation) != ("", "")

            def check(model: str) -> StellwerkError | None:
                return None if model in {"m", "n", "elsewhere"} else InvalidRequestError("unknown")

            return check

        return Checking(
            self.database,
            self.files,
            checks,
            path=lambda operation: "/" + operation.replace(".", "/"),
            longest=LONGEST,
            most=most,
        )

    async def upload(self, data: bytes | Iterable[Any], purpose: Any = "batch") -> str:
        async def chunks() -> AsyncIterator[bytes]:
            if isinstance(data, bytes):
                yield data
                return
            some: list[str] = []
            for each in data:
                some.append(json.dumps(each) + "\n")
                if len(some) == 10_000:
                    yield "".join(some).encode()
                    some.clear()
            yield "".join(some).encode()

        new = NewFile(filename="in.jsonl", purpose=purpose)
        return (await self.files.create(self.principal.project_id, new, chunks())).id

    async def create(
        self, data: bytes | Iterable[Any], operation: str = "chat.completions", **more: Any
    ) -> str:
        new = NewBatch(
            input_file_id=await self.upload(data),
            endpoint="/v1/" + operation.replace(".", "/"),
            completion_window="24h",
        )
        batch = await self.batches.create(self.principal, new, operation, urgency=5, **more)
        return batch.id

    async def get(self, name: str) -> Batch:
        return await self.batches.get(self.principal.project_id, name)

    async def sql(self, statement: str, **values: Any) -> Any:
        async with self.database.connect() as connection:
            return await connection.execute(text(statement), values)

    async def rows(self, name: str) -> int:
        found = await self.sql("select count(*) from requests where batch_id = :name", name=name)
        return int(found.scalar_one())

    async def work(self, claims: Claims, answer: Answers = echo, slots: int = 200) -> int:
        """Run what waits, once."""
        jobs = await claims.claim(room(slots, operations=OPERATIONS))
        for job in jobs:
            self.ran += [each["custom_id"] for each in json.loads(job.body)["lines"]]
        if jobs:
            await claims.finish([answer(job) for job in jobs])
        return len(jobs)

    async def finish(self, name: str, answer: Answers = echo) -> Batch:
        """Look through, run and move on until the batch has ended."""
        await self.checking.step()
        async with Claims(self.database, "test") as claims, asyncio.timeout(LIMIT):
            await claims.enter()
            while True:
                await self.progress.step()
                self.most_rows = max(self.most_rows, await self.rows(name))
                if await self.work(claims, answer):
                    continue
                batch = await self.get(name)
                if batch.status in {"completed", "failed", "expired", "cancelled"}:
                    return batch

    async def content(self, file_id: str | None) -> list[dict[str, Any]]:
        assert file_id is not None
        stored = await self.files.stored(self.principal.project_id, file_id)
        data = b"".join([chunk async for chunk in self.files.read(stored)])
        assert len(data) == stored.file.bytes
        return [json.loads(each) for each in data.splitlines()]


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [each["custom_id"] for each in found]


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> House:
    key = await Keys(database).create(NewKey(name="app"))
    principal = await Keyring(database).principal(key.key)
    heaps = Heaps(database, Blobs((tmp_path / "blobs").as_uri()))
    return House(database, Files(database, heaps, max_size=2**30), principal)
