"""Where in a sound somebody speaks, as Silero's network hears it."""

from typing import Any

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps, get_vad_model

from stellwerk.engines.speech.recording import Sound
from stellwerk.wire.audio import ServerVad

# Moments of 32 ms that the network takes at once. The library gives it 10,000 (five minutes), for
# which it needs 120 MB.
STEP = 500


class Steps:
    """The network; it hands on its state, so what it hears in steps is what it hears at once."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def run(self, names: None, given: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Probabilities of speech, and the state at the end, in two arrays."""
        sound, state, cell = given["input"], given["h"], given["c"]
        found = []
        for start in range(0, len(sound), STEP):
            step = {"input": sound[start : start + STEP], "h": state, "c": cell}
            output, state, cell = self._session.run(names, step)
            found.append(output)
        return np.concatenate(found), state, cell


def voiced(sound: Sound, asked: ServerVad | None) -> list[dict[str, int]]:
    """The `start` and `end` of what is said, in samples."""
    network = get_vad_model()
    if not isinstance(network.session, Steps):
        network.session = Steps(network.session)
    options = VadOptions()
    if asked is not None:
        options = VadOptions(
            threshold=asked.threshold,
            min_silence_duration_ms=asked.silence_duration_ms,
            speech_pad_ms=asked.prefix_padding_ms,
        )
    found: list[dict[str, int]] = get_speech_timestamps(sound, options)
    return found
