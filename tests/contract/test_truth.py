"""Whether the right page is found, in a corpus whose truth is known (`tests/corpus.py`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from openai import OpenAI

from tests.contract.conftest import EMBEDDING, OCR
from tests.corpus import PIXELS, Corpus, Question, build
from tests.server import Server

FIRST = 3
Page = tuple[str, int]


def distinct(pages: Sequence[Page]) -> list[Page]:
    return list(dict.fromkeys(pages))


@dataclass
class Asker:
    """A store that holds the corpus, and the ways of asking it."""

    client: OpenAI
    store: str

    def pages(self, question: Question, **told: Any) -> list[Page]:
        """The pages of the answer, each once."""
        hits = self.client.vector_stores.search(
            self.store, query=question.text, extra_body={"top_k_texts": 10, **told}
        )
        return distinct(
            [(hit.filename, int((hit.model_extra or {})["page_number"])) for hit in hits]
        )

    def found(self, question: Question) -> Mapping[str, bool]:
        """In which ways the question's page is among the first three.

        `together` is the answer as it comes to a client of Visual RAG: two images, then texts.
        """
        weights = {"meaning": (1, 0), "words": (0, 1), "hybrid": (1, 1)}
        ways = {
            name: self.pages(
                question,
                ranking_options={
                    "hybrid_search": {"embedding_weight": meaning, "text_weight": words}
                },
            )
            for name, (meaning, words) in weights.items()
        }
        ways["images"] = self.pages(question, top_k_texts=0, top_k_images=3)
        ways["together"] = self.pages(question, top_k_texts=3, top_k_images=2)
        right = (question.document, question.page)
        return {name: right in way[:FIRST] for name, way in ways.items()}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(api_key=server.admin_key, base_url=f"{server.url}/v1", max_retries=2) as made:
        yield made


def ingested(client: OpenAI, corpus: Corpus) -> Asker:
    models: Any = {"text_embedding_model": EMBEDDING, "vision_embedding_model": OCR}
    store = client.vector_stores.create(name="truth", chunking_strategy=models).id
    for name, data in corpus.documents.items():
        file = client.files.create(file=(name, data), purpose="user_data")
        client.vector_stores.files.create(store, file_id=file.id)
    for file_id in [one.id for one in client.vector_stores.files.list(store)]:
        done = client.vector_stores.files.poll(
            file_id, vector_store_id=store, poll_interval_ms=1000
        )
        assert (done.status, done.last_error) == ("completed", None)
    return Asker(client, store)


def share(found: Sequence[Mapping[str, bool]], way: str) -> float:
    return sum(one[way] for one in found) / len(found)


def check(questions: Sequence[Question], found: Sequence[Mapping[str, bool]]) -> None:
    pairs = list(zip(questions, found, strict=True))
    missed = [(one.text, one.kind) for one, ways in pairs if not ways["together"]]
    assert share(found, "together") >= 0.9, missed
    pixels = [ways for one, ways in pairs if one.kind in PIXELS]
    assert share(pixels, "together") >= 0.85, missed
    counts = {name: sum(one[name] for one in found) for name in found[0]}
    assert counts["hybrid"] >= max(counts["meaning"], counts["words"]) - 1, counts


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_slice(client: OpenAI, request: pytest.FixtureRequest) -> None:
    corpus = build(request.config.getoption("--corpus-seed"), each=2, questions=20)
    asker = ingested(client, corpus)
    check(corpus.questions, [asker.found(question) for question in corpus.questions])


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_all_of_it(client: OpenAI, request: pytest.FixtureRequest) -> None:
    corpus = build(request.config.getoption("--corpus-seed"))
    assert (corpus.pages, len(corpus.questions)) == (65, 60)
    asker = ingested(client, corpus)
    found = [asker.found(question) for question in corpus.questions]
    for way in found[0]:
        print(f"{way}: {share(found, way):.3f}")
    check(corpus.questions, found)
    rare = [ways for one, ways in zip(corpus.questions, found, strict=True) if one.rare]
    assert share(rare, "hybrid") > share(rare, "meaning")
