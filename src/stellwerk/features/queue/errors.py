"""What can be wrong with a request that is queued."""

from stellwerk.base.errors import Kind, StellwerkError, UnavailableError
from stellwerk.features.queue.types import State
from stellwerk.wire.errors import error_json


class UnknownRequestError(StellwerkError):
    """404: no request of this key has this id; it may have been deleted or have expired."""

    kind = Kind.NOT_FOUND
    code = "request_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no request {name!r}; what is finished is kept for a time only.")


class QueueFullError(StellwerkError):
    """429: the key has as much waiting as it may."""

    kind = Kind.RATE_LIMITED
    code = "queue_full"


class NotYetError(UnavailableError):
    """503: the request waits for another. It runs again later, and this was no attempt."""

    code = "not_yet"

    def __init__(self, message: str, pause: float) -> None:
        super().__init__(message, retry_after=pause)
        self.pause = pause


class IdempotencyMismatchError(StellwerkError):
    """409: the `Idempotency-Key` was used for another request."""

    kind = Kind.CONFLICT
    code = "idempotency_key_reused"


class RequestLiveError(StellwerkError):
    """409: the request is running; it has to be cancelled before it can be deleted."""

    kind = Kind.CONFLICT
    code = "request_running"


class RequestCancelledError(StellwerkError):
    """409: the request was cancelled, so it has no answer."""

    kind = Kind.CONFLICT
    code = "request_cancelled"

    def __init__(self, reason: str = "The request was cancelled.") -> None:
        super().__init__(reason)


class WorkerLostError(StellwerkError):
    """500: each worker that took the request ended in the middle of it."""

    kind = Kind.INTERNAL
    code = "worker_lost"

    def __init__(self) -> None:
        super().__init__("The workers that ran this request ended before it did; it is given up.")


def ended(state: State, error: StellwerkError) -> tuple[str, int, bytes]:
    """What a request without an answer of its own is left with: state, HTTP status and body."""
    return state.value, error.kind.status, error_json(error)


class AnswerTooLargeError(StellwerkError):
    """500: the answer is larger than what the queue keeps."""

    kind = Kind.INTERNAL
    code = "answer_too_large"


class RestartedError(StellwerkError):
    """503: the worker that wrote these events was lost; the request runs again, from its start."""

    kind = Kind.UNAVAILABLE
    code = "request_restarted"


class StreamBrokenError(StellwerkError):
    """502: the model's server stopped in the middle of the stream."""

    kind = Kind.UPSTREAM
    code = "stream_broken"
