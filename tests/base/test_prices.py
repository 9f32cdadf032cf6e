from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from stellwerk.base.model_entry import ModelEntry
from stellwerk.base.prices import NANO, Prices, amount, cost

UP: dict[str, Any] = {"id": "x", "upstream": {"url": "http://127.0.0.1:9/v1"}}


def prices(**given: Any) -> Prices:
    return Prices.model_validate(given)


def test_tokens_cost_what_the_list_says() -> None:
    listed = prices(input=0.15, cached_input="0.075", output=0.6)
    assert cost(listed, 1_000_000, 0, 0) == 150_000_000
    assert cost(listed, 1_000_000, 400_000, 500_000) == 90_000_000 + 30_000_000 + 300_000_000
    assert cost(listed, 1, 0, 0) == 150


def test_cached_tokens_cost_as_others_where_nothing_is_said() -> None:
    assert cost(prices(input=2), 100, 60, 0) == cost(prices(input=2), 100, 0, 0) == 200_000
    assert cost(prices(input=2, cached_input=0), 100, 60, 0) == 80_000


def test_an_upstream_that_counts_more_cached_than_prompt_tokens_gives_no_money_back() -> None:
    assert cost(prices(input=2, cached_input=1), 10, 50, 0) == 10_000


def test_the_smallest_price_is_rounded_once_for_the_whole_call() -> None:
    tiny = prices(input="0.000001")
    assert cost(tiny, 400, 0, 0) == 0
    assert cost(tiny, 1_500, 0, 0) == 2
    assert cost(tiny, 10**9, 0, 0) == 10**6


def test_requests_images_and_audio() -> None:
    listed = prices(per_request="0.001", per_image="0.04", per_audio_minute="0.006")
    assert cost(listed, 0, 0, 0) == NANO // 1000
    assert cost(listed, 0, 0, 0, images=2) == NANO // 1000 + 80_000_000
    assert cost(listed, 0, 0, 0, audio_seconds=90) == NANO // 1000 + 9_000_000


def test_a_model_without_prices_costs_nothing() -> None:
    assert cost(None, 10**6, 0, 10**6) == 0


def test_amounts_are_written_out() -> None:
    assert [amount(1_500_000), amount(0), amount(10**9), amount(1)] == [
        "0.0015",
        "0",
        "1",
        "0.000000001",
    ]
    assert Decimal(amount(2**63 - 1)) * NANO == 2**63 - 1


@pytest.mark.parametrize(
    "wrong", [{"input": -1}, {"input": "NaN"}, {"inptu": 1}, {"output": 1e9}, {"input": "1e-9"}, {}]
)
def test_a_wrong_price_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        prices(**wrong)


def test_a_catalogue_entry_keeps_its_prices_exactly() -> None:
    entry = ModelEntry.model_validate({**UP, "prices": {"input": 0.1, "output": "0.40"}})
    again = ModelEntry.model_validate(entry.model_dump(mode="json"))
    assert again == entry
    assert again.prices == prices(input=Decimal("0.1"), output=Decimal("0.40"))
    assert ModelEntry.model_validate(UP).prices is None
