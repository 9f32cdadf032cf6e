import re
from collections.abc import Iterator
from typing import Any

from stellwerk.operations.registry import OPERATIONS
from stellwerk.web.app import routes
from tests.web.conftest import Web

DOCUMENT = routes().openapi()
# FastAPI's own schemas of its own validation failures, which no route of ours answers.
FOREIGN = {"HTTPValidationError", "ValidationError"}


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name not in FOREIGN:
            for field, described in schema.get("properties", {}).items():
                yield f"{name}.{field}", described


def test_every_verb_is_there_with_an_example() -> None:
    for operation in OPERATIONS:
        verb = DOCUMENT["paths"][f"/v2{operation.path}"]["post"]
        kind = "multipart/form-data" if operation.form else "application/json"
        content = verb["requestBody"]["content"][kind]
        assert content["example"]["model"]
        assert set(verb["responses"]) >= {"200", "400", "401", "403", "404", "413", "503"}


def test_every_reference_leads_somewhere() -> None:
    names = re.findall(r"'#/components/schemas/([^']+)'", str(DOCUMENT))
    assert set(names) <= set(DOCUMENT["components"]["schemas"])


def test_every_field_is_described() -> None:
    missing = [
        name
        for name, field in fields()
        if "description" not in field
        and "$ref" not in field
        and "const" not in field
        and len(field.get("enum", ())) != 1
    ]
    assert missing == []


async def test_the_pages_need_no_network(web: Web) -> None:
    for path in ("/redoc", "/docs"):
        page = (await web.client.get(path)).text
        sources = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert sources
        for source in sources:
            assert source.startswith(("/", "data:")), source
            if source.startswith("/"):
                assert (await web.client.get(source)).status_code == 200
