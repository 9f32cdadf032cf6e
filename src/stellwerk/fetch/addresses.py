"""Which addresses callers may send the hub to: those of the public internet.

A hub stands inside a network; what it fetches for a caller must not be what only the hub can reach.
"""

from collections.abc import Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Addresses of IPv6 that stand for one of IPv4, in their last 32 bits (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")
# Of the public range, but answered inside one cloud (its guest agent's address).
_INSIDE = (ip_network("168.63.129.16/32"),)


def allowed(text: str, networks: Sequence[Network]) -> bool:
    """Whether this address is public, or belongs to one of the `networks` that were allowed."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return all(_one_allowed(each, networks) for each in _meant(address))


def _one_allowed(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks) or _public(address)


def _public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    if any(address in network for network in _INSIDE):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _meant(address: Address) -> Iterator[Address]:
    """Where a packet to this address may end: there, or at an address that it carries."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        # It never leaves as IPv6.
        yield address.ipv4_mapped
        return
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
        return
    yield address
