import socket
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stellwerk.engines.speech.errors import RecordingError, TooLongError
from stellwerk.engines.speech.recording import RATE, STRETCH, quiet_place, stretches
from tests.sound import AUSTEN, FORMS, austen, encoded, noise, samples, silence

CLIP = samples(austen("austen-0880.flac"))


def decoded(file: bytes, longest: float = 3600) -> np.ndarray:
    return np.concatenate([stretch.sound for stretch in stretches(file, longest)])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("channels", [1, 2])
def test_containers_and_codecs(form: str, channels: int) -> None:
    rate = 48_000
    sound = decoded(encoded(CLIP, form, rate=rate, channels=channels))
    # Some codecs put silence before or after, and all but two lose a little.
    assert len(sound) == pytest.approx(len(CLIP), abs=0.15 * RATE)
    assert alike(sound) > 0.9


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_rates(rate: int) -> None:
    sound = decoded(encoded(CLIP, "wav", rate=rate))
    assert len(sound) == pytest.approx(len(CLIP), abs=200)
    assert alike(sound) > 0.9


def alike(sound: np.ndarray) -> float:
    """How well it correlates with the clip at the best shift."""
    size = 2 ** (len(sound) + len(CLIP)).bit_length()
    both = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(CLIP, size)))
    return float(both.max() / np.linalg.norm(sound) / np.linalg.norm(CLIP))


def test_a_long_recording_comes_in_stretches() -> None:
    quiet = noise(2 * STRETCH + 20)
    for second in (290, 575):
        quiet[second * RATE : (second + 1) * RATE] *= 0.001
    found = list(stretches(encoded(quiet), 3600))
    assert [stretch.start // 1 for stretch in found] == [0, 290, 575]
    assert max(len(stretch.sound) for stretch in found) <= STRETCH * RATE
    whole = np.concatenate([stretch.sound for stretch in found])
    np.testing.assert_allclose(whole, quiet, atol=1e-3)
    assert found[-1].end == 2 * STRETCH + 20


def test_the_cut_is_where_it_is_quiet() -> None:
    sound = noise(60)
    sound[45 * RATE : 46 * RATE] = 0
    assert 45 * RATE <= quiet_place(sound) <= 46 * RATE


def test_too_long() -> None:
    with pytest.raises(TooLongError, match="longer than 5 seconds"):
        decoded(encoded(silence(6)), 5)


def zipped() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "not a recording" * 100)
    return file.getvalue()


def picture() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"hello",
        bytes(10_000),
        zipped(),
        picture(),
        encoded(CLIP)[:40],
        encoded(CLIP, "m4a")[:5000],
        encoded(CLIP)[:44],
    ],
    ids=["empty", "text", "zeros", "zip", "picture", "head", "cut m4a", "no samples"],
)
def test_what_is_no_recording_is_refused(file: bytes) -> None:
    with pytest.raises(RecordingError) as refusal:
        decoded(file)
    assert refusal.value.param == "file"


def test_a_head_that_promises_two_gigabytes() -> None:
    file = bytearray(encoded(CLIP))
    place = file.index(b"data") + 4
    file[4:8] = file[place : place + 4] = (2**31 - 1).to_bytes(4, "little")
    assert len(decoded(bytes(file))) == pytest.approx(len(CLIP), abs=RATE // 10)


@pytest.mark.parametrize("form", ["mp3", "ogg", "webm", "flac", "wav"])
def test_a_file_that_is_cut_off_counts_as_far_as_it_goes(form: str) -> None:
    file = encoded(CLIP, form)
    sound = decoded(file[: len(file) * 2 // 3])
    assert 0.3 * len(CLIP) < len(sound) < 0.9 * len(CLIP)


def test_recordings_one_behind_the_other() -> None:
    first, second = encoded(CLIP, "mp3", rate=44_100, channels=2), encoded(CLIP, "mp3", rate=22_050)
    sound = decoded(first + second)
    assert len(sound) == pytest.approx(2 * len(CLIP), abs=0.3 * RATE)
    for half in np.array_split(sound, 2):
        assert alike(half) > 0.9


def test_too_few_samples_for_speech() -> None:
    """A minute of memory for each of them is what this file of a few bytes would take."""
    file = bytearray(encoded(CLIP))
    file[24:28] = (1).to_bytes(4, "little")
    with pytest.raises(RecordingError, match="1 samples a second"):
        decoded(bytes(file))


def test_more_samples_than_any_sound_has() -> None:
    """What turns a hundred million a second into ours would take a gigabyte and 20 seconds."""
    file = bytearray(encoded(CLIP))
    file[24:28] = (100_000_007).to_bytes(4, "little")
    with pytest.raises(RecordingError, match="100000007 samples a second"):
        decoded(bytes(file))


def test_the_first_track_that_can_be_decoded_counts() -> None:
    """Telephones put sound of a new kind beside the usual one."""
    unknown = two_tracks().replace(b"mp4a", b"apac", 1).replace(b"esds", b"free", 1)
    sound = decoded(unknown)
    assert len(sound) == pytest.approx(len(CLIP), abs=0.15 * RATE)
    assert alike(sound) > 0.9


def two_tracks() -> bytes:
    """Noise, then the clip."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as output:
        streams: Any = [output.add_stream("aac", rate=RATE, layout="mono") for _ in range(2)]
        for stream, sound in zip(streams, (noise(len(CLIP) / RATE), CLIP), strict=True):
            frame = av.AudioFrame.from_ndarray(sound[None, :], "fltp", "mono")
            frame.sample_rate = RATE
            output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("scheme", ["file://", ""])
@pytest.mark.parametrize("form", ["hls", "concat", "dash"])
def test_a_list_of_files_of_this_machine_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, scheme: str
) -> None:
    (tmp_path / "secret.wav").write_bytes(encoded(CLIP))
    monkeypatch.chdir(tmp_path)
    for place in (f"{scheme}{tmp_path}/secret.wav", f"{scheme}secret.wav"):
        with pytest.raises(RecordingError):
            decoded(playlist(form, place))


@pytest.mark.parametrize("form", ["hls", "concat", "dash", "sdp"])
def test_a_list_of_addresses_is_not_called(form: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        with pytest.raises(RecordingError):
            decoded(playlist(form, f"http://127.0.0.1:{port}/a.wav"))
        with pytest.raises(BlockingIOError):
            server.accept()


def playlist(form: str, place: str) -> bytes:
    """A text that FFmpeg takes for a recording made of other files."""
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{place}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{place}'\n",
        "dash": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT3S"><Period><AdaptationSet mimeType="audio/wav">'
        f'<Representation id="1" bandwidth="9"><BaseURL>{place}</BaseURL><SegmentBase/>'
        "</Representation></AdaptationSet></Period></MPD>",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=audio {place.rpartition(':')[2].partition('/')[0]} RTP/AVP 0\n",
    }[form].encode()


def test_damage_in_the_middle_is_passed_over() -> None:
    file = bytearray(encoded(CLIP, "mp3"))
    middle = len(file) // 2
    file[middle : middle + 400] = bytes(400)
    assert len(decoded(bytes(file))) > 0.8 * len(CLIP)


def test_the_test_recordings_are_whole() -> None:
    assert {name: round(len(samples(austen(name))) / RATE) for name in AUSTEN} == {
        "austen-0870.flac": 7,
        "austen-0880.flac": 3,
        "austen-0890.flac": 5,
        "austen-0920.flac": 6,
        "austen-0930.flac": 3,
    }
