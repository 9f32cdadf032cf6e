import pytest

from docs.generate import REFERENCE, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_page_says_what_the_code_does(name: str) -> None:
    assert (REFERENCE / name).read_text() == pages()[name], "run `make docs`"


def test_every_setting_is_described() -> None:
    assert "| None |" not in pages()["settings.md"]


def test_every_family_of_errors_is_explained() -> None:
    assert [line for line in pages()["errors.md"].splitlines() if line.endswith("|  |")] == []
