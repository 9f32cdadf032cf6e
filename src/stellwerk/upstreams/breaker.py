"""Whether a target may be asked: it is left alone after failures in a row, then probed once."""

from collections.abc import Callable
from enum import StrEnum

FAILURES = 5
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0


class State(StrEnum):
    CLOSED = "closed"  # Asked as usual.
    OPEN = "open"  # Left alone.
    PROBING = "probing"  # One request is out; it decides.


class Breaker:
    """A circuit breaker (Nygard, Release It!): times in seconds of `now`."""

    __slots__ = ("_failures", "_now", "_pause", "_probing", "_until")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._until = 0.0
        self._probing = False

    @property
    def state(self) -> State:
        if self._probing:
            return State.PROBING
        return State.OPEN if self._until > self._now() else State.CLOSED

    @property
    def calm(self) -> bool:
        """Whether nothing has failed of late, so that `good` has nothing to change."""
        return not self._failures and not self._until

    @property
    def wait(self) -> float:
        """Seconds until it may be asked again."""
        return max(self._until - self._now(), 0.0)

    def allows(self) -> bool:
        return not self._until or (not self._probing and self._until <= self._now())

    def begin(self) -> None:
        """It is asked now; if it was left alone before, this is the probe."""
        if self._until:
            self._probing = True

    def good(self) -> None:
        self._failures = 0
        # A call that began before a pause does not end it.
        if self._until and (self._probing or self._until <= self._now()):
            self._pause, self._until, self._probing = FIRST_PAUSE, 0.0, False

    def bad(self) -> None:
        self._failures += 1
        # Calls that fail together are one outage: the pause grows once for them.
        if self._probing or (self._failures >= FAILURES and self._until <= self._now()):
            self._until = self._now() + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self._probing = False

    def unknown(self) -> None:
        """The request was given up, so it tells nothing. The next one probes."""
        self._probing = False

    def rest(self, seconds: float) -> None:
        """It said itself when to come again (`Retry-After`)."""
        self._until = max(self._until, self._now() + min(seconds, LONGEST_PAUSE))
        self._probing = False
