"""Links to files that need no key."""

import asyncio
import time

import httpx
import pytest

from stellwerk.data.database import Database
from stellwerk.features.files.links import LinkError, LinkExpiredError, Links, link_key

FILE = "file-" + "0" * 32
BASE = "https://hub.example/v2/images/files"


def parts(link: str) -> tuple[str, str, str]:
    url = httpx.URL(link)
    return url.path.rpartition("/")[2], url.params["expires"], url.params["signature"]


def test_a_link_is_good_until_its_time() -> None:
    links = Links(b"key", BASE)
    link = links.to(FILE, 60)
    assert link.startswith(f"{BASE}/{FILE}?expires=")
    file_id, expires, signature = parts(link)
    links.check(file_id, expires, signature)
    assert 50 < int(expires) - time.time() <= 60
    with pytest.raises(LinkExpiredError):
        links.check(*parts(links.to(FILE, 0)))
    with pytest.raises(LinkExpiredError):
        links.check(*parts(links.to(FILE, -10)))


def test_nothing_of_it_can_be_changed() -> None:
    links = Links(b"key", BASE)
    file_id, expires, signature = parts(links.to(FILE, 60))
    for forged in (
        (file_id[:-1] + "1", expires, signature),
        (file_id, str(int(expires) + 1), signature),
        (file_id, expires + " ", signature),
        (file_id, expires, signature.upper()),
        (file_id, expires, signature[:-1]),
        (file_id, expires, ""),
        (file_id, "", ""),
        (file_id, "soon", "\N{SNOWMAN}"),
        parts(Links(b"other", BASE).to(FILE, 60)),
    ):
        with pytest.raises(LinkError) as caught:
            links.check(*forged)
        assert caught.value.code == "invalid_link"
        assert caught.value.kind.status == 403


async def test_all_processes_have_one_key(database: Database) -> None:
    keys = await asyncio.gather(*(link_key(database) for _ in range(4)))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
