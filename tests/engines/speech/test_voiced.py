import numpy as np
from faster_whisper.vad import get_vad_model

from stellwerk.engines.speech.voiced import STEP, Steps, voiced
from stellwerk.wire.audio import ServerVad
from tests.sound import AUSTEN, RATE, austen, noise, samples, silence

CLIP = samples(austen("austen-0880.flac"))
LONG = np.concatenate([silence(2), CLIP, silence(4), *(samples(austen(name)) for name in AUSTEN)])


def test_where_somebody_speaks() -> None:
    first, second = voiced(LONG, None)
    assert 1.4 < first["start"] / RATE < 2.6
    assert 4.5 < first["end"] / RATE < 5.6
    assert second["end"] == len(LONG)
    assert voiced(noise(10), None) == []


def test_what_counts_as_speech_and_as_silence() -> None:
    assert len(voiced(LONG, ServerVad(type="server_vad", silence_duration_ms=8000))) == 1
    assert voiced(LONG, ServerVad(type="server_vad", threshold=0.9999999)) == []
    [wide, _] = voiced(LONG, ServerVad(type="server_vad", prefix_padding_ms=1000))
    [tight, _] = voiced(LONG, ServerVad(type="server_vad", prefix_padding_ms=0))
    assert wide["start"] == tight["start"] - RATE


def test_steps_lead_to_the_same() -> None:
    voiced(CLIP, None)
    steps = get_vad_model().session
    assert isinstance(steps, Steps)
    moments = LONG[: len(LONG) // 576 * 576].reshape(-1, 576)
    assert len(moments) > STEP
    given = {"input": moments, "h": np.zeros((1, 1, 128), "f"), "c": np.zeros((1, 1, 128), "f")}
    for found, right in zip(steps.run(None, given), steps._session.run(None, given), strict=True):
        np.testing.assert_allclose(found, right, atol=1e-4)
