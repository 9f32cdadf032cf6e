"""Recordings for tests: real speech, speech made by espeak-ng, tones, noise; in any container."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]

RATE = 16_000
RECORDINGS = Path(__file__).parent / "recordings"
AUSTEN = {
    "austen-0870.flac": "and mister john dashwood had then leisure to consider how much there "
    "might be prudently in his power to do for them",
    "austen-0880.flac": "he was not an ill disposed young man",
    "austen-0890.flac": "unless to be rather cold hearted and rather selfish is to be ill disposed",
    "austen-0920.flac": "had he married a more amiable woman he might have been made still more "
    "respectable than he was",
    "austen-0930.flac": "he might even have been made amiable himself",
}
# Suffix -> container, codec.
FORMS = {
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "m4a": ("mp4", "aac"),
    "ogg": ("ogg", "vorbis"),
    "opus": ("ogg", "libopus"),
    "webm": ("webm", "libopus"),
    "flac": ("flac", "flac"),
}


def austen(name: str) -> bytes:
    return (RECORDINGS / name).read_bytes()


def samples(file: bytes) -> Sound:
    """16 kHz mono."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(BytesIO(file), "r") as container:
        frames = [*container.decode(audio=0), None]
        made = [piece.to_ndarray()[0] for frame in frames for piece in resampler.resample(frame)]
    return np.concatenate(made)


class Forwards:
    """A file that cannot be gone back in, as what browsers record."""

    def __init__(self, file: BytesIO) -> None:
        self.write = file.write


def encoded(
    sound: Sound, form: str = "wav", *, rate: int = RATE, channels: int = 1, live: bool = False
) -> bytes:
    """A file of 16 kHz mono sound. `live`: it does not say how long it is."""
    container, codec = FORMS[form]
    # FFmpeg's own Vorbis encoder is an experiment, and knows stereo alone.
    layout = "mono" if channels == 1 and codec != "vorbis" else "stereo"
    frame = av.AudioFrame.from_ndarray(sound[None, :].astype(np.float32), "flt", "mono")
    frame.sample_rate = RATE
    file = BytesIO()
    with av.open(Forwards(file) if live else file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate, layout=layout)
        stream.options = {"strict": "experimental"}
        resampler = av.AudioResampler(stream.codec_context.format, layout, rate)
        fifo = av.AudioFifo()
        for made in (*resampler.resample(frame), *resampler.resample(None)):
            fifo.write(made)
        size = stream.codec_context.frame_size or 1024
        while piece := fifo.read(size, partial=True):
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return file.getvalue()


def spoken(text: str, language: str) -> Sound:
    """What espeak-ng makes of a text, as 16 kHz mono."""
    command = [sys.executable, str(Path(__file__).with_name("espeak.py")), language]
    made = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(made.stdout, np.float32)


def silence(seconds: float) -> Sound:
    return np.zeros(int(seconds * RATE), np.float32)


def noise(seconds: float) -> Sound:
    return np.random.default_rng(7).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)


def music(seconds: float) -> Sound:
    """Chords that change each second."""
    time = np.arange(int(seconds * RATE)) / RATE
    roots = np.array([220.0, 246.9, 261.6, 196.0])[time.astype(int) % 4]
    waves = [np.sin(2 * np.pi * np.cumsum(roots * step) / RATE) for step in (1, 1.25, 1.5, 2)]
    chords: Sound = (np.sum(waves, axis=0) * 0.1).astype(np.float32)
    return chords


def words(text: str) -> list[str]:
    plain = text.lower().replace("mr.", "mister").replace("-", " ")
    return "".join(letter if letter.isalnum() else " " for letter in plain).split()


def word_errors(said: str, heard: str) -> int:
    """Least number of words that must be changed, added or left out (Levenshtein's distance)."""
    told = words(heard)
    row = list(range(len(told) + 1))
    for number, word in enumerate(words(said), 1):
        before, row[0] = row[0], number
        for place, other in enumerate(told, 1):
            before, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, before + (word != other)),
            )
    return row[-1]
