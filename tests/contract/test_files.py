"""Files and uploads with the official SDK, on a live server."""

import io
from collections.abc import Iterator

import openai
import pytest
from openai import AzureOpenAI, OpenAI

from tests.server import Server

DATA = b"%PDF-1.7\n" + bytes(range(256)) * 50_000


@pytest.fixture(scope="module", params=["v1", "v2"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    url = f"{server.url}/{request.param}"
    with OpenAI(api_key=server.admin_key, base_url=url, max_retries=0) as made:
        yield made


def test_a_file_s_life(client: OpenAI) -> None:
    made = client.files.create(
        file=("release notes.pdf", io.BytesIO(DATA)),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (made.bytes, made.filename, made.purpose) == (
        len(DATA),
        "release notes.pdf",
        "user_data",
    )
    assert made.expires_at == made.created_at + 3600
    assert client.files.wait_for_processing(made.id) == made
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).content == DATA
    with client.files.with_streaming_response.content(made.id) as streamed:
        assert streamed.headers["content-length"] == str(len(DATA))
        assert sum(len(chunk) for chunk in streamed.iter_bytes()) == len(DATA)
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)


def test_the_service_s_own_purpose(client: OpenAI) -> None:
    made = client.files.create(file=("a.pdf", DATA), purpose="visual-rag")  # type: ignore[arg-type]
    assert made in client.files.list(purpose="visual-rag").data
    client.files.delete(made.id)


def test_the_sdk_walks_all_pages(client: OpenAI) -> None:
    made = [client.files.create(file=(f"{n}.jsonl", b"{}"), purpose="batch").id for n in range(5)]
    listed = [one.id for one in client.files.list(purpose="batch", limit=2, order="asc")]
    # Other tests' batches may have left files of their own.
    assert [one for one in listed if one in made] == made
    for name in made:
        client.files.delete(name)


def test_in_parts(client: OpenAI) -> None:
    upload = client.uploads.upload_file_chunked(
        file=DATA,
        filename="big.pdf",
        bytes=len(DATA),
        mime_type="application/pdf",
        purpose="assistants",
        part_size=5_000_000,
    )
    assert upload.status == "completed"
    assert upload.file
    assert client.files.content(upload.file.id).content == DATA
    client.files.delete(upload.file.id)


def test_a_wrong_purpose_is_named(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(file=("a.txt", b"x"), purpose="evals")
    assert caught.value.param == "purpose"


def test_azure_s_client(server: Server) -> None:
    with AzureOpenAI(
        api_key=server.admin_key,
        azure_endpoint=f"{server.url}/v2",
        api_version="2024-10-21",
        max_retries=0,
    ) as azure:
        made = azure.files.create(file=("a.jsonl", b"{}"), purpose="batch")
        assert azure.files.content(made.id).content == b"{}"
        azure.files.delete(made.id)
