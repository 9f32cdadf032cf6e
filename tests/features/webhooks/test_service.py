"""Secrets of projects, and signatures that the official SDK accepts."""

import time

import openai
import pytest
from openai import OpenAI
from sqlalchemy import text

from stellwerk.data.database import Database
from stellwerk.features.keys.errors import UnknownProjectError
from stellwerk.features.keys.service import Keys
from stellwerk.features.keys.types import NewKey
from stellwerk.features.webhooks.errors import NoWebhookSecretError
from stellwerk.features.webhooks.service import Webhooks
from stellwerk.features.webhooks.signing import headers, new_secret, shown

BODY = b'{"id":"evt_1","object":"event","created_at":1,"type":"batch.completed","data":{"id":"b"}}'


@pytest.fixture
async def project_id(database: Database) -> str:
    await Keys(database).create(NewKey(name="app", project="team"))
    async with database.connect() as connection:
        found = await connection.scalar(text("select id from projects where name = 'team'"))
    return str(found)


def verify(secret: str, body: bytes, given: dict[str, str]) -> None:
    with OpenAI(api_key="unused") as client:
        client.webhooks.verify_signature(body, given, secret=secret)


def test_the_official_sdk_accepts_the_signature() -> None:
    secret = new_secret()
    given = headers("msg_1", int(time.time()), BODY, [secret])
    verify(shown(secret), BODY, given)
    with OpenAI(api_key="unused") as client:
        event = client.webhooks.unwrap(BODY, given, secret=shown(secret))
    assert event.type == "batch.completed"


def test_another_body_name_time_or_secret_is_refused() -> None:
    secret, other = new_secret(), new_secret()
    now = int(time.time())
    given = headers("msg_1", now, BODY, [secret])
    wrong = [
        (shown(secret), BODY + b" ", given),
        (shown(secret), BODY, given | {"webhook-id": "msg_2"}),
        (shown(secret), BODY, given | {"webhook-timestamp": str(now + 1)}),
        (shown(other), BODY, given),
    ]
    for name, body, sent in wrong:
        with pytest.raises(openai.InvalidWebhookSignatureError):
            verify(name, body, sent)


def test_each_of_two_secrets_is_enough() -> None:
    one, two = new_secret(), new_secret()
    given = headers("msg_1", int(time.time()), BODY, [one, two])
    for secret in (one, two):
        verify(shown(secret), BODY, given)


async def test_a_project_gets_a_secret_and_keeps_the_old_one_for_a_day(
    database: Database, project_id: str
) -> None:
    webhooks = Webhooks(database)
    with pytest.raises(NoWebhookSecretError):
        await webhooks.require_secret(project_id, "X-Queue-Webhook")
    first = await webhooks.renew("team")
    assert first.secret.startswith("whsec_")
    assert first.previous_expires_at is None
    await webhooks.require_secret(project_id, "X-Queue-Webhook")
    second = await webhooks.renew(project_id)
    assert second.secret != first.secret
    assert second.previous_expires_at is not None
    await webhooks.renew("team")
    async with database.connect() as connection:
        rows = (await connection.execute(text("select expires_at from webhook_secrets"))).all()
    # The one before the last and the last: older ones sign no more.
    assert sorted(row.expires_at is None for row in rows) == [False, True]


async def test_an_unknown_project_has_none(database: Database) -> None:
    with pytest.raises(UnknownProjectError):
        await Webhooks(database).renew("nobody")
