from pathlib import Path

import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.speech.spec import NEEDED, describe, names
from stellwerk.ports.engines import Launch

FILES = tuple(f"whisper-base.{name}" for name in (*NEEDED, "vocabulary.txt"))


def test_the_starter_model(weights: Path) -> None:
    files = tuple(str(weights / name) for name in FILES)
    described = describe(Launch("whisper-base", "speech", files, {"beam_size": 1}))
    assert described.context == 448
    assert 300e6 < described.footprint < 700e6


def test_the_longer_name_counts() -> None:
    found = names([*FILES, "whisper-base.preprocessor_config.json"])
    assert found["config.json"].name == "whisper-base.config.json"
    assert found["preprocessor_config.json"].name == "whisper-base.preprocessor_config.json"


def test_a_file_is_missing() -> None:
    with pytest.raises(InvalidRequestError, match=r"missing: tokenizer\.json"):
        names([name for name in FILES if "tokenizer" not in name])


@pytest.mark.parametrize("options", [{"beams": 1}, {"beam_size": 0}, {"longest": "an hour"}])
def test_options_that_cannot_be(weights: Path, options: dict[str, object]) -> None:
    files = tuple(str(weights / name) for name in FILES)
    with pytest.raises(InvalidRequestError):
        describe(Launch("whisper-base", "speech", files, options))


def test_another_model_s_configuration(tmp_path: Path) -> None:
    for name in NEEDED:
        (tmp_path / name).write_text('{"architectures": ["Bert"]}')
    with pytest.raises(InvalidRequestError, match="not Whisper"):
        describe(Launch("m", "speech", tuple(str(tmp_path / name) for name in NEEDED)))
