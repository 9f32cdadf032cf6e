"""A server that is killed while it reads a file for a vector store."""

import shutil
from pathlib import Path
from typing import Any

from openai import OpenAI

from tests import documents
from tests.faults.test_lifecycle import all_gone, family, until
from tests.server import Server, reachable_directory, start_server

PAGES = 160


def client_of(server: Server, key: str) -> OpenAI:
    return OpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=2)


def test_kill_9_loses_no_page_and_doubles_none(weights: Path) -> None:
    data_dir = reachable_directory()
    server = start_server(data_dir, weights)
    key = server.admin_key
    pages = [f"Auf Blatt {number} steht das Signal {number}." for number in range(1, PAGES + 1)]
    with client_of(server, key) as client:
        store = client.vector_stores.create(name="plans").id
        file = client.files.create(file=("a.pdf", documents.pdf(pages)), purpose="user_data").id
        client.vector_stores.files.create(store, file_id=file)

        def shown() -> dict[str, Any]:
            return client.vector_stores.files.retrieve(file, vector_store_id=store).model_dump()

        until(lambda: shown()["pages_done"] > 0)
        before = shown()
    processes = family(server)
    server.kill()
    until(all_gone(processes))
    assert before["status"] == "in_progress"
    again = start_server(data_dir, weights)
    try:
        with client_of(again, key) as client:
            until(lambda: shown()["status"] != "in_progress", 240)
            assert (shown()["status"], shown()["pages_done"]) == ("completed", PAGES)
            texts = client.vector_stores.files.content(file, vector_store_id=store)
            assert [part.text for part in texts] == pages
        assert again.stop() == 0
    finally:
        again.kill()
        shutil.rmtree(data_dir, ignore_errors=True)
