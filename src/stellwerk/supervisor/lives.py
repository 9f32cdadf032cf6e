"""The lives of engine processes: begun, watched, measured and ended."""

import asyncio
from collections.abc import Callable
from functools import partial

from stellwerk.base.log import get_logger
from stellwerk.supervisor.broker_errors import EngineDownError
from stellwerk.supervisor.children import ChildError
from stellwerk.supervisor.engine import Host, Process
from stellwerk.supervisor.footprints import Footprints, resident
from stellwerk.supervisor.place import Engine, Place
from stellwerk.supervisor.policy import State

log = get_logger("supervisor")


class Lives:
    """Runs the engines of places; `changed` is called whenever one is ready, gone or has grown."""

    def __init__(
        self,
        host: Host,
        footprints: Footprints,
        changed: Callable[[], None],
        measure_every: float,
    ) -> None:
        self._host = host
        self._footprints = footprints
        self._changed = changed
        self._measure_every = measure_every
        self._running: dict[asyncio.Task[None], tuple[Place, Engine]] = {}

    def open(self) -> None:
        self._measuring = asyncio.create_task(self._measure_on())

    async def close(self) -> None:
        """Return when no process is left."""
        self._measuring.cancel()
        tasks = list(self._running)
        for task, (_, engine) in self._running.items():
            if engine.state is State.LOADING:
                task.cancel()
            engine.stopping.set()
        await asyncio.gather(self._measuring, *tasks, return_exceptions=True)

    def kill(self) -> None:
        for _, engine in self._running.values():
            if engine.process:
                engine.process.child.kill()

    def begin(self, place: Place) -> None:
        """Give memory to a place and start its engine."""
        engine = place.engine = Engine()
        place.revive = False
        task = asyncio.create_task(self._live(place, engine))
        self._running[task] = (place, engine)
        task.add_done_callback(self._running.pop)

    def stop(self, place: Place) -> None:
        """End the engine of a place; its memory counts until the process is gone."""
        if place.engine:
            place.engine.state = State.STOPPING
            place.engine.stopping.set()

    async def _live(self, place: Place, engine: Engine) -> None:
        name = place.launch.model
        log.info("engine loads", model=name, footprint=place.size)
        try:
            engine.process = await self._host.start(place.spec, place.launch)
            self._ready(place, engine, engine.process)
            end = await _until_over(engine, engine.process)
            if end is not None:
                place.revive = True
                self._failed(place, engine, f"its engine ended with {end}.")
        except (ChildError, OSError) as error:
            self._failed(place, engine, f"it could not be loaded: {str(error).rstrip('.')}.")
        except Exception as error:
            # Whatever it is, it counts: a start that leaves no mark would be repeated at once.
            log.exception("engine start broke", model=name)
            self._failed(place, engine, f"it could not be loaded ({type(error).__name__}).")
        finally:
            if engine.process:
                await engine.process.stop(self._host.hosting.grace)
            place.engine = None
            log.info("engine is gone", model=name)
            self._changed()

    def _ready(self, place: Place, engine: Engine, process: Process) -> None:
        engine.state = State.READY
        engine.ready_at = engine.used_at = asyncio.get_running_loop().time()
        self._measure(place, process)
        log.info("engine is ready", model=place.launch.model, footprint=place.size)
        self._changed()

    def _failed(self, place: Place, engine: Engine, reason: str) -> None:
        now = asyncio.get_running_loop().time()
        lived = now - engine.ready_at if engine.state is not State.LOADING else 0.0
        engine.state = State.STOPPING
        place.reason = reason
        delay = place.backoff.fail(now, lived)
        log.warning("engine failed", model=place.launch.model, reason=reason, retry_after=delay)
        place.fail_waiters(partial(EngineDownError, place, now))

    async def _measure_on(self) -> None:
        while True:
            await asyncio.sleep(self._measure_every)
            for place, engine in list(self._running.values()):
                if engine.state is State.READY and engine.process:
                    self._measure(place, engine.process)
            self._changed()

    def _measure(self, place: Place, process: Process) -> None:
        size = resident(process.child.pid)
        if size is not None:
            self._footprints.note(place.launch, size)
            place.size = self._footprints.get(place.launch) or size


async def _until_over(engine: Engine, process: Process) -> str | None:
    """Wait until the engine is to stop (None), or has ended by itself (how)."""
    ended = asyncio.create_task(process.child.ended())
    stopping = asyncio.create_task(engine.stopping.wait())
    try:
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return None if stopping.done() else ended.result()
    finally:
        ended.cancel()
        stopping.cancel()
