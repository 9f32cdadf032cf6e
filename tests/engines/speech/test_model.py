"""What the model may do at most, whatever it hears."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stellwerk.engines.speech.model import (
    MOST_TOKENS,
    WARM_MORE,
    WINDOWS_EACH,
    WINDOWS_MORE,
    Model,
    most_tokens,
)
from tests.sound import RATE, spoken

FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
GERMAN = "Eine kleine Katze sitzt auf dem Tisch und trinkt Milch. Das Wetter ist heute schön. "
SECONDS = 20


@pytest.fixture(scope="module")
def model(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    directory = tmp_path_factory.mktemp("whisper")
    for name in FILES:
        (directory / name).symlink_to(weights / f"whisper-base.{name}")
    return Model(str(directory), 2)


class Counted:
    """The library's own network, and how often each of its methods was called."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self.calls: list[str] = []
        self.lengths: list[int] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._network, name)
        if name not in {"encode", "generate"}:
            return found

        def counted(*arguments: Any, **more: Any) -> Any:
            self.calls.append(name)
            made = found(*arguments, **more)
            if name == "generate":
                self.lengths.append(len(made[0].sequences_ids[0]))
            return made

        return counted


@pytest.fixture
def hear(model: Model) -> Callable[..., tuple[Counted, str]]:
    def heard(sound: np.ndarray, **more: Any) -> tuple[Counted, str]:
        made = model.for_sound(len(sound) / RATE)
        counted = made.model = Counted(made.model)
        found, _ = made.transcribe(sound, max_new_tokens=most_tokens(len(sound) / RATE), **more)
        return counted, "".join(segment.text for segment in found)

    return heard


def test_a_sound_that_nobody_can_translate_is_not_tried_forever(
    hear: Callable[..., tuple[Counted, str]],
) -> None:
    """Backwards it still sounds like speech."""
    sound = np.tile(spoken(GERMAN, "de")[::-1], 20)[: SECONDS * RATE]
    counted, _ = hear(sound, task="translate", language="de", temperature=[0.0, *[1.0] * 50])
    assert counted.calls.count("generate") > counted.calls.count("encode")
    assert counted.calls.count("encode") <= WINDOWS_MORE + WINDOWS_EACH + 1
    assert counted.calls.count("generate") <= counted.calls.count("encode") + WARM_MORE + 1
    assert max(counted.lengths) <= MOST_TOKENS


def test_the_language_costs_no_window_of_its_own(
    hear: Callable[..., tuple[Counted, str]],
) -> None:
    counted, text = hear(spoken("The train leaves at noon.", "en-us"))
    assert "train" in text
    assert counted.calls == ["encode", "generate"]


def test_who_stands_still_is_moved_on(model: Model) -> None:
    """A text that begins again at the time at which it began would be heard for ever."""
    made = model.for_sound(60)
    begin = 50_364

    class Timestamps:
        timestamp_begin = begin

    seek, windows = 0, 0
    while seek < 6000:
        assert windows <= WINDOWS_MORE + 2 * WINDOWS_EACH + 2
        _, seek, _ = made._split_segments_by_timestamps(
            tokenizer=Timestamps,
            tokens=[begin, 400, begin, begin],
            time_offset=seek / 100,
            segment_size=min(3000, 6000 - seek),
            segment_duration=min(30, 60 - seek / 100),
            seek=seek,
        )
        windows += 1


@pytest.mark.parametrize(("seconds", "tokens"), [(0.5, 50), (4, 120), (9, 220), (300, 220)])
def test_a_short_sound_is_a_short_text(seconds: float, tokens: int) -> None:
    assert most_tokens(seconds) == tokens
