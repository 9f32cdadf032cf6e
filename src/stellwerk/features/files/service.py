"""The files of all projects. Every method takes the project whose files it may see."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.ids import new_id
from stellwerk.data.blobs.heaps import Heaps, Piece, Writer, abandon, adopt
from stellwerk.data.database import Database
from stellwerk.features.files.errors import FileTooLargeError, UnknownFileError
from stellwerk.features.files.tables import files
from stellwerk.features.files.types import FILE_ID, File, FileList, NewFile, Stored, shown

SHOWN = [column for column in files.c if column is not files.c.pieces]


class Incoming:
    """A file while its bytes come in."""

    def __init__(self, service: "Files", project_id: str, file_id: str, writer: Writer) -> None:
        self._service = service
        self._project_id = project_id
        self._file_id = file_id
        self._writer = writer

    async def write(self, chunk: bytes) -> None:
        """Raises `FileTooLargeError` as soon as it is known."""
        limit = self._service.max_size
        if self._writer.size + len(chunk) > limit:
            raise FileTooLargeError(
                f"The file is larger than the {limit} bytes that one request may bring here. "
                "Send it in parts over `/uploads`.",
                param="file",
            )
        await self._writer.write(chunk)

    async def finish(self, new: NewFile) -> File:
        """The file is there from now on. Raises `InvalidRequestError` when it has no bytes."""
        writer = self._writer
        if not writer.size:
            raise InvalidRequestError("`file` is empty.", param="file", code="file_empty")
        await writer.finish()
        async with self._service.database.begin() as connection:
            await adopt(connection, writer.name)
            return await add(
                connection,
                self._project_id,
                new,
                file_id=self._file_id,
                size=writer.size,
                sha256=writer.sha256,
                pieces=writer.pieces,
            )


class Files:
    """`max_size` is the largest file, in bytes, that comes in one go."""

    def __init__(self, database: Database, heaps: Heaps, max_size: int) -> None:
        self.database = database
        self.heaps = heaps
        self.max_size = max_size

    @asynccontextmanager
    async def receive(self, project_id: str) -> AsyncIterator[Incoming]:
        """Take a file. Unless it is finished before the context ends, nothing of it stays."""
        file_id = new_id("file-")
        async with self.heaps.write(f"files/{file_id}") as writer:
            yield Incoming(self, project_id, file_id, writer)

    async def create(self, project_id: str, new: NewFile, data: AsyncIterator[bytes]) -> File:
        """A file of which all is known from the start."""
        async with self.receive(project_id) as incoming:
            async for chunk in data:
                await incoming.write(chunk)
            return await incoming.finish(new)

    async def list(
        self,
        project_id: str,
        *,
        purpose: str | None = None,
        after: str | None = None,
        limit: int = 10_000,
        order: Literal["asc", "desc"] = "desc",
    ) -> FileList:
        """A page of the project's files by age; ids sort by it."""
        rising = order == "asc"
        query = select(*SHOWN).where(files.c.project_id == project_id, living())
        if purpose is not None:
            query = query.where(files.c.purpose == purpose)
        if after is not None:
            _check_id(after, "after")
            query = query.where(files.c.id > after if rising else files.c.id < after)
        query = query.order_by(files.c.id.asc() if rising else files.c.id.desc())
        async with self.database.connect() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).all()
        found = [shown(row) for row in rows[:limit]]
        return FileList(
            data=found,
            first_id=found[0].id if found else None,
            last_id=found[-1].id if found else None,
            has_more=len(rows) > limit,
        )

    async def get(self, project_id: str, file_id: str) -> File:
        """Raises `UnknownFileError`, also for a file of another project."""
        return (await self.stored(project_id, file_id)).file

    async def linked(self, file_id: str) -> Stored:
        """A file of any project, for whoever has a link to it. Raises `UnknownFileError`."""
        async with self.database.connect() as connection:
            query = select(files).where(files.c.id == file_id, living())
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise unknown(file_id)
        return _stored(row)

    async def stored(self, project_id: str, file_id: str) -> Stored:
        """The file and where its bytes are. Raises `UnknownFileError`."""
        async with self.database.connect() as connection:
            query = select(files).where(_one(project_id, file_id), living())
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise unknown(file_id)
        return _stored(row)

    def read(self, stored: Stored, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, and without, `end`."""
        return self.heaps.read(stored.pieces, start, stored.file.bytes if end is None else end)

    async def delete(self, project_id: str, file_id: str) -> None:
        """Delete a file and what was made of it. Raises `UnknownFileError`."""
        async with self.database.begin() as connection:
            statement = delete(files).where(_one(project_id, file_id), living())
            pieces = await connection.scalar(statement.returning(files.c.pieces))
            if pieces is None:
                raise unknown(file_id)
            await abandon(connection, _pieces(pieces))
        # Also the pictures of its pages in vector stores, which went with it.
        await self.heaps.sweep_now()

    async def expire(self) -> None:
        """Give up the files whose time is over; the sweep of the heaps clears their bytes."""
        async with self.database.begin() as connection:
            statement = delete(files).where(~living()).returning(files.c.pieces)
            for pieces in await connection.scalars(statement):
                await abandon(connection, _pieces(pieces))


async def add(
    connection: AsyncConnection,
    project_id: str,
    new: NewFile,
    *,
    file_id: str,
    size: int,
    sha256: bytes,
    pieces: Sequence[Piece],
) -> File:
    """Insert a file whose bytes are in the store."""
    life = new.expires_after
    values = {
        "id": file_id,
        "project_id": project_id,
        "filename": new.filename,
        "purpose": new.purpose,
        "bytes": size,
        "sha256": sha256,
        "pieces": [list(piece) for piece in pieces],
        "expires_at": func.now() + timedelta(seconds=life.seconds) if life else None,
    }
    row = (await connection.execute(insert(files).values(values).returning(*SHOWN))).one()
    return shown(row)


def living() -> ColumnElement[bool]:
    return or_(files.c.expires_at.is_(None), files.c.expires_at > func.now())


def unknown(file_id: str) -> UnknownFileError:
    return UnknownFileError(f"There is no file {file_id!r}.", param="file_id")


def _one(project_id: str, file_id: str) -> ColumnElement[bool]:
    if not FILE_ID.fullmatch(file_id):
        raise unknown(file_id)
    return (files.c.id == file_id) & (files.c.project_id == project_id)


def _stored(row: Any) -> Stored:
    return Stored(shown(row), row.project_id, row.sha256, _pieces(row.pieces))


def _check_id(file_id: str, param: str) -> None:
    if not FILE_ID.fullmatch(file_id):
        raise InvalidRequestError(f"`{param}`: {file_id!r} is not the id of a file.", param=param)


def _pieces(stored: Any) -> tuple[Piece, ...]:
    return tuple((key, size) for key, size in stored)
