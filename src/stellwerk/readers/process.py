"""Reads each file in a child process of its own: what it does to that is no harm to the hub."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from stellwerk.base.log import get_logger
from stellwerk.ports.reading import InvalidFileError, Page, Pictures, UnsupportedFileError
from stellwerk.readers.frames import LENGTH, EndFrame, ErrorFrame, Frame, Orders, unpacked
from stellwerk.readers.limits import Limits

log = get_logger("readers")

COMMAND = (sys.executable, "-m", "stellwerk.readers")
# Seconds that Python and the libraries may take to start on a busy machine.
START = 30
# No more of the hub's secrets than the child needs: none.
ENVIRONMENT = {"LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}


class ProcessReader:
    """A `stellwerk.ports.reading.Reader`. `limits` hold for each file."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    async def pages(
        self, path: Path, filename: str, *, first: int = 1, pictures: Pictures = "all"
    ) -> AsyncIterator[Page]:
        """See `Reader.pages`. The next page is read while the last one is used."""
        orders = Orders(str(path), filename, first, pictures, self._limits)
        child = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=ENVIRONMENT,
        )
        try:
            assert child.stdin is not None
            child.stdin.write(msgspec.json.encode(orders) + b"\n")
            limit, number = START + self._limits.page_seconds, first
            while not isinstance(frame := await self._frame(child, limit, number), EndFrame):
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
