"""Uploads that are cut: by the client, by the server's death. Nothing of them may stay."""

import shutil
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from sqlalchemy import func, update

from stellwerk.data.blobs.heaps import PIECE
from stellwerk.data.blobs.tables import orphans
from stellwerk.data.database import Database
from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_socket import socket_directory
from tests.faults.test_lifecycle import all_gone, family, until
from tests.server import Server, reachable_directory, running_server, start_server

HALF = (
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    + bytes(PIECE)
    + b"more"
)


def begin_upload(server: Server) -> socket.socket:
    """Send half of a file and leave the connection open."""
    address = urlsplit(server.url)
    connection = socket.create_connection((address.hostname, address.port))
    head = (
        f"POST /v2/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.admin_key}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {2 * len(HALF)}\r\n\r\n"
    )
    connection.sendall(head.encode() + HALF)
    return connection


def pieces(data_dir: Path) -> list[Path]:
    return [path for path in (data_dir / "blobs").rglob("*") if path.is_file()]


def some_are_written(data_dir: Path) -> Callable[[], bool]:
    return lambda: bool(pieces(data_dir))


def listed(server: Server) -> object:
    headers = {"api-key": server.admin_key}
    return httpx.get(f"{server.url}/v2/files", headers=headers).json()["data"]


def test_a_client_that_hangs_up_leaves_nothing(weights: Path) -> None:
    with running_server(weights) as server:
        with closing(begin_upload(server)):
            until(some_are_written(server.data_dir))
        until(lambda: not pieces(server.data_dir))
        assert listed(server) == []


async def test_kill_9_in_the_middle_leaves_nothing(weights: Path) -> None:
    data_dir = reachable_directory()
    server = start_server(data_dir, weights)
    with closing(begin_upload(server)):
        until(some_are_written(data_dir))
        processes = family(server)
        server.kill()
    until(all_gone(processes))
    assert pieces(data_dir)
    # The lease of the upload would pass in three minutes.
    postgres = EmbeddedPostgres(
        directory=data_dir / "postgres", run_dir=socket_directory(data_dir), version=18
    )
    async with postgres, Database(postgres.dsn) as database, database.begin() as connection:
        await connection.execute(update(orphans).values(due_at=func.now()))
    again = start_server(data_dir, weights)
    try:
        until(lambda: not pieces(data_dir))
        again.admin_key = server.admin_key
        assert listed(again) == []
        assert again.stop() == 0
    finally:
        again.kill()
        shutil.rmtree(data_dir, ignore_errors=True)
