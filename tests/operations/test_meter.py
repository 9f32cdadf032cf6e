"""What a call is estimated to take before it ran."""

import json

import pytest

from stellwerk.base.model_entry import ModelEntry
from stellwerk.features.catalog.types import Model
from stellwerk.operations.meter import estimated
from stellwerk.operations.operation import Call
from tests.operations.test_run import principal


def model(kind: str) -> Model:
    entry = {"id": "m", "type": kind, "upstream": {"url": "http://127.0.0.1:1/v1"}}
    return Model(ModelEntry.model_validate(entry), "file", 0)


@pytest.mark.parametrize(("kind", "again"), [("RERANK", 3 * 400), ("EMBEDDING", 0)])
def test_a_rerank_model_reads_the_question_with_each_text(kind: str, again: int) -> None:
    body = json.dumps({"query": "a" * 400, "documents": ["b"] * 4}).encode()
    call = Call(principal(), body, "req")
    assert estimated(model(kind), call) == (len(body) + again) // 4


@pytest.mark.parametrize("body", [b"\xff{", b'{"documents": 7}', b"[]"])
def test_a_body_that_is_wrong_is_estimated_too(body: bytes) -> None:
    assert estimated(model("RERANK"), Call(principal(), body, "req")) == len(body) // 4
