"""Which account runs the embedded PostgreSQL, and where that account can go.

PostgreSQL refuses to run as root. Started by root, it gets an unprivileged account.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk.supervisor.postgres_errors import PostgresError

CANDIDATES = ("stellwerk", "postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine. `None` in its place stands for the one who runs Stellwerk."""

    name: str
    uid: int
    gid: int

    def credentials(self) -> dict[str, Any]:
        """Arguments of `subprocess.Popen` that make a child run as this account."""
        groups = os.getgrouplist(self.name, self.gid)
        return {"user": self.uid, "group": self.gid, "extra_groups": groups}


def choose_account(wanted: str | None, directory: Path) -> Account | None:
    """The account for the database in `directory`; None unless this process is root's.

    An existing database stays with its owner. Raises `PostgresError` when that cannot be.
    """
    owner = directory.stat().st_uid if directory.exists() else None
    if os.geteuid() != 0:
        if owner not in {None, os.geteuid()}:
            raise PostgresError(
                f"{directory} belongs to {_name(owner)}, and you are {_name(os.geteuid())}. "
                "Run Stellwerk as that account, or choose another data_dir."
            )
        return None
    if owner:
        return _owner(owner, wanted, directory)
    account = _named(wanted) if wanted else _first()
    if (directory / "PG_VERSION").exists():
        raise PostgresError(
            f"{directory} belongs to root, and PostgreSQL refuses to run as root. "
            f"Run `chown -R {account.name} {directory}`."
        )
    return account


def _owner(uid: int, wanted: str | None, directory: Path) -> Account:
    if wanted and _named(wanted).uid != uid:
        raise PostgresError(
            f"{directory} belongs to {_name(uid)}, but database.account is {wanted}. "
            f"Set it to {_name(uid)}, or run `chown -R {wanted} {directory}`."
        )
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise PostgresError(
            f"{directory} belongs to user {uid}, which this machine does not have. "
            f"Run `chown -R ACCOUNT {directory}` and set database.account to that account."
        ) from None
    return Account(entry.pw_name, uid, entry.pw_gid)


def _named(name: str) -> Account:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise PostgresError(
            f"database.account names {name}, an account that this machine does not have."
        ) from None
    if entry.pw_uid == 0:
        raise PostgresError("database.account may not be root: PostgreSQL refuses it.")
    return Account(name, entry.pw_uid, entry.pw_gid)


def _first() -> Account:
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in CANDIDATES:
        if name in known:
            return _named(name)
    raise PostgresError(
        f"PostgreSQL refuses to run as root, and there is no account {', '.join(CANDIDATES)}. "
        "Set database.account to an unprivileged one."
    )


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return f"user {uid}"


def check_reach(account: Account | None, directory: Path) -> None:
    """Raise `PostgresError` that names the first directory that `account` may not pass."""
    if account is None or _can_enter(account, directory):
        return
    barred = next(
        place
        for place in [*reversed(directory.parents), directory]
        if not _can_enter(account, place)
    )
    raise PostgresError(
        f"PostgreSQL runs as {account.name} and may not pass {barred}. Set data_dir to a directory "
        f"that {account.name} can reach, such as /var/lib/stellwerk, or run `chmod o+x {barred}`."
    )


def _can_enter(account: Account, directory: Path) -> bool:
    # Trying knows more than mode bits: access lists, security modules, mounts.
    command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)]
    try:
        result = subprocess.run(  # noqa: S603
            command, cwd="/", check=False, capture_output=True, **account.credentials()
        )
    except OSError as error:
        raise PostgresError(
            f"This process may not become {account.name} ({error.strerror}). Run Stellwerk as an "
            "unprivileged account, or set database.account to one that it may become."
        ) from error
    return result.returncode == 0


def give(directory: Path, account: Account | None) -> None:
    """Make `directory` (which we have just made) the account's own."""
    if account is not None:
        os.chown(directory, account.uid, account.gid)
