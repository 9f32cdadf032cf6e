"""The TCP socket that all hub processes of this machine accept from."""

import errno
import socket

import psutil

from stellwerk.base.errors import StellwerkError

BACKLOG = 2048


class ListenError(StellwerkError):
    """The address that was asked for cannot be listened on."""

    code = "cannot_listen"


def bind(host: str, port: int) -> socket.socket:
    """A socket that does not listen yet; port 0 takes a free one. Raises `ListenError`."""
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except OSError as error:
        raise ListenError(f"`host`: {host!r} is no address of this machine: {error}.") from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ListenError(explain(error, host, port)) from error
    return listener


def listen(listener: socket.socket) -> None:
    """Let clients connect. Raises `ListenError` when another process was quicker."""
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        host, port = listener.getsockname()[:2]
        raise ListenError(explain(error, host, port)) from error


def url(listener: socket.socket) -> str:
    """`http://host:port` of a bound socket, as one types it on this machine."""
    host, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def explain(error: OSError, host: str, port: int) -> str:
    """Why an address cannot be listened on, and what helps."""
    if error.errno == errno.EADDRINUSE:
        return f"`port`: {port} on {host} is taken{_taken_by(port)}. Choose another, or 0 for any."
    if error.errno == errno.EACCES:
        return f"`port`: {port} may not be used by this account. Choose one from 1024 on."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"`host`: {host!r} is no address of this machine."
    return f"Cannot listen on {host} port {port}: {error.strerror}."


def _taken_by(port: int) -> str:
    try:
        listening = [
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and port in connection.laddr
        ]
        pid = next((pid for pid in listening if pid), None)
        return f" by process {pid} ({psutil.Process(pid).name()})" if pid else ""
    except psutil.Error:
        return ""
