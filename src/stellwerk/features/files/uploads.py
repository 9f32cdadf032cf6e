"""Files that come in parts: each part is written by itself, and no byte is copied at the end."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.ids import new_id
from stellwerk.data.blobs.heaps import Piece, Writer, abandon, adopt
from stellwerk.features.files.errors import (
    FileTooLargeError,
    PartsDifferError,
    UnknownUploadError,
    UploadClosedError,
)
from stellwerk.features.files.service import Files, add
from stellwerk.features.files.tables import files, upload_parts, uploads
from stellwerk.features.files.types import (
    CompleteUpload,
    ExpiresAfter,
    NewFile,
    NewUpload,
    Upload,
    UploadPart,
    shown,
    unix,
)

LIFE = timedelta(hours=1)
LARGEST_PART, MOST_PARTS = 64 * 2**20, 10_000
UPLOAD_ID = re.compile(r"upload_[0-9a-f]{32}")


class IncomingPart:
    """A part while its bytes come in."""

    def __init__(self, service: "Uploads", upload: Row[Any], writer: Writer) -> None:
        self._service = service
        self._upload = upload
        self._writer = writer

    async def write(self, chunk: bytes) -> None:
        """Raises `FileTooLargeError` as soon as it is known."""
        if self._writer.size + len(chunk) > LARGEST_PART:
            message = f"`data` is larger than the {LARGEST_PART} bytes that a part may have."
            raise FileTooLargeError(message, param="data")
        await self._writer.write(chunk)

    async def finish(self) -> UploadPart:
        """The part belongs to the upload from now on."""
        writer = self._writer
        if not writer.size:
            raise InvalidRequestError("`data` is empty.", param="data", code="file_empty")
        await writer.finish()
        values = {
            "id": new_id("part_"),
            "upload_id": self._upload.id,
            "bytes": writer.size,
            "pieces": [list(piece) for piece in writer.pieces],
        }
        async with self._service.files.database.begin() as connection:
            # The upload may have been completed or cancelled while the part came in.
            upload = await _pending(connection, self._upload.project_id, self._upload.id)
            await adopt(connection, writer.name)
            there, number = (await connection.execute(_size_of_parts(upload.id))).one()
            if number >= MOST_PARTS:
                message = f"The upload has {MOST_PARTS} parts already, which is the limit."
                raise PartsDifferError(message, param="data")
            if there + writer.size > upload.bytes:
                raise PartsDifferError(
                    f"The parts have {there + writer.size} bytes together; "
                    f"{upload.bytes} were announced.",
                    param="data",
                )
            statement = insert(upload_parts).values(values).returning(upload_parts)
            row = (await connection.execute(statement)).one()
        return UploadPart(
            id=row.id, created_at=int(row.created_at.timestamp()), upload_id=upload.id
        )


class Uploads:
    """`max_size` is the largest file, in bytes, that may come in parts."""

    def __init__(self, files: Files, max_size: int) -> None:
        self.files = files
        self.max_size = max_size

    async def create(self, project_id: str, new: NewUpload) -> Upload:
        """Begin an upload; it expires in an hour."""
        if new.bytes > self.max_size:
            message = f"`bytes`: a file may have at most {self.max_size} bytes here."
            raise FileTooLargeError(message, param="bytes")
        values = {
            "id": new_id("upload_"),
            "project_id": project_id,
            "filename": new.filename,
            "purpose": new.purpose,
            "bytes": new.bytes,
            "status": "pending",
            "expires_at": func.now() + LIFE,
            "expires_after": new.expires_after.seconds if new.expires_after else None,
        }
        async with self.files.database.connect() as connection:
            statement = insert(uploads).values(values).returning(uploads)
            return _upload((await connection.execute(statement)).one())

    @asynccontextmanager
    async def receive(self, project_id: str, upload_id: str) -> AsyncIterator[IncomingPart]:
        """Take a part. Unless it is finished before the context ends, nothing of it stays."""
        async with self.files.database.begin() as connection:
            upload = await _pending(connection, project_id, upload_id)
        heap = f"uploads/{upload_id}/{new_id('')}"
        async with self.files.heaps.write(heap) as writer:
            yield IncomingPart(self, upload, writer)

    async def complete(self, project_id: str, upload_id: str, told: CompleteUpload) -> Upload:
        """Make the file out of the parts. Parts that are not named are given up."""
        pieces, sha256 = await self._checked(project_id, upload_id, told)
        async with self.files.database.begin() as connection:
            # While the parts were read the upload may have ended; parts never change.
            upload = await _pending(connection, project_id, upload_id)
            life = upload.expires_after
            new = NewFile(
                filename=upload.filename,
                purpose=upload.purpose,
                expires_after=ExpiresAfter(anchor="created_at", seconds=life) if life else None,
            )
            file = await add(
                connection,
                project_id,
                new,
                file_id=new_id("file-"),
                size=upload.bytes,
                sha256=sha256,
                pieces=pieces,
            )
            unused = _parts(upload_id).where(upload_parts.c.id.not_in(told.part_ids))
            heaps = await _give_up(connection, list(await connection.execute(unused)))
            changed = await _close(connection, upload_id, "completed", file.id)
        await self.files.heaps.tidy(heaps)
        return _upload(changed).model_copy(update={"file": file})

    async def cancel(self, project_id: str, upload_id: str) -> Upload:
        """End an upload and give up its parts."""
        async with self.files.database.begin() as connection:
            await _pending(connection, project_id, upload_id)
            heaps = await _give_up(connection, list(await connection.execute(_parts(upload_id))))
            changed = await _close(connection, upload_id, "cancelled", None)
        await self.files.heaps.tidy(heaps)
        return _upload(changed)

    async def get(self, project_id: str, upload_id: str) -> Upload:
        """Raises `UnknownUploadError`."""
        async with self.files.database.connect() as connection:
            row = await _one(connection, project_id, upload_id)
            query = select(files).where(files.c.id == row.file_id)
            file = (await connection.execute(query)).one_or_none()
        known = {"status": _status(row), "file": shown(file) if file else None}
        return _upload(row).model_copy(update=known)

    async def expire(self) -> None:
        """Give up the uploads whose hour is over; the sweep of the heaps clears their bytes."""
        over = (uploads.c.status == "pending") & (uploads.c.expires_at <= func.now())
        async with self.files.database.begin() as connection:
            query = select(uploads.c.id).where(over).with_for_update(skip_locked=True)
            for upload_id in list(await connection.scalars(query)):
                await _give_up(connection, list(await connection.execute(_parts(upload_id))))
                await _close(connection, upload_id, "expired", None)

    async def _checked(
        self, project_id: str, upload_id: str, told: CompleteUpload
    ) -> tuple[list[Piece], bytes]:
        """The pieces in order, and the SHA-256 of the whole. Raises `PartsDifferError`."""
        async with self.files.database.begin() as connection:
            upload = await _pending(connection, project_id, upload_id)
            parts = {row.id: row for row in await connection.execute(_parts(upload_id))}
        pieces = _in_order(parts, told.part_ids, upload.bytes)
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        async for chunk in self.files.heaps.read(pieces, 0, upload.bytes):
            await asyncio.to_thread(_update, chunk, sha256, md5)
        if told.md5 and md5.hexdigest() != told.md5.lower():
            raise PartsDifferError(f"`md5`: the parts have {md5.hexdigest()}.", param="md5")
        return pieces, sha256.digest()


def _update(chunk: bytes, *hashes: "hashlib._Hash") -> None:
    for one in hashes:
        one.update(chunk)


async def _one(
    connection: AsyncConnection, project_id: str, upload_id: str, *, lock: bool = False
) -> Row[Any]:
    found = None
    if UPLOAD_ID.fullmatch(upload_id):
        over = (uploads.c.expires_at <= func.now()).label("over")
        query = select(uploads, over).where(uploads.c.id == upload_id)
        query = query.where(uploads.c.project_id == project_id)
        found = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if found is None:
        raise UnknownUploadError(f"There is no upload {upload_id!r}.", param="upload_id")
    return found


async def _pending(connection: AsyncConnection, project_id: str, upload_id: str) -> Row[Any]:
    row = await _one(connection, project_id, upload_id, lock=True)
    status = _status(row)
    if status != "pending":
        raise UploadClosedError(f"The upload {upload_id!r} is {status}; begin another.")
    return row


def _status(row: Row[Any]) -> Any:
    """Where it stands, also before the sweep has seen that its hour is over."""
    return "expired" if row.status == "pending" and row.over else row.status


def _parts(upload_id: str) -> Any:
    return select(upload_parts).where(upload_parts.c.upload_id == upload_id)


def _size_of_parts(upload_id: str) -> Any:
    total = func.coalesce(func.sum(upload_parts.c.bytes), 0)
    return select(total, func.count()).where(upload_parts.c.upload_id == upload_id)


def _in_order(parts: dict[str, Row[Any]], names: Sequence[str], size: int) -> list[Piece]:
    for place, name in enumerate(names):
        if name not in parts:
            message = f"`part_ids`: {name!r} is no part of this upload."
            raise PartsDifferError(message, param=f"part_ids.{place}")
    if len(set(names)) < len(names):
        raise PartsDifferError("`part_ids`: a part is named twice.", param="part_ids")
    together = sum(parts[name].bytes for name in names)
    if together != size:
        message = f"`part_ids`: these parts have {together} bytes; {size} were announced."
        raise PartsDifferError(message, param="part_ids")
    return [(key, length) for name in names for key, length in parts[name].pieces]


async def _give_up(connection: AsyncConnection, parts: Sequence[Row[Any]]) -> list[str]:
    pieces = [(key, size) for part in parts for key, size in part.pieces]
    return await abandon(connection, pieces)


async def _close(
    connection: AsyncConnection, upload_id: str, status: str, file_id: str | None
) -> Row[Any]:
    await connection.execute(delete(upload_parts).where(upload_parts.c.upload_id == upload_id))
    statement = update(uploads).where(uploads.c.id == upload_id)
    statement = statement.values(status=status, file_id=file_id)
    row: Row[Any] = (await connection.execute(statement.returning(uploads))).one()
    return row


def _upload(row: Row[Any]) -> Upload:
    return Upload(
        id=row.id,
        bytes=row.bytes,
        created_at=int(row.created_at.timestamp()),
        expires_at=unix(row.expires_at) or 0,
        filename=row.filename,
        purpose=row.purpose,
        status=row.status,
    )
