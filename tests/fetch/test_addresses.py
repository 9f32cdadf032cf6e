"""The table of addresses, each by itself."""

from ipaddress import ip_network

import pytest

from stellwerk.fetch.addresses import allowed

REFUSED = """
    127.0.0.1 127.255.0.9 0.0.0.0 0.1.2.3 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1
    169.254.169.254 100.64.0.1 100.100.100.200 192.0.0.1 192.0.2.1 198.18.0.1 203.0.113.5
    224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 168.63.129.16
    :: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 ::8.8.8.8
    fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 2001:db8::1 64:ff9b::7f00:1
    64:ff9b::a9fe:a9fe 64:ff9b:1::a00:1 2002:7f00:1:: 2002:a00:1::1 2001:0:4136:e378::1 4000::1
    localhost 127.1 2130706433 0x7f.1
"""
PUBLIC = """
    1.1.1.1 8.8.8.8 172.32.0.1 192.169.0.1 100.128.0.1 2606:4700:4700::1111 ::ffff:8.8.8.8
    64:ff9b::808:808 2002:808:808::1
"""


@pytest.mark.parametrize("address", REFUSED.split())
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not allowed(address, ())


@pytest.mark.parametrize("address", PUBLIC.split())
def test_what_is_public_is_allowed(address: str) -> None:
    assert allowed(address, ())


def test_a_network_can_be_allowed() -> None:
    networks = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "64:ff9b::a01:203", "8.8.8.8"):
        assert allowed(address, networks)
    for address in ("10.2.0.1", "::ffff:10.2.0.1", "127.0.0.1", "fe80::1"):
        assert not allowed(address, networks)
