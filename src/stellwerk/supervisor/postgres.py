"""The embedded PostgreSQL: its start, its life beside this process, and its end."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

from stellwerk.base.errors import StellwerkError
from stellwerk.base.log import get_logger
from stellwerk.supervisor import postgres_cluster as cluster
from stellwerk.supervisor import postgres_leftovers as leftovers
from stellwerk.supervisor import postgres_lock as locks
from stellwerk.supervisor import postgres_programs as programs
from stellwerk.supervisor import postgres_socket as socket
from stellwerk.supervisor.postgres_account import Account, check_reach, choose_account
from stellwerk.supervisor.postgres_errors import PostgresStartError
from stellwerk.supervisor.postgres_log import PostgresLog, Progress
from stellwerk.supervisor.postgres_process import ended, spawn

log = get_logger("supervisor")

Report = Callable[[str], None]
LONGEST_PAUSE = 30.0


class EmbeddedPostgres:
    """A PostgreSQL server with pgvector, as a child of this process.

    `directory` is its data directory, mode 0700, made at the first start; its log, its lock and,
    where root's programs cannot be reached, a copy of the programs lie beside it under its name.
    `run_dir` holds nothing but its socket (see `socket_directory`). `version` counts for a new
    directory only. `account` runs it when this process is root's. A start that has to recover may
    take `start_timeout` seconds, and another process `patience` seconds to finish its work with
    the directory; `report` is told what is going on.

    It ends with this process, even when that is killed, and is started again when it ends
    unasked. Start it from the main thread.
    """

    def __init__(
        self,
        *,
        directory: Path,
        run_dir: Path,
        version: int = 18,
        account: str | None = None,
        start_timeout: float = 600,
        patience: float = 0,
        report: Report = lambda text: None,
    ) -> None:
        self.directory = directory.absolute()
        self.run_dir = run_dir.absolute()
        self._version = version
        self._account_name = account
        self._start_timeout = start_timeout
        self._patience = patience
        self._report = report
        self._log = PostgresLog(self._beside(".log"))
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._steward: asyncio.Task[None] | None = None

    @property
    def dsn(self) -> str:
        """What `Database` connects with."""
        host = quote(str(self.run_dir), safe="/")
        return f"postgresql://{cluster.ROLE}@/postgres?host={host}"

    @property
    def pid(self) -> int | None:
        """The process number of the server, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Return when the server accepts connections.

        Raises `PostgresInUseError` when another process works with the directory, another
        `PostgresError` for what a person has to change, `PostgresStartError` otherwise.
        """
        # Held until `stop`: nobody else may think that our server was left behind.
        self._lock = await locks.take(self.directory, self._patience, self._report)
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        self._steward = asyncio.create_task(self._attend())

    async def stop(self) -> None:
        """Return when no process of the server is left."""
        if self._steward:
            self._steward.cancel()
            with suppress(asyncio.CancelledError):
                await self._steward
            self._steward = None
        await self._end()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _beside(self, suffix: str) -> Path:
        return self.directory.with_name(self.directory.name + suffix)

    async def _start(self) -> None:
        account = choose_account(self._account_name, self.directory)
        check_reach(account, self.directory.parent)
        if self.directory.exists():
            await leftovers.clear(self.directory, self.run_dir, self._report)
        available = await asyncio.to_thread(programs.installed)
        major = programs.choose_version(self.directory, self._version, available)
        copies = self._beside("-programs")
        tree = await asyncio.to_thread(programs.reachable, available[major], copies, account)
        if not (self.directory / "PG_VERSION").exists():
            self._report(f"Making a PostgreSQL {major} database in {self.directory}")
            await cluster.create(tree, self.directory, major, account)
        socket.prepare(self.run_dir, account)
        check_reach(account, self.run_dir)
        await self._run(tree, account)

    async def _run(self, tree: Path, account: Account | None) -> None:
        command = cluster.server_command(tree, self.directory, self.run_dir)
        output = self._log.open()
        try:
            self._process = spawn(command, account, output, signal.SIGINT)
        finally:
            os.close(output)
        await self._until_ready(self._process)

    async def _until_ready(self, process: subprocess.Popen[bytes]) -> None:
        progress = Progress(self._report)
        limit = asyncio.get_running_loop().time() + self._start_timeout
        while not self._is_ready(process.pid):
            progress.note(self._log.news())
            if process.poll() is not None:
                reason = self._log.reason()
                raise PostgresStartError(f"PostgreSQL ended at start: {reason} ({self._log.path})")
            if asyncio.get_running_loop().time() > limit:
                raise PostgresStartError(
                    f"PostgreSQL accepts no connections after {self._start_timeout:g} s. "
                    "If it recovers, give it longer: database.start_timeout."
                )
            await asyncio.sleep(0.02)
        progress.note(self._log.news())

    def _is_ready(self, pid: int) -> bool:
        lines = leftovers.postmaster_file(self.directory)
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    async def _attend(self) -> None:
        """Keep the log small, and start the server again when it has ended."""
        pause = 1.0
        while True:
            try:
                status = await ended(self._process, 60, every=0.2) if self._process else -1
                if status is None:
                    pause = 1.0
                    self._log.trim()
                    continue
                log.warning("PostgreSQL ended", status=status, log=str(self._log.path))
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                await self._start()
                log.warning("PostgreSQL runs again")
            except (StellwerkError, OSError) as error:
                log.warning("PostgreSQL does not start", reason=str(error))

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for number, seconds in leftovers.STEPS:
            process.send_signal(number)
            if await ended(process, seconds) is not None:
                break
        # Those who outlive a postmaster that was killed end by themselves, but not at once.
        await leftovers.end(self.directory, 0)
        with suppress(OSError):
            self.run_dir.rmdir()
