"""espeak-ng: how a text is pronounced, and the plain voices that it has of its own.

One for a process, in one thread: the library keeps its state for itself, and breaks the process
that starts it twice.
"""

import ctypes
from collections.abc import Iterator
from typing import Any

import espeakng_loader
import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]

SYNCHRONOUS, UTF8, IPA = 2, 1, 2
RATE_PARAMETER = 1
# Words a minute: a little fewer than the library speaks by itself, and what it can be set to.
OWN_PACE, SLOWEST, FASTEST = 160, 80, 450
BUFFER = 200
# The library reads a little further than a clause goes, so its end mark is one of the last bytes.
LOOKED_BACK = 8
MARKS = ".,;:!?"

Takes = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        # A byte for its priority, then the name of the language.
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class Espeak:
    """The library, started."""

    def __init__(self) -> None:
        """Raises `OSError` when it cannot be loaded, `RuntimeError` when it does not start."""
        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        path = espeakng_loader.get_data_path().encode()
        self.rate: int = self._library.espeak_Initialize(SYNCHRONOUS, BUFFER, path, 0)
        if self.rate <= 0:
            raise RuntimeError("espeak-ng does not start.")
        self._chunks: list[npt.NDArray[np.int16]] = []
        # The library keeps its address, so it must live as long.
        self._callback = Takes(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        # By language, what the library takes for a voice's name: it knows few of the languages.
        self._voices = {code: name for code, name in self._listed() if self._speaks(name)}

    @property
    def languages(self) -> list[str]:
        """`de`, `en-gb`, ...: what it can speak."""
        return list(self._voices)

    def _listed(self) -> Iterator[tuple[str, bytes]]:
        """Languages and the identifiers of their voices; of two voices, the first is the usual."""
        found, place, known = self._library.espeak_ListVoices(None), 0, set()
        while found[place]:
            voice = found[place].contents
            code = voice.languages[1:].decode()
            if code not in known:
                yield code, voice.identifier
            known.add(code)
            place += 1

    def _speaks(self, name: bytes) -> bool:
        """The package lacks the dictionaries of a few voices, and they are mute."""
        return self._library.espeak_SetVoiceByName(name) == 0 and any(self._clauses(b"1"))

    def phonemes(self, text: str, language: str) -> str:
        """The text in the phonetic alphabet, with its marks. Words in another language too."""
        self._choose(language)
        return " ".join(self._clauses(text.encode()))

    def _clauses(self, data: bytes) -> Iterator[str]:
        buffer = ctypes.create_string_buffer(data)
        start = ctypes.addressof(buffer)
        place, end = ctypes.c_void_p(start), 0
        while place.value:
            said = self._library.espeak_TextToPhonemes(ctypes.byref(place), UTF8, IPA)
            end = place.value - start if place.value else len(data)
            tail = data[max(end - LOOKED_BACK, 0) : end].decode(errors="ignore")
            marks = [letter for letter in tail if letter in MARKS]
            if said:
                yield said.decode() + (marks[-1] if marks else "," if place.value else ".")

    def speak(self, text: str, language: str, speed: float) -> tuple[Sound, float]:
        """Sound at `rate`, and how much faster it is still to be played to have the speed."""
        self._choose(language)
        wanted = OWN_PACE * speed
        pace = min(max(wanted, SLOWEST), FASTEST)
        self._library.espeak_SetParameter(RATE_PARAMETER, round(pace), 0)
        data = text.encode() + b"\0"
        self._chunks.clear()
        status = self._library.espeak_Synth(
            data, ctypes.c_size_t(len(data)), 0, 1, 0, UTF8, None, None
        )
        if status != 0:
            raise RuntimeError(f"espeak-ng does not speak: status {status}.")
        made = np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int16)
        sound: Sound = made.astype(np.float32)
        return sound / np.float32(32768), wanted / pace

    def _take(self, wave: Any, count: int, _: Any) -> int:
        if wave and count:
            self._chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        return 0

    def _choose(self, language: str) -> None:
        name = self._voices.get(language) or language.encode()
        if self._library.espeak_SetVoiceByName(name) != 0:
            raise RuntimeError(f"espeak-ng has no voice for {language!r}.")
