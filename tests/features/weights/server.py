"""A file server on the loopback that can be slow, cut lines, ask for a password, and counts."""

import hashlib
import io
import threading
import zipfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 2**14


@dataclass
class Asked:
    """A request, and how many bytes of a file were sent for it."""

    method: str
    path: str
    range: str | None
    authorization: str | None
    sent: int = 0


@dataclass
class Files:
    """What is served, and how. Paths begin with a slash."""

    url: str = ""
    content: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    """Statuses to answer with before the file is given."""
    cuts: dict[str, list[int]] = field(default_factory=dict)
    """The connection is closed after so many bytes, once for each number."""
    holds: dict[str, int] = field(default_factory=dict)
    """After so many bytes nothing more comes until `release` is called."""
    without_range: set[str] = field(default_factory=set)
    password: str | None = None
    asked: list[Asked] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def gets(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "GET" and asked.path == path]

    def release(self) -> None:
        self.released.set()

    def add_wheel(
        self,
        name: str,
        members: Mapping[str, bytes],
        *,
        sha256: str = "",
        with_metadata: bool = True,
    ) -> str:
        """Put version 1.0 of a package into the index; gives the wheel's path."""
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
        path = f"/files/{name.replace('-', '_')}-1.0-py3-none-any.whl"
        self.content[path] = wheel(name, members, metadata)
        self.content[path + ".metadata"] = metadata
        sha256 = sha256 or hashlib.sha256(self.content[path]).hexdigest()
        stated = f"sha256={hashlib.sha256(metadata).hexdigest()}"
        beside = f' data-core-metadata="{stated}"' if with_metadata else ""
        link = f'<a href="{path}#sha256={sha256}"{beside}>{path[7:]}</a>'
        page = f"/simple/{name.replace('.', '-').lower()}/"
        self.content[page] = f"<!DOCTYPE html><body>{link}</body>".encode()
        self.headers[page] = {"Content-Type": "text/html"}
        return path


def wheel(name: str, members: Mapping[str, bytes], metadata: bytes) -> bytes:
    """A wheel that an installer would take."""
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    about = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    everything = {**members, f"{info}/METADATA": metadata, f"{info}/WHEEL": about}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in everything.items():
            archive.writestr(path, data)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in everything))
    return written.getvalue()


class Handler(BaseHTTPRequestHandler):
    def __init__(self, files: Files, *arguments: object) -> None:
        self.files = files
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def answer(self) -> None:
        given, wanted = self.headers["Authorization"], self.headers["Range"]
        asked = Asked(self.command, self.path, wanted, given)
        self.files.asked.append(asked)
        if refusal := self.refusal(given):
            self.reply(refusal, {"Content-Length": "0"})
        elif target := self.files.redirects.get(self.path):
            self.reply(302, {"Location": target, **self.files.headers.get(self.path, {})})
        else:
            self.give(asked)

    def refusal(self, given: str | None) -> int | None:
        if self.command == "GET" and (statuses := self.files.statuses.get(self.path)):
            return statuses.pop(0)
        if self.files.password:
            expected = b64encode(f"user:{self.files.password}".encode()).decode()
            if given != f"Basic {expected}":
                return 401
        return None if self.path in {*self.files.content, *self.files.redirects} else 404

    def give(self, asked: Asked) -> None:
        data = self.files.content[self.path]
        headers = dict(self.files.headers.get(self.path, {}))
        start, end, status = 0, len(data), 200
        if self.path not in self.files.without_range:
            headers["Accept-Ranges"] = "bytes"
            if asked.range:
                first, _, last = asked.range.removeprefix("bytes=").partition("-")
                start, end, status = int(first), min(int(last or end) + 1, end), 206
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        if start >= len(data):
            range_ = {"Content-Range": f"bytes */{len(data)}", "Content-Length": "0"}
            return self.reply(416, range_)
        self.reply(status, {**headers, "Content-Length": str(end - start)})
        if self.command == "GET":
            self.send(data[start:end], asked)
        return None

    def reply(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, data: bytes, asked: Asked) -> None:
        cuts = self.files.cuts.get(self.path)
        end = cuts.pop(0) if cuts else len(data)
        hold = self.files.holds.pop(self.path, None)
        try:
            self.write(data[: end if hold is None else hold], asked)
            if hold is not None:
                self.files.released.wait(60)
                self.write(data[hold:end], asked)
        except OSError:
            return  # the client was killed

    def write(self, data: bytes, asked: Asked) -> None:
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            self.wfile.write(piece)
            asked.sent += len(piece)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002
        """Tests need no log of requests."""


@contextmanager
def serving() -> Iterator[Files]:
    files = Files()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, files))
    files.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield files
    finally:
        files.release()
        server.shutdown()
        server.server_close()
        thread.join()
