"""The shapes as the API's description has them."""

from typing import Any

import msgspec

from stellwerk.wire.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest
from stellwerk.wire.completions import Completion, CompletionRequest
from stellwerk.wire.responses import Response, ResponseEvent, ResponseRequest

SHAPES = (
    *(ChatCompletionRequest, ChatCompletion, ChatCompletionChunk),
    *(CompletionRequest, Completion),
    *(ResponseRequest, Response, ResponseEvent),
)
_, SCHEMAS = msgspec.json.schema_components(SHAPES)


def test_every_shape_and_field_is_described() -> None:
    bare = [
        f"{name}.{field}"
        for name, schema in SCHEMAS.items()
        for field, described in schema.get("properties", {}).items()
        if "description" not in described and not _is_tag(described)
    ]
    assert bare == []
    assert [name for name, schema in SCHEMAS.items() if not schema.get("description")] == []


def _is_tag(described: dict[str, Any]) -> bool:
    return described.keys() == {"enum"}


def test_requests_have_examples_that_they_accept() -> None:
    for shape in (ChatCompletionRequest, CompletionRequest, ResponseRequest):
        fields = SCHEMAS[shape.__name__]["properties"]
        examples = {name: field["examples"][0] for name, field in fields.items() if _has(field)}
        msgspec.convert(examples, shape)
        assert {"model"} < examples.keys()


def _has(field: dict[str, Any]) -> bool:
    return bool(field.get("examples"))


def test_limits_are_told() -> None:
    fields = SCHEMAS["ChatCompletionRequest"]["properties"]
    number = fields["temperature"]["anyOf"][0]
    assert (number["minimum"], number["maximum"]) == (0, 2)
    assert fields["messages"]["minItems"] == 1
