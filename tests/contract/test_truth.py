"""Whether the right page is found, in a corpus whose truth is known (`tests/corpus.py`)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from openai import OpenAI

from tests.contract.conftest import EMBEDDING, OCR
from tests.corpus import PIXELS, Corpus, Question, build
from tests.server import Server

FIRST = 3
SMOOTHING = 60
Page = tuple[str, int]


def fused(ways: Sequence[Sequence[Page]]) -> list[Page]:
    """Pages by reciprocal rank fusion of several orders; each counts at its best place."""
    scores: dict[Page, float] = defaultdict(float)
    for way in ways:
        for rank, page in enumerate(dict.fromkeys(way), 1):
            scores[page] += 1 / (SMOOTHING + rank)
    return sorted(scores, key=lambda page: -scores[page])


@dataclass
class Asker:
    """A store that holds the corpus, and the ways of asking it."""

    client: OpenAI
    store: str

    def pages(self, question: Question, kind: str, **told: Any) -> list[Page]:
        hits = self.client.vector_stores.search(
            self.store, query=question.text, extra_body={"top_k_texts": 10, **told}
        )
        return [
            (hit.filename, int((hit.model_extra or {})["page_number"]))
            for hit in hits
            if hit.content[0].type == kind
        ]

    def found(self, question: Question) -> Mapping[str, bool]:
        """In which ways the question's page is among the first three."""
        weights = {"meaning": (1, 0), "words": (0, 1), "hybrid": (1, 1)}
        texts = {
            name: self.pages(
                question,
                "text",
                ranking_options={
                    "hybrid_search": {"embedding_weight": meaning, "text_weight": words}
                },
            )
            for name, (meaning, words) in weights.items()
        }
        images = self.pages(question, "base64", top_k_images=10)
        ways = {name: fused([way]) for name, way in texts.items()}
        ways |= {"images": fused([images]), "together": fused([texts["hybrid"], images])}
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
    missed = [one.text for one, ways in pairs if not ways["together"]]
    assert share(found, "together") >= 0.9, missed
    pixels = [ways for one, ways in pairs if one.kind in PIXELS]
    assert share(pixels, "together") >= 0.85, missed
    counts = {name: sum(one[name] for one in found) for name in found[0]}
    assert counts["hybrid"] >= max(counts["meaning"], counts["words"]) - 1, counts


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
