"""Why the embedded PostgreSQL cannot run."""

from pathlib import Path

from stellwerk.base.errors import StellwerkError, UnavailableError


class PostgresError(StellwerkError):
    """Something about the data directory, the account or the program has to be changed."""

    code = "postgres_unusable"


class PostgresInUseError(PostgresError):
    """Another process works with the same data directory; `pid` is its number if it is known."""

    code = "postgres_in_use"

    def __init__(self, directory: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"{directory} is in use by {who}; stop it first.")
        self.pid = pid


class PostgresStartError(UnavailableError):
    """PostgreSQL ended before, or did not come to, accepting connections."""

    code = "postgres_start"
