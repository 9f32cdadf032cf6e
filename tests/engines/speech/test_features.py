import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from stellwerk.engines.speech.features import BLOCK, Features
from tests.sound import AUSTEN, RATE, austen, noise, samples, silence

CLIP = np.concatenate([samples(austen(name)) for name in AUSTEN])
FRAME = RATE // 100


@pytest.mark.parametrize(
    "sound",
    [
        CLIP,
        CLIP[: 7 * RATE + 77],
        noise(BLOCK / 100),
        noise(BLOCK / 100)[:-1],
        noise((BLOCK + 1) / 100),
        silence(3),
        noise(1)[:FRAME],
        noise(1)[:1],
    ],
    ids=["clip", "odd", "block", "less", "more", "silence", "frame", "sample"],
)
def test_they_are_the_library_s(sound: np.ndarray) -> None:
    found, right = Features()(sound), FeatureExtractor()(sound)
    assert found.dtype == np.float32
    assert found.shape == right.shape
    np.testing.assert_allclose(found[:, :-1], right[:, :-1], atol=1e-4)
    assert not found[:, -1].any()
