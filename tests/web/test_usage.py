import csv
from datetime import UTC, datetime
from io import StringIO

import pytest

from stellwerk.base.settings import UsageSettings
from stellwerk.features.keys.types import NewKey, Scope
from tests.features.usage.rows import row
from tests.web.conftest import Web

DAY = datetime(2026, 1, 2, tzinfo=UTC).timestamp()
SPAN = "start=2026-01-02&end=2026-01-05"


@pytest.fixture
async def used(web: Web) -> Web:
    """Two keys' requests on two days; one failed, one was cut off and counted by us."""
    record = web.hub.recorder.record
    shop = await web.hub.keys.create(NewKey(name="=shop", project="@home"))
    record(row(1, time=DAY, key_id=shop.id, cost=1_500_000))
    record(row(2, time=DAY + 3_601, key_id=shop.id, status=499, estimated=True))
    record(
        row(3, time=DAY + 86_400, key_id="key_gone", model="vectors", target="+east", status=500)
    )
    await web.hub.recorder.flush()
    return web


async def rows(web: Web, question: str) -> list[dict[str, object]]:
    answer = await web.client.get(f"/admin/usage?{question}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["data"]
    return found


async def test_one_total(used: Web) -> None:
    answer = (await used.client.get(f"/admin/usage?{SPAN}")).json()
    assert (answer["currency"], answer["has_more"]) == ("EUR", False)
    assert (answer["start"], answer["end"]) == ("2026-01-02T00:00:00Z", "2026-01-05T00:00:00Z")
    [total] = answer["data"]
    assert total["key"] is total["day"] is total["model"] is None
    assert {name: total[name] for name in list(total)[9:]} == {
        "requests": 3,
        "errors": 2,
        "estimated": 1,
        "prompt_tokens": 300,
        "cached_tokens": 120,
        "completion_tokens": 21,
        "cost": "0.001502",
        "cost_nano": 1_502_000,
    }


async def test_nothing_was_used(web: Web) -> None:
    [total] = await rows(web, SPAN)
    assert (total["requests"], total["cost"]) == (0, "0")
    assert await rows(web, "group_by=model") == []


async def test_groups_carry_the_names_of_their_owners(used: Web) -> None:
    found = await rows(used, f"{SPAN}&group_by=day,key&group_by=model")
    assert [(one["day"], one["key_name"], one["model"], one["requests"]) for one in found] == [
        ("2026-01-02", "=shop", "chat", 2),
        ("2026-01-03", None, "vectors", 1),
    ]
    assert found[1]["key"] == "key_gone"


@pytest.mark.parametrize(
    ("filter_by", "requests"),
    [
        ("key=%3Dshop", 2),
        ("key=key_gone", 1),
        ("key=key_other", 0),
        ("model=vectors", 1),
        ("project=proj_a", 3),
        ("key=%3Dshop&model=vectors", 0),
        ("project=@home", 0),
    ],
)
async def test_only_a_part(used: Web, filter_by: str, requests: int) -> None:
    [total] = await rows(used, f"{SPAN}&{filter_by}")
    assert total["requests"] == requests


@pytest.mark.parametrize(
    ("start", "end", "requests"),
    [
        (DAY, DAY + 1, 1),
        (DAY + 1, DAY + 3_601, 0),
        (DAY + 1, DAY + 3_602, 1),
        (DAY + 1_800, DAY + 86_401, 2),
        (DAY - 1, DAY + 86_400, 2),
    ],
)
async def test_a_span_begins_and_ends_at_the_second(
    used: Web, start: float, end: float, requests: int
) -> None:
    [total] = await rows(used, f"start={start:.0f}&end={end:.0f}")
    assert total["requests"] == requests


async def test_hours_whose_rows_are_gone_count_as_a_whole(
    used: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(used.hub.usage, "_settings", UsageSettings(retention_days=1))
    answer = await used.client.get(f"/admin/usage?start={DAY + 60:.0f}&end={DAY + 3_700:.0f}")
    assert answer.json()["start"] == "2026-01-02T00:00:00Z"
    assert answer.json()["end"] == "2026-01-02T02:00:00Z"
    assert answer.json()["data"][0]["requests"] == 2


async def test_page_by_page(used: Web) -> None:
    question = f"/admin/usage?{SPAN}&group_by=day,model&limit=1"
    first = (await used.client.get(question)).json()
    assert first["has_more"] is True
    assert first["first_id"] == first["last_id"] == first["data"][0]["id"]
    second = (await used.client.get(f"{question}&after={first['last_id']}")).json()
    assert second["has_more"] is False
    assert [first["data"][0]["model"], second["data"][0]["model"]] == ["chat", "vectors"]
    last = (await used.client.get(f"{question}&after={second['last_id']}")).json()
    assert (last["data"], last["last_id"]) == ([], None)
    whole = (await used.client.get(f"/admin/usage?{SPAN}")).json()
    assert await rows(used, f"{SPAN}&after={whole['last_id']}") == []


async def test_a_sheet_holds_everything_and_no_formula(used: Web) -> None:
    answer = await used.client.get(f"/admin/usage?{SPAN}&group_by=key,target&format=csv&limit=1")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    found = list(csv.DictReader(StringIO(answer.text)))
    assert [(one["key_name"], one["target"], one["requests"]) for one in found] == [
        ("'=shop", "local", "2"),
        ("", "'+east", "1"),
    ]
    assert found[0]["cost"] == "0.001501"
    assert {one["currency"] for one in found} == {"EUR"}


async def test_only_an_administrator(web: Web) -> None:
    plain = await web.key("plain", Scope.INFERENCE)
    assert (await web.client.get("/admin/usage", headers=plain)).status_code == 403
    assert (await web.client.get("/admin/usage", headers={"Authorization": ""})).status_code == 401


@pytest.mark.parametrize(
    ("question", "param"),
    [
        ("start=yesterday", "start"),
        ("start=2026-01-01T00:00:00", "start"),
        ("end=2026-13-01", "end"),
        ("end=999999999999", "end"),
        ("start=-5", "start"),
        ("start=2026-01-02&end=2026-01-02", "end"),
        ("start=2999-01-01", "start"),
        ("group_by=colour", "group_by"),
        ("group_by=key,,model", "group_by"),
        ("gruop_by=key", "gruop_by"),
        ("key=nobody", "key"),
        ("key=", "key"),
        ("key=a%00b", "key"),
        ("project=nowhere", "project"),
        ("model=%00", "model"),
        ("format=xml", "format"),
        ("limit=0", "limit"),
        ("limit=100000", "limit"),
        ("after=nonsense", "after"),
        ("after=W10", "after"),
        ("group_by=key&after=WyJcdTAwMDAiXQ", "after"),
        ("group_by=day&after=WyJ4Il0", "after"),
        ("group_by=key&after=%C3%A4", "after"),
        ("format=csv&key=nobody", "key"),
        ("start=2026-01-01&start=x", "start"),
    ],
)
async def test_a_wrong_field_is_named(web: Web, question: str, param: str) -> None:
    question = question.replace("after=W10", "group_by=model&after=W10")
    answer = await web.client.get(f"/admin/usage?{question}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
