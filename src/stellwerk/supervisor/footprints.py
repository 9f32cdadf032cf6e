"""How much memory each model was seen to take, remembered from one start to the next."""

import hashlib
from pathlib import Path

import msgspec
import psutil

from stellwerk.base.log import get_logger
from stellwerk.ports.engines import Launch

log = get_logger("supervisor")

# A file is not written for less than this share of growth.
NOTABLE = 1.02


class Footprints:
    """The largest size, in bytes, that the process of each launch was ever seen to have."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._sizes = _read(file)

    def get(self, launch: Launch) -> int | None:
        return self._sizes.get(_digest(launch))

    def note(self, launch: Launch, size: int) -> None:
        digest = _digest(launch)
        if size > self._sizes.get(digest, 0) * NOTABLE:
            self._sizes[digest] = size
            self._keep()

    def _keep(self) -> None:
        try:
            _write(self._file, self._sizes)
        except OSError as error:
            # They are known as long as this process lives; a full disk stops no engine.
            log.warning("footprints cannot be kept", reason=str(error))


def resident(pid: int) -> int | None:
    """Bytes of memory of a process, with the weights that it maps; None when it has ended."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return None


def _digest(launch: Launch) -> str:
    return hashlib.sha256(launch.key.encode()).hexdigest()[:32]


def _read(file: Path) -> dict[str, int]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, int])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        log.warning("footprints are unreadable; they are measured anew", reason=str(error))
        return {}


def _write(file: Path, sizes: dict[str, int]) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(sizes))
    new.replace(file)
