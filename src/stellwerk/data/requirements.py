"""What a PostgreSQL must have to hold Stellwerk's data."""

import re

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.data.errors import UnsuitableDatabaseError

POSTGRES = 16
PGVECTOR = (0, 8)

FACTS = text("""
    select current_setting('server_version_num')::int as number,
           current_setting('server_version') as name,
           current_setting('server_encoding') as encoding,
           (select default_version from pg_available_extensions where name = 'vector') as offered,
           (select extversion from pg_extension where extname = 'vector') as installed
""")


async def check_requirements(connection: AsyncConnection) -> None:
    """Raise `UnsuitableDatabaseError` that says what to install or to change."""
    facts = (await connection.execute(FACTS)).one()
    check_version(facts.number, facts.name)
    if facts.encoding != "UTF8":
        raise UnsuitableDatabaseError(
            f"database.url names a database in {facts.encoding}; "
            "create one with `create database ... encoding 'UTF8' template template0`."
        )
    _check_pgvector(facts.offered, facts.installed)


def check_version(number: int, name: str) -> None:
    """`number` as PostgreSQL counts: 160004 is 16.4."""
    if number < POSTGRES * 10_000:
        raise UnsuitableDatabaseError(
            f"database.url names a PostgreSQL {name}; Stellwerk needs {POSTGRES} or newer."
        )


def _check_pgvector(offered: str | None, installed: str | None) -> None:
    if not offered and not installed:
        raise UnsuitableDatabaseError(
            "database.url names a PostgreSQL without pgvector; install pgvector 0.8 or newer "
            "on that server (package postgresql-NN-pgvector, or the image pgvector/pgvector)."
        )
    if installed and _numbers(installed) < PGVECTOR:
        raise UnsuitableDatabaseError(
            f"database.url names a database with pgvector {installed}; install pgvector 0.8 or "
            "newer on that server, then run `alter extension vector update` in the database."
        )
    if offered and not installed and _numbers(offered) < PGVECTOR:
        raise UnsuitableDatabaseError(
            f"database.url names a PostgreSQL with pgvector {offered}; "
            "install pgvector 0.8 or newer on that server."
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
