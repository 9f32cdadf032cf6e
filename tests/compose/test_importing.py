import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stellwerk.base.model_entry import ModelType
from stellwerk.cli import app
from stellwerk.compose.importing import model_type
from stellwerk.data.database import Database
from stellwerk.features.catalog.service import Catalog
from tests.faults.upstream import Place, upstream
from tests.faults.upstream_scripts import ends
from tests.scripted import whole

VARIABLE = "STELLWERK_UPSTREAM_KEY_ACME"
LISTED = {
    "object": "list",
    "data": [
        {"id": "org/chat", "object": "model", "max_model_len": 4096},
        {"id": "text-embedding-9", "object": "model"},
        {
            "id": "vectors",
            "meta_data": {
                "model_type": "EMBEDDING",
                "hidden_size": 384,
                "license": "",
                "source_type": "PROPRIETARY",
                "location": "elsewhere",
            },
        },
        {"id": "odd", "meta_data": {"max_sequence_length": "long"}},
        {"id": "mine"},
        {"id": "no id of ours"},
        {"id": "\x1b[2J\ud800"},
        {"id": "also"},
    ],
}


def failing(status: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 " + status, b"content-length: 0", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


SCRIPTS = {
    "good": ends(whole(json.dumps(LISTED).encode())),
    "closes": ends(),
    "locked": ends(failing(b"401 Unauthorized")),
    "not-there": ends(failing(b"404 Not Found")),
    "moved": ends(failing(b"307 Temporary Redirect", b"location: https://example.test/v1/models")),
    "no-json": ends(whole(b"<html>")),
    "no-list": ends(whole(b'{"object":"list"}')),
    "empty": ends(whole(b'{"object":"list","data":[]}')),
    "cut": ends(whole(b'{"object":"list","data":[]}')[:-5]),
    "huge": ends(whole(b" " * (2**24 + 1))),
}


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, Place]]:
    with upstream(SCRIPTS) as running:
        yield running


@pytest.fixture
def command(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("STELLWERK_DATABASE__URL", database.dsn)
    monkeypatch.setenv("STELLWERK_DATA_DIR", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "stellwerk.toml").write_text(
        'starter_models = false\n[[models]]\nid = "mine"\naliases = ["also"]\n'
        'upstream = { url = "https://example.test/v1" }\n'
    )

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["models", *arguments])

    return run


def outcomes(result: Result) -> dict[str, str]:
    return {row["id"]: row["outcome"] for row in json.loads(result.stdout)}


def test_what_is_new_is_added_and_the_rest_is_told(
    command: Any, places: dict[str, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "secret-of-acme")
    url = places["good"].url
    arguments = ("import", f"{url}/", "--api-key-env", VARIABLE, "--json")
    first = command(*arguments)
    assert outcomes(first) == {
        "org/chat": "added",
        "text-embedding-9": "added",
        "vectors": "added",
        "odd": "added",
        "mine": "exists",
        "no id of ours": "refused",
        r"'\x1b[2J\ud800'": "refused",
        "also": "exists",
    }
    assert first.exit_code == 1
    assert "no id of ours was not added: id: " in first.stderr
    assert places["good"].heads[-1].startswith(b"GET /v1/models HTTP/1.1")
    assert b"authorization: bearer secret-of-acme" in places["good"].heads[-1].lower()
    assert "secret-of-acme" not in first.output
    again = outcomes(command(*arguments))
    assert set(again.values()) == {"exists", "refused"}
    listed = {row["id"]: row for row in json.loads(command("list", "--json").stdout)}
    assert {name: row["type"] for name, row in listed.items()} == {
        "mine": "LLM",
        "org/chat": "LLM",
        "text-embedding-9": "EMBEDDING",
        "vectors": "EMBEDDING",
        "odd": "LLM",
    }
    assert listed["org/chat"]["origin"] == "admin"


async def test_an_entry_leads_back_to_its_server(
    command: Any, places: dict[str, Place], database: Database
) -> None:
    url = places["good"].url
    await asyncio.to_thread(command, "import", url, "--prefix", "acme/")
    catalog = Catalog(database, [])
    await catalog.load()
    chat, vectors = catalog.models.get("acme/org/chat"), catalog.models.get("acme/vectors")
    assert chat.entry.upstream is not None
    assert (str(chat.entry.upstream.url), chat.entry.upstream.model) == (url, "org/chat")
    assert chat.entry.upstream.api_key_env is None
    assert chat.entry.meta_data.max_sequence_length == 4096
    assert vectors.entry.meta_data.hidden_size == 384
    assert vectors.entry.meta_data.source_type == "PROPRIETARY"
    assert "acme/mine" in catalog.models.by_id


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("closes", "cannot be reached"),
        ("cut", "cannot be reached"),
        ("locked", "--api-key-env"),
        ("not-there", "/v1"),
        ("moved", "https://example.test/v1/models"),
        ("no-json", "not JSON"),
        ("no-list", "`data`"),
        ("empty", "names no model"),
        ("huge", "16 MiB"),
    ],
)
def test_a_list_that_cannot_be_read(
    command: Any, places: dict[str, Place], script: str, text: str
) -> None:
    result = command("import", places[script].url)
    assert result.exit_code == 1
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("http://127.0.0.1:1/v1",), 1, "cannot be reached"),
        (("http://127.0.0.1:1/v1", "--api-key-env", VARIABLE), 1, f"{VARIABLE} is not set"),
        (("http://127.0.0.1:1/v1", "--api-key-env", "HOME"), 1, "must begin with"),
        (("ftp://127.0.0.1/v1",), 2, "url"),
        (("http://user:word@127.0.0.1/v1",), 2, "no user, password"),
        (("http://127.0.0.1/v1", "--api-key-env", "A B"), 2, "api_key_env"),
    ],
)
def test_failures_say_why(command: Any, arguments: tuple[str, ...], status: int, text: str) -> None:
    result = command("import", *arguments)
    assert result.exit_code == status
    assert text in result.stderr
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"id": "gpt-9"}, "LLM"),
        ({"id": "intfloat/multilingual-e5-large"}, "EMBEDDING"),
        ({"id": "whisper-1"}, "STT"),
        ({"id": "embed-and-chat", "meta_data": {"model_type": "LLM"}}, "LLM"),
        ({"id": "x", "meta_data": {"model_type": "image"}}, "IMAGE"),
        ({"id": "x", "meta_data": {"model_type": ["EMBEDDING"]}}, "LLM"),
        ({"id": "x", "meta_data": "EMBEDDING"}, "LLM"),
    ],
)
def test_the_type_is_said_or_guessed(told: dict[str, Any], kind: ModelType) -> None:
    assert model_type(told) == kind
