"""PostgreSQL as an unprivileged account, and what happens to the owners and modes of files."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_account import CANDIDATES, choose_account
from stellwerk.supervisor.postgres_errors import PostgresError

Make = Callable[..., EmbeddedPostgres]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
as_user = pytest.mark.skipif(os.geteuid() == 0, reason="needs an ordinary account")


def seen(top: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owners of `top`, of all above it and of all in it."""
    places = [top, *top.parents, *top.rglob("*")]
    return {
        place: (status.st_mode, status.st_uid, status.st_gid)
        for place in places
        for status in [place.lstat()]
    }


async def test_nothing_that_was_there_is_changed(embedded: Make, data_dir: Path) -> None:
    (data_dir / "models").mkdir(mode=0o750)
    (data_dir / "models" / "weights").touch(mode=0o640)
    before = seen(data_dir)
    for _ in range(2):
        async with embedded():
            pass
    after = seen(data_dir)
    assert {place: after[place] for place in before} == before


@as_user
async def test_runs_as_whoever_starts_it(embedded: Make) -> None:
    async with embedded(account="nobody") as postgres:
        assert psutil.Process(postgres.pid).uids().effective == os.geteuid()


@as_root
async def test_root_gives_it_to_an_unprivileged_account(embedded: Make) -> None:
    expected = next(name for name in CANDIDATES if name in {e.pw_name for e in pwd.getpwall()})
    async with embedded() as postgres:
        process = psutil.Process(postgres.pid)
        assert process.username() == expected
        assert 0 not in {*process.uids(), *process.gids()}
        assert postgres.directory.owner() == expected
        assert postgres.run_dir.owner() == expected
        groups = Path(f"/proc/{process.pid}/status").read_text()
        assert "\nGroups:\t0 " not in groups


@as_root
async def test_an_existing_directory_stays_with_its_owner(embedded: Make) -> None:
    async with embedded(account="daemon"):
        pass
    async with embedded() as postgres:
        assert psutil.Process(postgres.pid).username() == "daemon"
    with pytest.raises(PostgresError, match=r"belongs to daemon, but database\.account is bin"):
        await embedded(account="bin").start()


@as_root
@pytest.mark.parametrize(
    ("account", "message"),
    [("no-such-account", "this machine does not have"), ("root", "may not be root")],
)
async def test_an_account_that_cannot_be(embedded: Make, account: str, message: str) -> None:
    with pytest.raises(PostgresError, match=rf"database\.account .*{message}"):
        await embedded(account=account).start()


@as_root
async def test_a_database_of_root_is_refused(data_dir: Path) -> None:
    directory = data_dir / "postgres"
    directory.mkdir()
    (directory / "PG_VERSION").write_text("18\n")
    with pytest.raises(PostgresError, match=r"chown -R \w+ " + str(directory)):
        choose_account(None, directory)


@as_root
async def test_a_directory_out_of_reach_is_named(data_dir: Path) -> None:
    barred = data_dir / "home"
    barred.mkdir(mode=0o700)
    inner = barred / "data"
    inner.mkdir(mode=0o755)
    postgres = EmbeddedPostgres(directory=inner / "postgres", run_dir=inner / "run")
    with pytest.raises(PostgresError, match=rf"may not pass {barred}\. Set data_dir.*chmod o\+x"):
        await postgres.start()
    assert barred.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in inner.iterdir()] == ["postgres.lock"]


@as_user
async def test_a_directory_of_someone_else(embedded: Make, data_dir: Path) -> None:
    with pytest.raises(PostgresError, match="belongs to root"):
        choose_account(None, Path("/"))
