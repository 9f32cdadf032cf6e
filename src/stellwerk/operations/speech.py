"""`POST /audio/speech`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.speech import MEDIA_TYPES, SpeechEvent, SpeechRequest

OPERATION = Operation(
    name="audio.speech",
    path="/audio/speech",
    serves="TTS",
    request=SpeechRequest,
    response=None,
    event=SpeechEvent,
    media=tuple(MEDIA_TYPES.values()),
    summary="Speak a text",
    description="Reads a text aloud. The sound is sent as it is made.",
    example={"model": "tts-1", "voice": "alloy", "input": "The train to Hamburg is on time."},
)
