"""A new database directory, and how the server over it is set."""

import os
import shutil
import tempfile
from pathlib import Path

from stellwerk.supervisor.postgres_account import Account, give
from stellwerk.supervisor.postgres_errors import PostgresError
from stellwerk.supervisor.postgres_process import run

ROLE = "stellwerk"
# Written to postgresql.conf, where a person may change them.
TUNING = {
    "shared_buffers": "128MB",
    "max_connections": "100",
    "max_wal_size": "512MB",
    # A queue turns its table over many times in the minute that is usual.
    "autovacuum_naptime": "10s",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Given on the command line, so that they hold whatever the file says.
FIXED = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
    "log_startup_progress_interval": "1s",
    "lc_messages": "C",
}


def server_command(programs: Path, directory: Path, sockets: Path) -> list[str]:
    quoted = '"' + str(sockets).replace('"', '""') + '"'
    settings = FIXED | {"unix_socket_directories": quoted}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [str(programs / "bin" / "postgres"), "-D", str(directory), *options]


def init_command(programs: Path, directory: Path, major: int) -> list[str]:
    provider = ["--locale-provider=builtin"] if major >= 17 else []
    settings = [word for name, value in TUNING.items() for word in ("--set", f"{name}={value}")]
    return [
        str(programs / "bin" / "initdb"),
        f"--pgdata={directory}",
        f"--username={ROLE}",
        # The socket's directory and the socket are the account's alone: that is the key.
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--lc-messages=C",
        *provider,
        "--data-checksums",
        "--no-instructions",
        *settings,
    ]


async def create(programs: Path, directory: Path, major: int, account: Account | None) -> None:
    """Make a database in `directory`, which appears complete or not at all."""
    unfinished = _prepare(directory, account)
    with tempfile.TemporaryFile() as output:
        command = init_command(programs, unfinished, major)
        if await run(command, account, output.fileno()):
            output.seek(0)
            said = output.read().decode(errors="replace").strip()[-500:]
            raise PostgresError(f"initdb failed in {unfinished}: {said}")
    unfinished.rename(directory)
    _sync(directory.parent)


def _prepare(directory: Path, account: Account | None) -> Path:
    if directory.exists() and any(directory.iterdir()):
        raise PostgresError(
            f"{directory} holds files, but no PostgreSQL database. Move them away, "
            "or choose another data_dir."
        )
    unfinished = directory.with_name(directory.name + ".new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    give(unfinished, account)
    return unfinished


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
