import pytest

from stellwerk.http.request_id import request_id


def test_a_safe_id_is_kept() -> None:
    assert request_id([(b"x-request-id", b"trace-1:a.b_c")]) == "trace-1:a.b_c"


@pytest.mark.parametrize("value", [b"", b"a b", b"a\r\nb", b"x" * 129, "é".encode()])
def test_an_unsafe_id_is_replaced(value: bytes) -> None:
    made = request_id([(b"x-request-id", value)])
    assert made.startswith("req_")
    assert len(made) == 36
