"""Files and uploads, as the API shows them and as the hub keeps them."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from stellwerk.data.blobs.heaps import Piece

Purpose = Literal[
    "assistants", "batch", "fine-tune", "vision", "user_data", "visual-rag", "embedding"
]
# What only the hub itself makes.
OwnPurpose = Literal["batch_output", "fine-tune-results", "image_output"]
AnyPurpose = Literal[Purpose, OwnPurpose]
PURPOSES: tuple[str, ...] = get_args(Purpose)

FILE_ID = re.compile(r"file-[0-9a-f]{32}")
LONGEST_NAME = 255
SHORTEST_LIFE, LONGEST_LIFE = 3600, 30 * 86400


def plain_name(name: str) -> str:
    """The last part of a path, of either system. Raises `ValueError` for what no file is called."""
    last = PurePosixPath(name.replace("\\", "/")).name
    if not last or last in {".", ".."} or not last.isprintable():
        raise ValueError("not the name of a file")
    if len(last) > LONGEST_NAME:
        raise ValueError(f"longer than {LONGEST_NAME} characters")
    last.encode()
    return last


FileName = Annotated[str, AfterValidator(plain_name)]


class ExpiresAfter(BaseModel):
    """When a file ends by itself."""

    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"] = Field(description="Always `created_at`.")
    seconds: int = Field(
        ge=SHORTEST_LIFE, le=LONGEST_LIFE, description="Seconds after that: an hour to 30 days."
    )


class NewFile(BaseModel):
    """What is said of a file beside its bytes."""

    filename: FileName = Field(description="Name; a path before it is left out.")
    purpose: AnyPurpose = Field(description="What it is for.")
    expires_after: ExpiresAfter | None = Field(None, description="When it ends by itself.")


class File(BaseModel):
    """A file, without its bytes."""

    id: str = Field(description="Identifier.")
    object: Literal["file"] = "file"
    bytes: int = Field(description="Size.")
    created_at: int = Field(description="Unix seconds when it was complete.")
    expires_at: int | None = Field(description="Unix seconds when it ends by itself.")
    filename: str = Field(description="Name.")
    purpose: str = Field(description="What it is for.")
    status: Literal["processed"] = Field(
        default="processed", description="Always `processed`: a file is listed once it is whole."
    )
    status_details: str | None = Field(default=None, description="Always null.")


class FileList(BaseModel):
    """A page of files."""

    object: Literal["list"] = "list"
    data: list[File] = Field(description="The files.")
    first_id: str | None = Field(description="Id of the first of them.")
    last_id: str | None = Field(description="Id of the last; `after` it the next page begins.")
    has_more: bool = Field(description="Whether there is a next page.")


class DeletedFile(BaseModel):
    """A file that is no more."""

    id: str = Field(description="Its identifier.")
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


@dataclass(frozen=True, slots=True)
class Stored:
    """A file and where its bytes are."""

    file: File
    project_id: str
    sha256: bytes
    pieces: tuple[Piece, ...]


class NewUpload(BaseModel):
    """A file that will come in parts."""

    model_config = ConfigDict(extra="ignore")

    filename: FileName = Field(description="Name; a path before it is left out.")
    purpose: Purpose = Field(description="What it is for.")
    bytes: int = Field(ge=1, le=2**62, description="Size of all parts together.")
    mime_type: str = Field(max_length=200, description="Media type. Kept for no purpose yet.")
    expires_after: ExpiresAfter | None = Field(None, description="When the file ends by itself.")


class CompleteUpload(BaseModel):
    """Which parts, in which order, are the file."""

    model_config = ConfigDict(extra="ignore")

    part_ids: list[str] = Field(min_length=1, max_length=10_000, description="Parts in order.")
    md5: str | None = Field(
        None, pattern="^[0-9a-fA-F]{32}$", description="MD5 of the whole file, to be checked."
    )


class Upload(BaseModel):
    """A file on its way."""

    id: str = Field(description="Identifier.")
    object: Literal["upload"] = "upload"
    bytes: int = Field(description="Size that was announced.")
    created_at: int = Field(description="Unix seconds when it was begun.")
    expires_at: int = Field(description="Unix seconds when it ends if it is not complete.")
    filename: str = Field(description="Name of the file.")
    purpose: str = Field(description="What the file is for.")
    status: Literal["pending", "completed", "cancelled", "expired"] = Field(
        description="Where it stands."
    )
    file: File | None = Field(default=None, description="The file, once the upload is completed.")


class UploadPart(BaseModel):
    """A part of an upload."""

    id: str = Field(description="Identifier.")
    object: Literal["upload.part"] = "upload.part"
    created_at: int = Field(description="Unix seconds when it was complete.")
    upload_id: str = Field(description="Its upload.")


def unix(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None


def shown(row: Any) -> File:
    """A row of `files` as the API shows it."""
    return File(
        id=row.id,
        bytes=row.bytes,
        created_at=int(row.created_at.timestamp()),
        expires_at=unix(row.expires_at),
        filename=row.filename,
        purpose=row.purpose,
    )
