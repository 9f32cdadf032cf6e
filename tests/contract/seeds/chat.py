model = "Llama-3.3-70B-Instruct" # choose one of available LLM (not the embedding model)
stream = True

chat_response = client.chat.completions.create(
    model=model,
    messages=[
        {"role": "system", "content": "You are a helpful assistant named Llama-3."},
        {"role": "user", "content": "What is Open Telekom Cloud?"},
    ],
    temperature=0.1,
    max_tokens=256,
    stream=stream
)

if not stream:
    print(chat_response.choices[0].message.content)
else:
    for chunk in chat_response:
        if chunk.choices:
            if chunk.choices[0].delta.content is not None:
                print(chunk.choices[0].delta.content, end="", flush=True)
