"""What a worker can do: for each operation that may be queued, a handler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stellwerk.features.keys.keyring import Keyring
from stellwerk.features.queue.types import Job
from stellwerk.operations.batch_lines import BatchLines
from stellwerk.operations.form import parted
from stellwerk.operations.ingest import Ingest
from stellwerk.operations.operation import Call, Operation
from stellwerk.operations.run import Runner
from stellwerk.worker.storing import Storing

# Does the work of a request and writes its answer. An error before the answer's head may be
# repeated later. When it is cancelled, the work behind it ends before it does.
Handler = Callable[[Job, Storing], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Verb:
    """A handler that does one operation, as the key that asked for it may now."""

    operation: Operation
    runner: Runner
    keyring: Keyring

    async def __call__(self, job: Job, sink: Storing) -> None:
        principal = await self.keyring.holder(job.key_id)
        content_type = job.content_type.encode("latin-1")
        call = Call(
            principal=principal,
            body=job.body,
            request_id=job.id,
            content_type=content_type,
            progress=sink.tell,
            parts=await parted(self.operation, job.body, content_type),
        )
        await self.runner.run(self.operation, call, sink)


@dataclass(frozen=True, slots=True)
class Ingesting:
    """A handler that puts a file into a vector store. Its answer repeats what was asked."""

    ingest: Ingest
    keyring: Keyring

    async def __call__(self, job: Job, sink: Storing) -> None:
        await self.ingest.run(job, await self.keyring.holder(job.key_id))
        await sink.head(200, [(b"content-type", b"application/json")])
        await sink.data(job.body)
        await sink.end()


@dataclass(frozen=True, slots=True)
class Lines:
    """A handler that runs lines of a batch. Its answer is what they are in the output."""

    lines: BatchLines
    keyring: Keyring

    async def __call__(self, job: Job, sink: Storing) -> None:
        answer = await self.lines.run(job, await self.keyring.holder(job.key_id))
        await sink.head(200, [(b"content-type", b"application/jsonl")])
        await sink.data(answer)
        await sink.end()
