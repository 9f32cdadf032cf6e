import json

import pytest

from stellwerk.engines.llama.fields import (
    HINTS,
    HONOURED,
    REFUSED,
    UnsupportedFieldError,
    refuse_unsupported,
)
from stellwerk.wire.chat import ChatCompletionRequest
from stellwerk.wire.completions import CompletionRequest


def test_every_described_field_stands_in_one_list() -> None:
    described = {
        *ChatCompletionRequest.__struct_fields__,
        *CompletionRequest.__struct_fields__,
    }
    assert described <= HONOURED | HINTS
    assert not HONOURED & HINTS
    assert not (HONOURED | HINTS) & REFUSED.keys()


@pytest.mark.parametrize("name", REFUSED)
def test_a_field_that_cannot_be_honoured_is_refused(name: str) -> None:
    refuse_unsupported(json.dumps({name: None}).encode())
    with pytest.raises(UnsupportedFieldError) as refusal:
        refuse_unsupported(json.dumps({name: {}}).encode())
    assert refusal.value.param == name


def test_hints_and_unknown_fields_pass() -> None:
    refuse_unsupported(json.dumps(dict.fromkeys([*HINTS, "unknown"], "x")).encode())
