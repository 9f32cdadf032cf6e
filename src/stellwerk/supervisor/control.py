"""The socket between hub processes and the broker in their parent: both ends of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from stellwerk.base.errors import InvalidRequestError, StellwerkError, UnavailableError
from stellwerk.base.log import get_logger
from stellwerk.ports.engines import Endpoint, Launch
from stellwerk.supervisor.messages import (
    LONGEST,
    Acquire,
    Answer,
    Granted,
    Inspect,
    Inspected,
    Question,
    Refused,
    Release,
    answer,
    as_json,
    line,
    question,
)

if TYPE_CHECKING:
    # A hub has no use for what starts engines.
    from stellwerk.supervisor.broker import LocalBroker

log = get_logger("supervisor")


class LaunchTooLargeError(InvalidRequestError):
    """What is to be told to the parent process does not go into one message."""

    code = "launch_too_large"

    def __init__(self, launch: Launch, size: int) -> None:
        super().__init__(
            f"{launch.model} has {size} bytes of `options` and `files`, and {LONGEST} is the limit."
        )


class BrokerLostError(UnavailableError):
    """The parent process does not answer; it may be ending."""

    code = "broker_lost"

    def __init__(self) -> None:
        super().__init__("The engine supervisor does not answer.", retry_after=1)


@asynccontextmanager
async def serve_broker(broker: "LocalBroker", path: Path) -> AsyncIterator[None]:
    """Answer hub processes on a Unix socket, in a directory that only this user can enter."""
    talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks[task] = writer
        try:
            await _Talk(broker, writer).run(reader)
        finally:
            del talks[task]
            writer.close()

    server = await asyncio.start_unix_server(talk, path, limit=LONGEST)
    try:
        yield
    finally:
        server.close()
        for writer in talks.values():
            writer.close()
        await asyncio.gather(*talks, return_exceptions=True)


class _Talk:
    """The parent's end of one connection. When it breaks, all its leases come back."""

    def __init__(self, broker: "LocalBroker", writer: asyncio.StreamWriter) -> None:
        self._broker = broker
        self._writer = writer
        self._leases: dict[int, asyncio.Task[None]] = {}

    async def run(self, reader: asyncio.StreamReader) -> None:
        try:
            with suppress(ConnectionError):
                while not reader.at_eof():
                    await self._hear_next(reader)
        finally:
            leases = list(self._leases.values())
            for lease in leases:
                lease.cancel()
            await asyncio.gather(*leases, return_exceptions=True)

    async def _hear_next(self, reader: asyncio.StreamReader) -> None:
        try:
            if text := await reader.readline():
                self._hear(question(text))
        except ValueError as error:
            # Too long, or no question. All other requests of that hub go on.
            log.warning("a hub is not understood", reason=str(error))

    def _hear(self, asked: Question) -> None:
        match asked:
            case Acquire(number, launch):
                lease = asyncio.create_task(self._hold(number, launch))
                self._leases[number] = lease
                lease.add_done_callback(lambda _: self._leases.pop(number))
            case Release(number):
                if number in self._leases:
                    self._leases[number].cancel()
            case Inspect(number):
                self._say(Inspected(number, self._broker.snapshot()))

    async def _hold(self, number: int, launch: Launch) -> None:
        """Hold a lease until this task is cancelled."""
        try:
            async with self._broker.lease(launch) as endpoint:
                self._say(Granted(number, endpoint))
                await asyncio.Event().wait()
        except StellwerkError as error:
            self._say(Refused.of(number, error))
        except Exception:
            # This socket is a door: who asked would wait for an answer for ever.
            log.exception("lease broke", model=launch.model)
            broken = StellwerkError(f"{launch.model} cannot be loaded: see the server's log.")
            self._say(Refused.of(number, broken))

    def _say(self, said: Answer) -> None:
        if not self._writer.is_closing():
            self._writer.write(line(said))


class BrokerClient:
    """The broker as a hub process sees it. Connects when it is needed, and again when need be."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._line: _Line | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._line:
            await self._line.close()

    @asynccontextmanager
    async def lease(self, launch: Launch) -> AsyncIterator[Endpoint]:
        """Wait until the model is loaded; it stays loaded until the lease is given back.

        Raises what the broker raises, `BrokerLostError` when it cannot be reached, and
        `LaunchTooLargeError`.
        """
        connected = await self._connected()
        number = connected.next_number()
        asked = Acquire(number, launch)
        if (size := len(line(asked))) > LONGEST:
            raise LaunchTooLargeError(launch, size)
        try:
            granted = await connected.ask(asked)
            assert isinstance(granted, Granted)
            yield granted.endpoint
        finally:
            connected.tell(Release(number))

    async def snapshot(self) -> dict[str, Any]:
        """What is loaded, and who waits: `stellwerk.ports.engines.Snapshot` as JSON."""
        connected = await self._connected()
        inspected = await connected.ask(Inspect(connected.next_number()))
        assert isinstance(inspected, Inspected)
        return as_json(inspected.snapshot)

    async def _connected(self) -> "_Line":
        if self._line and self._line.is_open:
            return self._line
        async with self._connecting:
            if self._line is None or not self._line.is_open:
                try:
                    self._line = _Line(
                        *await asyncio.open_unix_connection(self._path, limit=LONGEST)
                    )
                except OSError as error:
                    raise BrokerLostError from error
            return self._line


class _Line:
    """A hub's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._listening = asyncio.create_task(self._listen(reader))

    @property
    def is_open(self) -> bool:
        return not self._listening.done()

    def next_number(self) -> int:
        self._number += 1
        return self._number

    async def ask(self, asked: Acquire | Inspect) -> Answer:
        """Raises the `StellwerkError` that the answer is."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[asked.number] = waiting
        try:
            self.tell(asked)
            said: Answer = await waiting
        finally:
            del self._waiting[asked.number]
        if isinstance(said, Refused):
            raise said.error()
        return said

    def tell(self, said: Question) -> None:
        if not self._writer.is_closing():
            self._writer.write(line(said))

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            with suppress(ConnectionError):
                while text := await reader.readline():
                    self._heard(answer(text))
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(BrokerLostError())
            self._writer.close()

    def _heard(self, said: Answer) -> None:
        waiting = self._waiting.get(said.number)
        if waiting and not waiting.done():
            waiting.set_result(said)
