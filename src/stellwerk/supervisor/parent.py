"""The parent process: it owns PostgreSQL, the engines, the listening socket and the hubs."""

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from pydantic import AnyHttpUrl

from stellwerk.base.log import get_logger
from stellwerk.base.settings import Settings
from stellwerk.ports.engines import EngineSpec
from stellwerk.supervisor.broker import LocalBroker
from stellwerk.supervisor.control import serve_broker
from stellwerk.supervisor.engine import Host, Hosting
from stellwerk.supervisor.footprints import Footprints
from stellwerk.supervisor.hubs import HubOrders, Hubs
from stellwerk.supervisor.listener import bind, listen, url
from stellwerk.supervisor.lock import serve_lock
from stellwerk.supervisor.machine import cores, default_budget
from stellwerk.supervisor.run_directory import run_directory

log = get_logger("supervisor")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds that a hub may take, after the grace, to end what did not finish.
CLOSING = 5.0
# In the run directory: what processes count together.
METRICS = "metrics"
HUB_COMMAND = (sys.executable, "-m", "stellwerk", "hub")
WORKER_COMMAND = (sys.executable, "-m", "stellwerk", "queue-worker")


@dataclass(frozen=True)
class Parts:
    """What a whole server is made of.

    `dsn` names the database; `postgres` runs it, or is None when others do. `prepare` is called
    when the database answers: it migrates. `announce` gets the base URL when all hubs serve.
    """

    specs: Mapping[str, EngineSpec]
    dsn: str
    prepare: Callable[[], Awaitable[None]]
    announce: Callable[[str], None]
    postgres: AbstractAsyncContextManager[object] | None = None
    hub_command: Sequence[str] = HUB_COMMAND
    worker_command: Sequence[str] = WORKER_COMMAND


async def supervise(settings: Settings, parts: Parts) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; then let running requests finish. A second hurries.

    Call it in the main thread. Raises `HeldError` when another process serves the data directory,
    `ListenError` when the port cannot be had, `HubStartError` when no hub starts, and what
    `postgres` and `prepare` raise. No process and no socket is left in any case.
    """
    parent = _Parent(settings, parts)
    life = asyncio.create_task(parent.live())
    with signals(life, parent.hurry) as asked:
        try:
            await life
        except asyncio.CancelledError:
            if not asked:
                raise


@contextmanager
def signals(life: "asyncio.Task[None]", hurry: Callable[[], None]) -> Iterator[list[str]]:
    """The first signal cancels `life`, further ones call `hurry`."""
    loop = asyncio.get_running_loop()
    asked: list[str] = []

    def heard(number: signal.Signals) -> None:
        asked.append(number.name)
        log.info(
            "asked to stop again: ending at once"
            if len(asked) > 1
            else "asked to stop: running requests may finish; once more to end at once",
            signal=number.name,
        )
        if len(asked) == 1:
            life.cancel()
        else:
            hurry()

    # `nohup` has us ignore a signal, and that counts.
    watched = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in watched:
        loop.add_signal_handler(number, heard, number)
    try:
        yield asked
    finally:
        for number in watched:
            loop.remove_signal_handler(number)


class _Parent:
    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._settings = settings
        self._parts = parts
        self._killable: list[LocalBroker | Hubs] = []

    async def live(self) -> None:
        """The parent's life. What was started first ends last, whatever happens."""
        settings, parts = self._settings, self._parts
        async with AsyncExitStack() as stack:
            stack.enter_context(serve_lock(settings.data_dir))
            run_dir = stack.enter_context(run_directory(settings.data_dir))
            # Bound early, so that a taken port is known before the database starts.
            listener = stack.enter_context(closing(bind(settings.host, settings.port)))
            settings = _reached(settings, listener)
            control = run_dir / "broker.sock"
            hubs = self._hubs(settings, listener.fileno(), control, run_dir)
            workers = queue_workers(settings, parts.dsn, control, parts.worker_command)
            await stack.enter_async_context(hubs.spawned())
            await stack.enter_async_context(workers.spawned())
            if parts.postgres is not None:
                await stack.enter_async_context(parts.postgres)
            await parts.prepare()
            own = local_broker(settings, parts.specs, run_dir)
            broker = await stack.enter_async_context(own)
            await stack.enter_async_context(serve_broker(broker, control))
            listen(listener)
            self._killable = [broker, hubs, workers]
            # Begun before the hubs and ended after them, so that who waits gets an answer.
            await stack.enter_async_context(workers)
            await stack.enter_async_context(hubs)
            log.info("serving", url=url(listener), hubs=settings.workers)
            parts.announce(url(listener))
            try:
                await asyncio.gather(hubs.watch(), workers.watch())
            finally:
                # Nobody may connect any more while the hubs finish.
                listener.close()

    def hurry(self) -> None:
        for part in self._killable:
            part.kill()

    def _hubs(self, settings: Settings, fd: int, control: Path, run_dir: Path) -> Hubs:
        orders = {
            "fd": fd,
            "broker": str(control),
            "dsn": self._parts.dsn,
            "settings": settings.model_dump(mode="json"),
        }
        hub_orders = HubOrders(
            command=self._parts.hub_command,
            orders=msgspec.json.encode(orders),
            fd=fd,
            metrics=_metrics(run_dir) if settings.workers + settings.queue.workers > 1 else None,
        )
        return Hubs(hub_orders, settings.workers, settings.shutdown_grace + CLOSING)


def _reached(settings: Settings, listener: socket.socket) -> Settings:
    """The settings with the address that was bound, where nobody gave another one."""
    given = settings.public_url or AnyHttpUrl(url(listener))
    return settings.model_copy(update={"public_url": given})


def local_broker(settings: Settings, specs: Mapping[str, EngineSpec], run_dir: Path) -> LocalBroker:
    """The broker of this machine's memory, which starts engines in `run_dir`."""
    engines = settings.engines
    hosting = Hosting(
        run_dir=run_dir,
        threads=engines.threads or cores(),
        load_timeout=engines.load_timeout,
        log_level=settings.log.level,
    )
    return LocalBroker(
        specs,
        Host(hosting),
        Footprints(settings.data_dir / "footprints.json"),
        budget=engines.memory or default_budget(),
        swap_after=engines.swap_after,
        load_timeout=engines.load_timeout,
    )


def queue_workers(
    settings: Settings, dsn: str, control: Path, command: Sequence[str] = WORKER_COMMAND
) -> Hubs:
    """The worker processes; `control` is the broker's socket."""
    orders = {
        "broker": str(control),
        "dsn": dsn,
        "settings": settings.model_dump(mode="json"),
    }
    # The hubs' page of metrics counts what workers of this machine do, too.
    metrics = control.parent / METRICS
    worker_orders = HubOrders(
        command, msgspec.json.encode(orders), metrics=metrics if metrics.is_dir() else None
    )
    return Hubs(worker_orders, settings.queue.workers, settings.shutdown_grace + CLOSING)


def _metrics(run_dir: Path) -> Path:
    directory = run_dir / METRICS
    directory.mkdir(exist_ok=True)
    return directory
