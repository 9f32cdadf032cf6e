"""Where pictures are found, and that nothing else changes."""

from typing import Any

import msgspec
import pytest

from stellwerk.operations.body import Fields
from stellwerk.operations.sight.parts import Conversation, may_hold

PART = {"type": "image_url", "image_url": {"url": "https://a/1.png", "detail": "low", "x": 1}}


def fields(body: Any) -> Fields:
    return msgspec.json.decode(msgspec.json.encode(body), type=Fields)


def chat(*parts: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": list(parts)}]}


def conversation(body: Any) -> Conversation:
    found = Conversation.of(fields(body))
    assert found is not None
    return found


def test_a_part_of_a_chat() -> None:
    [shown] = conversation(chat({"type": "text", "text": "What?"}, PART)).shown
    assert (shown.param, shown.url, shown.detail) == (
        "messages[0].content[1].image_url.url",
        "https://a/1.png",
        "low",
    )


def test_a_part_of_a_response() -> None:
    part = {"type": "input_image", "image_url": "https://a/1.png", "detail": "high"}
    output = {"type": "function_call_output", "output": [part]}
    found = conversation({"input": [{"role": "user", "content": [part]}, output]})
    assert [one.param for one in found.shown] == [
        "input[0].content[0].image_url",
        "input[1].output[0].image_url",
    ]
    assert found.shown[0].detail == "high"


def test_a_part_that_names_a_file() -> None:
    mine, theirs = "file-" + "0a" * 16, "file-AbCdEf"
    part = {"type": "input_image", "file_id": mine, "detail": "low"}
    given = {"input": [{"content": [part, {**part, "file_id": theirs}]}]}
    found = conversation(given)
    [shown] = found.shown
    assert (shown.param, shown.file_id, shown.detail) == (
        "input[0].content[0].file_id",
        mine,
        "low",
    )
    shown.put("data:,")
    assert found.messages[0]["content"] == [
        {"type": "input_image", "detail": "low", "image_url": "data:,"},
        {**part, "file_id": theirs},
    ]
    assert may_hold(msgspec.json.encode(given))


def test_another_address_keeps_the_rest() -> None:
    given = chat(PART, {"type": "image_url", "image_url": "https://a/2.png"})
    found = conversation(given)
    for shown in found.shown:
        shown.put("data:,")
    changed = msgspec.json.decode(msgspec.json.encode(found.put_into(fields(given))))
    [first, second] = changed["messages"][0]["content"]
    assert first == {**PART, "image_url": {"url": "data:,", "detail": "low", "x": 1}}
    assert second == {"type": "image_url", "image_url": "data:,"}


def test_a_text_in_its_place() -> None:
    found = conversation(chat(PART))
    found.shown[0].tell(found.text_kind, "A cat.")
    assert found.messages[0]["content"] == [{"type": "text", "text": "A cat."}]


def test_messages_without_pictures_keep_their_bytes() -> None:
    body = (
        b'{"messages": [{"role":"user",  "content":"\\u00fc 1.50"}, '
        b'{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]}'
    )
    given = msgspec.json.decode(body, type=Fields)
    found = Conversation.of(given)
    assert found is not None
    assert b'{"role":"user",  "content":"\\u00fc 1.50"}' in bytes(found.put_into(given)["messages"])


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": "The key image_url is text."}]},
        {"messages": [{"content": [{"type": "text", "text": '"image_url": "https://a"'}]}]},
        {"messages": "no list, but image_url"},
        {"messages": [{"content": [{"type": "image_url", "image_url": 3}]}]},
        {"messages": [], "tools": [{"parameters": {"properties": {"image_url": {"url": "x"}}}}]},
        {"input": "image_url"},
        {"input": [{"content": [{"type": "input_file", "file_id": "file-" + "0a" * 16}]}]},
        {"prompt": "image_url"},
    ],
)
def test_what_is_no_picture(body: Any) -> None:
    assert Conversation.of(fields(body)) is None


@pytest.mark.parametrize("written", [b"image_url", b"\\u0069mage_url", b"image\\u005Furl"])
def test_a_key_cannot_hide(written: bytes) -> None:
    body = b'{"messages":[{"content":[{"%b":{"url":"file:///a"}}]}]}' % written
    assert may_hold(body)
    found = Conversation.of(msgspec.json.decode(body, type=Fields))
    assert found is not None
    assert found.shown[0].url == "file:///a"


def test_ordinary_texts_are_not_looked_through() -> None:
    assert not may_hold(b'{"messages":[{"role":"user","content":"Gr\\u00fc\\u00dfe"}]}')


def test_parts_that_lie_absurdly_deep_are_left_alone() -> None:
    node: Any = PART
    for _ in range(200):
        node = {"x": node}
    assert Conversation.of(fields({"messages": [node]})) is None
