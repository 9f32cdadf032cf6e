import pytest
from llguidance import LLMatcher

from stellwerk.engines.llama.messages import Called, Said
from stellwerk.engines.llama.script import call_grammar, called, examples, none_of, script
from stellwerk.wire.tools import Function

WEATHER = Function(
    name="get_weather",
    description="Get the\n weather",
    parameters={
        "type": "object",
        "properties": {
            "place": {"$ref": "#/$defs/Place"},
            "unit": {"enum": ["celsius", "fahrenheit"], "description": "Which one"},
            "days": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["place"],
        "$defs": {
            "Place": {"type": "object", "properties": {"city": {"type": ["string", "null"]}}}
        },
    },
)
NOW = Function(name="get_time")


def test_a_function_is_told_in_one_line() -> None:
    told = script("", [WEATHER, NOW], [])
    assert (
        "- get_weather: Get the weather (place: {city?: string | null}, "
        'unit?: "celsius" | "fahrenheit", Which one, days?: [integer])\n'
    ) in told
    assert "- get_time:  ()\n" in told


def test_a_conversation_is_written_like_the_examples() -> None:
    told = script(
        "",
        [NOW],
        [
            Said("system", "Be kind."),
            Said("user", "Hi\nthere"),
            Said("assistant", "Hello."),
            Said("user", "What time is it?"),
            Called("c", "get_time", "{}", "12:00"),
        ],
    )
    assert told.partition("no function fits\n")[2] == (
        "\nContext: Be kind.\n\nUser: Hi\n  there\nFunction: none\nAssistant: Hello.\n"
        "\nUser: What time is it?\nFunction: get_time {}\nResult: 12:00\nFunction:"
    )


def test_a_call_leads_to_the_next_question() -> None:
    assert called("get_time", "{}") == " get_time {}\nFunction:"


@pytest.mark.parametrize("may_decline", [True, False])
def test_the_grammar_of_calls_can_be_compiled(may_decline: bool) -> None:
    made = call_grammar([WEATHER, NOW], may_decline=may_decline)
    assert LLMatcher.validate_grammar_with_warnings(made) == (False, [])
    assert ('" none\\n"' in made) == may_decline


def test_a_function_named_none_does_not_mean_no_call() -> None:
    functions = [Function(name="none"), NOW]
    assert none_of(functions) != "none"
    assert f'" {none_of(functions)}\\n"' in call_grammar(functions, may_decline=True)


def test_the_examples_end_where_the_functions_begin() -> None:
    assert examples().endswith("\n\n")
    assert script(examples(), [NOW], []).count("Functions:") == examples().count("Functions:") + 1


def test_a_type_that_refers_to_itself_ends_in_the_prompt() -> None:
    parameters = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "string"}]}},
    }
    assert "f:" in script("", [Function(name="f", parameters=parameters)], [])
