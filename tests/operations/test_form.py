import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.features.keys.types import Principal, Scope
from stellwerk.operations import chat_completions, form, transcriptions
from stellwerk.operations.operation import Call
from stellwerk.wire.form import Part, read_parts, write_parts

TYPE = "multipart/form-data; boundary=b"
MODEL = Part("model", b"whisper-1")
SOUND = Part("file", b"\0\r\n--sound" * 100, "a.mp3", "audio/mpeg")
WHO = Principal("key", "k", "p", ("*",), frozenset({Scope.INFERENCE}), None, None)


async def call(*parts: Part, model: str | None = None, body: bytes | None = None) -> Call:
    written = write_parts(parts, TYPE) if body is None else body
    read = await form.parted(transcriptions.OPERATION, written, TYPE.encode())
    return Call(WHO, written, "req_1", model, TYPE.encode(), parts=read)


async def test_a_body_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = await call(SOUND, MODEL)
    monkeypatch.setattr(form, "read_parts", None)
    assert form.texts(made) == {"model": "whisper-1"}
    form.check(transcriptions.OPERATION, made)
    assert form.addressed(made, "whisper-1") is made.body
    assert b"large-v3" in form.addressed(made, "large-v3")


async def test_only_the_model_s_name_is_changed() -> None:
    made = await call(SOUND, MODEL, Part("prompt", b"whisper-1"))
    changed = read_parts(form.addressed(made, "large-v3"), TYPE)
    assert [part.content for part in changed] == [SOUND.content, b"large-v3", b"whisper-1"]


@pytest.mark.parametrize("given", [(), (MODEL, MODEL), (Part("model", b"x", None, "text/plain"),)])
async def test_a_name_that_stands_elsewhere_or_nowhere(given: tuple[Part, ...]) -> None:
    made = await call(SOUND, *given, model="whisper-1")
    changed = read_parts(form.addressed(made, "large-v3"), TYPE)
    assert [part.content for part in changed if part.name == "model"] == [b"large-v3"]
    assert [part.content for part in changed if part.name == "file"] == [SOUND.content]


@pytest.mark.parametrize("size", [10, 2 * form.LARGE])
async def test_the_digest_is_of_what_is_said(size: int) -> None:
    sound = Part("file", bytes(size), "a.mp3")
    digest = await form.digest(await call(MODEL, sound))
    assert digest == await form.digest(await call(sound, MODEL))
    other = Call(WHO, write_parts([MODEL, sound], TYPE + "2"), "r", None, (TYPE + "2").encode())
    assert digest == await form.digest(other)
    assert digest != await form.digest(await call(MODEL, Part("file", bytes(size + 1), "a.mp3")))


@pytest.mark.parametrize("size", [10, 2 * form.LARGE])
async def test_what_is_no_form_is_refused_whatever_its_size(size: int) -> None:
    with pytest.raises(InvalidRequestError, match="multipart form"):
        await call(body=bytes(size))


async def test_other_bodies_have_no_parts() -> None:
    assert await form.parted(chat_completions.OPERATION, b"{}", b"application/json") is None
