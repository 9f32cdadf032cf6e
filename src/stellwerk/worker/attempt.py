"""One attempt at a request: its handler runs as a task that can be ended from outside."""

import asyncio
from enum import Enum

from stellwerk.base.errors import StellwerkError
from stellwerk.base.log import get_logger
from stellwerk.features.queue.errors import RequestCancelledError
from stellwerk.features.queue.types import Job, Outcome, State
from stellwerk.worker.handler import Handler
from stellwerk.worker.storing import Storing
from stellwerk.worker.verdict import Again, broken, failed, verdict

log = get_logger("worker")


class End(Enum):
    """Why an attempt was ended from outside."""

    CANCELLED = "cancelled"
    LOST = "lost"
    STOPPED = "stopped"


class Attempt:
    """A claimed request while its handler runs."""

    def __init__(self, job: Job, handler: Handler, sink: Storing) -> None:
        self.job = job
        self.end: End | None = None
        self.error: StellwerkError | None = None
        self.sink = sink
        # What the database was last told of the sink's share.
        self.told: float | None = None
        self._handling = asyncio.ensure_future(handler(job, sink))

    def stop(self, end: End) -> None:
        """Have the handler end its work, for this reason (the first one counts)."""
        if self.end is None:
            self.end = end
            self._handling.cancel()

    async def outcome(self) -> Outcome | Again | None:
        """What came of it, when the handler has ended. None: it is no longer ours to say."""
        await asyncio.wait({self._handling})
        if self._handling.cancelled():
            if self.end is End.CANCELLED:
                return failed(self.job, RequestCancelledError(), State.CANCELLED)
            if self.end is not None:
                return None
            # Something in it gave up by itself; the claim would be held for ever.
            error: BaseException | None = asyncio.CancelledError()
        else:
            error = self._handling.exception()
        if error is None:
            return Outcome(self.job.id, self.job.fence, State.COMPLETED, self.sink.answer)
        if not isinstance(error, StellwerkError):
            log.error("a request broke", request=self.job.id, exc_info=error)
            return broken(self.job)
        self.error = error
        return verdict(self.job, error)
