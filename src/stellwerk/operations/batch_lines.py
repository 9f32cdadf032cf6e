"""Lines of a batch: run as the verb runs, several in one call where the model can tell of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from stellwerk.base.errors import Kind, StellwerkError
from stellwerk.features.batches.output import answered, joined
from stellwerk.features.batches.types import Line, Order
from stellwerk.features.keys.types import Principal
from stellwerk.features.queue.types import Job
from stellwerk.operations import embeddings
from stellwerk.operations.asking import Collected
from stellwerk.operations.operation import Call, Operation
from stellwerk.operations.run import Runner
from stellwerk.upstreams.failures import UpstreamError
from stellwerk.upstreams.reading import UNREADABLE
from stellwerk.wire.errors import error_json

# Lines of one call, for models that run here; servers elsewhere have their own ways to join.
JOINED = 32
# Of these, the queue knows what to do: another time, or never.
FOR_THE_QUEUE = frozenset({Kind.UPSTREAM, Kind.UNAVAILABLE, Kind.TIMEOUT, Kind.RATE_LIMITED})

_json = msgspec.json.Decoder(msgspec.Raw)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Usage(msgspec.Struct):
    inputs: list[int]


class _Vector(msgspec.Struct):
    index: int
    embedding: msgspec.Raw


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    model: str
    usage: _Usage


_vectors = msgspec.json.Decoder(_Vectors)


@dataclass(frozen=True, slots=True)
class BatchLines:
    """Runs the lines of one row of the queue."""

    operation: Operation
    runner: Runner

    async def run(self, job: Job, principal: Principal) -> bytes:
        """Their lines of the output. Raises what the queue may try again, or must give up."""
        order = msgspec.json.decode(job.body, type=Order)
        run = _Run(self.operation, self.runner, principal, job.id)
        if len(order.lines) > 1:
            try:
                return joined(await run.together(order.lines))
            except StellwerkError as error:
                if error.kind in FOR_THE_QUEUE:
                    raise
                # One of them is at fault, and only that one shall hear of it.
        return joined([await run.alone(line) for line in order.lines])


@dataclass(frozen=True, slots=True)
class _Run:
    operation: Operation
    runner: Runner
    principal: Principal
    request_id: str

    async def alone(self, line: Line) -> bytes:
        status, body = 200, b""
        try:
            status, body = await self._call(bytes(line.body))
        except StellwerkError as error:
            if error.kind in FOR_THE_QUEUE:
                raise
            status, body = error.kind.status, error_json(error)
        return answered(line.custom_id, status, self.request_id, body)

    async def together(self, lines: Sequence[Line]) -> list[bytes]:
        """All texts in one call. What each took is told by the model, not guessed."""
        bodies = [_fields.decode(line.body) for line in lines]
        one = bodies[0] | {
            "input": msgspec.Raw(msgspec.json.encode([body["input"] for body in bodies])),
            "usage_per_input": msgspec.Raw(b"true"),
        }
        _, answer = await self._call(msgspec.json.encode(one))
        try:
            found = _vectors.decode(answer)
        except msgspec.MsgspecError as error:
            raise _wrong() from error
        if len(found.data) != len(lines) or len(found.usage.inputs) != len(lines):
            raise _wrong()
        return [
            answered(line.custom_id, 200, self.request_id, _single(found, vector, tokens))
            for line, vector, tokens in zip(lines, found.data, found.usage.inputs, strict=True)
        ]

    async def _call(self, body: bytes) -> tuple[int, bytes]:
        sink = Collected()
        call = Call(principal=self.principal, body=body, request_id=self.request_id)
        await self.runner.run(self.operation, call, sink)
        answer = bytes(sink.body)
        try:
            # It becomes a part of a line, which has to be JSON from end to end.
            answer.decode()
            _json.decode(answer)
        except UNREADABLE as error:
            raise UpstreamError("The model's server did not answer with JSON.") from error
        return sink.status, answer


def _single(found: _Vectors, vector: _Vector, tokens: int) -> bytes:
    return msgspec.json.encode(
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": vector.embedding}],
            "model": found.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _wrong() -> StellwerkError:
    return UpstreamError("The model did not answer with a vector and a count for each text.")


def together(runner: Runner, operation: str, name: str) -> tuple[str, int]:
    """The model's id, and how many lines may be one call: several where the engine is ours."""
    found = runner.catalog.models.find(name)
    if found is None:
        return name, 1
    joins = operation == embeddings.OPERATION.name and any(
        r.local for r in runner.routes(found)[:1]
    )
    return found.id, JOINED if joins else 1
