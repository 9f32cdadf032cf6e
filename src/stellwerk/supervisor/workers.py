"""A parent of worker processes only, beside a server or on another machine."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from stellwerk.base.settings import Settings
from stellwerk.ports.engines import EngineSpec
from stellwerk.supervisor.control import serve_broker
from stellwerk.supervisor.hubs import Hubs
from stellwerk.supervisor.lock import serve_lock
from stellwerk.supervisor.parent import METRICS, local_broker, queue_workers, signals
from stellwerk.supervisor.run_directory import run_directory
from stellwerk.supervisor.shared_metrics import page


async def supervise_workers(
    settings: Settings,
    specs: Mapping[str, EngineSpec],
    dsn: str,
    control: Path | None,
    announce: Callable[[str], None],
    metrics_port: int | None = None,
) -> None:
    """Run workers until SIGINT, SIGTERM or SIGHUP; then let running requests finish.

    `control` is the socket of the server whose engines they use, and whose page of metrics counts
    what they do; without one, engines are started here, and `metrics_port` has a page of its own.
    Raises `HeldError`, `ListenError` and `HubStartError`.
    """
    killable: list[Hubs] = []

    async def live() -> None:
        async with AsyncExitStack() as stack:
            socket = control or await _own_broker(settings, specs, stack, metrics_port)
            workers = queue_workers(settings, dsn, socket)
            await stack.enter_async_context(workers.spawned())
            killable.append(workers)
            await stack.enter_async_context(workers)
            announce(f"{settings.queue.workers} worker processes run requests of the queue")
            await workers.watch()

    def hurry() -> None:
        for workers in killable:
            workers.kill()

    life = asyncio.create_task(live())
    with signals(life, hurry) as asked:
        try:
            await life
        except asyncio.CancelledError:
            if not asked:
                raise


async def _own_broker(
    settings: Settings,
    specs: Mapping[str, EngineSpec],
    stack: AsyncExitStack,
    metrics_port: int | None,
) -> Path:
    stack.enter_context(serve_lock(settings.data_dir))
    run_dir = stack.enter_context(run_directory(settings.data_dir))
    if metrics_port is not None:
        metrics = run_dir / METRICS
        metrics.mkdir()
        stack.enter_context(page(metrics, settings.host, metrics_port))
    broker = await stack.enter_async_context(local_broker(settings, specs, run_dir))
    socket = run_dir / "broker.sock"
    await stack.enter_async_context(serve_broker(broker, socket))
    return socket
