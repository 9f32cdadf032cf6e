"""A whole server is started, stopped and killed; nothing may stay behind and nothing be lost."""

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from stellwerk.features.catalog.starter import starter_models
from tests.contract.conftest import EMBEDDING
from tests.server import COMMAND, Server, running_server, start_server

TEXT = {"model": EMBEDDING, "input": "Hamburg"}


def family(server: Server) -> list[psutil.Process]:
    parent = psutil.Process(server.process.pid)
    return [parent, *parent.children(recursive=True)]


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def all_gone(processes: list[psutil.Process]) -> Callable[[], bool]:
    return lambda: (
        not any(
            process.is_running() and process.status() != psutil.STATUS_ZOMBIE
            for process in processes
        )
    )


def embed(server: Server, key: str) -> httpx.Response:
    return httpx.post(
        f"{server.url}/v2/embeddings", json=TEXT, headers={"api-key": key}, timeout=60
    )


def test_killed_and_started_again_it_has_lost_nothing_and_ends_cleanly(
    data_dir: Path, weights: Path
) -> None:
    first = start_server(data_dir, weights)
    key = first.command("keys", "create", "kept").strip()
    assert embed(first, key).status_code == 200
    processes = family(first)
    assert len(processes) > 4
    for process in processes:
        # Some are quicker: they end when their parent does.
        with suppress(psutil.NoSuchProcess):
            process.kill()
    first.kill()
    until(all_gone(processes))

    second = start_server(data_dir, weights)
    assert second.admin_key == "", "the first key is shown once"
    assert embed(second, key).status_code == 200
    processes = family(second)
    assert second.stop() == 0
    until(all_gone(processes))
    assert not (data_dir / "run").exists()


def test_when_the_parent_alone_is_killed_nobody_outlives_it(data_dir: Path, weights: Path) -> None:
    server = start_server(data_dir, weights)
    assert embed(server, server.admin_key).status_code == 200
    processes = family(server)
    server.kill()
    until(all_gone(processes))


def test_a_second_serve_exits_with_3_and_names_the_first(data_dir: Path, weights: Path) -> None:
    server = start_server(data_dir, weights)
    try:
        second = subprocess.run(
            [*COMMAND, "serve", "--port", "0", "--data-dir", str(data_dir)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 3
        assert str(server.process.pid) in second.stderr
        assert embed(server, server.admin_key).status_code == 200
    finally:
        assert server.stop() == 0


def test_a_hub_that_dies_comes_back(weights: Path) -> None:
    with running_server(weights) as server:
        hub = next(process for process in family(server) if process.cmdline()[-1] == "hub")
        hub.kill()

        def answers() -> bool:
            try:
                return embed(server, server.admin_key).status_code == 200
            except httpx.TransportError:
                return False

        until(answers)


def test_a_revoked_key_is_refused_by_every_hub(weights: Path) -> None:
    with running_server(weights, STELLWERK_WORKERS="3") as server:
        key = server.command("keys", "create", "brief").strip()

        def answers() -> set[int]:
            # A new connection each time, so that all hubs get some.
            return {embed(server, key).status_code for _ in range(12)}

        assert answers() == {200}
        server.command("keys", "revoke", "brief")
        until(lambda: answers() == {401})
        exposition = httpx.get(f"{server.url}/metrics").text
        assert 'status="200"' in exposition


def test_without_weights_it_serves_what_needs_none(data_dir: Path, tmp_path: Path) -> None:
    server = start_server(data_dir, tmp_path)
    try:
        assert "stellwerk models pull" in "".join(server.output)
        headers = {"api-key": server.admin_key}
        listed = httpx.get(f"{server.url}/v2/models", headers=headers).json()
        assert [model["id"] for model in listed["data"]] == [entry.id for entry in starter_models()]
        refused = embed(server, server.admin_key)
        assert refused.status_code == 503
        assert f"stellwerk models pull {EMBEDDING}" in refused.json()["detail"]
    finally:
        assert server.stop() == 0
