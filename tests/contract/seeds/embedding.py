model="jina-embeddings-v2-base-de"

texts = [
    "I am Batman and I'm rich",
    "I am Spiderman",
    "I am Ironman and I'm a bilionaire",
    "I am Flash",
    "I am the president of USA"
]
embeddings = client.embeddings.create(
    input=texts, model=model
)

print('Embedding dimension: ', len(embeddings.data[0].embedding))
print('Number of embedding vector: ', len(embeddings.data))
print('Token usage: ', embeddings.usage)
