"""`POST /audio/transcriptions`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.audio import TranscriptEvent, Transcription, TranscriptionRequest

OPERATION = Operation(
    name="audio.transcriptions",
    path="/audio/transcriptions",
    serves="STT",
    form=True,
    request=TranscriptionRequest,
    response=Transcription,
    event=TranscriptEvent,
    plain_text=True,
    summary="Transcribe audio to text",
    description="Writes down what is said in a recording, in its own language.",
    example={"model": "whisper-1", "file": "recording.mp3", "language": "de"},
)
