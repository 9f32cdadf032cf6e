"""Child processes that end when this process does, however that ends."""

import asyncio
import ctypes
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress

import msgspec

from stellwerk.base.errors import StellwerkError

PR_SET_PDEATHSIG = 1
# The first word of a child is a short line; what is longer is something else.
LONGEST_LINE = 2**16


class ChildError(StellwerkError):
    """A child process ended, or said that it cannot do its work; the message says why."""


class Word(msgspec.Struct):
    """What a child says on its standard output when it has started."""

    ready: bool = False
    error: str | None = None


class Child:
    """A child process in a session of its own.

    It gets its orders as one line on standard input, which stays open as long as we live: to read
    its end is the child's sign to go. The kernel kills it when we die without a word.
    """

    def __init__(self, transport: asyncio.SubprocessTransport, pipes: "_Pipes") -> None:
        self._transport = transport
        self._exited = pipes.exited
        self._process = asyncio.subprocess.Process(transport, pipes, asyncio.get_running_loop())
        self._talk: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        orders: bytes,
        *,
        timeout: float,  # noqa: ASYNC109
        fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> "Child":
        """Start `command`, hand it its orders and wait until it says that it is ready.

        Raises `ChildError` when it does not within `timeout` seconds; then no process is left.
        """
        child = await cls.spawn(command, fds=fds, environment=environment)
        await child.instruct(orders, timeout=timeout)
        return child

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        *,
        fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> "Child":
        """Start `command`, which waits for its orders."""
        transport, pipes = await asyncio.get_running_loop().subprocess_exec(
            _Pipes,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None,
            env=environment,
            pass_fds=tuple(fds),
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )
        return cls(transport, pipes)

    async def instruct(self, orders: bytes, *, timeout: float) -> None:  # noqa: ASYNC109
        """What `start` does with the process that `spawn` gave."""
        try:
            async with asyncio.timeout(timeout):
                await self._greet(orders)
        except TimeoutError:
            await self.stop(0)
            raise ChildError(f"It was not ready after {timeout:g} s.") from None
        except BaseException:
            await self.stop(0)
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ended(self) -> str:
        """Wait until the process has ended; say how."""
        await self._exited.wait()
        status = self._transport.get_returncode()
        assert status is not None
        if status >= 0:
            return f"exit status {status}"
        return f"signal {_name(-status)}"

    async def stop(self, grace: float) -> None:
        """Ask the process to end, and kill it when it has not after `grace` seconds."""
        try:
            if grace > 0:
                self._send(signal.SIGTERM)
                async with asyncio.timeout(grace):
                    await self._exited.wait()
        except TimeoutError:
            pass
        finally:
            self.kill()
            await self._exited.wait()
            self._close()

    def kill(self) -> None:
        """End the process and all that it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _greet(self, orders: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(orders + b"\n")
            await self._process.stdin.drain()
        word = await self._first_word()
        if word.error is not None:
            raise ChildError(word.error)
        self._talk = asyncio.create_task(self._swallow())

    async def _first_word(self) -> Word:
        assert self._process.stdout is not None
        async for line in _lines(self._process.stdout):
            # Libraries print, too. What is not UTF-8 is a plain ValueError.
            with suppress(ValueError):
                word = msgspec.json.decode(line, type=Word)
                if word.ready or word.error is not None:
                    return word
        raise ChildError(f"It ended with {await self.ended()} before it was ready.")

    async def _swallow(self) -> None:
        """Read on, for a full pipe would stop a child that prints."""
        assert self._process.stdout is not None
        while await self._process.stdout.read(65536):
            pass

    def _close(self) -> None:
        if self._talk is not None:
            self._talk.cancel()
        self._transport.close()


class _Pipes(asyncio.subprocess.SubprocessStreamProtocol):
    """The pipes of a child, and its end.

    `Process.wait` would wait for the end of the pipes, too, which others may have inherited.
    """

    def __init__(self) -> None:
        super().__init__(limit=2**16, loop=asyncio.get_running_loop())
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a stream, without those that are longer than `LONGEST_LINE`."""
    rest, overlong = b"", False
    while chunk := await reader.read(LONGEST_LINE):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if not overlong:
                yield line
            overlong = False
        if len(rest) > LONGEST_LINE:
            rest, overlong = b"", True
    if rest and not overlong:
        yield rest


def _name(number: int) -> str:
    """Most real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _die_with_parent() -> Callable[[], None]:
    if threading.current_thread() is not threading.main_thread():
        raise AssertionError("a child of another thread would end with that thread")
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return bind
