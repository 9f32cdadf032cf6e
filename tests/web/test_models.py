import pytest

from stellwerk.features.keys.types import NewKey
from tests.web.conftest import Web


@pytest.mark.parametrize(
    ("prefix", "ids"),
    [
        ("/v2", ["chat", "vectors", "org/voice", "ranker", "reader", "sight"]),
        ("/v1", ["chat", "vectors", "org/voice", "ranker", "reader", "sight"]),
        ("/queue", ["chat", "vectors", "org/voice", "ranker", "reader", "sight"]),
        ("/v2/coding", ["chat", "vectors", "org/voice", "ranker", "reader", "sight"]),
        ("/v2/audio", ["org/voice"]),
        ("/audio", ["org/voice"]),
        ("/vision", []),
    ],
)
async def test_lists(web: Web, prefix: str, ids: list[str]) -> None:
    listed = (await web.client.get(f"{prefix}/models")).json()
    assert [model["id"] for model in listed["data"]] == ids
    assert listed["has_more"] is False


async def test_one_model_by_id_and_by_alias(web: Web) -> None:
    for name, found in (("org/voice", "org/voice"), ("latest", "chat")):
        model = (await web.client.get(f"/v2/models/{name}")).json()
        assert (model["id"], model["object"], model["created"]) == (found, "model", 7)
    assert model["meta_data"]["is_externally_hosted"] is True


async def test_only_what_the_key_may_use(web: Web) -> None:
    issued = await web.hub.keys.create(NewKey(name="narrow", models=("vec*",)))
    headers = {"Authorization": "", "api-key": issued.key}
    listed = (await web.client.get("/v2/models", headers=headers)).json()
    assert [model["id"] for model in listed["data"]] == ["vectors"]
    assert (await web.client.get("/v2/models/chat", headers=headers)).status_code == 403
    assert (await web.client.get("/v2/models/none", headers=headers)).status_code == 404
