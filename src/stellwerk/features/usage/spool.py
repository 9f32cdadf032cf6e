"""Files in which batches wait while PostgreSQL is away.

Each process has a file of its own, `WRITER.spool`, locked as long as it lives. The file of a
process that is gone is taken over by whichever process looks next. A file begins with `MAGIC` and
the writer's id; each batch follows as its sequence, length and CRC-32, and its rows in MessagePack.
What a `kill -9` cut off at the end is left out.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from uuid import UUID

import msgspec

from stellwerk.base.log import get_logger
from stellwerk.features.usage.types import Batch, UsageRow

log = get_logger("usage")

MAGIC = b"stellwerk usage 1\n"
START = len(MAGIC) + 16
FRAME = struct.Struct(">QII")
SUFFIX = ".spool"

encode = msgspec.msgpack.encode
decoder = msgspec.msgpack.Decoder(list[UsageRow])


class Spool:
    """The file of one writer in `directory`; all files there together take up to `limit` bytes.

    Several processes that write at the same moment may pass the limit by a batch each. The files
    are small next to the page cache, and are written as seldom as once a second: nothing here
    waits. Errors of the disk are `OSError`.
    """

    def __init__(self, directory: Path, writer: UUID, limit: int) -> None:
        self._directory = directory
        self._path = directory / f"{writer}{SUFFIX}"
        self.writer = writer
        self._limit = limit
        self._file: FileIO | None = None
        self._read_to = START

    @property
    def waiting(self) -> bool:
        """Whether this process has batches in its file."""
        return self._file is not None

    def append(self, batch: Batch) -> bool:
        """Keep a batch; False where it does not fit."""
        rows = encode(batch.rows)
        frame = FRAME.pack(batch.sequence, len(rows), zlib.crc32(rows)) + rows
        if self._size() + len(frame) > self._limit:
            return False
        if self._file is None:
            self._file = self._create()
        end = self._file.seek(0, os.SEEK_END)
        if self._file.write(frame) == len(frame):
            return True
        # The disk is full. Half a batch would hide those after it.
        self._file.truncate(end)
        return False

    def batches(self) -> Iterator[Batch]:
        """This process's batches, oldest first, with those appended meanwhile.

        One that was given is done with when the next is asked for; at the end the file goes.
        """
        while self._file is not None:
            found = _read(self._file, self.writer, self._read_to)
            if found is None:
                self.close(keep=False)
                return
            batch, end = found
            yield batch
            self._read_to = end

    def orphans(self) -> Iterator[Iterator[Batch]]:
        """The batches of each process that is gone; its file goes when they are all taken."""
        for path in self._directory.glob(f"*{SUFFIX}"):
            if path != self._path:
                yield _orphan(path)

    def close(self, *, keep: bool = True) -> None:
        """Let go of the file; with `keep`, what is in it is for whoever comes next."""
        if self._file is not None:
            if not keep:
                self._path.unlink(missing_ok=True)
            self._file.close()
            self._file, self._read_to = None, START

    def _create(self) -> FileIO:
        self._directory.mkdir(parents=True, exist_ok=True)
        hidden = self._path.with_suffix(".new")
        file = hidden.open("wb+", buffering=0)
        try:
            # Locked before it has the name under which others look for orphans.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(MAGIC + self.writer.bytes)
            hidden.rename(self._path)
        except OSError:
            file.close()
            raise
        return file

    def _size(self) -> int:
        sizes = []
        for path in self._directory.glob(f"*{SUFFIX}"):
            try:
                sizes.append(path.stat().st_size)
            except FileNotFoundError:
                # Its owner has written it all to PostgreSQL just now.
                continue
        return sum(sizes)


def _orphan(path: Path) -> Iterator[Batch]:
    try:
        file = path.open("rb+", buffering=0)
    except FileNotFoundError:
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if file.read(len(MAGIC)) != MAGIC:
            log.warning("not a usage file of this version; left as it is", path=str(path))
            return
        writer, place = UUID(bytes=file.read(16)), START
        while found := _read(file, writer, place):
            batch, place = found
            yield batch
        if lost := path.stat().st_size - place:
            log.warning("the end of a usage file was cut off", path=str(path), bytes=lost)
        path.unlink(missing_ok=True)


def _read(file: FileIO, writer: UUID, place: int) -> tuple[Batch, int] | None:
    """The batch at `place` and where it ends; None where no whole one is."""
    file.seek(place)
    head = file.read(FRAME.size)
    if len(head) < FRAME.size:
        return None
    sequence, length, check = FRAME.unpack(head)
    rows = file.read(length)
    if len(rows) < length or zlib.crc32(rows) != check:
        return None
    return Batch(writer, sequence, decoder.decode(rows)), place + FRAME.size + length
