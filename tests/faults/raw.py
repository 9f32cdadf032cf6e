"""A client that writes what it likes to a socket, and reads what HTTP allows to come back."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 10


@dataclass(frozen=True)
class Reply:
    """One answer, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


class Wire:
    """One connection to the hub."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._rest = b""

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.sock.sendall(piece)

    def reply(self, *, to_head: bool = False) -> Reply:
        """The next answer, interim ones passed over. A HEAD's answer has no body."""
        while True:
            lines = self._until(b"\r\n\r\n").decode().split("\r\n")
            status = int(lines[0].split(" ")[1])
            if status >= 200:
                break
        headers = {name.lower(): value.strip() for name, _, value in _pairs(lines[1:])}
        return Reply(status, headers, b"" if to_head else self._body(headers))

    def interim(self) -> bytes:
        """The status line of an answer that is to be followed by another."""
        return self._until(b"\r\n\r\n").split(b"\r\n")[0]

    def at_end(self) -> bool:
        """Whether the hub has closed the connection and sent nothing more."""
        try:
            return not self._rest and not self.sock.recv(1)
        except ConnectionResetError:
            return True

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(self._chunks())
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        body = self._rest
        while more := self.sock.recv(65_536):
            body += more
        self._rest = b""
        return body

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._until(b"\r\n"), 16):
            yield self._exactly(size)
            assert self._exactly(2) == b"\r\n"
        assert self._exactly(2) == b"\r\n"

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._more()
        found, _, self._rest = self._rest.partition(mark)
        return found

    def _exactly(self, length: int) -> bytes:
        while len(self._rest) < length:
            self._more()
        found, self._rest = self._rest[:length], self._rest[length:]
        return found

    def _more(self) -> None:
        data = self.sock.recv(65_536)
        if not data:
            raise EOFError(f"the connection ended after {self._rest[:200]!r}")
        self._rest += data


def _pairs(lines: list[str]) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in lines]


@contextmanager
def wire_to(url: str, *, receive_buffer: int | None = None) -> Iterator[Wire]:
    """A fresh connection; a small `receive_buffer` (bytes) makes a slow reader felt early."""
    place = urlsplit(url)
    with socket.socket() as sock:
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(PATIENCE)
        sock.connect((place.hostname, place.port))
        yield Wire(sock)
