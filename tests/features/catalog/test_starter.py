from pathlib import Path

from stellwerk.features.catalog.starter import starter_models
from stellwerk.features.weights.store import Store


def test_which_models_there_are() -> None:
    assert [(entry.id, entry.type, entry.engine) for entry in starter_models()] == [
        ("Qwen2.5-Coder-0.5B-Instruct", "LLM", "llama"),
        ("SmolLM2-135M-Instruct", "LLM", "llama"),
        ("multilingual-e5-small", "EMBEDDING", "e5"),
        ("whisper-base", "STT", "speech"),
        ("PP-OCRv6-small", "OCR", "ocr"),
        ("piper-joe", "TTS", "voice"),
    ]


def test_every_file_can_be_checked() -> None:
    files = [file for entry in starter_models() for file in entry.files]
    assert all(file.sha256 and file.size for file in files)
    assert len({file.name for file in files}) == len(files)


def test_licence_is_said() -> None:
    assert all(entry.meta_data.license.startswith("https://") for entry in starter_models())


def test_the_weights_are_what_the_entries_say(weights: Path) -> None:
    store = Store(weights)
    for entry in starter_models():
        assert store.present(entry)
        for file in entry.files:
            store.verify(file)
