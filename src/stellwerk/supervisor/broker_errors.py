"""Why a model cannot be had."""

import math

from pydantic import ByteSize

from stellwerk.base.errors import StellwerkError, UnavailableError
from stellwerk.supervisor.place import Place


class UnknownEngineError(StellwerkError):
    """This build has no such engine."""

    code = "unknown_engine"


class WeightsError(UnavailableError):
    """The weights cannot be read."""

    code = "model_load_failed"


class TooLargeError(UnavailableError):
    """A model that never fits."""

    code = "model_too_large"

    def __init__(self, place: Place, budget: int) -> None:
        super().__init__(
            f"{place.launch.model} needs {readable(place.size)} of memory, more than all that "
            f"local models may use together ({readable(budget)}). Raise `engines.memory`, or use "
            "a smaller model."
        )


class LoadTimeoutError(UnavailableError):
    """The wait was longer than `engines.load_timeout`."""

    code = "model_load_timeout"

    def __init__(self, place: Place, waited: float) -> None:
        super().__init__(
            f"{place.launch.model} was not loaded after {waited:g} s (`engines.load_timeout`): "
            "other models hold the memory, or loading takes longer. Try again later.",
            retry_after=10,
        )


class EngineDownError(UnavailableError):
    """The engine crashed or did not load, and is left alone for a while."""

    code = "engine_down"

    def __init__(self, place: Place, now: float) -> None:
        seconds = max(1, math.ceil(place.backoff.remaining(now)))
        super().__init__(
            f"{place.launch.model} is not running: {place.reason} Try again in {seconds} s.",
            retry_after=seconds,
        )


class ClosedError(UnavailableError):
    """The server is ending."""

    code = "shutting_down"

    def __init__(self) -> None:
        super().__init__("The server is shutting down.", retry_after=10)


def readable(size: int) -> str:
    return ByteSize(size).human_readable()
