from stellwerk.wire.chat import ChatCompletionRequest
from stellwerk.wire.choices import choices


def test_the_words_of_a_field_are_found_by_its_place() -> None:
    found = choices(ChatCompletionRequest, "messages[3].role")
    assert set(found) == {"system", "developer", "user", "assistant", "tool", "function"}
    assert choices(ChatCompletionRequest, "reasoning_effort")[0] in {"high", "none"}
    assert choices(ChatCompletionRequest, "tools[0].type") == ("function",)


def test_where_any_word_may_stand_none_is_told() -> None:
    assert choices(ChatCompletionRequest, "model") == ()
    assert choices(ChatCompletionRequest, "no.such[0].place") == ()
