import os
from openai import OpenAI

client = OpenAI(
    api_key=os.getenv('API_KEY'),
    base_url=os.getenv('API_BASE') + '/audio' # /audio endpoint for transcription and translation
)

import time

audio_file_path = "/path/to/audio_file.mp3" # Path to your audio file

start = time.time()
with open(audio_file_path, "rb") as audio_file:
    transcription = client.audio.transcriptions.create(
        model="whisper-1",
        file=audio_file,
        language="de", # Optional: specify input language (e.g., German)
        temperature=0.0
    )
stop = time.time()

print("\nTime taken: ", stop - start)
print("Transcription:", transcription)
