"""Speaks standard input in the language that is named, as raw 16 kHz mono float32.

A program of its own: espeak-ng keeps what it was given once, and brings down a process that starts
it a second time.
"""

import ctypes
import sys
from typing import Any

import espeakng_loader
import numpy as np
import numpy.typing as npt

RATE = 16_000
SYNCHRONOUS, UTF8 = 2, 1
WORDS_A_MINUTE = 140


def main(language: str, said: bytes) -> bytes:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    chunks: list[npt.NDArray[np.int16]] = []

    takes = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
    )

    def take(wave: Any, count: int, _: Any) -> int:
        if wave and count:
            chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        return 0

    path = espeakng_loader.get_data_path().encode()
    rate = library.espeak_Initialize(SYNCHRONOUS, 500, path, 0)
    # It must live as long as it may be called.
    callback = takes(take)
    library.espeak_SetSynthCallback(callback)
    assert library.espeak_SetVoiceByName(language.encode()) == 0
    library.espeak_SetParameter(1, WORDS_A_MINUTE, 0)
    size = ctypes.c_size_t(len(said) + 1)
    assert library.espeak_Synth(said, size, 0, 1, 0, UTF8, None, None) == 0
    whole = np.concatenate(chunks).astype(np.float32) / 32768
    places = np.arange(0, len(whole), rate / RATE)
    return np.interp(places, np.arange(len(whole)), whole).astype(np.float32).tobytes()


if __name__ == "__main__":
    sys.stdout.buffer.write(main(sys.argv[1], sys.stdin.buffer.read()))
