"""Links to files that need no API key: signed with a key of this database, and good for a while."""

import hmac
import secrets
import time
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from stellwerk.base.errors import Kind, StellwerkError
from stellwerk.data.database import Database
from stellwerk.features.files.tables import link_keys

# Of the one key that there is.
ONLY = 1


class LinkError(StellwerkError):
    """403: the link to a file was changed, or is not one of this hub's."""

    kind = Kind.FORBIDDEN
    code = "invalid_link"


class LinkExpiredError(LinkError):
    """403: the time of the link to a file is over."""

    code = "link_expired"


class Links:
    """Makes and checks links below `base`, a URL without a slash at its end."""

    def __init__(self, key: bytes, base: str) -> None:
        self._key = key
        self._base = base

    def to(self, file_id: str, seconds: int) -> str:
        """A link that is good for so long."""
        expires = str(int(time.time()) + seconds)
        query = {"expires": expires, "signature": self._signature(file_id, expires)}
        return f"{self._base}/{file_id}?{urlencode(query)}"

    def check(self, file_id: str, expires: str, signature: str) -> None:
        """Raises `LinkError`. Whether there still is such a file is not looked at."""
        right = self._signature(file_id, expires)
        if not hmac.compare_digest(right.encode(), signature.encode()):
            raise LinkError("This link was changed, or is not one of this hub's.")
        # Only what was signed here is read as a number.
        if int(expires) <= time.time():
            raise LinkExpiredError("The time of this link is over.")

    def _signature(self, file_id: str, expires: str) -> str:
        return hmac.digest(self._key, f"{file_id}\n{expires}".encode(), "sha256").hex()


async def link_key(database: Database) -> bytes:
    """The key of all processes at this database; the first that asks makes it."""
    made = upsert(link_keys).values(id=ONLY, key=secrets.token_bytes(32)).on_conflict_do_nothing()
    async with database.begin() as connection:
        await connection.execute(made)
        found = select(link_keys.c.key).where(link_keys.c.id == ONLY)
        key: bytes = (await connection.execute(found)).scalar_one()
        return key
