"""How long to leave a process alone that keeps ending."""

from dataclasses import dataclass

LONGEST = 60.0
HEALTHY = 60.0


@dataclass(slots=True)
class Backoff:
    """1 second after the first failure, then twice as long each time, up to a minute.

    All times are seconds of one monotonic clock.
    """

    until: float = 0.0
    failures: int = 0

    def fail(self, now: float, lived: float) -> float:
        """Note a failure after `lived` seconds of service; a healthy minute makes it the first.

        Gives the seconds to wait.
        """
        self.failures = 1 if lived >= HEALTHY else self.failures + 1
        delay = min(2.0 ** (self.failures - 1), LONGEST)
        self.until = now + delay
        return delay

    def remaining(self, now: float) -> float:
        return max(0.0, self.until - now)
