"""Voices of Piper: VITS networks as ONNX files, each with a JSON file that says how to use it."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from stellwerk.engines.voice.espeak import Espeak, Sound
from stellwerk.engines.voice.piper_config import BEGIN, END, PAD, PiperConfig

# espeak-ng marks words of another language: `(en)cool(de)`.
SWITCH = re.compile(r"\([^)]*\)")
LOUD, QUIETEST = 0.9, 0.01
# Each phoneme has a least length, so beyond this a network does not become faster. A slower sound
# takes more memory while it is made.
SLOWEST, FASTEST = 0.5, 2.0
# Phonemes that are spoken at once, at a speed of 1 or more: about six seconds, and 200 MB.
MOST = 120
# Where a piece may end, the better places first.
ENDS = (".!?", ";:,", " ")


class Piper:
    """One network."""

    def __init__(self, path: Path, config: PiperConfig, threads: int) -> None:
        """Raises `RuntimeError` when the network cannot be loaded."""
        self._config = config
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # It would keep as much memory as the longest piece took.
        options.enable_cpu_mem_arena = False
        self._session: Any = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.rate = config.audio.sample_rate

    def pieces(self, espeak: Espeak, text: str, speed: float) -> list[str]:
        """The phonemes of a text, as many together as may be spoken at once."""
        said = text
        if self._config.phoneme_type == "espeak":
            said = SWITCH.sub("", espeak.phonemes(text, self._config.espeak.voice))
        most = round(MOST * min(max(speed, SLOWEST), 1))
        return list(pieces(unicodedata.normalize("NFD", said), most))

    def speak(self, phonemes: str, speaker: int | None, speed: float) -> tuple[Sound, float]:
        """Sound at `rate`, and how much faster it is still to be played to have the speed."""
        config = self._config
        numbers = self._numbers(phonemes)
        if not numbers:
            return np.zeros(0, np.float32), 1
        scales, pace = config.inference, min(max(speed, SLOWEST), FASTEST)
        given = {
            "input": np.array([numbers], np.int64),
            "input_lengths": np.array([len(numbers)], np.int64),
            "scales": np.array(
                [scales.noise_scale, scales.length_scale / pace, scales.noise_w], np.float32
            ),
        }
        if config.num_speakers > 1:
            given["sid"] = np.array([speaker or 0], np.int64)
        sound: Sound = self._session.run(None, given)[0].reshape(-1)
        # The network is trained on loud sounds and gives quieter ones, each sentence another.
        louder = np.float32(LOUD / max(QUIETEST, float(np.abs(sound).max())))
        return sound * louder, speed / pace

    def _numbers(self, phonemes: str) -> list[int]:
        """Each phoneme's numbers with a pad behind it, as the networks were trained."""
        known = self._config.phoneme_id_map
        found = [known[phoneme] for phoneme in phonemes if phoneme in known]
        if not found:
            return []
        pad = known[PAD]
        middle = [number for numbers in found for number in (*numbers, *pad)]
        return [*known[BEGIN], *pad, *middle, *known[END]]


def pieces(phonemes: str, most: int) -> Iterator[str]:
    """Each of at most so many, cut at marks and between words where there are any."""
    while len(phonemes) > most:
        end = next(filter(None, (_end(phonemes, marks, most) for marks in ENDS)), most)
        yield phonemes[:end]
        phonemes = phonemes[end:].lstrip()
    yield phonemes


def _end(phonemes: str, marks: str, most: int) -> int:
    """Behind the last of these marks in the second half of what may be spoken at once, or 0."""
    return max(phonemes.rfind(mark, most // 2, most) for mark in marks) + 1
