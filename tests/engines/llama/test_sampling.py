from typing import Any

from stellwerk.engines.llama.options import Options
from stellwerk.engines.llama.sampling import sampling
from stellwerk.wire.chat import ChatCompletionRequest
from stellwerk.wire.messages import UserMessage


def made(choice: int = 0, **fields: Any) -> dict[str, Any]:
    ask = ChatCompletionRequest(model="m", messages=[UserMessage(content="hi")], **fields)
    return sampling(ask, Options(), choice)


def test_what_a_caller_sets_means_what_it_says() -> None:
    fields = made(temperature=1.3, top_p=0.8)
    assert (fields["temperature"], fields["top_p"]) == (1.3, 0.8)
    assert (fields["top_k"], fields["min_p"]) == (0, 0)


def test_without_a_word_the_models_options_count() -> None:
    fields = made()
    assert (fields["temperature"], fields["top_p"], fields["min_p"]) == (1.0, 1.0, 0.05)
    assert made(temperature=0.5)["min_p"] == 0
    assert made(top_p=0.5)["min_p"] == 0
    assert made(temperature=0.5, min_p=0.2, top_k=7) | {} == made(
        temperature=0.5, min_p=0.2, top_k=7
    )
    assert made(min_p=0.2, top_k=-1)["top_k"] == 0


def test_choices_differ_by_their_seeds() -> None:
    assert [made(n, seed=7)["seed"] for n in range(3)] == [7, 8, 9]
    assert 0 <= made(seed=-3)["seed"] < 2**32 - 1
    assert made(seed=2**32 - 1)["seed"] != 2**32 - 1
    assert "seed" not in made()


def test_stops_and_biases() -> None:
    fields = made(stop="end", logit_bias={"12": -100.0})
    assert fields["stop"] == ["end"]
    assert fields["logit_bias"] == [[12, -100.0]]
    assert made(stop=["a", "", "b"])["stop"] == ["a", "b"]
