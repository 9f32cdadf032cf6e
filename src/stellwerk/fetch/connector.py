"""Connections to checked addresses only.

A name is resolved once for each connection, what it resolved to is checked, and the socket is made
for the checked address: there is no second look-up that could come to something else. The name
stays the one that TLS verifies. The check stands where a socket is made, so no way leads around it.
"""

import socket
import ssl
from collections.abc import Sequence
from functools import partial
from typing import Any

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from stellwerk.fetch.addresses import Network, allowed
from stellwerk.fetch.errors import ForbiddenAddressError
from stellwerk.fetch.names import Names

# Several addresses are tried in turn, so a name with a thousand of them is of no use to anybody.
MOST = 8


class CheckedResolver(AbstractResolver):
    """Gives only the addresses that may be gone to. Raises `ForbiddenAddressError`."""

    def __init__(self, networks: Sequence[Network], inner: AbstractResolver) -> None:
        self._networks = networks
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not all(allowed(each["host"], self._networks) for each in found):
            # One among public ones is no accident.
            raise forbidden()
        return found[:MOST]

    async def close(self) -> None:
        await self._inner.close()


def checked_connector(
    networks: Sequence[Network],
    resolver: AbstractResolver | None = None,
    context: ssl.SSLContext | None = None,
) -> TCPConnector:
    """For one `ClientSession`; no connection is used twice."""
    return TCPConnector(
        resolver=CheckedResolver(networks, resolver or Names()),
        socket_factory=partial(_socket, networks),
        ssl=context or True,
        use_dns_cache=False,
        happy_eyeballs_delay=None,
        force_close=True,
        limit=0,
    )


def _socket(networks: Sequence[Network], info: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, place = info
    if not allowed(place[0], networks):
        raise forbidden()
    return socket.socket(family, kind, protocol)


def forbidden() -> ForbiddenAddressError:
    """Which address it was is not told: that would map the network for whoever asks."""
    return ForbiddenAddressError(
        "The URL leads to an address that this hub does not go to: public ones are allowed, and "
        "those that the setting `fetch.allow` names."
    )
