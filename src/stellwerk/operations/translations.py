"""`POST /audio/translations`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.audio import Transcription, TranslationRequest

OPERATION = Operation(
    name="audio.translations",
    path="/audio/translations",
    serves="STT",
    form=True,
    request=TranslationRequest,
    response=Transcription,
    event=None,
    plain_text=True,
    summary="Translate audio to English",
    description="Writes down in English what is said in a recording in any language.",
    example={"model": "whisper-1", "file": "recording.mp3"},
)
