import asyncio
import hashlib
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from stellwerk.features.files import uploads as module
from stellwerk.features.files.sweep import sweep
from stellwerk.features.keys.types import Scope
from tests.web.conftest import Web

ONE, TWO = b"first part, " * 1000, b"and the second."


async def begin(web: Web, size: int = len(ONE + TWO), **more: Any) -> dict[str, Any]:
    told = {"filename": "big.jsonl", "purpose": "fine-tune", "mime_type": "text/plain"}
    answer = await web.client.post("/v1/uploads", json=told | {"bytes": size} | more)
    made: dict[str, Any] = answer.json()
    assert answer.status_code == 200, made
    return made


async def part(web: Web, upload: str, data: bytes) -> httpx.Response:
    return await web.client.post(f"/v1/uploads/{upload}/parts", files={"data": ("blob", data)})


async def keys(web: Web) -> list[str]:
    return await web.hub.files.heaps.blobs.keys()


async def test_parts_become_a_file(web: Web) -> None:
    upload = await begin(web)
    assert (upload["status"], upload["expires_at"] - upload["created_at"]) == ("pending", 3600)
    two, one = await asyncio.gather(part(web, upload["id"], TWO), part(web, upload["id"], ONE))
    ids = [one.json()["id"], two.json()["id"]]
    md5 = hashlib.md5(ONE + TWO).hexdigest()
    place = f"/v1/uploads/{upload['id']}"
    done = (await web.client.post(f"{place}/complete", json={"part_ids": ids, "md5": md5})).json()
    assert (done["status"], done["file"]["bytes"]) == ("completed", len(ONE + TWO))
    file = f"/v1/files/{done['file']['id']}"
    content = await web.client.get(f"{file}/content")
    assert content.content == ONE + TWO
    assert content.headers["etag"] == f'"{hashlib.sha256(ONE + TWO).hexdigest()}"'
    assert (await web.client.get(place)).json() == done
    await sweep(web.hub.uploads)
    across = await web.client.get(f"{file}/content", headers={"Range": "bytes=11990-12010"})
    assert across.content == (ONE + TWO)[11990:12011]
    await web.client.delete(file)
    assert await keys(web) == []
    assert (await web.client.get(place)).json()["file"] is None


async def test_parts_that_are_not_named_are_given_up(web: Web) -> None:
    upload = await begin(web, len(ONE))
    ids = []
    for data in (ONE[:6000], ONE[6000:]):
        ids.append((await part(web, upload["id"], data)).json()["id"])
    extra = await part(web, upload["id"], b"x")
    assert (extra.status_code, extra.json()["error"]["code"]) == (400, "parts_differ")
    assert len(await keys(web)) == 2
    answer = await web.client.post(
        f"/v1/uploads/{upload['id']}/complete", json={"part_ids": ids[:1]}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("told", "param"),
    [
        ({"part_ids": []}, "part_ids"),
        ({"part_ids": ["part_x"]}, "part_ids.0"),
        ({"part_ids": ["TWO"]}, "part_ids"),
        ({"part_ids": ["ONE", "ONE"]}, "part_ids"),
        ({"part_ids": ["ONE", "TWO"], "md5": "0" * 32}, "md5"),
        ({"part_ids": ["ONE", "TWO"], "md5": "x"}, "md5"),
    ],
)
async def test_a_wrong_completion_changes_nothing(
    web: Web, told: dict[str, Any], param: str
) -> None:
    upload = await begin(web)
    names = {}
    for name, data in (("ONE", ONE), ("TWO", TWO)):
        names[name] = (await part(web, upload["id"], data)).json()["id"]
    told["part_ids"] = [names.get(name, name) for name in told["part_ids"]]
    place = f"/v1/uploads/{upload['id']}"
    answer = await web.client.post(f"{place}/complete", json=told)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert (await web.client.get(place)).json()["status"] == "pending"


async def test_cancel(web: Web) -> None:
    upload = await begin(web)
    await part(web, upload["id"], ONE)
    place = f"/v1/uploads/{upload['id']}"
    assert (await web.client.post(f"{place}/cancel")).json()["status"] == "cancelled"
    assert await keys(web) == []
    again = await web.client.post(f"{place}/cancel")
    late = await part(web, upload["id"], ONE)
    done = await web.client.post(f"{place}/complete", json={"part_ids": ["a"]})
    for answer in (again, late, done):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "upload_closed")
    assert await keys(web) == []


async def test_an_hour_later(web: Web) -> None:
    upload = await begin(web)
    await part(web, upload["id"], ONE)
    async with web.hub.database.begin() as connection:
        await connection.execute(text("update uploads set expires_at = now()"))
    late = await part(web, upload["id"], TWO)
    assert "expired" in late.json()["detail"]
    place = f"/v1/uploads/{upload['id']}"
    assert (await web.client.get(place)).json()["status"] == "expired"
    await sweep(web.hub.uploads)
    assert (await web.client.get(place)).json()["status"] == "expired"
    assert await keys(web) == []


async def test_the_file_ends_by_itself(web: Web) -> None:
    life = {"anchor": "created_at", "seconds": 3600}
    upload = await begin(web, len(TWO), expires_after=life)
    name = (await part(web, upload["id"], TWO)).json()["id"]
    place = f"/v1/uploads/{upload['id']}/complete"
    file = (await web.client.post(place, json={"part_ids": [name]})).json()["file"]
    assert file["expires_at"] == file["created_at"] + 3600


async def test_limits(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_PART", 10)
    upload = await begin(web)
    answer = await part(web, upload["id"], ONE)
    assert (answer.status_code, answer.json()["error"]["param"]) == (413, "data")
    told = {"filename": "a", "purpose": "batch", "mime_type": "x", "bytes": 2**41}
    assert (await web.client.post("/v1/uploads", json=told)).status_code == 413
    assert (await part(web, upload["id"], b"")).json()["error"]["param"] == "data"
    assert await keys(web) == []


async def test_more_parts_than_can_be_named(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PARTS", 2)
    upload = await begin(web)
    statuses = [(await part(web, upload["id"], b"x")).status_code for _ in range(3)]
    assert statuses == [200, 200, 400]
    assert len(await keys(web)) == 2


async def test_an_upload_belongs_to_its_project(web: Web) -> None:
    upload = await begin(web)
    web.client.headers.update(await web.key("other", Scope.FILES, project="other"))
    place = f"/v1/uploads/{upload['id']}"
    answers = [
        await web.client.get(place),
        await part(web, upload["id"], ONE),
        await web.client.post(f"{place}/complete", json={"part_ids": ["a"]}),
        await web.client.post(f"{place}/cancel"),
        await web.client.get("/v1/uploads/%00"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
