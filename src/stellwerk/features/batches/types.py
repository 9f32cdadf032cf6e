"""Batches as the API shows them, and the lines of their files."""

import re
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from stellwerk.base.values import Line as PlainText
from stellwerk.features.files.types import ExpiresAfter

BATCH_ID = re.compile(r"batch_[0-9a-f]{32}")
# Rows of the queue that hold lines of batches are of operations with this prefix.
PREFIX = "batch."

Status = Literal[
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
]

Metadata = dict[
    Annotated[PlainText, Field(max_length=64)],
    Annotated[str, Field(max_length=512, pattern=r"^[^\x00]*$")],
]


class NewBatch(BaseModel):
    """A batch as its maker describes it."""

    model_config = ConfigDict(extra="forbid")

    input_file_id: str = Field(description="File of purpose `batch`: a request on each line.")
    endpoint: str = Field(
        description="The verb of all its lines, such as `/v1/chat/completions`.",
        examples=["/v1/embeddings"],
    )
    completion_window: Literal["24h"] = Field(
        description="Always `24h`: what has not begun by then expires."
    )
    metadata: Metadata | None = Field(
        None, max_length=16, description="Up to 16 texts by names of your own."
    )
    output_expires_after: ExpiresAfter | None = Field(
        None, description="When the output files end by themselves."
    )


class BatchError(BaseModel):
    """What is wrong with a line of the input file."""

    code: str | None = Field(description="A stable word for programs.")
    line: int | None = Field(None, description="Number of the line, from 1.")
    message: str = Field(description="What is wrong.")
    param: str | None = Field(None, description="The field at fault.")


class BatchErrors(BaseModel):
    """The first errors of an input file that cannot be run."""

    object: Literal["list"] = "list"
    data: list[BatchError] = Field(description="Up to 100 of them.")


class RequestCounts(BaseModel):
    """How many lines there are, and what became of them; seconds old while the batch runs."""

    total: int = Field(0, description="Lines of the input file.")
    completed: int = Field(0, description="Lines in the output file.")
    failed: int = Field(0, description="Lines in the error file.")


class Batch(BaseModel):
    """A batch. Times are Unix seconds."""

    id: str = Field(description="Identifier.")
    object: Literal["batch"] = "batch"
    endpoint: str = Field(description="The verb of all its lines.")
    errors: BatchErrors | None = Field(None, description="Why it failed.")
    input_file_id: str = Field(description="The file of its requests.")
    completion_window: Literal["24h"] = "24h"
    status: Status = Field(description="Where it is.")
    output_file_id: str | None = Field(None, description="The file of answers, at the end.")
    error_file_id: str | None = Field(None, description="The file of failed lines, at the end.")
    created_at: int = Field(description="When it was made.")
    in_progress_at: int | None = Field(None, description="When its file was found right.")
    expires_at: int = Field(description="When what has not begun expires.")
    finalizing_at: int | None = Field(None, description="When its last line had ended.")
    completed_at: int | None = Field(None, description="When it was complete.")
    failed_at: int | None = Field(None, description="When it failed.")
    expired_at: int | None = Field(None, description="When it had expired.")
    cancelling_at: int | None = Field(None, description="When its end was asked for.")
    cancelled_at: int | None = Field(None, description="When it had been cancelled.")
    request_counts: RequestCounts = Field(description="Its lines.")
    metadata: dict[str, str] | None = Field(None, description="What its maker gave.")


class BatchList(BaseModel):
    """A page of batches, the newest first."""

    object: Literal["list"] = "list"
    data: list[Batch] = Field(description="The batches.")
    first_id: str | None = Field(description="Id of the first of them.")
    last_id: str | None = Field(description="Id of the last; `after` it the next page begins.")
    has_more: bool = Field(description="Whether there is a next page.")


class InputLine(msgspec.Struct):
    """A line of an input file."""

    custom_id: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    method: Literal["POST"]
    url: str
    body: msgspec.Raw


class Line(msgspec.Struct):
    """A line on its way through the queue."""

    custom_id: str
    body: msgspec.Raw


class Order(msgspec.Struct):
    """The body of a row of the queue: lines that are run together."""

    lines: list[Line]


class LineResponse(msgspec.Struct, kw_only=True):
    """What a verb answered to a line."""

    status_code: int
    request_id: str
    body: msgspec.Raw


class LineError(msgspec.Struct):
    """Why a line was not run."""

    code: str
    message: str


class OutputLine(msgspec.Struct, kw_only=True):
    """A line of an output or error file."""

    id: str
    custom_id: str
    response: LineResponse | None = None
    error: LineError | None = None


def unix(moment: Any) -> int | None:
    return int(moment.timestamp()) if moment is not None else None
