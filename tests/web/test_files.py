import hashlib
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import text

from stellwerk.features.files.sweep import sweep
from stellwerk.features.keys.types import Scope
from tests.web.conftest import LARGEST_FILE, Web

PDF = b"%PDF-1.7 not really" * 100


async def upload(web: Web, name: str = "a.pdf", data: bytes = PDF, **fields: str) -> httpx.Response:
    return await web.client.post(
        "/v2/files", files={"file": (name, data)}, data={"purpose": "visual-rag"} | fields
    )


async def keys(web: Web) -> list[str]:
    return await web.hub.files.heaps.blobs.keys()


async def test_a_file_s_life(web: Web) -> None:
    made = (await upload(web)).json()
    assert made == {
        "id": made["id"],
        "object": "file",
        "bytes": len(PDF),
        "created_at": made["created_at"],
        "expires_at": None,
        "filename": "a.pdf",
        "purpose": "visual-rag",
        "status": "processed",
        "status_details": None,
    }
    place = f"/v1/files/{made['id']}"
    assert (await web.client.get(place)).json() == made
    content = await web.client.get(f"{place}/content")
    assert content.content == PDF
    assert content.headers["content-type"] == "application/pdf"
    assert content.headers["content-disposition"].startswith('attachment; filename="a.pdf"')
    assert content.headers["x-content-type-options"] == "nosniff"
    assert content.headers["etag"] == f'"{hashlib.sha256(PDF).hexdigest()}"'
    deleted = await web.client.delete(place)
    assert deleted.json() == {"id": made["id"], "object": "file", "deleted": True}
    assert await keys(web) == []
    for method, path in [("GET", place), ("GET", f"{place}/content"), ("DELETE", place)]:
        assert (await web.client.request(method, path)).status_code == 404


async def test_the_purpose_may_come_after_the_file(web: Web) -> None:
    body = (
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="x/y\\\\z.txt"\r\n\r\nhey'
        b'\r\n--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--b--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    made = await web.client.post("/v1/files", content=body, headers=headers)
    assert (made.status_code, made.json()["filename"]) == (200, "z.txt")


@pytest.mark.parametrize(
    ("name", "data", "fields", "param"),
    [
        ("a.pdf", PDF, {"purpose": "king"}, "purpose"),
        ("a.pdf", PDF, {"purpose": "batch_output"}, "purpose"),
        ("a.pdf", b"", {}, "file"),
        ("..", PDF, {}, "file"),
        ("a\u202e.pdf", PDF, {}, "file"),
        ("a" * 256, PDF, {}, "file"),
        ("a.pdf", PDF, {"expires_after[anchor]": "now"}, "expires_after.anchor"),
        ("a.pdf", PDF, {"expires_after[seconds]": "9"}, "expires_after.anchor"),
        (
            "a.pdf",
            PDF,
            {"expires_after[anchor]": "created_at", "expires_after[seconds]": "9"},
            "expires_after.seconds",
        ),
        ("a.pdf", PDF, {"note": "x" * 70_000}, "note"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_stays(
    web: Web, name: str, data: bytes, fields: dict[str, str], param: str
) -> None:
    answer = await upload(web, name, data, **fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert await keys(web) == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"", "multipart/form-data", 415),
        (b"--b\r\n", "multipart/form-data; boundary=b", 400),
        (b"", "multipart/form-data; boundary=b", 400),
        (b"nonsense", "multipart/form-data; boundary=b", 400),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 400),
        (
            b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
            "multipart/form-data; boundary=b",
            400,
        ),
    ],
)
async def test_what_is_no_form(web: Web, body: bytes, kind: str, status: int) -> None:
    answer = await web.client.post("/v2/files", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert await keys(web) == []


async def test_a_file_that_is_too_large(web: Web) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(LARGEST_FILE // 2**20 + 1):
            yield bytes(2**20)
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    chunked = await web.client.post("/v2/files", content=body(), headers=headers)
    told = headers | {"Content-Length": str(LARGEST_FILE * 2)}
    announced = await web.client.post("/v2/files", content=b"--b", headers=told)
    assert [chunked.status_code, announced.status_code] == [413, 413]
    assert chunked.json()["error"]["param"] == "file"
    assert await keys(web) == []


async def test_pages(web: Web) -> None:
    made = [(await upload(web, f"{n}.txt", b"x", purpose="batch")).json()["id"] for n in range(5)]
    await upload(web)
    seen, after = [], ""
    while True:
        query = f"/v2/files?purpose=batch&limit=2&order=asc{after}"
        page = (await web.client.get(query)).json()
        seen += [one["id"] for one in page["data"]]
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], seen[-1])
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert seen == made
    newest = (await web.client.get("/v2/files?purpose=batch")).json()["data"]
    assert [one["id"] for one in newest] == made[::-1]


@pytest.mark.parametrize(
    "query", ["purpose=king", "limit=0", "limit=10001", "order=up", "after=x", "after=%00"]
)
async def test_a_wrong_query_is_named(web: Web, query: str) -> None:
    answer = await web.client.get(f"/v2/files?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == query.partition("=")[0]


async def test_a_file_belongs_to_its_project(web: Web) -> None:
    made = (await upload(web)).json()["id"]
    other = await web.key("other", Scope.FILES, project="other")
    for method in ("GET", "DELETE"):
        answer = await web.client.request(method, f"/v2/files/{made}", headers=other)
        assert answer.status_code == 404
    assert (await web.client.get("/v2/files", headers=other)).json()["data"] == []
    same = await web.key("same", Scope.FILES)
    assert (await web.client.get(f"/v2/files/{made}", headers=same)).status_code == 200


async def test_it_needs_the_scope(web: Web) -> None:
    plain = await web.key("plain", Scope.INFERENCE)
    for method, path in [("POST", ""), ("GET", ""), ("GET", "/file-x"), ("DELETE", "/file-x")]:
        answer = await web.client.request(method, f"/v2/files{path}", headers=plain)
        assert answer.status_code == 403


@pytest.mark.parametrize("name", ["file-x", "%00", "file-" + "0" * 32])
async def test_what_is_no_file(web: Web, name: str) -> None:
    assert (await web.client.get(f"/v2/files/{name}")).status_code == 404


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=1890-", 206, 1890, 1900),
        ("bytes=1890-5000", 206, 1890, 1900),
        ("bytes=-5", 206, 1895, 1900),
        ("bytes=-5000", 206, 0, 1900),
        ("bytes=1900-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=9-3", 200, 0, 1900),
        ("bytes=0-1,4-5", 200, 0, 1900),
        ("pages=1-2", 200, 0, 1900),
        ("bytes=-", 200, 0, 1900),
    ],
)
async def test_ranges(web: Web, asked: str, status: int, first: int, last: int) -> None:
    assert len(PDF) == 1900
    place = f"/v2/files/{(await upload(web)).json()['id']}/content"
    answer = await web.client.get(place, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, PDF[first:last])
    told = {206: f"bytes {first}-{last - 1}/1900", 416: "bytes */1900"}.get(status)
    assert answer.headers.get("content-range") == told


async def test_validators(web: Web) -> None:
    place = f"/v2/files/{(await upload(web)).json()['id']}/content"
    tag = (await web.client.get(place)).headers["etag"]
    for known in (f'"x", W/{tag}', "*"):
        same = await web.client.get(place, headers={"If-None-Match": known})
        assert (same.status_code, same.content) == (304, b"")
    old = await web.client.get(place, headers={"Range": "bytes=0-1", "If-Range": '"x"'})
    assert old.status_code == 200
    new = await web.client.get(place, headers={"Range": "bytes=0-1", "If-Range": tag})
    assert new.status_code == 206


async def test_head_reads_nothing(web: Web) -> None:
    place = f"/v2/files/{(await upload(web)).json()['id']}/content"
    await web.hub.files.heaps.blobs.clear("files")
    answer = await web.client.head(place)
    assert (answer.status_code, answer.headers["content-length"]) == (200, "1900")


async def test_names_of_all_scripts(web: Web) -> None:
    made = (await upload(web, 'Prüf"bericht ✓.html')).json()
    answer = await web.client.get(f"/v2/files/{made['id']}/content")
    shown = answer.headers["content-disposition"]
    assert "filename*=UTF-8''Pr%C3%BCf%22bericht%20%E2%9C%93.html" in shown
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_an_expired_file_is_gone_at_once_and_cleared_later(web: Web) -> None:
    life = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    made = (await upload(web, "a.pdf", PDF, **life)).json()
    assert made["expires_at"] == made["created_at"] + 3600
    async with web.hub.database.begin() as connection:
        await connection.execute(text("update files set expires_at = now()"))
    assert (await web.client.get(f"/v2/files/{made['id']}")).status_code == 404
    assert (await web.client.get("/v2/files")).json()["data"] == []
    assert len(await keys(web)) == 1
    await sweep(web.hub.uploads)
    assert await keys(web) == []


async def test_the_document_describes_the_form(web: Web) -> None:
    document = (await web.client.get("/openapi.json")).json()
    form = document["paths"]["/v2/files"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert form["schema"]["required"] == ["file", "purpose"]
    assert json.dumps(document).count("expires_after[seconds]")
