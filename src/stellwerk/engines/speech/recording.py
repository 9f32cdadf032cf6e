"""A recording in any container and codec, as 16 kHz mono sound, a stretch at a time."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, groupby
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt

from stellwerk.engines.speech.errors import RecordingError, TooLongError

Sound = npt.NDArray[np.float32]

RATE = 16_000
# Seconds that are in memory at once. At most this much is looked at together, so longer texts cost
# no more memory; cuts are rare enough to harm no sentence.
STRETCH = 300
# Samples a second, at least. From fewer, a small file would become a sound that fills the memory.
SLOWEST = 1000
# And at most: what turns them into ours grows with the ratio, to gigabytes.
FASTEST = 1_000_000
# A playlist names files and addresses, and FFmpeg would open them: with no protocol it cannot.
ALONE = {"protocol_whitelist": "none"}
# The end of a stretch in which its cut is looked for, and how long a quiet moment is.
SEARCH, MOMENT = 30, 0.2


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a recording: float32 samples of -1 to 1, and where it begins, in seconds."""

    sound: Sound
    start: float

    @property
    def end(self) -> float:
        return self.start + len(self.sound) / RATE


def told_length(file: bytes) -> float | None:
    """How long a recording says that it is, in seconds; None where it does not, or cannot be read.

    It may say anything: nothing may depend on it but what people are told.
    """
    try:
        with _opened(file) as container:
            told = container.duration
    except (av.error.FFmpegError, ValueError):
        return None
    return told / av.time_base if told else None


def stretches(file: bytes, longest: float) -> Iterator[Stretch]:
    """Decode as it is asked for. Damaged frames are left out.

    Raises `RecordingError` when no sound is found, `TooLongError` after `longest` seconds.
    """
    kept: list[Sound] = []
    begin, have = 0, 0
    for piece in _pieces(file):
        kept.append(piece)
        have += len(piece)
        if begin + have > longest * RATE:
            raise TooLongError(longest)
        while have >= STRETCH * RATE:
            sound = np.concatenate(kept)
            cut = quiet_place(sound[: STRETCH * RATE])
            yield Stretch(sound[:cut], begin / RATE)
            kept, have, begin = [sound[cut:]], have - cut, begin + cut
    if not begin + have:
        raise RecordingError("it holds no sound.")
    if have:
        yield Stretch(np.concatenate(kept), begin / RATE)


def quiet_place(sound: Sound) -> int:
    """The middle of the quietest moment near the end, as a sample."""
    moment = int(MOMENT * RATE)
    tail = sound[-SEARCH * RATE :]
    rows = tail[: len(tail) // moment * moment].reshape(-1, moment)
    quietest = int(np.argmin((rows * rows).sum(axis=1)))
    return len(sound) - len(tail) + quietest * moment + moment // 2


def _opened(file: bytes) -> Any:
    return av.open(BytesIO(file), mode="r", metadata_errors="ignore", options=ALONE)


def _pieces(file: bytes) -> Iterator[Sound]:
    if not file:
        raise RecordingError("the file is empty.")
    try:
        with _opened(file) as container:
            for made in _resampled(_frames(container, _track(container))):
                yield made.to_ndarray()[0].astype(np.float32) / 32768
    except (av.error.FFmpegError, ValueError) as error:
        raise RecordingError("it is not a recording that can be read, or is damaged.") from error


def _resampled(frames: Iterator[av.AudioFrame]) -> Iterator[av.AudioFrame]:
    """At our rate, also where recordings of other kinds were put one behind the other."""
    for _, alike in groupby(frames, _kind):
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for frame in chain(alike, [None]):
            yield from resampler.resample(frame)


def _kind(frame: av.AudioFrame) -> tuple[str, str, int]:
    if frame.sample_rate < SLOWEST:
        raise RecordingError(f"it has {frame.sample_rate} samples a second, too few for speech.")
    if frame.sample_rate > FASTEST:
        raise RecordingError(f"it has {frame.sample_rate} samples a second, more than any sound.")
    return frame.format.name, frame.layout.name, frame.sample_rate


def _track(container: Any) -> Any:
    """The first that can be decoded: telephones put one beside it that FFmpeg does not know."""
    tracks = container.streams.audio
    if not tracks:
        raise RecordingError("the file has no sound track.")
    return next((track for track in tracks if track.codec_context is not None), tracks[0])


def _frames(container: Any, track: Any) -> Iterator[av.AudioFrame]:
    """The frames that can be decoded; what is damaged in the middle is passed over."""
    for packet in _packets(container, track):
        with suppress(av.error.FFmpegError):
            for frame in packet.decode():
                # Damaged files have times that go back, which the resampler refuses.
                frame.pts = None
                yield frame


def _packets(container: Any, track: Any) -> Iterator[Any]:
    """Packets to the end, or as far as the file goes where it was cut off."""
    packets = container.demux(track)
    with suppress(av.error.FFmpegError):
        yield from packets
