"""Keys that met a limit, so that their next requests are not claimed only to be put off."""

import time


class Resting:
    """(key, model) -> until when, on this process's clock. It forgets by itself."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def rest(self, key_id: str, model: str, seconds: float) -> None:
        self._until[key_id, model] = time.monotonic() + seconds

    def now(self) -> list[tuple[str, str]]:
        now = time.monotonic()
        self._until = {pair: until for pair, until in self._until.items() if until > now}
        return list(self._until)
