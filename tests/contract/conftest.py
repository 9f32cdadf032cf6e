"""A live server, started as a user starts it, for the clients that users have."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import Server, running_server

CHAT = "Qwen2.5-Coder-0.5B-Instruct"
TINY = "SmolLM2-135M-Instruct"
EMBEDDING = "multilingual-e5-small"
SPEECH = "whisper-base"
VOICE = "piper-joe"
OCR = "PP-OCRv6-small"
STARTERS = [CHAT, TINY, EMBEDDING, SPEECH, OCR, VOICE]


@pytest.fixture(scope="session")
def server(weights: Path) -> Iterator[Server]:
    with running_server(weights) as running:
        yield running
