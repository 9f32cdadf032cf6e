"""What became of lines, as lines of the output file and of the error file."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from stellwerk.base.ids import new_id
from stellwerk.features.batches.types import (
    InputLine,
    LineError,
    LineResponse,
    Order,
    OutputLine,
)
from stellwerk.features.queue.types import State

OK = range(200, 300)


class _Response(msgspec.Struct):
    status_code: int


class _Written(msgspec.Struct):
    response: _Response | None = None


_written = msgspec.json.Decoder(_Written)
_order = msgspec.json.Decoder(Order)
_input = msgspec.json.Decoder(InputLine)


class Yield:
    """Lines that are to be written, and how many."""

    def __init__(self) -> None:
        self.output: list[bytes] = []
        self.errors: list[bytes] = []
        self.refused = False

    def add_row(self, row: Any) -> None:
        """A row of the queue that has ended."""
        if row.state == State.COMPLETED.value:
            for line in row.answer.removesuffix(b"\n").split(b"\n"):
                response = _written.decode(line).response
                fine = response is not None and response.status_code in OK
                (self.output if fine else self.errors).append(line)
            return
        # A key that is gone ends all that it asked for.
        self.refused = self.refused or row.state == State.CANCELLED.value
        for line in _order.decode(row.body).lines:
            self.errors.append(answered(line.custom_id, row.status, row.id, row.answer))

    def add_cancelled(self, row: Any, error: LineError) -> None:
        """A row that was ended before it had an answer."""
        for line in _order.decode(row.body).lines:
            self.errors.append(unrun(line.custom_id, error))

    def add_unrun(self, lines: Iterable[bytes], error: LineError) -> None:
        for line in lines:
            if line:
                custom_id = _input.decode(line).custom_id
                self.errors.append(unrun(custom_id, error))


def answered(custom_id: str, status: int, request_id: str, body: bytes) -> bytes:
    """The line of a request that was answered, with whatever status."""
    # A body on several lines would be several lines of the file.
    plain = msgspec.json.format(body, indent=-1) if b"\n" in body or b"\r" in body else body
    response = LineResponse(status_code=status, request_id=request_id, body=msgspec.Raw(plain))
    return _line(custom_id, response=response)


def unrun(custom_id: str, error: LineError) -> bytes:
    return _line(custom_id, error=error)


def joined(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _line(custom_id: str, **told: Any) -> bytes:
    return msgspec.json.encode(OutputLine(id=new_id("batch_req_"), custom_id=custom_id, **told))
