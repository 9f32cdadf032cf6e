"""The voices at work, in the one thread that they have."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from stellwerk.engines.voice.encoding import faster
from stellwerk.engines.voice.errors import NothingToSayError
from stellwerk.engines.voice.espeak import Espeak, Sound
from stellwerk.engines.voice.piper import Piper
from stellwerk.engines.voice.piper_config import PiperConfig, read_config
from stellwerk.engines.voice.sentences import sentences
from stellwerk.engines.voice.spec import VoiceFiles
from stellwerk.engines.voice.voices import Voice, Voices

T = TypeVar("T")

# Seconds of silence between two sentences at a speed of 1.
PAUSE = 0.2
# How far from 1 a tempo is left as it is.
CLOSE = 0.01


class Speaker:
    """Speaks texts, sentence after sentence, and of long ones piece after piece.

    A request has at most one piece in the thread's line, so the pieces of concurrent requests take
    turns, and a request that is given up costs no more than the piece that is spoken.
    """

    def __init__(self, files: list[VoiceFiles], threads: int, *, plain: bool) -> None:
        """Raises `InvalidRequestError`, `OSError` and `RuntimeError` for what cannot be loaded."""
        self._espeak = Espeak()
        self._pipers: dict[str, Piper] = {}
        own: dict[str, Voice] = {}
        for voice in files:
            config = read_config(voice.config)
            self._pipers[voice.name] = Piper(voice.network, config, threads)
            own.update(speakers(voice.name, config))
        self.voices = Voices(own, tuple(self._espeak.languages) if plain else ())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="voice")

    def close(self) -> None:
        """End the thread; what waits for it is given up."""
        self._thread.shutdown(cancel_futures=True)

    async def speak(
        self, text: str, voice: Voice, speed: float
    ) -> AsyncGenerator[tuple[Sound, int]]:
        """The sound of each piece of the text, and its rate. Raises `NothingToSayError`."""
        pause, said = np.zeros(0, np.float32), False
        for sentence in sentences(text):
            for piece in await self._run(self._pieces, sentence, voice, speed):
                sound, rate = await self._run(self._speak, piece, voice, speed)
                if len(sound):
                    yield np.concatenate([pause, sound]), rate
                    pause, said = np.zeros(0, np.float32), True
            if said:
                pause = np.zeros(round(PAUSE / speed * rate), np.float32)
        if not said:
            raise NothingToSayError

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _pieces(self, sentence: str, voice: Voice, speed: float) -> list[str]:
        """What is spoken at once: of a Piper voice's sentence, phonemes."""
        if voice.name is None:
            return [sentence]
        return self._pipers[voice.name].pieces(self._espeak, sentence, speed)

    def _speak(self, piece: str, voice: Voice, speed: float) -> tuple[Sound, int]:
        if voice.name is None:
            rate = self._espeak.rate
            sound, factor = self._espeak.speak(piece, voice.language, speed)
        else:
            piper = self._pipers[voice.name]
            rate = piper.rate
            sound, factor = piper.speak(piece, voice.speaker, speed)
        if len(sound) and abs(factor - 1) > CLOSE:
            sound = faster(sound, rate, factor)
        return sound, rate


def speakers(name: str, config: PiperConfig) -> dict[str, Voice]:
    """`vctk` for the first of a network's speakers, `vctk:p239` for one by name."""
    found = {name: Voice(config.language, name)}
    if config.num_speakers > 1:
        for speaker, number in config.speaker_id_map.items():
            found[f"{name}:{speaker}"] = Voice(config.language, name, number)
    return found
