"""Another server that answers the OpenAI API, as a route."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from stellwerk.base.model_entry import PictureForm
from stellwerk.upstreams.exchange import Receiver
from stellwerk.upstreams.pool import Address, Pool, PooledExchange
from stellwerk.upstreams.route import new_breaker

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Base:
    """A base URL taken apart. `query` goes behind every path (Azure's `api-version`)."""

    address: Address
    host: str
    path: str
    query: str

    @classmethod
    def of(cls, url: str, socket: str | None = None) -> "Base":
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
        address = Address(parts.hostname or "", port, parts.scheme == "https", socket)
        query = f"?{parts.query}" if parts.query else ""
        return cls(address, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), query)


class HttpRoute:
    """See `Route`. `credential` is a header line's name and value."""

    local = False

    def __init__(
        self,
        name: str,
        model: str,
        base: Base,
        pool: Pool,
        credential: tuple[str, str] | None = None,
        *,
        order: int = 0,
        weight: float = 1,
        retry: bool = False,
        pictures: PictureForm = "data",
    ) -> None:
        self.name, self.model = name, model
        self.order, self.weight, self.retry = order, weight, retry
        self.pictures = pictures
        self.in_flight = 0
        self.breaker = new_breaker()
        self._pool = pool
        self._base = base
        self._credential = f"{credential[0]}: {credential[1]}\r\n" if credential else ""
        self._heads: dict[tuple[str, bytes], bytes] = {}

    def begin(
        self,
        path: str,
        body: bytes,
        content_type: bytes,
        request_id: str,
        trace: str | None,
        receiver: Receiver,
    ) -> PooledExchange:
        head = self._heads.get((path, content_type)) or self._head(path, content_type)
        rest = request_id.encode("latin-1")
        if trace is not None:
            rest = b"%b\r\ntraceparent: %b" % (rest, trace.encode("latin-1"))
        length = b"\r\ncontent-length: %d\r\n\r\n" % len(body)
        request = b"".join((head, rest, length, body))
        return self._pool.begin(request, receiver)

    def _head(self, path: str, content_type: bytes) -> bytes:
        """All lines but the last ones, which are different for each request."""
        base = self._base
        head = (
            f"POST {base.path}{path}{base.query} HTTP/1.1\r\nhost: {base.host}\r\n"
            f"{self._credential}content-type: {content_type.decode('latin-1')}\r\n"
            "accept-encoding: identity\r\nuser-agent: stellwerk\r\nx-request-id: "
        ).encode("latin-1")
        if content_type == b"application/json":
            # A multipart body's type has a boundary, which never comes again.
            self._heads[path, content_type] = head
        return head
