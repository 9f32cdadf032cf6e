import pytest

from stellwerk.http.credentials import api_key


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([(b"authorization", b"Bearer stw-1")], "stw-1"),
        ([(b"authorization", b"bearer  stw-1 ")], "stw-1"),
        ([(b"api-key", b"stw-2")], "stw-2"),
        ([(b"authorization", b"Bearer stw-1"), (b"api-key", b"stw-2")], "stw-1"),
        ([(b"authorization", b"Bearer "), (b"api-key", b"stw-2")], "stw-2"),
        ([(b"authorization", b"Basic abc")], None),
        ([(b"api-key", b"")], None),
        ([], None),
        ([(b"authorization", b"Bearer \xff")], "\xff"),
    ],
)
def test_api_key(headers: list[tuple[bytes, bytes]], key: str | None) -> None:
    assert api_key(headers) == key
