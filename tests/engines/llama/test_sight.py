"""A small language model with a projector of random weights: pictures change what it says next."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from stellwerk.engines.llama.messages import Said, Seen
from stellwerk.engines.llama.options import OptionsError
from stellwerk.engines.llama.sight import fit
from stellwerk.engines.llama.spec import SPEC
from stellwerk.engines.ocr.pictures import picture_in
from stellwerk.ports.engines import Launch
from tests import pictures
from tests.engines.child import SECRET, running
from tests.engines.llama.conftest import TINY
from tests.engines.llama.projector import made_projector

# Of SmolLM2 135M.
EMBEDDING = 576
ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def projector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_projector(tmp_path_factory.mktemp("projector") / "mmproj.gguf", EMBEDDING)


@pytest.fixture(scope="module")
def engine(
    weights: Path, projector: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    files = weights / TINY, projector
    directory = tmp_path_factory.mktemp("sight")
    with running("llama", directory, *files, context=2048, mmproj=projector.name) as child:
        yield child.socket


async def ask(engine: Path, *parts: Any, **more: Any) -> tuple[int, Any]:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": list(parts)}],
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 20,
        **more,
    }
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(engine))) as session,
        session.post(
            "http://engine/v1/chat/completions",
            # Large ones are wanted in this form.
            data=io.BytesIO(json.dumps(body).encode()),
            headers={"Authorization": f"Bearer {SECRET}"},
        ) as answer,
    ):
        return answer.status, await answer.json()


def shown(data: bytes, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": pictures.uri(data), **more}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


async def logits(engine: Path, *parts: Any) -> tuple[list[tuple[str, float]], int]:
    """The likeliest next tokens, and how many tokens the prompt has."""
    status, answer = await ask(engine, *parts)
    assert status == 200, answer
    [token] = answer["choices"][0]["logprobs"]["content"]
    likely = [(one["token"], round(one["logprob"], 3)) for one in token["top_logprobs"]]
    return likely, answer["usage"]["prompt_tokens"]


def noise(size: tuple[int, int], seed: int) -> Image.Image:
    made = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(made)


async def test_the_bytes_of_a_picture_change_what_comes_next(engine: Path) -> None:
    question = text("What is this?")
    without, few = await logits(engine, question)
    black, many = await logits(engine, shown(pictures.plain(colour="black")), question)
    again, _ = await logits(engine, shown(pictures.plain(colour="black")), question)
    white, _ = await logits(engine, shown(pictures.plain(colour="white")), question)
    assert many >= few + 16
    assert black == again
    assert len({tuple(one) for one in (without, black, white)}) == 3


@pytest.mark.parametrize("size", [(9, 9), (56, 56), (640, 480), (300, 1200)])
async def test_sizes(engine: Path, size: tuple[int, int]) -> None:
    one, _ = await logits(engine, shown(pictures.file_of(noise(size, 1))), text("What?"))
    other, _ = await logits(engine, shown(pictures.file_of(noise(size, 2))), text("What?"))
    assert one != other


async def test_several_pictures_in_their_order(engine: Path) -> None:
    red, blue = (shown(pictures.plain(colour=colour)) for colour in ("red", "blue"))
    one, single = await logits(engine, red, text("What?"))
    first, double = await logits(engine, red, text("and"), blue, text("What?"))
    second, _ = await logits(engine, blue, text("and"), red, text("What?"))
    assert double >= single + 16
    assert len({tuple(each) for each in (one, first, second)}) == 3


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "GIF", "PNG"])
async def test_forms(engine: Path, form: str) -> None:
    status, answer = await ask(engine, shown(pictures.plain(form=form)), text("What?"))
    assert status == 200, answer


@pytest.mark.parametrize(
    "data", [b"", b"<svg/>", pictures.bomb(), pictures.file_of(noise((90, 90), 1))[:900]]
)
async def test_what_is_no_picture(engine: Path, data: bytes) -> None:
    status, answer = await ask(engine, text("What?"), shown(data))
    assert status == 400
    assert answer["error"]["param"] == "messages[0].content[1].image_url.url"


async def test_more_pictures_than_fit(engine: Path) -> None:
    status, answer = await ask(engine, *[shown(pictures.plain())] * 140, text("What?"))
    assert (status, answer["error"]["code"]) == (400, "context_length_exceeded")


async def test_tools_beside_pictures(engine: Path) -> None:
    tools = [{"type": "function", "function": {"name": "look"}}]
    status, answer = await ask(engine, shown(pictures.plain()), text("What?"), tools=tools)
    assert (status, answer["error"]["param"]) == (400, "tools")


def fitted(data: bytes, detail: str | None = None) -> Image.Image:
    said = Said("user", "", [Seen(0, pictures.uri(data), detail, "p")])
    fit([said])
    return Image.open(io.BytesIO(picture_in(said.pictures[0].url, "p")))


def test_a_photo_is_turned_upright() -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.paste((255, 0, 0), (0, 0, 10, 20))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    turned = fitted(pictures.file_of(image, "JPEG", exif=exif, quality=100, subsampling=0))
    assert turned.size == (20, 40)
    red, green, _ = turned.convert("RGB").getpixel((10, 2))  # type: ignore[misc]
    assert red > 200
    assert green < 60


def test_the_first_frame_counts() -> None:
    assert fitted(pictures.animated()).convert("RGB").getpixel((5, 5)) == (255, 0, 0)


def test_what_is_transparent_stands_on_white() -> None:
    clear = pictures.file_of(Image.new("RGBA", (20, 20), (0, 0, 0, 0)))
    assert fitted(clear).getpixel((5, 5)) == (255, 255, 255)


def test_large_pictures_are_made_smaller() -> None:
    data = pictures.plain((4000, 1000))
    assert fitted(data).size == (2048, 512)
    assert fitted(data, "low").size == (768, 192)


def described(projector: Path, weights: Path, name: str) -> int:
    files = (str(weights / TINY), str(projector))
    return SPEC.describe(Launch("m", "llama", files, {"mmproj": name, "context": 512})).footprint


def test_the_option(projector: Path, weights: Path) -> None:
    assert SPEC.sees({"mmproj": "a.gguf"})
    assert not SPEC.sees({})
    size = (weights / TINY).stat().st_size + projector.stat().st_size
    assert described(projector, weights, projector.name) > size
    with pytest.raises(OptionsError, match="none of the model's files"):
        described(projector, weights, "other.gguf")
    with pytest.raises(OptionsError, match="no projector"):
        described(projector, weights, TINY)
