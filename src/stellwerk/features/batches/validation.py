"""Looks through an input file before anything of it is run."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec
import numpy as np

from stellwerk.base.errors import InvalidRequestError, StellwerkError
from stellwerk.features.batches.types import BatchError, InputLine
from stellwerk.wire.decode import decode

MOST_ERRORS = 100
# Names of models that a caller may mistake are looked up, but not without end.
MOST_MODELS = 1000

CheckModel = Callable[[str], StellwerkError | None]


class _Body(msgspec.Struct):
    model: str
    stream: bool | None = None


@dataclass
class Findings:
    """What was found in a file: its number of lines, and its first errors.

    `path` is what the lines' URLs must end with, after `/v1` or `/v2`. `check_model` says why the
    key cannot use a model for the verb. Ids are remembered as 8 bytes each.
    """

    path: str
    longest: int
    most: int
    check_model: CheckModel
    total: int = 0
    number: int = 0
    errors: list[BatchError] = field(default_factory=list)
    models: dict[str, StellwerkError | None] = field(default_factory=dict)
    ids: "array[int]" = field(default_factory=lambda: array("Q"))
    numbers: "array[int]" = field(default_factory=lambda: array("Q"))

    @property
    def full(self) -> bool:
        return len(self.errors) >= MOST_ERRORS or self.total > self.most

    def add(self, line: bytes) -> None:
        """Look at the next line."""
        self.number += 1
        if not line:
            return
        self.total += 1
        try:
            self._look(line)
        except StellwerkError as error:
            self._wrong(error.code or "invalid_request", error.message, error.param)

    def _look(self, line: bytes) -> None:
        if len(line) > self.longest:
            self._wrong("line_too_long", f"The line has more than {self.longest} bytes.")
            return
        _require_text(line)
        read = decode(line, InputLine)
        if read.url not in (f"/v1{self.path}", f"/v2{self.path}"):
            self._wrong(
                "invalid_url", f"`url` is {read.url!r}; the batch's endpoint is {self.path}.", "url"
            )
        digest = blake2b(read.custom_id.encode("utf-8", "replace"), digest_size=8).digest()
        self.ids.append(int.from_bytes(digest))
        self.numbers.append(self.number)
        body = decode(bytes(read.body), _Body)
        if body.stream:
            self._wrong("stream_not_supported", "A batch has no streams.", "body.stream")
        if body.model not in self.models and len(self.models) < MOST_MODELS:
            self.models[body.model] = self.check_model(body.model)
        if error := self.models.get(body.model):
            self._wrong(error.code or "model_not_found", error.message, "body.model")

    def finish(self) -> None:
        """What can be said only when all lines were seen."""
        if self.total > self.most:
            self._wrong("too_many_lines", f"A batch has at most {self.most} lines.", line=False)
        elif not self.total:
            self._wrong("empty_file", "The file has no lines.", line=False)
        else:
            for number in _repeated(self.ids)[:MOST_ERRORS]:
                self.number = self.numbers[number]
                message = "`custom_id` was used on a line before; each may stand once."
                self._wrong("duplicate_custom_id", message, "custom_id")

    def _wrong(
        self, code: str, message: str, param: str | None = None, *, line: bool = True
    ) -> None:
        if len(self.errors) < MOST_ERRORS:
            number = self.number if line else None
            self.errors.append(BatchError(code=code, line=number, message=message, param=param))


def _require_text(line: bytes) -> None:
    """What is in a field that nobody knows yet is read later, and must not fail then."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"The line is not UTF-8 (its byte {error.start}).", code="invalid_json"
        ) from error


def _repeated(ids: "array[int]") -> list[int]:
    """The places of ids that stood before."""
    digests = np.frombuffer(ids, dtype="<u8")
    order = np.argsort(digests, kind="stable")
    risen = digests[order]
    return sorted(order[1:][risen[1:] == risen[:-1]].tolist())
