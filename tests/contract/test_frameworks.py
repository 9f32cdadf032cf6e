"""The frameworks that the service documents, as it documents them."""

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.core.llms import ChatMessage
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.azure_openai import AzureOpenAI
from llama_index.llms.openai_like import OpenAILike

from tests.contract.conftest import EMBEDDING, TINY
from tests.server import Server


def test_langchain_chat(server: Server) -> None:
    llm = ChatOpenAI(
        openai_api_key=server.admin_key,
        openai_api_base=f"{server.url}/v2",
        model_name=TINY,
        streaming=True,
        max_tokens=6,
        temperature=0,
    )
    assert llm.invoke("Say hello.").content
    assert "".join(str(piece.content) for piece in llm.stream("Say hello."))


def test_langchain_embeddings(server: Server) -> None:
    embeddings = OpenAIEmbeddings(
        openai_api_key=server.admin_key,
        openai_api_base=f"{server.url}/v2",
        model=EMBEDDING,
        check_embedding_ctx_length=False,
    )
    assert len(embeddings.embed_query("Wo liegt Hamburg?")) == 384
    assert len(embeddings.embed_documents(["An der Elbe.", "Am Rhein."])) == 2


def test_llamaindex_openai_like(server: Server) -> None:
    llm = OpenAILike(
        model=TINY,
        api_key=server.admin_key,
        api_base=f"{server.url}/v2",
        is_chat_model=True,
        max_tokens=6,
        temperature=0,
    )
    assert llm.chat([ChatMessage(role="user", content="Say hello.")]).message.content
    assert [piece.delta for piece in llm.stream_complete("Say hello.")]


def test_llamaindex_azure(server: Server) -> None:
    llm = AzureOpenAI(
        deployment_name=TINY,
        api_key=server.admin_key,
        azure_endpoint=f"{server.url}/v2",
        api_version="2023-07-01-preview",
        max_tokens=6,
        temperature=0,
    )
    assert [piece.delta for piece in llm.stream_complete("Say hello.")]


def test_llamaindex_embedding(server: Server) -> None:
    embedding = OpenAIEmbedding(
        model_name=EMBEDDING, api_key=server.admin_key, api_base=f"{server.url}/v2"
    )
    assert len(embedding.get_text_embedding("Hamburg")) == 384
