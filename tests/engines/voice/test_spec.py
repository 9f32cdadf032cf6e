from pathlib import Path

import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.voice import spec
from stellwerk.engines.voice.spec import SPEC, Options, voices_of
from stellwerk.ports.engines import Launch

JOE = ("en_US-joe-medium.onnx", "en_US-joe-medium.onnx.json")


def test_the_starter_voice(weights: Path) -> None:
    files = tuple(str(weights / name) for name in JOE)
    described = SPEC.describe(Launch("piper-joe", "voice", files))
    assert 400e6 < described.footprint < 600e6


def test_no_files_leave_the_plain_voices() -> None:
    assert SPEC.describe(Launch("espeak-ng", "voice")).footprint > 0
    with pytest.raises(InvalidRequestError, match="no voice"):
        SPEC.describe(Launch("none", "voice", options={"plain": False}))


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "LIBRARY", "espeak_of_another_world")
    with pytest.raises(InvalidRequestError, match=r"pip install 'stellwerk\[voice\]'"):
        SPEC.describe(Launch("espeak-ng", "voice"))


def test_names_are_the_short_ones_of_piper() -> None:
    files = [*JOE, "other.onnx.json", "other.onnx"]
    assert [voice.name for voice in voices_of(files, Options())] == ["joe", "other"]


@pytest.mark.parametrize("options", [{"longest": 0}, {"pitch": 1}, {"plain": "yes"}])
def test_options_that_cannot_be(options: dict[str, object]) -> None:
    with pytest.raises(InvalidRequestError, match="engine voice"):
        SPEC.describe(Launch("m", "voice", options=options))


def test_half_a_voice() -> None:
    with pytest.raises(InvalidRequestError, match=r"en_US-joe-medium there is one"):
        SPEC.describe(Launch("m", "voice", JOE[:1]))


@pytest.mark.parametrize("config", ["{}", "no json", '{"audio":{"sample_rate":22050}}'])
def test_another_file_in_the_place_of_the_configuration(tmp_path: Path, config: str) -> None:
    files = tuple(str(tmp_path / name) for name in JOE)
    (tmp_path / JOE[0]).write_bytes(b"network")
    (tmp_path / JOE[1]).write_text(config)
    with pytest.raises(InvalidRequestError, match="not the JSON of a Piper voice"):
        SPEC.describe(Launch("m", "voice", files))
