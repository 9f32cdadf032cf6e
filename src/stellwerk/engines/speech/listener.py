"""The model, and the one thread that it runs in."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
from faster_whisper.transcribe import restore_speech_timestamps

from stellwerk.engines.speech.job import Job
from stellwerk.engines.speech.model import Model, most_tokens
from stellwerk.engines.speech.recording import RATE, Stretch, stretches, told_length
from stellwerk.engines.speech.voiced import voiced
from stellwerk.wire.audio import Word

T = TypeVar("T")

# Each that fails (it repeats itself, or is unlikely) is followed by a next, warmer try.
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
# Characters of the text so far that the model is told at a cut.
REMEMBERED = 200
# Above this temperature a text is guessed, and would lead the next one astray.
SURE = 0.5


@dataclass(frozen=True, slots=True)
class Heard:
    """A segment of the library, moved to its place in the recording."""

    start: float
    end: float
    segment: Any
    words: list[Word]


@dataclass(slots=True)
class Progress:
    """What is known of a recording so far. Times in seconds; `whole` is what its file says."""

    language: str | None = None
    duration: float = 0
    whole: float | None = None
    context: str | None = None


class Listener:
    """Understands recordings, window after window of 30 seconds.

    A request has at most one window in the thread's line, so the windows of concurrent requests
    take turns, and a request that is given up costs no more than the window that runs.
    """

    def __init__(self, files: dict[str, Path], threads: int, beam_size: int) -> None:
        """Raises `OSError`, `RuntimeError` or `ValueError` when the weights cannot be loaded."""
        with TemporaryDirectory(prefix="stellwerk-speech-") as directory:
            for name, path in files.items():
                Path(directory, name).symlink_to(path.resolve())
            self._model = Model(directory, threads)
        self._beam_size = beam_size
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="whisper")
        # One too: each thread keeps some of the memory that it ever had.
        self._decoder = ThreadPoolExecutor(1, thread_name_prefix="decoder")
        self.languages: list[str] = self._model.supported_languages

    def close(self) -> None:
        """End the threads; what waits for them is given up."""
        self._thread.shutdown(cancel_futures=True)
        self._decoder.shutdown(cancel_futures=True)

    async def hear(self, job: Job, progress: Progress, longest: float) -> AsyncGenerator[Heard]:
        """The segments in order, as they are understood; `progress` tells the rest."""
        progress.language = job.language
        progress.context = job.prompt
        progress.whole = await self._length(job.file, longest)
        parts = stretches(job.file, longest)
        # Decoding is cheap beside the model, so it may run while the model works for others.
        while (stretch := await self._decode(next, parts, None)) is not None:
            progress.duration = stretch.end
            spoken = await self._run(voiced, stretch.sound, job.vad)
            # In silence and noise the model would invent a text.
            if not spoken:
                continue
            heard = await self._run(self._begin, stretch, spoken, job, progress)
            while (segment := await self._run(next, heard, None)) is not None:
                yield segment

    async def _length(self, file: bytes, longest: float) -> float:
        """Seconds. What is too long shall be refused now, and not after hours of work.

        Where a file says too much, or nothing, all of it is decoded: only that can be trusted.
        """
        told = await self._decode(told_length, file)
        if told is not None and told <= longest:
            return told
        parts, end = stretches(file, longest), 0.0
        while (stretch := await self._decode(next, parts, None)) is not None:
            end = stretch.end
        return end

    async def _decode(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._decoder, work, *arguments)

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _begin(
        self, stretch: Stretch, spoken: list[dict[str, int]], job: Job, progress: Progress
    ) -> Iterator[Heard]:
        sound = np.concatenate([stretch.sound[part["start"] : part["end"]] for part in spoken])
        seconds = len(sound) / RATE
        found, info = self._model.for_sound(seconds).transcribe(
            sound,
            language=progress.language,
            task=job.task,
            beam_size=self._beam_size,
            temperature=[job.temperature] if job.temperature else list(TEMPERATURES),
            initial_prompt=progress.context,
            word_timestamps=job.times_words,
            max_new_tokens=most_tokens(seconds),
        )
        progress.language = info.language
        return _placed(restore_speech_timestamps(found, spoken, RATE), stretch, progress)


def _placed(segments: Iterable[Any], stretch: Stretch, progress: Progress) -> Iterator[Heard]:
    for segment in segments:
        text = (progress.context or "") + segment.text
        progress.context = text[-REMEMBERED:] if segment.temperature <= SURE else None
        words = [
            Word(word=word.word.strip(), start=_at(stretch, word.start), end=_at(stretch, word.end))
            for word in segment.words or []
        ]
        yield Heard(_at(stretch, segment.start), _at(stretch, segment.end), segment, words)


def _at(stretch: Stretch, seconds: float) -> float:
    """Times end with the recording, whatever the model says of them."""
    place = stretch.start + float(seconds)
    return round(min(place, stretch.end), 3) if math.isfinite(place) else stretch.end
