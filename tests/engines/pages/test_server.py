"""The engine's child process with a real model of transformers, whose weights are random."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import documents
from tests.engines.child import connect, running
from tests.engines.pages.tiny import made_model


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    model = made_model(tmp_path_factory.mktemp("tiny"))
    with running("pages", tmp_path_factory.mktemp("pages"), path=str(model)) as child:
        yield child.socket


async def post(socket: Path, **asked: Any) -> tuple[int, Any]:
    async with (
        connect(socket) as session,
        session.post("/v1/pooling", json={"model": "tiny", **asked}) as answer,
    ):
        return answer.status, await answer.json()


def picture(text: str, size: tuple[int, int] = (200, 100)) -> dict[str, Any]:
    data = base64.b64encode(documents.picture(text, size)).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def shown(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [*parts, {"type": "text", "text": "Describe the image."}]}]


def vectors(answer: tuple[int, Any]) -> list[Any]:
    status, body = answer
    assert status == 200, body
    assert body["usage"]["prompt_tokens"] == sum(len(one["data"]) for one in body["data"])
    return [np.array(one["data"]) for one in body["data"]]


async def test_a_page_becomes_a_vector_for_each_patch(engine: Path) -> None:
    [small] = vectors(await post(engine, messages=shown(picture("Gleis 17"))))
    [large] = vectors(await post(engine, messages=shown(picture("Gleis 17", (100, 100)))))
    assert small.shape[1] == large.shape[1] == 16
    assert small.shape[0] != large.shape[0]
    assert np.allclose(np.linalg.norm(small, axis=1), 1, atol=1e-4)
    [again] = vectors(await post(engine, messages=shown(picture("Gleis 17"))))
    assert np.allclose(small, again, atol=1e-4)
    [other] = vectors(await post(engine, messages=shown(picture("Weiche"))))
    assert not np.allclose(small, other, atol=1e-3)


async def test_questions_keep_their_order(engine: Path) -> None:
    one, two = vectors(await post(engine, input=["Wo ist Gleis 17?", "Weiche"]))
    [alone] = vectors(await post(engine, input="Weiche"))
    assert np.allclose(two, alone, atol=1e-4)
    assert len(one) > len(two)
    assert np.allclose(np.linalg.norm(one, axis=1), 1, atol=1e-4)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({}, "input"),
        ({"input": "x", "messages": shown(picture("x"))}, "input"),
        ({"input": []}, "input"),
        ({"input": " "}, "input"),
        ({"input": "x" * 9000}, "input"),
        ({"messages": shown()}, "messages[0].content"),
        ({"messages": shown(picture("x"), picture("y"))}, "messages[0].content"),
        (
            {"messages": shown({"type": "image_url", "image_url": {"url": "https://host/a.png"}})},
            "messages[0].content",
        ),
        ({"messages": []}, "messages"),
        ({"input": "x", "encoding_format": "base64"}, "encoding_format"),
    ],
)
async def test_a_wrong_body_is_named(engine: Path, asked: dict[str, Any], param: str) -> None:
    status, answer = await post(engine, **asked)
    assert (status, answer["error"]["param"]) == (400, param), answer
