"""What Whisper is given of a sound: its mel spectrum, 100 frames a second."""

from typing import Any

import numpy as np
import numpy.typing as npt
from faster_whisper.feature_extractor import FeatureExtractor

# Frames that are worked on at once. The library takes all of them, and needs 40 times the memory of
# its result on the way.
BLOCK = 1000
# The loudest value counts as 1, what is this many powers of ten quieter as nothing (Radford et al.,
# "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, and OpenAI's code beside it).
RANGE = 8.0
QUIETEST = 1e-10


class Features(FeatureExtractor):  # type: ignore[misc]  # the library has no types
    """The library's numbers, made in blocks; but the last frame is nothing."""

    def __call__(
        self, waveform: npt.NDArray[np.float32], padding: int = 160, chunk_length: Any = None
    ) -> npt.NDArray[np.float32]:
        """Sound of -1 to 1 at 16 kHz -> (mel bands, frames)."""
        half = self.n_fft // 2
        sound = np.pad(np.pad(waveform, (0, padding)), half, mode="reflect")
        frames = (len(sound) - self.n_fft) // self.hop_length
        made = np.empty((len(self.mel_filters), frames), np.float32)
        for start in range(0, frames, BLOCK):
            end = min(start + BLOCK, frames)
            piece = sound[start * self.hop_length : (end - 1) * self.hop_length + self.n_fft]
            made[:, start:end] = self._mel(piece)
        np.maximum(made, made.max() - np.float32(RANGE), out=made)
        made += np.float32(4)
        made /= np.float32(4)
        # The library hears it (half of it is padding) for the language and not for the text; when
        # it is nothing, both are the same window.
        made[:, -1:] = 0
        return made

    def _mel(self, piece: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Logarithms of the power in each band."""
        window = np.hanning(self.n_fft + 1)[:-1].astype(np.float32)
        spectrum = self.stft(
            piece, self.n_fft, self.hop_length, window=window, center=False, return_complex=True
        ).astype(np.complex64)
        power = np.abs(spectrum) ** 2
        bands: npt.NDArray[np.float32] = np.log10(np.maximum(self.mel_filters @ power, QUIETEST))
        return bands
