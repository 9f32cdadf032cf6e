"""Pictures in chats, as the documented snippets send them, to the starter chat model."""

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from PIL import Image, ImageDraw

from tests import pictures, sheets
from tests.contract.conftest import CHAT
from tests.contract.test_seeds import HOST, SEEDS
from tests.scripted import scripted, whole
from tests.server import Server, running_server

PHOTO = (
    "https://upload.wikimedia.org/wikipedia/commons/thumb/d/dd/"
    "Gfp-wisconsin-madison-the-nature-boardwalk.jpg/"
    "2560px-Gfp-wisconsin-madison-the-nature-boardwalk.jpg"
)
SIGN = "GLEIS 17"


def sign() -> bytes:
    chance = random.Random(1)
    image = Image.new("RGB", (640, 320), (20, 60, 160))
    draw = ImageDraw.Draw(image)
    draw.text((320, 160), SIGN, "white", sheets.font(chance, 80, ["VeraBd.ttf"]), anchor="mm")
    return pictures.file_of(image, "JPEG")


@pytest.fixture(scope="module")
def photo() -> Iterator[str]:
    """The address of a JPEG on this machine."""
    data = sign()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/photo.jpg"
        server.shutdown()


@pytest.fixture(scope="module")
def server(weights: Path) -> Iterator[Server]:
    with running_server(weights, STELLWERK_FETCH__ALLOW='["127.0.0.1/32"]') as running:
        yield running


@pytest.mark.parametrize("prefix", ["/v2", "/queue"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", ["vision_url.py", "vision_data.py"])
def test_the_documented_snippets(
    server: Server, photo: str, tmp_path: Path, name: str, stream: bool, prefix: str
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(sign())
    text = (SEEDS / "connect.py").read_text() + (SEEDS / name).read_text()
    for documented, ours in {
        f"{HOST}/v2": server.url + prefix,
        PHOTO: photo,
        "/path/to/example_image.jpg": str(path),
        "Qwen2.5-VL-72B-Instruct": CHAT,
        "stream=True": f"stream={stream}",
        # The small model goes on for as long as it may.
        "max_tokens=1000": "max_tokens=40",
        "max_tokens=300": "max_tokens=40",
    }.items():
        text = text.replace(documented, ours)
    environment = {**os.environ, "API_KEY": server.admin_key}
    done = subprocess.run(
        [sys.executable, "-c", text],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # It is told in many ways; what stands there, on which colour, is nowhere but in the picture.
    told = done.stdout.upper()
    assert any(word in told for word in (SIGN.split(maxsplit=1)[0], "BLUE", "BLAU")), told


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    base = f"{server.url}/v2"
    with OpenAI(api_key=server.admin_key, base_url=base, max_retries=0) as opened:
        yield opened


def asked(client: OpenAI, url: str, question: str = "What is written on it?", **more: Any) -> str:
    content: list[Any] = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": question},
    ]
    answer = client.chat.completions.create(
        model=CHAT, messages=[{"role": "user", "content": content}], temperature=0, **more
    )
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("http://169.254.169.254/latest/meta-data/", "does not go to"),
        ("http://[::1]/", "does not go to"),
        ("file:///etc/passwd", "http:// or https://"),
        (pictures.uri(b"<html>"), "no picture"),
        (pictures.uri(pictures.bomb()), "50000000 pixels"),
        (pictures.uri(pictures.file_of(Image.new("L", (300, 300)))[:60]), "no picture"),
    ],
)
def test_errors_name_the_field(client: OpenAI, url: str, match: str) -> None:
    with pytest.raises(openai.BadRequestError, match=match) as caught:
        asked(client, url)
    assert caught.value.param == "messages[0].content[0].image_url.url"


def test_a_picture_without_text(client: OpenAI) -> None:
    told = asked(client, pictures.uri(pictures.plain((300, 200), (200, 0, 0))), "Which colour?")
    assert "red" in told.lower()


@pytest.fixture
async def given(server: Server) -> Any:
    """Sends pictures to a blind model and gives what it was given: nobody answers there."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(whole(b'{"model":"m","choices":[]}'))

    headers = {"api-key": server.admin_key}
    async with (
        scripted(answer) as upstream,
        httpx.AsyncClient(base_url=server.url, headers=headers, timeout=240) as http,
    ):
        entry = {"id": "blind", "upstream": {"url": upstream.url, "pictures": "none"}}
        made = await http.post("/admin/models", json=entry)
        assert made.status_code == 201, made.text

        async def give(image: Image.Image) -> str:
            url = pictures.uri(pictures.file_of(image))
            content = [{"type": "image_url", "image_url": {"url": url}}]
            body = {"model": "blind", "messages": [{"role": "user", "content": content}]}
            answer = await http.post("/v2/chat/completions", json=body)
            assert answer.status_code == 200, answer.text
            text: str = json.loads(upstream.bodies[-1])["messages"][0]["content"][0]["text"]
            return text

        yield give
        await http.delete("/admin/models/blind")


def drawn(kind: str, seed: int) -> sheets.Sheet:
    return sheets.KINDS[kind](random.Random(f"{kind} {seed}"))


def holds(text: str, sheet: sheets.Sheet) -> bool:
    return all(figure in text for figure in sheet.figures)


async def read(given: Any, kind: str, seeds: list[int]) -> list[int]:
    """The seeds of the sheets whose figures a model was not given."""
    missed = []
    for seed in seeds:
        sheet = drawn(kind, seed)
        if not holds(await given(sheet.image), sheet):
            missed.append(seed)
    return missed


async def test_figures_of_sheets_drawn_by_chance_are_read(given: Any) -> None:
    seeds = [random.SystemRandom().randrange(2**32) for _ in range(10)]
    kinds = [*sheets.KINDS] * 4
    missed = [
        (kind, seed)
        for kind, seed in zip(kinds[:10], seeds, strict=True)
        if await read(given, kind, [seed])
    ]
    assert len(missed) <= 1, missed


@pytest.mark.long
@pytest.mark.parametrize("kind", sheets.KINDS)
async def test_figures_of_ten_sheets_of_each_kind_are_read(given: Any, kind: str) -> None:
    missed = await read(given, kind, [random.SystemRandom().randrange(2**32) for _ in range(10)])
    assert len(missed) <= 1, missed


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", sheets.KINDS)
def test_the_starter_model_answers_from_sheets(client: OpenAI, kind: str) -> None:
    seeds = [random.SystemRandom().randrange(2**32) for _ in range(10)]
    wrong = {}
    for seed in seeds:
        sheet = drawn(kind, seed)
        url = pictures.uri(pictures.file_of(sheet.image))
        told = asked(client, url, sheet.question, max_tokens=100)
        if sheet.figures[-1] not in told:
            wrong[seed] = told
    assert len(wrong) <= 1, wrong
