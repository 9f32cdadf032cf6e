"""A directory for the Unix socket: private, and with a short enough name."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from stellwerk.supervisor.postgres_account import Account, give
from stellwerk.supervisor.postgres_errors import PostgresError

SOCKET = ".s.PGSQL.5432"
LONGEST = 107


def socket_directory(data_dir: Path) -> Path:
    """Where the socket of the database in `data_dir` lies: in it, if its name allows.

    Otherwise it is a directory among the temporary ones, whose name follows from `data_dir`.
    Nothing is created.
    """
    inside = data_dir.resolve() / "postgres-run"
    name = "stellwerk-" + hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    for place in (inside, Path(tempfile.gettempdir()) / name, Path("/tmp") / name):  # noqa: S108
        # A comma parts several hosts in a connection string.
        if len(os.fsencode(place / SOCKET)) <= LONGEST and "," not in str(place):
            return place
    raise AssertionError("a directory in the root is short")


def prepare(directory: Path, account: Account | None) -> None:
    """Make `directory` for the account alone. One that exists has to be the account's already."""
    length = len(os.fsencode(directory / SOCKET))
    if length > LONGEST:
        raise PostgresError(
            f"{directory} is too long for a Unix socket: {length} bytes with the file name, and "
            f"{LONGEST} is the limit."
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        _check(directory, account)
    else:
        give(directory, account)


def _check(directory: Path, account: Account | None) -> None:
    status = directory.lstat()
    owner = account.uid if account else os.geteuid()
    if not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o022:
        raise PostgresError(
            f"{directory} is no directory of one account alone; remove it, or make it so."
        )
    if status.st_uid == os.geteuid() != owner:
        give(directory, account)
    elif status.st_uid != owner:
        raise PostgresError(
            f"{directory} belongs to user {status.st_uid}, but PostgreSQL runs as user {owner}. "
            "Remove that directory."
        )
