import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from stellwerk.data.database import Database
from stellwerk.features.keys.errors import KeyRefusedError, NameTakenError, UnknownKeyError
from stellwerk.features.keys.keyring import Keyring
from stellwerk.features.keys.service import Keys
from stellwerk.features.keys.tables import api_keys
from stellwerk.features.keys.types import NewKey, Scope


async def end(database: Database, name: str) -> None:
    """Time passes, and the key with this name has expired."""
    over = update(api_keys).where(api_keys.c.name == name)
    async with database.begin() as connection:
        await connection.execute(over.values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))


async def test_a_new_key_is_known(database: Database) -> None:
    issued = await Keys(database).create(
        NewKey(name="app", project="search", models=("Qwen*",), scopes=(Scope.INFERENCE,))
    )
    principal = await Keyring(database).principal(issued.key)
    assert principal.key_name == "app"
    assert principal.may_use("Qwen2.5")
    assert not principal.may_use("SmolLM2")
    assert issued.key.startswith(issued.prefix)
    assert issued.key.endswith(issued.last_four)


async def test_the_secret_is_not_stored(database: Database) -> None:
    issued = await Keys(database).create(NewKey(name="app"))
    async with database.connect() as connection:
        dump = str((await connection.exec_driver_sql("select * from api_keys")).all())
    assert issued.key not in dump


async def test_a_live_name_is_taken_and_a_revoked_one_is_free(database: Database) -> None:
    keys = Keys(database)
    first = await keys.create(NewKey(name="app"))
    with pytest.raises(NameTakenError, match="'app'"):
        await keys.create(NewKey(name="app"))
    await keys.create(NewKey(name="app", project="other"))
    await keys.revoke(first.id)
    await keys.create(NewKey(name="app"))


async def test_revoked_expired_and_unknown_keys_are_refused(database: Database) -> None:
    keys, keyring = Keys(database), Keyring(database)
    expired = await keys.create(NewKey(name="old"))
    await end(database, "old")
    revoked = await keys.create(NewKey(name="gone"))
    await keys.revoke("gone")
    for secret, reason in (
        (expired.key, "expired"),
        (revoked.key, "revoked"),
        ("stw-nobody", "Incorrect"),
        (None, "No API key"),
    ):
        with pytest.raises(KeyRefusedError, match=reason):
            await keyring.principal(secret)


async def test_polling_notices_a_change_that_was_not_announced(database: Database) -> None:
    keys, keyring = Keys(database), Keyring(database)
    issued = await keys.create(NewKey(name="app"))
    await keyring.poll()
    await keyring.principal(issued.key)
    await keys.revoke(issued.id)
    assert (await keyring.principal(issued.key)).key_id == issued.id
    await keyring.poll()
    with pytest.raises(KeyRefusedError, match="revoked"):
        await keyring.principal(issued.key)


async def test_rotation_ends_the_old_secret_after_the_overlap(database: Database) -> None:
    keys, keyring = Keys(database), Keyring(database)
    first = await keys.create(NewKey(name="app"))
    second = await keys.rotate("app", overlap=timedelta(hours=1))
    assert second.id == first.id
    assert (await keyring.principal(first.key)).key_id == first.id
    assert (await keyring.principal(second.key)).key_id == first.id
    third = await keys.rotate("app")
    keyring.forget()
    for secret in (first.key, second.key):
        with pytest.raises(KeyRefusedError):
            await keyring.principal(secret)
    assert (await keyring.principal(third.key)).key_id == first.id


async def test_unknown_and_ambiguous_names(database: Database) -> None:
    keys = Keys(database)
    with pytest.raises(UnknownKeyError, match="'nobody'"):
        await keys.revoke("nobody")
    await keys.create(NewKey(name="app", project="one"))
    await keys.create(NewKey(name="app", project="two"))
    with pytest.raises(UnknownKeyError, match="More than one"):
        await keys.get("app")
    assert len(await keys.list()) == 2


async def test_a_revoked_key_cannot_be_rotated(database: Database) -> None:
    keys = Keys(database)
    issued = await keys.create(NewKey(name="app"))
    await keys.revoke(issued.id)
    with pytest.raises(UnknownKeyError, match="revoked"):
        await keys.rotate(issued.id)
    assert await keys.list() == []
    assert len(await keys.list(include_revoked=True)) == 1


async def test_an_id_is_never_taken_for_a_name(database: Database) -> None:
    keys = Keys(database)
    first = await keys.create(NewKey(name="app"))
    other = await keys.create(NewKey(name="other", scopes=(Scope.FILES,)))
    # Rows of an earlier version may have any name.
    named = update(api_keys).where(api_keys.c.id == other.id).values(name=first.id)
    async with database.begin() as connection:
        await connection.execute(named)
    assert (await keys.revoke(first.id)).name == "app"
    assert [key.id for key in await keys.list()] == [other.id]


@pytest.mark.parametrize("name", ["\0", "a\0", "\ud800", "a\nb"])
async def test_what_cannot_be_a_name_is_not_found(database: Database, name: str) -> None:
    keys = Keys(database)
    for attempt in (keys.get, keys.revoke, keys.rotate):
        with pytest.raises(UnknownKeyError):
            await attempt(name)


async def test_two_machines_that_start_at_once_make_one_admin_key(database: Database) -> None:
    async with Database(database.dsn) as another:
        made = await asyncio.gather(
            *(Keys(machine).first_admin() for machine in (database, another) * 3)
        )
    [issued] = [key for key in made if key is not None]
    assert (issued.name, issued.scopes) == ("admin", tuple(Scope))
    assert (await Keyring(database).principal(issued.key)).key_id == issued.id


async def test_only_a_live_admin_counts_as_one(database: Database) -> None:
    keys = Keys(database)
    await keys.create(NewKey(name="app"))
    await keys.create(NewKey(name="admin"))
    first = await keys.first_admin()
    assert first is not None
    assert first.name == "admin-2"
    assert await keys.first_admin() is None
    await keys.revoke(first.id)
    second = await keys.first_admin()
    assert second is not None
    await end(database, second.name)
    third = await keys.first_admin()
    assert third is not None
    assert third.name == "admin-3"
