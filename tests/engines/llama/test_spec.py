from pathlib import Path
from typing import Any

import pytest

from stellwerk.engines.llama.options import OptionsError
from stellwerk.engines.llama.spec import SPEC, NoWeightsError
from stellwerk.ports.engines import Description, Launch
from tests.engines.llama.conftest import CODER, TINY


def described(file: Path, **options: Any) -> Description:
    return SPEC.describe(Launch("m", "llama", (str(file),), options))


def test_the_weights_tell_their_context(weights: Path) -> None:
    assert described(weights / TINY).context == 8192
    assert described(weights / CODER).context == 8192
    assert described(weights / CODER, context=32768).context == 32768


def test_the_footprint_grows_with_what_is_kept(weights: Path) -> None:
    file = weights / TINY
    small = described(file, context=1024, slots=1, prompt_cache=0)
    large = described(file, context=8192, slots=4, prompt_cache=0)
    assert small.footprint > file.stat().st_size
    assert large.footprint - small.footprint == (4 * 8192 - 1024) * 23040


def test_more_context_than_was_trained_is_refused(weights: Path) -> None:
    with pytest.raises(OptionsError, match="trained for 8192"):
        described(weights / TINY, context=16384)


def test_a_launch_without_a_file_is_refused() -> None:
    with pytest.raises(NoWeightsError):
        SPEC.describe(Launch("m", "llama"))


def test_a_missing_file_is_no_riddle(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        described(tmp_path / "none.gguf")
