import os
from openai import OpenAI

client = OpenAI(
    api_key=os.getenv('API_KEY'),
    base_url=os.getenv('API_BASE') + '/audio' # /audio endpoint for transcription and translation
)

models = client.models.list()
for model in models.data:
    print(model.id)
