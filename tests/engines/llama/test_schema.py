from typing import Any

import pytest
from llguidance import LLMatcher

from stellwerk.engines.llama.schema import (
    SchemaError,
    check_schema,
    closed,
    grammar,
    json_rule,
)

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "nonsense"}, "Invalid type: nonsense"),
        ({"type": "integer", "minimum": 5, "maximum": 1}, "minimum .5. is greater than maximum"),
        ({"enum": []}, "Unsatisfiable"),
        ({"$ref": "#/$defs/nowhere"}, "nowhere"),
        ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
        ({"type": "object", "properties": 3}, "properties must be an object"),
        (
            {"type": "object", "properties": {"a": {}}, "required": ["b"]},
            "required property 'b' is unsatisfiable",
        ),
    ],
)
def test_an_impossible_schema_is_refused_with_its_place(
    schema: dict[str, Any], reason: str
) -> None:
    with pytest.raises(SchemaError, match=reason) as refusal:
        check_schema(schema, strict=False, param="tools[0].function.parameters")
    assert refusal.value.param == "tools[0].function.parameters"
    assert "%llguidance" not in refusal.value.message


def test_what_no_grammar_can_enforce_is_refused_only_if_strict() -> None:
    schema = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    check_schema(schema, strict=False, param="p")
    with pytest.raises(SchemaError, match="uniqueItems"):
        check_schema(schema, strict=True, param="p")


def test_objects_are_closed_but_for_those_that_say_otherwise() -> None:
    schema = {
        "type": "object",
        "properties": {
            "properties": CITY,
            "open": {"type": "object", "properties": {}, "additionalProperties": True},
            "free": {"type": "object"},
            "list": {"type": "array", "items": CITY},
        },
        "enum": [{"properties": 1}],
    }
    made = closed(schema)
    inner = made["properties"]
    assert made["additionalProperties"] is False
    assert made["enum"] == [{"properties": 1}]
    assert inner["properties"]["additionalProperties"] is False
    assert inner["open"]["additionalProperties"] is True
    assert inner["free"] == {"type": "object"}
    assert inner["list"]["items"]["additionalProperties"] is False
    assert set(inner) == {"properties", "open", "free", "list"}


def test_a_joined_schema_stays_open() -> None:
    schema = {"allOf": [CITY, {"type": "object", "properties": {"size": {"type": "integer"}}}]}
    assert closed(schema) == schema
    check_schema(schema, strict=False, param="p")


def test_rules_make_one_grammar() -> None:
    made = grammar('"a " city', city=json_rule(CITY, strict=True))
    assert LLMatcher.validate_grammar_with_warnings(made) == (False, [])


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"},
        {"type": "object", "properties": {"a": {"type": "string"}}, "$defs": []},
        {"type": "object", "properties": {"a": {"type": "string"}}, "definitions": "x"},
    ],
)
def test_references_that_lead_nowhere_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        check_schema(schema, strict=False, param="schema")


def test_a_list_that_refers_to_itself_is_a_schema() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    check_schema({"$ref": "#/$defs/node", "$defs": {"node": node}}, strict=False, param="schema")
