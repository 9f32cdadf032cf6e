model = 'Qwen2.5-VL-72B-Instruct'
stream=True

chat_response = client.chat.completions.create(
    model=model,
    messages=[
        {
            "role": "system",
            "content": [
                {"type": "text", "text": "You are an helpful AI assistant named Qwen and help people to answer their question based on the image and text provided."}
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is depicted in this image?"},
                {
                    "type": "image_url",
                    "image_url": {
                        "url": "https://upload.wikimedia.org/wikipedia/commons/thumb/d/dd/Gfp-wisconsin-madison-the-nature-boardwalk.jpg/2560px-Gfp-wisconsin-madison-the-nature-boardwalk.jpg",
                    },
                },
            ],
        },
    ],
    max_tokens=300,
    stream=stream,
    temperature=0.01
)

if stream:
    for chunk in chat_response:
        if chunk.choices:
            if chunk.choices[0].delta.content is not None:
                print(chunk.choices[0].delta.content, end="")
else:
    print(chat_response.choices[0].message.content)
