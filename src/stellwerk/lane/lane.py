"""What all connections of a process share: the hot paths, the keys, and the watch over time."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from stellwerk.base.errors import StellwerkError
from stellwerk.features.keys.keyring import Keyring
from stellwerk.operations.operation import Operation
from stellwerk.operations.run import Runner
from stellwerk.ports.sink import lines

if TYPE_CHECKING:
    from stellwerk.lane.protocol import LaneProtocol

# Seconds. nginx has 60 for the head of a request, and again between two pieces of its body.
REQUEST_TIMEOUT = 60.0
IDLE_TIMEOUT = 75.0
SEND_TIMEOUT = 300.0
WATCH_EVERY = 5.0


class Lane:
    """The fast side of one hub process."""

    def __init__(
        self,
        runner: Runner,
        keyring: Keyring,
        *,
        max_body: int,
        operations: Iterable[Operation],
        prefixes: Iterable[str],
    ) -> None:
        self.runner = runner
        self.keyring = keyring
        self.max_body = max_body
        # A path with the model in it, and any other that is not here, is for the other side.
        plain = [prefix for prefix in prefixes if "{" not in prefix]
        self.paths = {
            (prefix + operation.path).encode(): operation
            for operation in operations
            for prefix in plain
        }
        self.connections: set[LaneProtocol] = set()
        self._dated: list[tuple[bytes, bytes]] = []
        self._lines = b""
        self._timer: asyncio.TimerHandle | None = None

    def date(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """uvicorn's headers for every answer, as lines. It makes a new list each second."""
        if headers is not self._dated:
            self._dated = headers
            self._lines = lines(headers)
        return self._lines

    def watch(self) -> None:
        """Look at every connection's clock: one timer for all costs less than one for each."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self.connections):
            connection.check_time(now)
        self._timer = loop.call_later(WATCH_EVERY, self.watch)

    def close(self, error: StellwerkError) -> None:
        """End every call that still runs with `error`."""
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self.connections):
            connection.give_up(error)
