"""The engine's child process, as its parent starts it."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from tests import documents, pictures
from tests.engines.child import Child, connect, running

FILES = ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx")


@pytest.fixture(scope="module")
def child(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    files = [weights / name for name in FILES]
    with running("ocr", tmp_path_factory.mktemp("ocr"), *files) as started:
        yield started


@pytest.fixture
def engine(child: Child) -> Path:
    return child.socket


async def post(socket: Path, document: Any) -> tuple[int, Any]:
    asked = {"model": "reader", "document": document}
    async with connect(socket) as session, session.post("/v1/ocr", json=asked) as answer:
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
    assert (answer["model"], answer["usage_info"]["doc_size_bytes"]) == ("ocr", len(data))
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


def peak(child: Child) -> int:
    """The most memory that the child ever had, in bytes."""
    status = Path(f"/proc/{child.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.skipif(not psutil.LINUX, reason="the kernel tells a peak on Linux alone")
async def test_what_is_refused_takes_no_more_memory_than_one_picture_may(child: Child) -> None:
    large = pictures.file_of(Image.linear_gradient("L").resize((7000, 7000)))
    refused = [pictures.bomb(), pictures.bomb(10_000, 5_001), large[: len(large) // 2], b"PK" * 99]
    before = peak(child)
    for data in refused:
        status, answer = await post(child.socket, {"type": "image_url", "image_url": uri(data)})
        assert (status, answer["error"]["code"]) == (400, "invalid_image")
    # 50 million pixels of four bytes, and the body itself.
    assert peak(child) - before < 4 * 50_000_000 + 100_000_000
