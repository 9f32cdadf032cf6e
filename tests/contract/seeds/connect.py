import os
import openai
from openai import OpenAI

client = OpenAI(
    api_key=os.getenv('API_KEY'),
    base_url="https://llm-server.llmhub.t-systems.net/v2",
)

print("==========Available models==========")
models = client.models.list()
for model in models.data:
    print(model.id)
