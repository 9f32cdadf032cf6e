"""Pictures as OpenAI's SDK asks for them, from a small model that is made here."""

from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from openai import OpenAI
from PIL import Image

from tests.engines.images.pictures import file_of, mask, stripes
from tests.engines.images.tiny import made_model
from tests.server import Server, running_server

CONFIG = """
starter_models = false
[[models]]
id = "tiny"
aliases = ["gpt-image-1"]
type = "IMAGE"
engine = "images"
options = {{ path = "{path}", steps = 2 }}
prices = {{ per_image = 0.04 }}

[[models]]
id = "gone"
type = "IMAGE"
engine = "images"
files = [{{ name = "gone+model_index.json", sources = [{{ path = "/nowhere" }}] }}]

[[models]]
id = "unmounted"
type = "IMAGE"
engine = "images"
options = {{ path = "/nowhere" }}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("images")
    config = directory / "stellwerk.toml"
    config.write_text(CONFIG.format(path=made_model(directory / "tiny")))
    with running_server(directory, STELLWERK_CONFIG=str(config)) as running:
        yield running


@pytest.fixture
def client(server: Server) -> OpenAI:
    return OpenAI(api_key=server.admin_key, base_url=f"{server.url}/v2", max_retries=0)


def picture(answer: openai.types.ImagesResponse, number: int = 0) -> Image.Image:
    assert answer.data is not None
    return Image.open(BytesIO(b64decode(answer.data[number].b64_json or "")))


def test_a_picture_from_words(client: OpenAI) -> None:
    made = client.images.generate(
        model="gpt-image-1", prompt="A red signal box.", n=2, size="96x64", output_format="webp"
    )
    assert made.data is not None
    assert [picture(made, number).size for number in range(2)] == [(96, 64)] * 2
    assert picture(made).format == "WEBP"


def test_an_edit_and_a_variation(client: OpenAI, tmp_path: Path) -> None:
    before = stripes()
    (tmp_path / "before.png").write_bytes(file_of(before))
    (tmp_path / "mask.png").write_bytes(file_of(mask((0, 0, 64, 32))))
    edited = picture(
        client.images.edit(
            model="tiny",
            image=tmp_path / "before.png",
            mask=tmp_path / "mask.png",
            prompt="Snow.",
        )
    )
    assert (np.asarray(edited)[32:] == np.asarray(before)[32:]).all()
    varied = client.images.create_variation(model="tiny", image=tmp_path / "before.png")
    assert picture(varied).size == (64, 64)


def test_the_queue_paints(server: Server, client: OpenAI) -> None:
    with OpenAI(api_key=server.admin_key, base_url=f"{server.url}/queue") as queue:
        asked = {"seed": 7}
        kept = queue.images.generate(model="tiny", prompt="A train.", extra_body=asked)
        now = client.images.generate(model="tiny", prompt="A train.", extra_body=asked)
        assert picture(kept).tobytes() == picture(now).tobytes()


def test_errors_are_the_sdk_s_own(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="multiples of 8"):
        client.images.generate(model="tiny", prompt="A train.", size="100x100")
    with pytest.raises(openai.BadRequestError, match="no picture that can be read"):
        client.images.edit(model="tiny", image=("a.png", b"no picture"), prompt="Snow.")
    with pytest.raises(openai.BadRequestError, match="partial_images"):
        client.images.generate(model="tiny", prompt="A train.", partial_images=2)


def test_a_link_instead_of_the_picture(server: Server, client: OpenAI) -> None:
    asked: Any = {"model": "tiny", "prompt": "A train.", "extra_body": {"seed": 7}}
    made = client.images.generate(**asked, n=2, response_format="url").data
    assert made is not None
    assert [one.b64_json for one in made] == [None, None]
    link = made[0].url or ""
    assert link.startswith(f"{server.url}/v2/images/files/file-")
    # Without a key.
    got = httpx.get(link)
    assert (got.status_code, got.headers["content-type"]) == (200, "image/png")
    same = picture(client.images.generate(**asked))
    assert Image.open(BytesIO(got.content)).tobytes() == same.tobytes()
    with OpenAI(api_key=server.admin_key, base_url=f"{server.url}/queue") as queue:
        kept = queue.images.generate(**asked, response_format="url").data
    assert kept is not None
    assert httpx.get(kept[0].url or "").content == got.content
    with OpenAI(api_key=server.admin_key, base_url=f"{server.url}/v2") as sdk:
        listed = sdk.files.list(purpose="image_output").data
        assert [file.filename for file in listed] == ["picture.png"] * 3
        sdk.files.delete(listed[-1].id)
    assert httpx.get(link).status_code == 404


def test_a_link_cannot_be_made_up(client: OpenAI) -> None:
    made = client.images.generate(model="tiny", prompt="A train.", response_format="url").data
    assert made is not None
    link = httpx.URL(made[0].url or "")
    expires = int(link.params["expires"])
    forged = [
        link.copy_set_param("expires", str(expires + 1)),
        link.copy_set_param("signature", "0" * 64),
        link.copy_remove_param("signature"),
        link.copy_remove_param("expires"),
        link.copy_with(path=link.path[:-1] + ("0" if link.path[-1] != "0" else "1")),
    ]
    for one in forged:
        answer = httpx.get(one)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "invalid_link")
    assert httpx.get(link).status_code == 200


def test_a_stream_of_pictures(client: OpenAI) -> None:
    with client.images.generate(
        model="tiny", prompt="A train.", stream=True, partial_images=1
    ) as stream:
        events = list(stream)
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    for event in events:
        assert Image.open(BytesIO(b64decode(event.b64_json))).size == (64, 64)


def test_weights_that_are_not_here(server: Server) -> None:
    answer = httpx.post(
        f"{server.url}/v2/images/generations",
        headers={"api-key": server.admin_key},
        json={"model": "gone", "prompt": "A train."},
    )
    assert answer.status_code == 503
    assert "stellwerk models pull gone" in answer.json()["detail"]


def test_a_directory_that_is_not_there_keeps_nothing_else_from_being_served(
    server: Server, client: OpenAI
) -> None:
    with pytest.raises(openai.InternalServerError, match=r"no model_index\.json") as caught:
        client.images.generate(model="unmounted", prompt="A train.")
    assert (caught.value.status_code, caught.value.code) == (503, "weights_missing")
    entry = {"id": "other", "type": "IMAGE", "engine": "images", "options": {"path": "/nowhere"}}
    headers = {"api-key": server.admin_key}
    answer = httpx.post(f"{server.url}/admin/models", headers=headers, json=entry)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "files")
