from datetime import UTC, datetime, timedelta

import pytest

from stellwerk.data.database import Database
from stellwerk.features.keys.errors import KeyRefusedError, NameTakenError, UnknownKeyError
from stellwerk.features.keys.keyring import Keyring
from stellwerk.features.keys.service import Keys
from stellwerk.features.keys.types import NewKey, Scope


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
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired = await keys.create(NewKey(name="old", expires_at=past))
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
