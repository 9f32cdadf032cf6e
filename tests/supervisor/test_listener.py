import os
import socket
from contextlib import closing

import pytest

from stellwerk.supervisor.listener import ListenError, bind, listen, url


def test_a_free_port() -> None:
    with closing(bind("127.0.0.1", 0)) as listener:
        listen(listener)
        port = listener.getsockname()[1]
        assert url(listener) == f"http://127.0.0.1:{port}"
        socket.create_connection(("127.0.0.1", port)).close()


def test_all_addresses_are_named_by_one_that_can_be_typed() -> None:
    with closing(bind("0.0.0.0", 0)) as listener:
        assert url(listener).startswith("http://127.0.0.1:")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_ipv6() -> None:
    try:
        listener = bind("::1", 0)
    except ListenError:
        pytest.skip("this machine has no IPv6 loopback")
    with closing(listener):
        assert url(listener).startswith("http://[::1]:")


def test_a_taken_port_is_named_with_who_has_it() -> None:
    with closing(bind("127.0.0.1", 0)) as first:
        listen(first)
        port = first.getsockname()[1]
        with pytest.raises(ListenError, match=f"`port`: {port} on 127.0.0.1 is taken") as caught:
            bind("127.0.0.1", port)
        assert f"by process {os.getpid()} (" in caught.value.message


def test_an_address_of_another_machine() -> None:
    with pytest.raises(ListenError, match=r"`host`: '192\.0\.2\.1' is no address"):
        bind("192.0.2.1", 0)


def test_a_name_that_is_none() -> None:
    with pytest.raises(ListenError, match="`host`: 'no such host'"):
        bind("no such host", 0)
