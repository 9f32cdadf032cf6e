import pytest

from stellwerk.wire.known_head import KnownHead

HEAD = b"POST /v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nAccept: */*\r\n\r\n"


def known(data: bytes) -> KnownHead:
    head = KnownHead.of(data)
    assert head is not None
    return head


def with_length(digits: bytes) -> bytes:
    return HEAD.replace(b": 5", b": " + digits)


@pytest.mark.parametrize("length", [0, 1, 5, 12, 70_000])
def test_the_same_head_with_any_length(length: int) -> None:
    body = b"x" * length
    assert known(HEAD + b"hello").body_in(with_length(b"%d" % length) + body) == (body, length)


def test_the_length_may_stand_last() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
    assert known(head + b"{}").body_in(head.replace(b"2\r", b"3\r") + b"[1]") == (b"[1]", 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD[:-2],
        HEAD.replace(b"Content-Length: 5\r\n", b""),
        HEAD.replace(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
        HEAD.replace(b"Accept: */*", b"Content-Length: 5"),
        HEAD.replace(b"Accept: */*", b"content-length: 6"),
        with_length(b"+5"),
        with_length(b"0x5"),
        with_length(b"5, 5"),
        with_length(b"1" * 16),
    ],
)
def test_a_head_without_just_one_length_is_not_known(data: bytes) -> None:
    assert KnownHead.of(data) is None


def test_a_length_in_the_body_is_none_of_the_head() -> None:
    head = known(HEAD + b"\r\ncontent-length: 9\r\n")
    assert head.body_in(HEAD + b"hello") == (b"hello", 5)


@pytest.mark.parametrize("there", [b"", b"h", b"hell"])
def test_the_rest_of_a_body_may_be_still_to_come(there: bytes) -> None:
    assert known(HEAD + b"hello").body_in(HEAD + there) == (there, 5)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD[:-1],
        HEAD + b"hello!",
        HEAD + b"hello" + HEAD + b"hello",
        HEAD.replace(b"Host: h", b"Host: i") + b"hello",
        HEAD.replace(b"Accept: */*", b"Accept: */*\r\nExpect: 100-continue") + b"hello",
        HEAD.replace(b"Accept: */*", b"Accept: */*\r\nContent-Length: 5") + b"hello",
        HEAD.replace(b"Accept: */*", b"Accept: */*\r\nTransfer-Encoding: chunked") + b"hello",
        HEAD.replace(b"content-length", b"Content-length").replace(b"/v2/x", b"/v2/y") + b"hello",
        with_length(b"") + b"hello",
        with_length(b"-5") + b"hello",
        with_length(b"5 ") + b"hello",
        with_length(b"5;") + b"hello",
        with_length(b"\xb2") + b"he",
        with_length(b"0" * 20 + b"5") + b"hello",
    ],
)
def test_any_other_byte_is_for_the_parser(data: bytes) -> None:
    assert known(HEAD + b"hello").body_in(data) is None
