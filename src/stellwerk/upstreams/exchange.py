"""One request to a server and its answer, in callbacks."""

from enum import StrEnum
from typing import Protocol

from stellwerk.base.errors import StellwerkError
from stellwerk.ports.sink import Head


class Failure(StrEnum):
    """Why there is no whole answer."""

    UNREACHED = "unreached"  # No connection: the request was not sent.
    REFUSED = "refused"  # Closed before the first byte of an answer.
    SILENT = "silent"  # No first byte in time.
    STALLED = "stalled"  # No further byte in time.
    CUT = "cut"  # Closed in the middle.
    GARBLED = "garbled"  # Not HTTP, or too large a head.


# After these the model has not begun to work, so another target may be asked without a risk.
UNSENT = frozenset({Failure.UNREACHED})


class Receiver(Protocol):
    """Takes one answer: `head`, `data` any number of times, then `end`; or `failed` at any point.

    An answer that came at once is handed over as a `whole`. `refused` comes instead of all others
    where the target was not even asked. Before `head`, `progress` may tell the share of the work
    that is done, from 0 to 1. None is called after `Exchange.cancel`. `data` may be empty after
    `head`: more will come.
    """

    def progress(self, share: float) -> None: ...

    def whole(self, head: Head, body: bytes) -> None: ...

    def head(self, head: Head) -> None: ...

    def data(self, chunk: bytes) -> None: ...

    def end(self) -> None: ...

    def failed(self, failure: Failure) -> None: ...

    def refused(self, error: StellwerkError) -> None: ...


class Exchange(Protocol):
    """An answer that is on its way."""

    def cancel(self) -> None:
        """Close the connection, so that the other side can stop its work."""
        ...

    def pause(self) -> None:
        """Read no more until `resume`: whoever takes the answer is slower than who sends it."""
        ...

    def resume(self) -> None: ...
