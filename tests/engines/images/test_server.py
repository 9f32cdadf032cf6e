"""The real pipeline on a small model with random weights: what it paints is noise."""

from base64 import b64decode
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stellwerk.wire.form import Part
from tests.engines.images.conftest import LONGEST, Client
from tests.engines.images.pictures import bomb, mask, part, stripes


def pictures(answer: tuple[int, Any]) -> list[Image.Image]:
    status, body = answer
    assert status == 200, body
    return [Image.open(BytesIO(b64decode(made["b64_json"]))) for made in body["data"]]


def pixels(picture: Image.Image) -> Any:
    return np.asarray(picture.convert("RGB")).astype(int)


async def test_a_picture_of_the_size_that_was_asked_for(client: Client) -> None:
    status, body = await client.words(size="96x64", seed=1)
    [picture] = pictures((status, body))
    assert (picture.format, picture.size) == ("PNG", (96, 64))
    assert (body["size"], body["output_format"]) == ("96x64", "png")
    assert (body["quality"], body["background"]) == ("auto", "opaque")
    assert "revised_prompt" not in body["data"][0]
    [own] = pictures(await client.words())
    assert own.size == (64, 64)


async def test_a_seed_repeats_its_pictures(client: Client) -> None:
    first = pictures(await client.words(seed=1, n=2))
    again = pictures(await client.words(seed=1, n=2))
    assert [(pixels(a) == pixels(b)).all() for a, b in zip(first, again, strict=True)] == [True] * 2
    assert (pixels(first[0]) != pixels(first[1])).any()
    [second] = pictures(await client.words(seed=2))
    assert (pixels(first[1]) == pixels(second)).all(), "the next picture has the next seed"
    [other] = pictures(await client.words("A train.", seed=1))
    assert (pixels(first[0]) != pixels(other)).any()
    chance = [pictures(await client.words())[0] for _ in range(2)]
    assert (pixels(chance[0]) != pixels(chance[1])).any()


@pytest.mark.parametrize("form", ["jpeg", "webp"])
async def test_forms(client: Client, form: str) -> None:
    [fine] = pictures(await client.words(seed=1, output_format=form))
    assert fine.format == form.upper()
    _, small = await client.words(seed=1, output_format=form, output_compression=5)
    _, large = await client.words(seed=1, output_format=form, output_compression=95)
    assert len(small["data"][0]["b64_json"]) < len(large["data"][0]["b64_json"])


async def test_an_edit_changes_only_what_the_mask_opens(client: Client) -> None:
    before, box = stripes(), (16, 8, 48, 40)
    files = part("image", before), part("mask", mask(box))
    [after] = pictures(await client.form("edits", *files, prompt="Snow.", seed="3"))
    changed = (pixels(after) != pixels(before)).any(axis=2)
    inside = np.zeros((64, 64), bool)
    inside[box[1] : box[3], box[0] : box[2]] = True
    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.9


async def test_a_picture_may_be_its_own_mask(client: Client) -> None:
    before = stripes().convert("RGBA")
    before.paste((0, 0, 0, 0), (0, 0, 64, 32))
    [after] = pictures(await client.form("edits", part("image[]", before), prompt="Sky.", seed="3"))
    assert (pixels(after)[32:] == pixels(before)[32:]).all()
    assert (pixels(after)[:32] != 0).any()


async def test_an_edit_without_a_mask_and_a_variation(client: Client) -> None:
    image = part("image", stripes(100, 70), "JPEG")
    [edited] = pictures(await client.form("edits", image, prompt="Snow.", seed="1"))
    assert edited.size == (96, 64), "as near to its own size as the model can paint"
    [other] = pictures(await client.form("edits", image, prompt="Snow.", seed="2"))
    assert (pixels(edited) != pixels(other)).any()
    varied = pictures(await client.form("variations", image, n="2", size="64x64"))
    assert [picture.size for picture in varied] == [(64, 64)] * 2
    assert (pixels(varied[0]) != pixels(varied[1])).any()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"n": 11}, "n"),
        ({"size": "big"}, "size"),
        ({"size": "65x64"}, "size"),
        ({"size": "8x8"}, "size"),
        ({"size": f"{LONGEST + 8}x64"}, "size"),
        ({"seed": -1}, "seed"),
        ({"output_format": "gif"}, "output_format"),
        ({"output_compression": 50}, "output_compression"),
        ({"background": "transparent"}, "background"),
        ({"partial_images": 1}, "partial_images"),
        ({"stream": True, "partial_images": 4}, "partial_images"),
        ({"stream": True, "response_format": "url"}, "response_format"),
        ({"style": "vivid"}, "style"),
        ({"prompt": "a" * 32_001}, "prompt"),
        ({"seed": 2**60}, "seed"),
        ({"n": 0}, "n"),
        ({"output_format": "jpeg", "output_compression": 101}, "output_compression"),
    ],
)
async def test_refusals(client: Client, fields: dict[str, Any], param: str) -> None:
    status, body = await client.words(**fields)
    assert (status, body["error"]["param"]) == (400, param), body


@pytest.mark.parametrize(
    ("files", "param"),
    [
        ((), "image[]"),
        ((part("image", b""),), "image[]"),
        ((part("image", b"<svg/>"),), "image[]"),
        ((part("image", bomb()),), "image[]"),
        ((part("image", stripes()), part("image", stripes())), "image[]"),
        ((part("image", stripes()), part("mask", b"no picture")), "mask"),
        ((part("image", stripes()), part("mask", stripes())), "mask"),
        ((part("image", stripes()), part("mask", mask((0, 0, 9, 9), 128, 64))), "mask"),
    ],
    ids=["none", "empty", "svg", "bomb", "two", "mask", "closed", "wide"],
)
async def test_pictures_that_cannot_be(client: Client, files: tuple[Part, ...], param: str) -> None:
    status, body = await client.form("edits", *files, prompt="Snow.")
    assert (status, body["error"]["param"]) == (400, param), body


async def test_a_field_that_only_others_have(client: Client) -> None:
    image = part("image", stripes())
    fields = {"prompt": "Snow.", "input_fidelity": "high"}
    status, body = await client.form("edits", image, **fields)
    assert (status, body["error"]["param"]) == (400, "input_fidelity")
    pictures(await client.words(moderation="low"))


async def test_a_prompt_that_is_not_read_to_its_end_says_so(client: Client) -> None:
    words = "Train,  " * 40
    status, body = await client.words(words, seed=1)
    assert status == 200
    assert body["usage"]["input_tokens"] == 77
    read = body["data"][0]["revised_prompt"]
    # The small model reads letters.
    assert words.startswith(read)
    assert len(read.replace(" ", "")) == 75
    same = await client.words(words + "and a red signal box", seed=1)
    assert (pixels(pictures(same)[0]) == pixels(pictures((status, body))[0])).all()


def shown(events: list[dict[str, Any]]) -> list[tuple[str, int | None]]:
    return [(event["type"], event.get("partial_image_index")) for event in events]


async def test_a_stream_shows_pictures_before_they_are_done(client: Client) -> None:
    events = await client.stream(seed=1, n=2, partial_images=2, size="96x64")
    one = [
        ("image_generation.partial_image", 0),
        ("image_generation.partial_image", 1),
        ("image_generation.completed", None),
    ]
    assert shown(events) == one * 2
    files = [Image.open(BytesIO(b64decode(event["b64_json"]))) for event in events]
    assert {(file.format, file.size) for file in files} == {("PNG", (96, 64))}
    assert len({file.tobytes() for file in files}) == 6
    done = pictures(await client.words(seed=1, n=2, size="96x64"))
    assert [file.tobytes() for file in files[2::3]] == [picture.tobytes() for picture in done]
    assert [event["usage"]["input_tokens"] for event in events if "usage" in event] == [13]
    assert (events[0]["background"], events[0]["quality"]) == ("opaque", "auto")


async def test_a_stream_without_previews(client: Client) -> None:
    assert shown(await client.stream()) == [("image_generation.completed", None)]


async def test_a_stream_of_an_edit_keeps_what_the_mask_closes(client: Client) -> None:
    before, box = stripes(), (16, 8, 48, 40)
    files = part("image", before), part("mask", mask(box))
    events = await client.form_stream(
        "edits", *files, prompt="Snow.", seed="3", partial_images="1", stream="true"
    )
    assert shown(events) == [("image_edit.partial_image", 0), ("image_edit.completed", None)]
    for event in events:
        after = pixels(Image.open(BytesIO(b64decode(event["b64_json"]))))
        assert (after[40:] == pixels(before)[40:]).all()
