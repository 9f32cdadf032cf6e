"""faster-whisper's model, where its work on one stretch of sound must have bounds."""

import math
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from faster_whisper import WhisperModel

from stellwerk.engines.speech.features import Features

WINDOW = 30
# A window mostly moves on by 20 to 30 seconds. A model that loops moves on by less and less.
WINDOWS_MORE, WINDOWS_EACH = 4, 3
# Tries at a higher temperature that a stretch has beyond one for each window.
WARM_MORE = 5
# Tokens that a short sound may become, and a second of it: nobody speaks as fast.
TOKENS_MORE, TOKENS_EACH = 40, 20
# Half the tokens that the model can hold, less those that begin every text.
MOST_TOKENS = 220


class Model(WhisperModel):  # type: ignore[misc]  # the library has no types
    """The weights. `for_sound` makes what listens to one sound.

    Whisper finds the end of a text by itself. Where it understands nothing it may not find it: it
    repeats itself up to the last token, is tried again at five higher temperatures, and then
    begins anew a moment later. So each sound has a number of windows and of warm tries; when they
    are spent, each window is tried once and gone over as a whole.
    """

    def __init__(self, directory: str, threads: int) -> None:
        """Raises `OSError`, `RuntimeError` or `ValueError` when the weights cannot be loaded."""
        super().__init__(directory, device="cpu", compute_type="int8", cpu_threads=threads)
        self.feature_extractor = Features(**self.feat_kwargs)
        # A caller's prompt is text, also where it spells the tokens that steer the model.
        self.hf_tokenizer.encode_special_tokens = True
        self.windows_left = self.warm_left = 0
        self._encoded: tuple[npt.NDArray[np.float32], Any] | None = None

    def for_sound(self, seconds: float) -> "Model":
        """The same weights with the work that so much sound may take."""
        made = copy(self)
        expected = math.ceil(seconds / WINDOW)
        made.windows_left = WINDOWS_MORE + WINDOWS_EACH * expected
        made.warm_left = WARM_MORE + expected
        return made

    def encode(self, features: npt.NDArray[np.float32]) -> Any:
        """The library would encode the first window twice: for its language and for its text."""
        if self._encoded is None or not np.array_equal(self._encoded[0], features):
            self._encoded = (features, super().encode(features))
        return self._encoded[1]

    def generate_with_fallback(
        self, encoder_output: Any, prompt: list[int], tokenizer: Any, options: Any
    ) -> tuple[Any, float, float, float]:
        allowed = replace(options, temperatures=options.temperatures[: 1 + self.warm_left])
        found: tuple[Any, float, float, float] = super().generate_with_fallback(
            encoder_output, prompt, tokenizer, allowed
        )
        self.warm_left -= options.temperatures.index(found[2])
        return found

    def _split_segments_by_timestamps(
        self, tokenizer: Any, tokens: list[int], *, segment_size: int, seek: int, **more: Any
    ) -> tuple[list[dict[str, Any]], int, bool]:
        segments, end, alone = super()._split_segments_by_timestamps(
            tokenizer, tokens, segment_size=segment_size, seek=seek, **more
        )
        self.windows_left -= 1
        if self.windows_left < 0:
            # The last says that nothing follows, so that the times of words do not move the end.
            return segments, seek + segment_size, True
        return segments, end, alone


def most_tokens(seconds: float) -> int:
    """Tokens that one window of so much sound may become."""
    return min(MOST_TOKENS, round(TOKENS_MORE + TOKENS_EACH * seconds))
