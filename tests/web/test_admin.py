import json

import pytest

from stellwerk.base.model_entry import ModelEntry
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.keys.types import Scope
from tests.web.conftest import Web

# Written here, because httpx itself cannot write half of a surrogate pair.
JSON = {"Content-Type": "application/json"}
UP = {"url": "http://127.0.0.1:9/v1"}


async def test_a_key_s_life(web: Web) -> None:
    made = await web.client.post("/admin/keys", json={"name": "app", "models": ["chat"]})
    assert made.status_code == 201
    secret, key = made.json()["key"], made.json()["id"]
    mine = {"Authorization": f"Bearer {secret}"}
    assert (await web.client.get("/v2/models", headers=mine)).status_code == 200
    rotated = (await web.client.post(f"/admin/keys/{key}/rotate")).json()["key"]
    web.hub.keyring.forget()
    assert (await web.client.get("/v2/models", headers=mine)).status_code == 401
    mine = {"Authorization": f"Bearer {rotated}"}
    assert (await web.client.get("/v2/models", headers=mine)).status_code == 200
    assert (await web.client.delete(f"/admin/keys/{key}")).json()["revoked_at"]
    web.hub.keyring.forget()
    refused = await web.client.get("/v2/models", headers=mine)
    assert refused.status_code == 401
    assert "revoked" in refused.json()["detail"]
    names = [one["name"] for one in (await web.client.get("/admin/keys")).json()["data"]]
    assert names == ["admin"]


async def test_only_an_administrator(web: Web) -> None:
    plain = await web.key("plain", Scope.INFERENCE)
    for path in ("/admin/keys", "/admin/models", "/admin/engines"):
        assert (await web.client.get(path, headers=plain)).status_code == 403
        assert (await web.client.get(path, headers={"Authorization": ""})).status_code == 401


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": " a"}, "name"),
        ({"name": "a", "scopes": ["king"]}, "scopes.0"),
        ({"name": "a", "modles": ["x"]}, "modles"),
        ({"name": "a", "expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"name": "a", "models": []}, "models"),
        ({"name": "a", "models": ["a\0"]}, "models.0"),
        ({"name": "a", "models": ["a\ud800"]}, "models.0"),
        ({"name": "a", "expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ({"name": "a", "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "a", "expires_at": 1}, "expires_at"),
        ({"name": "key_" + "0" * 32}, "name"),
    ],
)
async def test_a_wrong_key_field_is_named(web: Web, body: object, param: str) -> None:
    answer = await web.client.post("/admin/keys", content=json.dumps(body), headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_limits_change_field_by_field(web: Web) -> None:
    limits = {"requests_per_minute": 20, "monthly_budget": 12.5}
    made = await web.client.post("/admin/keys", json={"name": "app", "limits": limits})
    assert made.json()["limits"]["requests_per_minute"] == 20
    principal = await web.hub.keyring.principal(made.json()["key"])
    assert principal.limits is not None
    assert str(principal.limits.key.monthly_budget) == "12.5"
    change = {"limits": {"requests_per_minute": None, "concurrent_requests": 2}}
    changed = (await web.client.post("/admin/keys/app", json=change)).json()["limits"]
    assert (changed["requests_per_minute"], changed["concurrent_requests"]) == (None, 2)
    assert changed["monthly_budget"] == "12.5"
    project = await web.client.post("/admin/projects/default", json=change)
    assert project.json()["limits"]["concurrent_requests"] == 2
    listed = (await web.client.get("/admin/projects")).json()["data"]
    assert [one["name"] for one in listed] == ["default"]
    for place in ("keys/nobody", "projects/nobody", "projects/%00"):
        assert (await web.client.post(f"/admin/{place}", json=change)).status_code == 404


@pytest.mark.parametrize("place", ["keys/admin", "projects/default"])
@pytest.mark.parametrize(
    ("limits", "param"),
    [
        ({"request_per_minute": 5}, "limits.request_per_minute"),
        ({"budget": 5}, "limits.budget"),
        ({"requests_per_minute": 0}, "limits.requests_per_minute"),
        ({"monthly_budget": -1}, "limits.monthly_budget"),
        ({"monthly_budget": "NaN"}, "limits.monthly_budget"),
    ],
)
async def test_a_misspelt_limit_is_refused(
    web: Web, place: str, limits: object, param: str
) -> None:
    answer = await web.client.post(f"/admin/{place}", json={"limits": limits})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    made = await web.client.post("/admin/keys", json={"name": "new", "limits": limits})
    assert made.json()["error"]["param"] == param


@pytest.mark.parametrize("place", ["keys", "models"])
async def test_what_cannot_be_a_name_is_not_found(web: Web, place: str) -> None:
    for name in ("%00", "a%00b", "%ED%A0%80", "%0A"):
        assert (await web.client.delete(f"/admin/{place}/{name}")).status_code == 404
    assert (await web.client.get("/admin/keys/%00")).status_code == 404
    assert (await web.client.post("/admin/keys/%00/rotate")).status_code == 404


async def test_conflicts_are_not_repeated(web: Web) -> None:
    answer = await web.client.post("/admin/keys", json={"name": "admin"})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (409, "false")


async def test_the_catalogue_changes_at_run_time(web: Web) -> None:
    entry = {"id": "new", "upstream": {"url": "http://127.0.0.1:9/v1"}}
    assert (await web.client.post("/admin/models", json=entry)).status_code == 201
    assert (await web.client.post("/admin/models", json=entry)).status_code == 409
    entry["aliases"] = ["newest"]
    assert (await web.client.put("/admin/models/new", json=entry)).status_code == 200
    assert (await web.client.get("/v2/models/newest")).json()["id"] == "new"
    assert (await web.client.put("/admin/models/other", json=entry)).status_code == 400
    assert (await web.client.delete("/admin/models/new")).status_code == 204
    assert (await web.client.delete("/admin/models/new")).status_code == 404
    assert (await web.client.delete("/admin/models/chat")).status_code == 409


@pytest.mark.parametrize(
    ("entry", "param"),
    [
        ({"id": "x"}, None),
        ({"id": "x", "engine": "steam"}, "engine"),
        ({"id": "x", "engine": "e5"}, "type"),
        ({"id": "a b", "engine": "llama"}, "id"),
        ({"id": "x", "upstream": {"url": "nowhere"}}, "upstream.url"),
        ({"id": "x", "upstream": {**UP, "api_key_env": "HOME"}}, "upstream.api_key_env"),
        ({"id": "x", "upstream": UP, "options": {"a": "\0"}}, "options"),
        ({"id": "x", "upstream": UP, "options": {"a": "\ud800"}}, "options"),
        ({"id": "x", "upstream": UP, "options": {"a": 10**30}}, "options"),
        ({"id": "x", "upstream": UP, "options": {"a": float("inf")}}, "options"),
        ({"id": "x", "upstream": UP, "aliases": ["\0"]}, "aliases.0"),
        (
            {"id": "x", "upstream": UP, "meta_data": {"hidden_size": 2**31}},
            "meta_data.hidden_size",
        ),
        ({"id": "x", "engine": "e5", "type": "EMBEDDING", "options": {"a": 1}}, "options"),
    ],
)
async def test_a_wrong_entry_is_refused(web: Web, entry: object, param: str | None) -> None:
    answer = await web.client.post("/admin/models", content=json.dumps(entry), headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_an_entry_that_is_not_offered_is_shown_with_its_problem(web: Web) -> None:
    await Catalog(web.hub.database, []).put(
        ModelEntry.model_validate({"id": "mine", "aliases": ["latest"], "upstream": UP})
    )
    await web.hub.catalog.load()
    listed = (await web.client.get("/admin/models")).json()["data"]
    assert [(one["id"], one["origin"], bool(one["problem"])) for one in listed] == [
        ("chat", "file", False),
        ("vectors", "file", False),
        ("org/voice", "file", False),
        ("ranker", "file", False),
        ("reader", "file", False),
        ("sight", "file", False),
        ("mine", "admin", True),
    ]
    assert listed[-1]["entry"]["aliases"] == ["latest"]
    assert (await web.client.delete("/admin/models/mine")).status_code == 204
