"""What is wrong with an input file, and on which line."""

import json
from typing import Any

import pytest

from tests.features.batches.conftest import LONGEST, House, line

GOOD = json.dumps(line("a")).encode()


def text(**changes: Any) -> bytes:
    return json.dumps({**line("b"), **changes}).encode()


@pytest.mark.parametrize(
    ("bad", "code", "param"),
    [
        (b"{", "invalid_json", None),
        (b"not json", "invalid_json", None),
        (b"[]", "invalid_type", None),
        (b"\xff\xfe", "invalid_json", None),
        (text(body={"model": "m", "unknown": "?"}).replace(b"?", b"\xff"), "invalid_json", None),
        (text(body={"model": "m", "?": 1}).replace(b"?", b"\xff"), "invalid_json", None),
        (text(custom_id=5), "invalid_type", "custom_id"),
        (text(custom_id=""), "invalid_value", "custom_id"),
        (text(custom_id="x" * 600), "invalid_value", "custom_id"),
        (text(method="GET"), "invalid_value", "method"),
        (text(url="/v1/embeddings"), "invalid_url", "url"),
        (text(url="https://example.org/v1/chat/completions"), "invalid_url", "url"),
        (text(body="x"), "invalid_type", None),
        (text(body={}), "missing_required_parameter", "model"),
        (text(body={"model": "other"}), "model_not_found", "body.model"),
        (text(body={"model": "m", "stream": True}), "stream_not_supported", "body.stream"),
        (b'{"custom_id": "b"}', "missing_required_parameter", "method"),
        (b"x" * (LONGEST + 2**20), "line_too_long", None),
        (text(custom_id="a"), "duplicate_custom_id", "custom_id"),
    ],
)
async def test_a_bad_line_is_named(house: House, bad: bytes, code: str, param: str | None) -> None:
    name = await house.create(GOOD + b"\n\n" + bad + b"\n")
    batch = await house.finish(name)
    assert batch.status == "failed"
    assert batch.errors is not None
    found = batch.errors.data[0]
    assert (found.code, found.line, found.param) == (code, 3, param)
    assert (batch.output_file_id, batch.error_file_id) == (None, None)
    assert batch.failed_at
    assert house.ran == []


async def test_an_empty_file_has_nothing_to_run(house: House) -> None:
    batch = await house.finish(await house.create(b"\n\n"))
    assert batch.errors is not None
    assert batch.errors.data[0].code == "empty_file"


async def test_a_batch_has_only_so_many_lines(house: House) -> None:
    house.checking = house.checker(2)
    batch = await house.finish(await house.create([line(str(n)) for n in range(3)]))
    assert batch.errors is not None
    assert [each.code for each in batch.errors.data] == ["too_many_lines"]


async def test_only_the_first_hundred_errors_are_told(house: House) -> None:
    batch = await house.finish(await house.create(b"x\n" * 1000))
    assert batch.errors is not None
    assert len(batch.errors.data) == 100


async def test_a_mark_of_byte_order_is_no_error(house: House) -> None:
    batch = await house.finish(await house.create(b"\xef\xbb\xbf" + GOOD))
    assert batch.status == "completed"
