"""Other models than the plain one: with a transformer, with a filter, with a width of its own."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.engines.child import connect, running
from tests.engines.images.conftest import Client
from tests.engines.images.pictures import mask, part, stripes
from tests.engines.images.test_server import pictures, pixels, shown
from tests.engines.images.tiny import made_model


async def test_a_transformer(tmp_path: Path) -> None:
    model = made_model(tmp_path / "model", "sd3")
    with running("images", tmp_path, path=str(model), steps=2, longest=96) as child:
        async with connect(child.socket) as session:
            client = Client(session)
            [picture] = pictures(await client.words(size="96x64", seed=1))
            assert picture.size == (96, 64)
            # One of its encoders reads less than this, another one all of it.
            status, body = await client.words("train " * 20)
            assert pictures((status, body))[0].size == (64, 64)
            assert "revised_prompt" not in body["data"][0]
            status, body = await client.words(size="72x64")
            assert (status, body["error"]["param"]) == (400, "size")
            assert "multiples of 16" in body["error"]["message"]
            before, box = stripes(), (16, 8, 48, 40)
            files = part("image", before), part("mask", mask(box))
            [edited] = pictures(await client.form("edits", *files, prompt="Snow.", seed="3"))
            assert (pixels(edited)[40:] == pixels(before)[40:]).all()
            assert (pixels(edited)[10:40, 20:40] != pixels(before)[10:40, 20:40]).any()
            varied = await client.form("variations", part("image", before), seed="3")
            assert (pixels(pictures(varied)[0]) != pixels(before)).any()
            events = await client.stream(partial_images=1)
            assert [kind for kind, _ in shown(events)][-1] == "image_generation.completed"


async def test_what_a_filter_withholds_is_no_picture(tmp_path: Path) -> None:
    model = made_model(tmp_path / "model", "checked")
    with running("images", tmp_path, path=str(model), steps=1) as child:
        async with connect(child.socket) as session:
            status, body = await Client(session).words()
    assert (status, body["error"]["code"]) == (400, "content_policy_violation")


@pytest.mark.parametrize(
    "options", [{"steps": 2, "longest": 100}, {"steps": 1, "strength": 0.3, "longest": 90}]
)
async def test_few_steps_and_odd_widths(
    tiny: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    """A picture that is changed takes a share of the steps, and one must be left."""
    with running("images", tmp_path, path=str(tiny), **options) as child:
        async with connect(child.socket) as session:
            client = Client(session)
            pictures(await client.words(quality="low"))
            image = part("image", stripes(400, 200))
            [edited] = pictures(await client.form("edits", image, prompt="Snow.", quality="low"))
            assert edited.size[0] % 8 == edited.size[1] % 8 == 0
            pictures(await client.form("variations", image))


async def test_those_that_give_up_hold_up_nobody(tiny: Path, tmp_path: Path) -> None:
    """Pictures of so many steps take minutes: one is being painted, others wait for their turn."""
    with running("images", tmp_path, path=str(tiny), steps=200, longest=256) as child:
        async with connect(child.socket) as session:
            client = Client(session)
            fields: dict[str, Any] = {"n": 10, "size": "256x256"}
            long = [asyncio.create_task(client.words(**fields)) for _ in range(20)]
            await asyncio.sleep(0.5)
            assert not any(one.done() for one in long)
            for one in long:
                one.cancel()
            pictures(await client.words(size="64x64"))
