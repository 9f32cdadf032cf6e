from collections.abc import Sequence

from stellwerk.engines.llama.draft import HELD, Draft
from stellwerk.engines.llama.messages import Called
from stellwerk.wire.tools import Function

WEATHER = Function(
    name="get_weather",
    parameters={
        "type": "object",
        "properties": {
            "location": {"type": "string", "description": "City, e.g. San Francisco, CA"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "note": {"type": "string"},
        },
        "required": ["location"],
    },
)


def draft(known: str = "", earlier: Sequence[Called] = (), *, checked: bool = True) -> Draft:
    return Draft([WEATHER], earlier, known, checked)


def fed(made: Draft, text: str) -> str:
    """What is sent of a line that comes character by character."""
    pieces = [piece for one in text[:-1] for piece in made.feed(one, complete=False)]
    return "".join([*pieces, *made.feed(text[-1], complete=True)])


def test_a_call_is_sent_when_it_is_complete() -> None:
    made = draft("weather in rome?")
    assert fed(made, ' get_weather {"location": "Rome"}\n') == '{"location": "Rome"}'
    assert (made.name, made.sent) == ("get_weather", len(made.arguments))


def test_half_a_surrogate_pair_is_no_reason_to_fail() -> None:
    assert fed(draft(), ' get_weather {"location": "\\ud800"}\n') == '{"location": "\\ud800"}'


def test_no_call_sends_nothing() -> None:
    made = draft()
    assert fed(made, " none\n") == ""
    assert made.function is None


def test_a_value_of_the_schemas_own_is_refused() -> None:
    made = draft("what is the weather?")
    assert fed(made, ' get_weather {"location": "San Francisco"}\n') == ""
    assert made.missing == "location"


def test_the_same_value_from_the_user_is_right() -> None:
    made = draft("weather in san francisco?")
    assert fed(made, ' get_weather {"location": "San Francisco"}\n') != ""


def test_a_repeated_call_is_refused() -> None:
    earlier = [Called("c", "get_weather", '{"location":"Rome"}')]
    again = draft("rome", earlier)
    assert fed(again, ' get_weather {"location": "Rome", "note": "again"}\n') == ""
    assert again.refused
    assert again.missing == ""
    other = draft("rome, oslo", earlier)
    assert fed(other, ' get_weather {"location": "Oslo"}\n') != ""


def test_long_arguments_are_sent_while_they_are_written() -> None:
    made = draft("rome")
    begin = ' get_weather {"location": "Rome", "note": "' + "x" * HELD
    sent = "".join(made.feed(begin, complete=False))
    assert sent == begin.removeprefix(" get_weather ")
    assert "".join(made.feed('"}\n', complete=True)) == '"}'


def test_a_forced_call_is_sent_at_once_and_unchecked() -> None:
    made = draft(checked=False)
    assert "".join(made.feed(' get_weather {"location": "San', complete=False)) != ""
    assert fed(draft(checked=False), ' get_weather {"location": "San Francisco"}\n') != ""
