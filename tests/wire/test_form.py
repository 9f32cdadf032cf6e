from typing import Any

import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.wire.audio import ServerVad, TranscriptionRequest
from stellwerk.wire.form import FormReader, Part, decode_form, read_parts, value_span, write_parts

FORM = "multipart/form-data; boundary=b"
FILE = Part("file", b"\0\r\n--sound", 'a".mp3', "audio/mpeg")


def request(**fields: Any) -> TranscriptionRequest:
    texts = [
        Part(name, value.encode())
        for name, given in {"model": "m", **fields}.items()
        for value in ((given,) if isinstance(given, str) else given)
    ]
    body = write_parts([FILE, *texts], FORM)
    return decode_form(read_parts(body, FORM), TranscriptionRequest)


def test_a_form_is_read_as_it_was_written() -> None:
    parts = [Part("prompt", "Gleis 9¾".encode()), FILE]
    read = read_parts(write_parts(parts, FORM), FORM)
    assert [part.content for part in read] == [part.content for part in parts]
    assert (read[0].filename, read[1].filename, read[1].content_type) == (
        None,
        'a".mp3',
        "audio/mpeg",
    )


def test_a_large_file_is_whole() -> None:
    sound = bytes(range(256)) * 4096
    body = write_parts([Part("file", sound, "f"), Part("model", b"m")], FORM)
    assert read_parts(body, FORM)[0].content == sound
    assert read_parts(body, FORM, files=False)[0].content == b""


def test_a_form_comes_in_any_pieces() -> None:
    body = write_parts([FILE, Part("model", b"m")], FORM)
    for size in (1, 7, len(body)):
        reader = FormReader(FORM)
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        found = [part for piece in pieces for part in reader.feed(piece)]
        reader.close()
        assert [(part.name, part.content) for part in found] == [
            ("file", FILE.content),
            ("model", b"m"),
        ]


def test_a_form_that_is_cut_off() -> None:
    body = write_parts([FILE, Part("model", b"m")], FORM)
    reader = FormReader(FORM)
    list(reader.feed(body[:-10]))
    with pytest.raises(InvalidRequestError, match="not a valid multipart form"):
        reader.close()


def test_a_file_whose_name_is_written_as_in_mail() -> None:
    head = "Content-Disposition: form-data; name=\"file\"; filename*=utf-8''Gr%C3%BC%C3%9Fe.mp3"
    [part] = read_parts(f"--b\r\n{head}\r\n\r\nx\r\n--b--\r\n".encode(), FORM)
    assert part == Part("file", b"x", "Grüße.mp3")


def test_a_file_as_a_text_is_not_taken_for_base64() -> None:
    parts = [Part("model", b"m"), Part("file", b"YWJj")]
    with pytest.raises(InvalidRequestError, match="send it as a file") as refusal:
        decode_form(parts, TranscriptionRequest)
    assert refusal.value.param == "file"


def test_an_error_of_the_form_is_one_sentence() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--b--\r\n'
    with pytest.raises(InvalidRequestError, match=r"form: Segment header failed to decode\.$"):
        read_parts(body, FORM)


def test_texts_become_what_the_fields_are() -> None:
    read = request(
        temperature="0.5",
        stream="true",
        language="",
        **{"timestamp_granularities[]": ("word", "segment"), "include": "logprobs"},
    )
    assert read.file == FILE.content
    assert (read.temperature, read.stream, read.language) == (0.5, True, None)
    assert read.timestamp_granularities == ["word", "segment"]
    assert read.include == ["logprobs"]


def test_the_items_of_a_list_may_be_numbered() -> None:
    numbered = {"timestamp_granularities[0]": "word", "timestamp_granularities[1]": "segment"}
    assert request(**numbered).timestamp_granularities == ["word", "segment"]


def test_an_object_comes_in_its_fields() -> None:
    read = request(
        **{"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": "0.7"}
    )
    assert read.chunking_strategy == ServerVad(type="server_vad", threshold=0.7)
    assert request(chunking_strategy='{"type":"server_vad","threshold":0.7}') == read
    assert request(chunking_strategy="auto").chunking_strategy == "auto"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": "2"}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"response_format": "pdf"}, "response_format"),
        ({"timestamp_granularities[]": "letter"}, "timestamp_granularities[]"),
        ({"model": ("a", "b")}, "model"),
        ({"chunking_strategy": "auto", "chunking_strategy[type]": "x"}, "chunking_strategy[type]"),
        ({"chunking_strategy": '{"type":'}, "chunking_strategy"),
        ({"chunking_strategy": '{"a":' * 10_000}, "chunking_strategy"),
        ({"chunking_strategy": '{"type":"silence"}'}, "chunking_strategy.type"),
    ],
)
def test_the_field_at_fault_is_named(fields: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        request(**fields)
    assert str(refusal.value.param).startswith(param)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        decode_form([Part("model", b"m")], TranscriptionRequest)
    assert refusal.value.param == "file"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"", "multipart/form-data"),
        (b"", FORM),
        (b"nonsense", FORM),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\ncut', FORM),
        (write_parts([Part("a", b"x" * 70_000)], FORM), FORM),
        (write_parts([Part("a", b"")] * 70, FORM), FORM),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_parts(body, content_type)


MODEL = Part("model", b"whisper-1")


@pytest.mark.parametrize(
    "parts", [[MODEL, FILE], [FILE, MODEL], [FILE, Part("prompt", b"x"), MODEL]]
)
def test_where_a_value_stands(parts: list[Part]) -> None:
    body = write_parts(parts, FORM)
    span = value_span(body, FORM, MODEL)
    assert span is not None
    start, end = span
    changed = read_parts(body[:start] + b"other" + body[end:], FORM)
    assert {part.name: part.content for part in changed} == {
        **{part.name: part.content for part in parts},
        "model": b"other",
    }


def test_a_file_that_looks_like_a_form_is_not_taken_for_one() -> None:
    inside = write_parts([MODEL], "multipart/form-data; boundary=bb")
    for trap in (
        inside,
        b"--b" + inside[4:],
        b"\r\n--b x" + write_parts([MODEL], FORM).replace(b"\r\n--b", b"\r\n--c")[3:],
        b'x--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1',
    ):
        body = write_parts([Part("file", trap, "f"), MODEL], FORM)
        span = value_span(body, FORM, MODEL)
        assert span is not None
        assert body[span[0] : span[1]] == b"whisper-1"
        assert span[1] > body.index(trap) + len(trap)


def test_a_value_that_is_written_in_another_way_has_no_place() -> None:
    body = write_parts([Part("model", b"whisper-1", None, "text/plain"), FILE], FORM)
    assert value_span(body, FORM, MODEL) is None
    assert value_span(b"nonsense", FORM, MODEL) is None
