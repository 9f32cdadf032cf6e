"""Putting a file into a vector store: read, look, cut, embed, save; some pages at a time.

So it resumes after the last pages that were saved.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from stellwerk.base.errors import Kind, StellwerkError, UnavailableError
from stellwerk.base.log import get_logger
from stellwerk.data.blobs.errors import BlobMissingError
from stellwerk.data.blobs.heaps import Writer
from stellwerk.features.files.service import Files
from stellwerk.features.files.types import Stored
from stellwerk.features.keys.types import Principal
from stellwerk.features.queue.errors import NotYetError
from stellwerk.features.queue.types import Job
from stellwerk.features.stores.attached import IngestOrder
from stellwerk.features.stores.cutting import cut, language
from stellwerk.features.stores.index import Chunk, Index, Task
from stellwerk.features.stores.pages import Drawn, PageImage, new_heap
from stellwerk.operations.embed import Embedder
from stellwerk.operations.looking import Looking, View
from stellwerk.ports.reading import InvalidFileError, Page, Reader, UnsupportedFileError

log = get_logger("operations")

# So many texts are embedded, and saved, together, or the pages with so many pictures; and no more
# pages than these, be they empty: what is not saved is read again.
TEXTS, PICTURES, PAGES = 64, 4, 256
# Seconds until a file whose bytes another request is reading is looked at again.
TWIN_PAUSE = 2.0
FILE_ERRORS = (InvalidFileError, UnsupportedFileError)
PASSING = {Kind.UPSTREAM, Kind.UNAVAILABLE, Kind.TIMEOUT, Kind.RATE_LIMITED}


class WorkspaceError(UnavailableError):
    """503: the worker cannot keep the file while it reads it."""

    code = "workspace_unavailable"


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk without its vector."""

    page: int
    text: str
    language: str


@dataclass(slots=True)
class Group:
    """Some pages that are saved together: few calls for short pages, and little to repeat."""

    pieces: list[Piece] = field(default_factory=list)
    views: list[tuple[int, View]] = field(default_factory=list)
    pages: int = 0
    last: int = 0
    total: int | None = None

    @property
    def full(self) -> bool:
        return len(self.pieces) >= TEXTS or len(self.views) >= PICTURES or self.pages >= PAGES


class Ingest:
    """Does what a row of the queue with an `IngestOrder` says."""

    def __init__(
        self, files: Files, index: Index, reader: Reader, embedder: Embedder, looking: Looking
    ) -> None:
        self._files = files
        self._index = index
        self._reader = reader
        self._embedder = embedder
        self._looking = looking

    async def run(self, job: Job, principal: Principal) -> None:
        """Ingest, from the first page that is not saved. What is not wanted any more is left.

        Raises `StellwerkError` when it failed; unless it is worth another attempt, the file in
        the store says so too.
        """
        order = msgspec.json.decode(job.body, type=IngestOrder)
        task = await self._index.task(order.store_id, order.file_id, job.id)
        if task is None:
            return
        try:
            await self._ingest(task, principal)
        except StellwerkError as error:
            if not _comes_again(job, error):
                code = error.code if isinstance(error, FILE_ERRORS) else None
                await self._index.fail(task, code or "server_error", error.message)
            raise

    async def _ingest(self, task: Task, principal: Principal) -> None:
        principal.require_model(task.model)
        stored = await self._files.stored(task.project_id, task.file_id)
        # Asked first: what ends meanwhile is found as a twin.
        is_made = await self._index.is_made(task)
        done = await self._copy(task)
        if done is None:
            if is_made:
                raise NotYetError("The same bytes are being read already.", TWIN_PAUSE)
            done = await self._read(task, stored, principal)
        if done is not None and not await self._index.complete(done):
            raise InvalidFileError(
                "There is no text in the file, not in its pictures either."
                if self._looking.reader(principal)
                else "There is no text in the file. If it is a scan or a picture: your key may use "
                "no OCR model that would read it."
            )

    async def _copy(self, task: Task) -> Task | None:
        """The task, done with what the same bytes came to elsewhere; None when they did not."""
        twin = await self._index.twin(task)
        if twin is None:
            return None
        if not twin.pictures:
            return await self._index.copy(task, twin, None, ())
        heaps = self._files.heaps
        try:
            async with heaps.write(new_heap()) as writer:
                keys = [
                    await writer.add(await heaps.blobs.get(key, 0, size))
                    for _, key, size in twin.pictures
                ]
                return await self._index.copy(task, twin, writer.name, keys)
        except BlobMissingError:
            # It was taken out meanwhile.
            return None

    async def _read(self, task: Task, stored: Stored, principal: Principal) -> Task | None:
        """The task as it stands then; None when nobody wants the file in the store any more."""
        looker = self._looking.at(principal, task)
        async with self._fetched(stored) as path:
            name, first = stored.file.filename, task.pages_done + 1
            async with (
                aclosing(
                    self._reader.pages(path, name, first=first, pictures=looker.wanted)
                ) as pages,
                aclosing(looker.each(pages)) as seen,
                aclosing(_groups(seen, task)) as groups,
            ):
                async for group in groups:
                    chunks = await self._embedded(task, group.pieces, principal)
                    saved = await self._save(task, group, chunks)
                    if saved is None:
                        return None
                    task = saved
        return task

    @asynccontextmanager
    async def _fetched(self, stored: Stored) -> AsyncIterator[Path]:
        """The file on the worker's own disk, for as long as it is read."""
        with ExitStack() as stack:
            try:
                kept = tempfile.TemporaryDirectory(prefix="stellwerk-")
                path = Path(stack.enter_context(kept)) / "file"
                with path.open("wb") as file:
                    async for chunk in self._files.read(stored):
                        await asyncio.to_thread(file.write, chunk)
            except OSError as error:
                place = tempfile.gettempdir()
                log.warning("no copy of a file can be kept", directory=place, reason=str(error))
                message = f"The worker cannot keep a copy of the file: {error.strerror}."
                raise WorkspaceError(f"{message} Whoever runs it must make room.") from error
            yield path

    async def _embedded(
        self, task: Task, pieces: Sequence[Piece], principal: Principal
    ) -> list[Chunk]:
        chunks: list[Chunk] = []
        for start in range(0, len(pieces), TEXTS):
            some = pieces[start : start + TEXTS]
            texts = [piece.text for piece in some]
            vectors = await self._embedder.vectors(
                principal, task.model, texts, request_id=task.request_id
            )
            for piece, vector in zip(some, vectors, strict=True):
                chunks.append(Chunk(piece.page, piece.text, piece.language, vector))
        return chunks

    async def _save(self, task: Task, group: Group, chunks: Sequence[Chunk]) -> Task | None:
        async with AsyncExitStack() as stack:
            drawn = None
            if group.views:
                heap = self._files.heaps.write(new_heap())
                drawn = await _drawn(await stack.enter_async_context(heap), group)
            return await self._index.save(task, chunks, group.last, group.total, drawn)


async def _drawn(writer: Writer, group: Group) -> Drawn:
    images = [
        PageImage(page, await writer.add(view.picture), len(view.picture), view.vectors)
        for page, view in group.views
    ]
    return Drawn(writer.name, images)


def _comes_again(job: Job, error: StellwerkError) -> bool:
    """Whether the queue will try again, as its worker decides too."""
    if isinstance(error, NotYetError):
        return True
    if error.kind.status == Kind.RATE_LIMITED.status and error.retry_after is not None:
        return True
    return error.kind in PASSING and job.attempts < job.max_attempts


async def _groups(
    seen: AsyncIterator[tuple[Page, Sequence[View]]], task: Task
) -> AsyncGenerator[Group]:
    group = Group()
    async for page, views in seen:
        group.pieces += await asyncio.to_thread(_pieces, page, task)
        group.views += [(page.number, view) for view in views]
        group.pages += 1
        group.last, group.total = page.number, page.total
        if group.full:
            yield group
            group = Group()
    if group.last:
        yield group


def _pieces(page: Page, task: Task) -> list[Piece]:
    # PostgreSQL takes no NUL, and broken PDFs have them.
    text = page.text.replace("\0", "")
    if not text.strip():
        return []
    spoken = language(text)
    cuts = cut(text, task.chunk_size, task.chunk_overlap)
    return [Piece(page.number, one, spoken) for one in cuts]
