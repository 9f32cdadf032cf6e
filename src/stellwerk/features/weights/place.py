"""What lies in the weights directory for one file, and what is known of it.

NAME            the file, there only when its SHA-256 was checked (or put there by someone else)
NAME.sha256     the hash that was found, as `sha256sum` writes it
NAME.part/      what has arrived so far
.NAME.lock      held by the process that fetches it
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from stellwerk.base.model_entry import WeightFile


class State(StrEnum):
    """How far a file is on its way here."""

    PRESENT = "present"
    UNCHECKED = "unchecked"
    PARTIAL = "partial"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of one file in the weights directory."""

    directory: Path
    file: WeightFile

    @property
    def final(self) -> Path:
        return self.directory / self.file.name

    @property
    def stamp(self) -> Path:
        return self.directory / f"{self.file.name}.sha256"

    @property
    def part(self) -> Path:
        return self.directory / f"{self.file.name}.part"

    @property
    def lock(self) -> Path:
        return self.directory / f".{self.file.name}.lock"

    def state(self) -> State:
        """Looks at names, sizes and times only; costs no more than a few system calls."""
        if self.final.is_file():
            return State.PRESENT if self._stamp_counts() else State.UNCHECKED
        return State.PARTIAL if any(self.part.glob("*")) else State.MISSING

    def _stamp_counts(self) -> bool:
        """The stamp has the time of the file that was hashed; its replacement has another."""
        try:
            found = self.stamp.read_text().split()[:1]
            status, stamped = self.final.stat(), self.stamp.stat()
        except (OSError, ValueError):
            return False
        if self.file.size not in {None, status.st_size}:
            return False
        known = [self.file.sha256] if self.file.sha256 else found
        return bool(found) and found == known and stamped.st_mtime_ns == status.st_mtime_ns

    def put_stamp(self, sha256: str) -> None:
        """Note that the file as it is now has this hash."""
        status = self.final.stat()
        beside = self.stamp.with_name(f".{self.stamp.name}")
        beside.write_text(f"{sha256}  {self.file.name}\n")
        os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
        beside.replace(self.stamp)

    def bytes_here(self) -> int:
        """Bytes on the disk, of the file or of what has arrived of it."""
        if self.final.is_file():
            return self.final.stat().st_size
        return sum(path.stat().st_size for path in self.part.glob("*"))

    def clear(self) -> None:
        """Remove the file and all that belongs to it, but the lock."""
        self.final.unlink(missing_ok=True)
        self.stamp.unlink(missing_ok=True)
        shutil.rmtree(self.part, ignore_errors=True)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
