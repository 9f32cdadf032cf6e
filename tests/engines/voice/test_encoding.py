import wave
from io import BytesIO
from typing import Any

import av
import numpy as np
import pytest

from stellwerk.engines.voice.encoding import CODECS, RATE, Encoder, faster
from tests.sound import samples

OWN = 22_050
# Opus and AAC have a delay of their own.
SLACK = 0.1


def tone(seconds: float, rate: int = OWN, pitch: float = 440) -> Any:
    places = np.arange(int(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * pitch * places)).astype(np.float32)


def encoded(form: Any, pieces: int = 3) -> bytes:
    encoder = Encoder(form)
    return b"".join([*(encoder.feed(tone(0.7), OWN) for _ in range(pieces)), encoder.end()])


def loudest_pitch(sound: Any, rate: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * rate / len(sound))


@pytest.mark.parametrize("form", [form for form in CODECS if form != "pcm"])
def test_every_form_is_a_file_of_the_sound(form: Any) -> None:
    file = encoded(form)
    with av.open(BytesIO(file)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name.removesuffix("float").startswith(
            {"opus": "opus", "wav": "pcm_s16le"}.get(form, form)
        )
        # FFmpeg decodes Opus at 48 kHz whatever it was made from.
        assert stream.codec_context.sample_rate in {RATE, 48_000}
        assert stream.codec_context.channels == 1
    heard = samples(file)
    assert len(heard) / 16_000 == pytest.approx(2.1, abs=SLACK)
    assert loudest_pitch(heard, 16_000) == pytest.approx(440, abs=3)


def test_pcm_has_no_head_and_24_khz() -> None:
    sound = np.frombuffer(encoded("pcm"), "<i2")
    assert len(sound) / RATE == pytest.approx(2.1, abs=0.01)
    assert loudest_pitch(sound, RATE) == pytest.approx(440, abs=1)


def test_a_wav_can_be_read_by_the_standard_library() -> None:
    with wave.open(BytesIO(encoded("wav"))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert len(file.readframes(10**9)) / 2 / RATE == pytest.approx(2.1, abs=0.01)


@pytest.mark.parametrize("form", CODECS)
def test_bytes_come_before_the_end(form: Any) -> None:
    encoder = Encoder(form)
    assert len(encoder.feed(tone(3), OWN)) > 1000
    encoder.end()


def test_what_is_too_loud_is_not_turned_over() -> None:
    encoder = Encoder("pcm")
    made = encoder.feed(np.full(OWN, 3, np.float32), OWN) + encoder.end()
    assert np.frombuffer(made, "<i2").min() >= 0


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_faster_is_shorter_and_not_higher(factor: float) -> None:
    made = faster(tone(2), OWN, factor)
    assert len(made) / OWN == pytest.approx(2 / factor, abs=0.1)
    assert loudest_pitch(made, OWN) == pytest.approx(440, abs=10)
