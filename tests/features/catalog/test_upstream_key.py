import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.model_entry import ModelEntry
from stellwerk.features.catalog.upstream_key import check_key_of_admin, check_key_of_file


def entry(name: str | None) -> ModelEntry:
    upstream = {"url": "https://host/v1", "api_key_env": name}
    return ModelEntry.model_validate({"id": "m", "upstream": upstream})


@pytest.mark.parametrize("name", [None, "STELLWERK_UPSTREAM_KEY_ACME"])
def test_names_for_everyone(name: str | None) -> None:
    check_key_of_admin(entry(name))
    check_key_of_file(entry(name))


def test_the_file_may_name_what_the_admin_api_may_not() -> None:
    check_key_of_file(entry("ACME_KEY"))
    with pytest.raises(InvalidRequestError, match="STELLWERK_UPSTREAM_KEY_"):
        check_key_of_admin(entry("ACME_KEY"))


@pytest.mark.parametrize("name", ["STELLWERK_DATABASE__URL", "stellwerk_database__url"])
def test_nobody_names_a_setting(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="api_key_env"):
        check_key_of_file(entry(name))
