from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from stellwerk.features.keys.types import NewKey, Scope


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("name", "key_" + "0" * 32, "ids"),
        ("name", "a/b", "address"),
        ("name", "..", "address"),
        ("name", "a\0", "printable"),
        ("name", " a", "space"),
        ("project", "a\ud800", "project"),
        ("models", ["a\0"], "printable"),
        ("models", ["a\ud800"], "models"),
        ("models", ["a" * 201], "200"),
        ("models", [], "at least one"),
        ("scopes", [], "at least one"),
        ("expires_at", 1, "RFC 3339"),
        ("expires_at", 4_000_000_000, "RFC 3339"),
        ("expires_at", "4000000000", "RFC 3339"),
        ("expires_at", "2040-01-01", "RFC 3339"),
        ("expires_at", "2040-01-01T00:00:00", "RFC 3339"),
        ("expires_at", "2001-01-01T00:00:00Z", "to come"),
        ("expires_at", "0001-01-01T00:00:00+12:00", "to come"),
        ("expires_at", "9999-12-31T23:59:59-12:00", "9999"),
    ],
)
def test_what_a_key_cannot_be(field: str, value: Any, text: str) -> None:
    with pytest.raises(ValidationError, match=text) as caught:
        NewKey.model_validate({"name": "app", field: value})
    assert {problem["loc"][0] for problem in caught.value.errors()} == {field}


def test_a_wrong_scope_is_one_mistake() -> None:
    with pytest.raises(ValidationError) as caught:
        NewKey.model_validate({"name": "app", "scopes": ["king"]})
    assert [problem["loc"] for problem in caught.value.errors()] == [("scopes", 0)]


def test_a_scope_given_twice_counts_once() -> None:
    new = NewKey.model_validate({"name": "app", "scopes": ["files", "admin", "files"]})
    assert new.scopes == (Scope.FILES, Scope.ADMIN)


@pytest.mark.parametrize(
    "moment",
    [
        "2040-01-31T12:00:00Z",
        "2040-01-31t12:00:00.25+05:30",
        datetime.now(UTC) + timedelta(days=1),
    ],
)
def test_moments(moment: Any) -> None:
    assert NewKey.model_validate({"name": "app", "expires_at": moment}).expires_at is not None
