import pytest
from sqlalchemy import insert
from structlog.testing import capture_logs

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.model_entry import ModelEntry
from stellwerk.data.database import Database
from stellwerk.features.catalog.errors import EntryConflictError, UnknownModelError
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.catalog.tables import models
from stellwerk.features.catalog.types import Model, Models


def entry(name: str, *aliases: str, model: str | None = None) -> ModelEntry:
    upstream = {"url": "http://127.0.0.1:9/v1", "model": model}
    return ModelEntry.model_validate({"id": name, "aliases": aliases, "upstream": upstream})


async def test_entries_are_stored_for_every_process(database: Database) -> None:
    first, second = Catalog(database, []), Catalog(database, [])
    await first.put(entry("gpt", "latest"))
    await second.load()
    assert second.models.get("latest").id == "gpt"
    await second.remove("gpt")
    await first.load()
    with pytest.raises(UnknownModelError):
        first.models.get("gpt")


async def test_the_file_owns_its_models(database: Database) -> None:
    catalog = Catalog(database, [Model(entry("mine"), "file", 0)])
    with pytest.raises(EntryConflictError, match="configuration file"):
        await catalog.put(entry("mine"))
    with pytest.raises(EntryConflictError, match="configuration file"):
        await catalog.remove("mine")


async def test_a_starter_model_may_be_replaced_and_comes_back(database: Database) -> None:
    catalog = Catalog(database, [Model(entry("tiny"), "starter", 0)])
    await catalog.put(entry("tiny", model="other"))
    assert catalog.models.get("tiny").origin == "admin"
    await catalog.remove("tiny")
    assert catalog.models.get("tiny").origin == "starter"
    with pytest.raises(EntryConflictError, match="starter_models"):
        await catalog.remove("tiny")


async def test_new_does_not_replace(database: Database) -> None:
    catalog = Catalog(database, [])
    await catalog.put(entry("gpt"), new=True)
    with pytest.raises(EntryConflictError, match="already"):
        await catalog.put(entry("gpt"), new=True)


async def test_an_alias_stands_for_one_model(database: Database) -> None:
    catalog = Catalog(database, [Model(entry("one", "latest"), "file", 0)])
    with pytest.raises(EntryConflictError, match="'latest'"):
        await catalog.put(entry("two", "latest"))
    with pytest.raises(EntryConflictError, match="'one'"):
        await catalog.put(entry("two", "one"))


async def test_a_file_that_takes_a_stored_alias_wins(database: Database) -> None:
    await Catalog(database, []).put(entry("two", "latest"))
    catalog = Catalog(database, [Model(entry("one", "latest"), "file", 0)])
    await catalog.load()
    assert catalog.models.get("latest").id == "one"


async def test_one_conflict_hides_one_model_and_blocks_no_other(database: Database) -> None:
    before = Catalog(database, [])
    for other in (entry("two", "latest"), entry("three"), entry("four", "tiny")):
        await before.put(other)
    catalog = Catalog(database, [Model(entry("one", "latest"), "file", 0)])
    await catalog.load()
    assert [model.id for model in catalog.models] == ["one", "three", "four"]
    [left_out] = catalog.left_out
    assert left_out.id == "two"
    assert "'latest'" in left_out.reason.message
    await catalog.put(entry("five"))
    with pytest.raises(EntryConflictError, match="'latest'"):
        await catalog.put(entry("two", "latest", model="other"))
    with pytest.raises(EntryConflictError, match="already"):
        await catalog.put(entry("two"), new=True)
    await catalog.put(entry("two", "newest"))
    assert catalog.models.get("newest").id == "two"
    assert catalog.left_out == ()


async def test_a_change_may_not_push_another_model_out(database: Database) -> None:
    catalog = Catalog(database, [])
    await catalog.put(entry("one"))
    await catalog.put(entry("two", "latest"))
    with pytest.raises(EntryConflictError, match="'latest'"):
        await catalog.put(entry("one", "latest"))
    with pytest.raises(EntryConflictError, match="'latest'"):
        await catalog.put(entry("latest"))
    assert catalog.models.get("latest").id == "two"


async def test_a_replaced_starter_model_frees_its_aliases(database: Database) -> None:
    catalog = Catalog(database, [Model(entry("tiny", "small"), "starter", 0)])
    with pytest.raises(EntryConflictError, match="'small'"):
        await catalog.put(entry("other", "small"))
    await catalog.put(entry("tiny"))
    await catalog.put(entry("other", "small", "small"))
    await catalog.put(entry("other", "small"))
    assert catalog.models.get("small").id == "other"
    with pytest.raises(EntryConflictError, match="'small'"):
        await catalog.put(entry("tiny", "small"))


async def test_what_is_left_out_is_logged_once(database: Database) -> None:
    before = Catalog(database, [])
    await before.put(entry("two", "latest"))
    catalog = Catalog(database, [Model(entry("one", "latest", "three"), "file", 0)])
    with capture_logs() as logs:
        await catalog.load()
        await catalog.load()
        await before.put(entry("three"))
        await catalog.load()
        await catalog.load()
    assert [set(line["reasons"]) for line in logs] == [{"two"}, {"two", "three"}]


@pytest.mark.parametrize("name", ["HOME", "STELLWERK_DATABASE__URL", "stellwerk_upstream_key_a"])
async def test_the_admin_api_names_no_variable_of_another_use(
    database: Database, name: str
) -> None:
    upstream = {"url": "http://127.0.0.1:9/v1", "api_key_env": name}
    bad = ModelEntry.model_validate({"id": "thief", "upstream": upstream})
    catalog = Catalog(database, [])
    with pytest.raises(InvalidRequestError) as caught:
        await catalog.put(bad)
    assert caught.value.param == "upstream.api_key_env"
    assert "STELLWERK_UPSTREAM_KEY_" in caught.value.message
    async with database.begin() as connection:
        row = {"id": "thief", "entry": bad.model_dump(mode="json")}
        await connection.execute(insert(models).values(row))
    await catalog.load()
    assert [one.id for one in catalog.left_out] == ["thief"]
    assert catalog.models.find("thief") is None


def test_a_near_miss_is_suggested() -> None:
    known = Models.of([Model(entry("Qwen2.5-Coder"), "file", 0)])
    with pytest.raises(UnknownModelError, match=r"Did you mean 'Qwen2.5-Coder'"):
        known.get("qwen2.5-coder")


async def test_an_entry_that_this_version_cannot_read_is_left_out(database: Database) -> None:
    catalog = Catalog(database, [])
    await catalog.put(entry("good"))
    async with database.begin() as connection:
        row = {"id": "odd", "entry": {"id": "odd", "teleport": True}}
        await connection.execute(insert(models).values(row))
    await catalog.load()
    assert [model.id for model in catalog.models] == ["good"]
    [left_out] = catalog.left_out
    assert (left_out.id, left_out.entry) == ("odd", None)
    assert "teleport" in left_out.reason.message
    await catalog.put(entry("odd"))
    assert catalog.left_out == ()
