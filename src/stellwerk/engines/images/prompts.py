"""What a model reads of a prompt."""

import copy
from dataclasses import dataclass
from typing import Any

# Tokenizers that know no limit say one that is larger than any.
NO_LIMIT = 10**6


@dataclass(frozen=True, slots=True)
class Told:
    """How many tokens the model reads; the prompt as far as it does, if that is not all of it."""

    tokens: int
    cut: str | None = None


class Prompts:
    """Looks at prompts as a pipeline does, with a copy of its tokenizer: they are not for threads.

    Of several the one that reads most counts.
    """

    def __init__(self, pipeline: Any) -> None:
        names = ("tokenizer", "tokenizer_2", "tokenizer_3")
        found = [getattr(pipeline, name, None) for name in names]
        given: list[Any] = [one for one in found if hasattr(one, "model_max_length")]
        given.sort(key=lambda one: one.model_max_length)
        self._tokenizer: Any = copy.deepcopy(given[-1]) if given else None

    def read(self, text: str) -> Told:
        """0 tokens where the pipeline has no tokenizer of its own."""
        tokenizer = self._tokenizer
        if tokenizer is None:
            return Told(0)
        most = tokenizer.model_max_length
        if most > NO_LIMIT:
            return Told(len(tokenizer(text).input_ids))
        # One more shows whether something is cut off.
        tokens = tokenizer(text, truncation=True, max_length=most + 1).input_ids
        if len(tokens) <= most:
            return Told(len(tokens))
        read = tokenizer(
            text, truncation=True, max_length=most, return_offsets_mapping=tokenizer.is_fast
        )
        ends = [end for _, end in read.get("offset_mapping", ())]
        return Told(most, text[: max(ends)] if ends else None)
