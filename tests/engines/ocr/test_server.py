"""The engine's child process, as its parent starts it."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests import documents

SECRET = "only-for-this-test"
FILES = ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx")


@pytest.fixture(scope="module")
def engine(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    socket = tmp_path_factory.mktemp("ocr") / "e.sock"
    process = subprocess.Popen(
        [sys.executable, "-m", "stellwerk.engines.ocr"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    orders = {
        "model": "reader",
        "socket": str(socket),
        "secret": SECRET,
        "threads": 2,
        "files": [str(weights / name) for name in FILES],
    }
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(orders).encode() + b"\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == {"ready": True}
    yield socket
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


async def post(socket: Path, document: Any) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
        session.post(
            "http://engine/v1/ocr",
            json={"model": "reader", "document": document},
            headers={"Authorization": f"Bearer {SECRET}"},
        ) as answer,
    ):
        return answer.status, await answer.json()


def uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


async def test_a_picture_is_read(engine: Path) -> None:
    data = documents.picture("Gleis 17")
    status, answer = await post(engine, {"type": "image_url", "image_url": uri(data)})
    assert status == 200
    [page] = answer["pages"]
    [region] = page["regions"]
    assert (page["markdown"], page["index"]) == ("Gleis 17", 0)
    assert page["dimensions"] == {"width": 600, "height": 300}
    assert region["text"] == "Gleis 17"
    assert (answer["model"], answer["usage_info"]["doc_size_bytes"]) == ("reader", len(data))
    nested = {"type": "image_url", "image_url": {"url": uri(data)}}
    assert (await post(engine, nested))[1]["pages"] == [page]


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ({"type": "image_url", "image_url": "https://host/a.png"}, "document.image_url"),
        ({"type": "image_url", "image_url": uri(b"GIF89a")}, "document.image_url"),
        ({"type": "document_url", "document_url": "https://host/a.pdf"}, "document.type"),
        ({}, "document.image_url"),
    ],
)
async def test_a_wrong_body_is_named(engine: Path, document: Any, param: str) -> None:
    status, answer = await post(engine, document)
    assert (status, answer["error"]["param"]) == (400, param)
