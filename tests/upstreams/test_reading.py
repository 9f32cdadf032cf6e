import json
from collections.abc import Iterator
from typing import Any

import pytest

from stellwerk.upstreams.reading import EventReader, Tokens, read_whole

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 4},
}
END = b"data: [DONE]"


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode()


def delta(text: str, model: str = "m1", **fields: Any) -> bytes:
    return event(model=model, choices=[{"index": 0, "delta": {"content": text}}], **fields)


def stream(*events: bytes, end: bytes = b"\n\n") -> bytes:
    return b"".join(one + end for one in events)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def read(
    data: bytes, size: int | None = None, *, shown: str = "chat", hide: bool = True
) -> tuple[bytes, Tokens, EventReader]:
    tokens = Tokens()
    reader = EventReader(shown, tokens, hide_usage=hide)
    out = b"".join(reader.feed(piece) for piece in pieces(data, size or len(data)))
    return out + reader.rest(), tokens, reader


def told(tokens: Tokens) -> tuple[int, int, int, bool]:
    return tokens.prompt, tokens.cached, tokens.completion, tokens.known


SENT = (delta("Hel"), delta("lo"), event(model="m1", choices=[], usage=USAGE), END)
SHOWN = (delta("Hel", "chat"), delta("lo", "chat"), event(model="chat", choices=[], usage=USAGE))


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("size", [*range(1, 40), 100, 10_000])
def test_however_the_bytes_are_cut(size: int, end: bytes) -> None:
    out, tokens, reader = read(stream(*SENT, end=end), size)
    assert out == stream(*SHOWN[:2], END, end=end)
    assert told(tokens) == (11, 4, 7, True)
    assert reader.events >= 3


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_usage_that_the_caller_asked_for_stays(size: int) -> None:
    out, tokens, _ = read(stream(*SENT), size, hide=False)
    assert out == stream(*SHOWN, END)
    assert told(tokens) == (11, 4, 7, True)


@pytest.mark.parametrize("size", [1, 13, 10_000])
def test_a_usage_of_null_is_no_usage(size: int) -> None:
    events = delta("a", usage=None), delta("b", usage=None), SENT[2], END
    out, tokens, _ = read(stream(*events), size)
    named = delta("a", "chat", usage=None), delta("b", "chat", usage=None), END
    assert out == stream(*named)
    assert tokens.completion == 7


def test_usage_beside_a_choice_is_taken_and_stays() -> None:
    last = delta("lo", "chat", usage=USAGE)
    out, tokens, _ = read(stream(last, END))
    assert out == stream(last, END)
    assert told(tokens) == (11, 4, 7, True)


def test_of_several_usages_the_last_one_counts() -> None:
    events = [
        delta("x", "chat", usage={"prompt_tokens": 3, "completion_tokens": number})
        for number in range(1, 4)
    ]
    out, tokens, _ = read(stream(*events))
    assert out == stream(*events)
    assert told(tokens) == (3, 0, 3, True)


TEXTS = [
    'the field "model":"m1" of a request',
    '{"model":"m1","usage":{"prompt_tokens":1}}',
    'said "usage": {"prompt_tokens": 99}',
    'a backslash \\ and \\"model\\":\\"m1\\"',
    "data: [DONE]\n\ndata: x\r\n\r\n",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("size", [1, 10_000])
def test_text_that_looks_like_fields_is_left_alone(text: str, size: int) -> None:
    out, tokens, _ = read(stream(delta(text), END), size)
    assert out == stream(delta(text, "chat"), END)
    assert not tokens.known


@pytest.mark.parametrize("text", TEXTS)
def test_text_before_the_model_is_left_alone(text: str) -> None:
    sent = event(choices=[{"delta": {"content": text}}], model="m1")
    assert read(stream(sent))[0] == stream(
        event(choices=[{"delta": {"content": text}}], model="chat")
    )


def test_the_name_is_replaced_however_the_target_spaces_it() -> None:
    sent = b'data: {"model" : "org/m1","choices":[1]}\n\ndata: {"model" : "org/m1"}\n\n'
    out, _, _ = read(sent)
    assert out == b'data: {"model":"chat","choices":[1]}\n\ndata: {"model":"chat"}\n\n'


def test_a_name_that_needs_escapes() -> None:
    out, _, _ = read(stream(delta("x", 'say "m"')), shown='a\\b"c')
    assert json.loads(out.removeprefix(b"data: "))["model"] == 'a\\b"c'


def test_usage_of_the_responses_api_is_nested() -> None:
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 2},
        "output_tokens": 9,
        "total_tokens": 14,
    }
    done = {"id": "resp_1", "model": "m1", "usage": usage}
    sent = b"event: response.completed\n" + event(type="response.completed", response=done)
    shown = {**done, "model": "chat"}
    out, tokens, _ = read(stream(sent))
    assert out == b"event: response.completed\n" + stream(
        event(type="response.completed", response=shown)
    )
    assert told(tokens) == (5, 2, 9, True)


def test_what_is_cut_off_is_kept_back() -> None:
    tokens = Tokens()
    reader = EventReader("chat", tokens, hide_usage=True)
    assert reader.feed(stream(delta("a")) + b'data: {"mod') == stream(delta("a", "chat"))
    assert reader.rest() == b'data: {"mod'
    assert reader.rest() == b""


@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_what_is_no_json_goes_through(size: int) -> None:
    sent = b': ping\n\ndata: {"usage":{ broken\n\ndata: \xff "usage":{}\n\n'
    out, tokens, _ = read(sent, size)
    assert out == sent
    assert not tokens.known


def test_an_event_without_an_end_does_not_fill_the_memory() -> None:
    reader = EventReader("chat", Tokens(), hide_usage=True)
    out = b"".join(reader.feed(b"x" * 2**16) for _ in range(64))
    assert len(out) >= 2**21


def whole(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def test_a_whole_answer_gets_its_name_and_tells_its_usage() -> None:
    tokens = Tokens()
    sent = whole(id="c", model="m1", choices=[{"message": {"content": TEXTS[1]}}], usage=USAGE)
    out = read_whole(sent, "chat", tokens)
    assert out == sent.replace(b'"model":"m1"', b'"model":"chat"', 1)
    assert told(tokens) == (11, 4, 7, True)


def test_a_total_alone_is_what_was_read() -> None:
    tokens = Tokens()
    read_whole(whole(results=[], usage={"total_tokens": 21}), "ranker", tokens)
    assert (tokens.prompt, tokens.completion, tokens.known) == (21, 0, True)


def test_a_whole_answer_of_the_right_name_is_the_same_bytes() -> None:
    sent = b'{ "model" : "chat",\n"usage":null}'
    tokens = Tokens()
    assert read_whole(sent, "chat", tokens) is sent
    assert not tokens.known


def test_text_before_the_model_of_a_whole_answer_is_left_alone() -> None:
    sent = whole(choices=[{"message": {"content": TEXTS[0]}}], model="m1")
    out = json.loads(read_whole(sent, 'new "name" \\1', Tokens()))
    assert out["model"] == 'new "name" \\1'
    assert out["choices"][0]["message"]["content"] == TEXTS[0]


def test_another_model_inside_a_whole_answer_keeps_its_name() -> None:
    sent = whole(tools=[{"type": "image_generation", "model": "painter"}], model="m1")
    assert json.loads(read_whole(sent, "chat", Tokens())) == {
        "tools": [{"type": "image_generation", "model": "painter"}],
        "model": "chat",
    }


def test_a_slash_may_be_escaped_and_other_names_may_be_broken() -> None:
    sent = b'{"t":{"model":"\xff"},"model":"org\\/m1"}'
    assert read_whole(sent, "chat", Tokens()) == b'{"t":{"model":"\xff"},"model":"chat"}'


@pytest.mark.parametrize("sent", [b"", b"no", b"[]", b"\xff", b"[" * 200_000, b'{"usage":[1]}'])
def test_a_whole_answer_that_is_no_object_goes_through(sent: bytes) -> None:
    tokens = Tokens()
    assert read_whole(sent, "chat", tokens) == sent
    assert not tokens.known


@pytest.mark.parametrize("count", [-1, -(10**30), 10**400])
def test_odd_numbers_are_brought_into_bounds(count: int) -> None:
    tokens = Tokens()
    body = json.dumps({"usage": {"prompt_tokens": count, "completion_tokens": count}}).encode()
    assert read_whole(body, "m", tokens) == body
    assert 0 <= tokens.prompt < 2**31
    assert 0 <= tokens.completion < 2**31


def test_deep_nesting_is_passed_on_unread() -> None:
    body = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert read_whole(body, "m", Tokens()) == body


def test_a_tools_model_is_not_taken_for_the_targets_own() -> None:
    first = event(response={"tools": [{"model": "x"}], "model": "m1"})
    said = EventReader("mine", Tokens(), hide_usage=False).feed(stream(first, delta("a"), END))
    assert b'[{"model":"x"}],"model":"mine"' in said
    assert b"m1" not in said
