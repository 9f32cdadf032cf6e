"""Sound in the form that was asked for, piece by piece."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import av
import av.filter
import numpy as np

from stellwerk.engines.voice.espeak import Sound
from stellwerk.wire.speech import SpeechForm

# Of every answer, as OpenAI has it: clients that get `pcm` are not told another rate.
RATE = 24_000


@dataclass(frozen=True, slots=True)
class Codec:
    """FFmpeg's names. `options` are the container's."""

    container: str
    name: str
    bit_rate: int | None = None
    options: tuple[tuple[str, str], ...] = ()


CODECS: dict[SpeechForm, Codec] = {
    # Their heads would tell the length, which nobody knows while the sound is sent.
    "mp3": Codec("mp3", "libmp3lame", 96_000, (("write_xing", "0"), ("id3v2_version", "0"))),
    # A page each 0.2 s; by default one comes each second.
    "opus": Codec("ogg", "libopus", 48_000, (("page_duration", "200000"),)),
    "aac": Codec("adts", "aac", 96_000),
    "flac": Codec("flac", "flac"),
    "wav": Codec("wav", "pcm_s16le"),
    "pcm": Codec("s16le", "pcm_s16le"),
}


class _Out:
    """A file that cannot be gone back in, as a stream to a client cannot."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes) -> int:
        self._bytes += data
        return len(data)

    def taken(self) -> bytes:
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken


class Encoder:
    """Takes mono sound of -1 to 1 at any rate; gives bytes as they are complete."""

    def __init__(self, form: SpeechForm) -> None:
        codec = CODECS[form]
        self._out = _Out()
        self._container: Any = av.open(
            self._out, "w", format=codec.container, options=dict(codec.options)
        )
        stream: Any = self._container.add_stream(codec.name, rate=RATE, layout="mono")
        if codec.bit_rate:
            stream.bit_rate = codec.bit_rate
        self._stream = stream
        self._format: str = stream.codec_context.format.name
        self._fifo = av.AudioFifo()

    def feed(self, sound: Sound, rate: int) -> bytes:
        frames = _resampled([_frame(sound, rate)], self._format)
        for frame in frames:
            # A piece of its own; where it stands is where the one before it ended.
            frame.pts = None
            self._fifo.write(frame)
        self._encode(partial=False)
        return self._out.taken()

    def end(self) -> bytes:
        self._encode(partial=True)
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._out.taken()

    def _encode(self, *, partial: bool) -> None:
        size = self._stream.codec_context.frame_size or 1024
        while (piece := self._fifo.read(size, partial=partial)) is not None:
            self._container.mux(self._stream.encode(piece))


def faster(sound: Sound, rate: int, factor: float) -> Sound:
    """The same sound in `1 / factor` of the time and as high as before (FFmpeg's atempo)."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout="mono")
    tempo = graph.add("atempo", f"{factor:.4f}")
    sink = graph.add("abuffersink")
    source.link_to(tempo)
    tempo.link_to(sink)
    graph.configure()
    graph.push(_frame(sound, rate))
    graph.push(None)
    made = []
    while True:
        try:
            made.append(graph.pull().to_ndarray()[0])
        except (av.error.BlockingIOError, av.error.EOFError):
            return np.concatenate(made) if made else np.zeros(0, np.float32)


def _frame(sound: Sound, rate: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None, :]), "flt", "mono")
    frame.sample_rate = rate
    return frame


def _resampled(frames: Iterable[av.AudioFrame], form: str) -> list[av.AudioFrame]:
    resampler = av.AudioResampler(format=form, layout="mono", rate=RATE)
    return [made for frame in (*frames, None) for made in resampler.resample(frame)]
