"""What the hub asks of models itself, on the way of every caller: `Runner.run`."""

from typing import Protocol

import msgspec

from stellwerk.features.keys.types import Principal
from stellwerk.operations.operation import Call, Operation
from stellwerk.ports.sink import Headers, Sink


class Asker(Protocol):
    """The one way to a model; it is a `Runner`."""

    async def run(self, operation: Operation, call: Call, sink: Sink) -> None: ...


class Collected:
    """A sink that keeps the body of an answer."""

    def __init__(self) -> None:
        self.status = 0
        self.body = bytearray()

    async def head(self, status: int, headers: Headers) -> None:
        del headers
        self.status = status

    async def data(self, chunk: bytes) -> None:
        self.body += chunk

    async def end(self) -> None:
        """Nothing is left to do."""


async def answer(
    asker: Asker, operation: Operation, principal: Principal, body: object, request_id: str
) -> bytes:
    """What a model answers to the hub itself. Raises `StellwerkError`, as the verb does."""
    sink = Collected()
    call = Call(principal=principal, body=msgspec.json.encode(body), request_id=request_id)
    await asker.run(operation, call, sink)
    return bytes(sink.body)
