"""Reads each file in a child process of its own: what it does to that is no harm to the hub."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec

from stellwerk.base.log import get_logger
from stellwerk.ports.reading import InvalidFileError, Page, Pictures, UnsupportedFileError
from stellwerk.readers.frames import (
    LENGTH,
    DrawFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    Orders,
    unpacked,
)
from stellwerk.readers.kinds import Kind
from stellwerk.readers.limits import Limits
from stellwerk.readers.office import Office

log = get_logger("readers")

COMMAND = (sys.executable, "-m", "stellwerk.readers")
# Seconds that Python and the libraries may take to start on a busy machine.
START = 30
# No more of the hub's secrets than the child needs: none.
ENVIRONMENT = {"LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}


class ProcessReader:
    """A `stellwerk.ports.reading.Reader`. `limits` hold for each file; `office` draws some."""

    def __init__(self, limits: Limits | None = None, office: Office | None = None) -> None:
        self._limits = limits or Limits()
        self._office = office

    async def pages(
        self, path: Path, filename: str, *, first: int = 1, pictures: Pictures = "all"
    ) -> AsyncGenerator[Page]:
        """See `Reader.pages`. The next page is read while the last one is used."""
        draws = self._office is not None
        orders = Orders(str(path), filename, first, pictures, self._limits, draws=draws)
        child = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=ENVIRONMENT,
        )
        try:
            _tell(child, orders)
            limit, number = START + self._limits.page_seconds, first
            while not isinstance(frame := await self._frame(child, limit, number), EndFrame):
                if isinstance(frame, DrawFrame):
                    _tell(child, await self._drawing(path, frame.kind))
                    continue
                if isinstance(frame, ErrorFrame):
                    raise (InvalidFileError if frame.supported else UnsupportedFileError)(
                        frame.message
                    )
                yield Page(frame.number, frame.text, frame.pictures, frame.total)
                limit, number = self._limits.page_seconds, frame.number + 1
        finally:
            if child.returncode is None:
                child.kill()
            await child.wait()

    async def _drawing(self, path: Path, kind: Kind) -> str | None:
        """Beside the file, with which it goes."""
        assert self._office is not None
        place = Path(tempfile.mkdtemp(prefix="drawn-", dir=path.parent))
        drawn = await self._office.drawing(path, kind, place)
        return str(drawn) if drawn is not None else None

    async def _frame(self, child: asyncio.subprocess.Process, limit: float, number: int) -> Frame:
        assert child.stdout is not None
        try:
            async with asyncio.timeout(limit):
                length = int.from_bytes(await child.stdout.readexactly(LENGTH), "big")
                return unpacked(await child.stdout.readexactly(length))
        except TimeoutError as error:
            seconds = self._limits.page_seconds
            message = f"Page {number} takes longer than {seconds:g} seconds to read."
            raise InvalidFileError(message) from error
        except asyncio.IncompleteReadError as error:
            log.warning("reader ended", status=await child.wait(), page=number)
            message = (
                f"Page {number} cannot be read: the reader failed on it, or ran out of memory."
            )
            raise InvalidFileError(message) from error


def _tell(child: asyncio.subprocess.Process, what: Any) -> None:
    assert child.stdin is not None
    child.stdin.write(msgspec.json.encode(what) + b"\n")
