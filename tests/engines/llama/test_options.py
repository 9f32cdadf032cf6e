from typing import Any

import pytest

from stellwerk.engines.llama.options import OptionsError, read_options


def test_without_options_a_laptop_is_meant() -> None:
    options = read_options(None)
    assert (options.slots, options.context, options.tool_style) == (4, None, "auto")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"slot": 2}, "unknown field `slot`"),
        ({"slots": 0}, "slots"),
        ({"context": "much"}, "context"),
        ({"tool_style": "magic"}, "tool_style"),
        ({"temperature": 3}, "temperature"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionsError, match=said):
        read_options(options)
